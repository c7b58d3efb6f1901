"""One thread per process that hears PostgreSQL's notifications and wakes those who wait for a message."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ..errors import StoreUnavailable

CHANNEL = "sentry_mcp_messages"  # of NOTIFY; the payload names the store's own channel
SLICE_S = 0.25
QUIET_S = 5.0
PAUSE_S = 0.5
log = logging.getLogger(__name__)


class Listener:
    """Starts with the first who waits. *connect* makes a connection in autocommit; it raises StoreUnavailable."""

    def __init__(self, connect: Callable[[], "psycopg.Connection[Any]"]) -> None:
        self._connect = connect
        self._closed = threading.Event()
        self._start_anew()

    @contextmanager
    def ear(self, channel: str) -> Iterator[threading.Event]:
        """An event that is set when something may have been published on *channel*."""
        self._run()
        event = threading.Event()
        with self._lock:
            self._ears.setdefault(channel, []).append(event)
        try:
            yield event
        finally:
            with self._lock:
                self._ears[channel].remove(event)
                if not self._ears[channel]:
                    del self._ears[channel]

    @property
    def patience_s(self) -> float:
        """How long an ear may rest before it looks by itself: briefly while no connection listens."""
        return QUIET_S if self._is_listening else PAUSE_S / 5

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._ears: dict[str, list[threading.Event]] = {}
        self._is_listening = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def _run(self) -> None:
        if self._pid != os.getpid():  # a fork takes no threads along
            self._start_anew()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen_for_ever, name="sentry-mcp-listen", daemon=True)
                self._thread.start()

    def _listen_for_ever(self) -> None:
        while not self._closed.is_set():
            try:
                connection = self._connect()
                try:
                    self._listen(connection)
                finally:
                    connection.close()
            except (psycopg.Error, StoreUnavailable) as error:
                log.warning("The store's listener lost its connection and tries again: %s", error)
            self._is_listening = False
            self._wake(None)
            self._closed.wait(PAUSE_S)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._is_listening = True
        self._wake(None)  # what was published before we listened has not been heard
        quiet_s = 0.0
        while not self._closed.is_set():
            quiet_s += SLICE_S
            for notice in connection.notifies(timeout=SLICE_S):
                self._wake(notice.payload)
                quiet_s = 0.0
            if quiet_s >= QUIET_S:
                connection.execute("SELECT 1")  # a connection that is dead without a word shows it here
                quiet_s = 0.0

    def _wake(self, channel: str | None) -> None:
        with self._lock:
            for name, events in self._ears.items():
                if channel is None or channel == name:
                    for event in events:
                        event.set()
