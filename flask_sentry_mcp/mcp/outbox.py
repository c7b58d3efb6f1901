"""What a running call says: numbered and in order, whichever thread says it, until its end, of which there is one."""

import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

Keep = Callable[[int, bytes, bool], None]
"""Keeps message *number* of a stream for a client that comes back; the last argument says that none follows."""

MOST_UNREAD = 1000
_PAUSE_S = 0.05


class Item(NamedTuple):
    """One thing said: a message, an end (with a result, an error, or silence), or that the client may hang up."""

    number: int
    message: bytes = b""
    result: bytes | None = None
    error: BaseException | None = None
    ends: bool = False
    retry_ms: int | None = None


class Outbox:
    """Between those who say something and the one who reads it.

    What is said is kept from the moment on that it goes out on a stream: *keep* is told of number 0 when that begins.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._saying = threading.Lock()
        self._unread: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._number = 0
        self._streams = False
        self._ended = False
        self._has_reader = True

    # -- those who say something ----------------------------------------------------------------------------------

    def say(self, message: bytes, *, courtesy: bool = False) -> None:
        """Nothing after the end. A *courtesy* waits for a slow reader, and is left out when there are too many."""
        if courtesy and not self._has_room():
            return
        with self._saying:
            if not self._ended:
                self._begin()
                self._put(Item(self._number + 1, message))

    def hang_up(self, retry_ms: int) -> None:
        """The client may go and come back after *retry_ms*."""
        with self._saying:
            if not self._ended:
                self._begin()
                self._put(Item(self._number, retry_ms=retry_ms))

    def end(self, message: bytes = b"", *, result: bytes | None = None, error: BaseException | None = None) -> None:
        """The end, unless there has been one. Without a *message* nothing more is said."""
        with self._saying:
            if not self._ended:
                self._ended = True
                self._put(Item(self._number + 1, message, result, error, ends=True))

    def _begin(self) -> None:
        if not self._streams:
            self._streams = True
            self._keep(0, b"", False)

    def _put(self, item: Item) -> None:
        if self._streams and item.number > self._number:
            self._keep(item.number, item.message, item.ends)
        self._number = item.number
        self._unread.put(item)

    def _has_room(self) -> bool:
        while self._unread.qsize() >= MOST_UNREAD and self._has_reader and not self._ended:
            time.sleep(_PAUSE_S)
        return self._unread.qsize() < MOST_UNREAD

    # -- the one who reads ----------------------------------------------------------------------------------------

    def begin(self) -> bool:
        """A stream begins although nothing has been said. False if the end has come meanwhile."""
        with self._saying:
            if not self._ended:
                self._begin()
            return self._streams

    def next(self, timeout_s: float) -> Item | None:
        """The next thing said; None if there was none in time."""
        try:
            return self._unread.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def left(self) -> None:
        """Nobody reads any more."""
        self._has_reader = False
