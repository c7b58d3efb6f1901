"""A worker's sign of life: left in the store for as long as it runs something that other workers may be asked about."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from ..errors import StoreUnavailable
from .call import log
from .sessions import Memory

KIND = "mcp-worker"
SIGN_OF_LIFE_S, SILENCE_S = 10.0, 35.0
Look = Callable[[], object]


class Hold(NamedTuple):
    """The worker's name, for others to ask after, and how to let go."""

    worker: str
    release: Callable[[], None]


class Presence:
    """The sign of life of this process. One that was forked from another has a name of its own."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._process, self._worker = 0, ""
        self._held: dict[object, Look] = {}
        self._beats = False

    def hold(self, look: Look) -> Hold:
        """Leave signs of life from now on. With each, *look* is called: has its client changed its mind?

        Raises: StoreUnavailable.
        """
        key = object()
        with self._lock:
            if self._process != os.getpid():
                self._process, self._worker = os.getpid(), secrets.token_urlsafe(12)
                self._held, self._beats = {}, False
            if not self._beats:
                self._sign()
                self._beats = True
                threading.Thread(target=self._beat, daemon=True, name="mcp-sign-of-life").start()
            self._held[key] = look
            return Hold(self._worker, lambda: self._release(key))

    def _release(self, key: object) -> None:
        with self._lock:
            self._held.pop(key, None)

    def is_gone(self, worker: str) -> bool:
        """Whether the worker of that name has been silent for too long."""
        return self._memory.get(KIND, worker) is None

    def _sign(self) -> None:
        self._memory.put(KIND, self._worker, b"{}", ttl_s=SILENCE_S)

    def _beat(self) -> None:
        while True:
            time.sleep(SIGN_OF_LIFE_S)
            with self._lock:
                looks = list(self._held.values())
                if not looks:
                    self._beats = False
                    return
            try:
                self._sign()
                for look in looks:
                    look()
            except StoreUnavailable:
                log.warning("No sign of life could be left", exc_info=True)
