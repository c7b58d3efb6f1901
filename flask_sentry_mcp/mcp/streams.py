"""Server-sent events under WSGI: an iterator that a server reads, frame by frame, until it ends or the client goes.

A stream occupies what serves it: one thread of a threaded server, one greenlet under gevent. So they are counted, per
grant and per worker, and one too many is refused before it begins.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from ..errors import TooManyRequests

KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0
LIFE_S = 3600.0


def frame(message: bytes, id: str | None = None) -> bytes:
    """One event. *message* is JSON without line breaks."""
    if id is None:
        return b"data: %b\n\n" % message
    return b"id: %b\ndata: %b\n\n" % (id.encode(), message)


def hang_up(id: str, retry_ms: int) -> bytes:
    """The last event before we close the connection of a stream that goes on: come back after *retry_ms*."""
    return b"id: %b\nretry: %d\ndata: \n\n" % (id.encode(), retry_ms)


class Stream:
    """The body of an answer. *on_close* is called once, however the stream ends, even if it never began."""

    def __init__(self, frames: Iterator[bytes], on_close: Callable[[], None]) -> None:
        self._frames = frames
        self._on_close: Callable[[], None] | None = on_close

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._frames)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """The server calls this at the end, or when the client has gone."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()


class Places:
    """How many streams may be open at once, per grant and in this worker."""

    def __init__(self, per_grant: int, per_worker: int) -> None:
        self._per_grant, self._per_worker = per_grant, per_worker
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, grant_id: str) -> Callable[[], None]:
        """Take a place; call what comes back to leave it. Raises: TooManyRequests when there is none."""
        with self._lock:
            if self._taken[grant_id] >= self._per_grant:
                raise TooManyRequests(
                    f"{self._per_grant} streams of one grant",
                    public="This sign-in holds as many open streams as are served. Close one, then try again.",
                    retry_after_s=5,
                )
            if self._taken.total() >= self._per_worker:
                raise TooManyRequests(
                    f"{self._per_worker} streams in this worker",
                    public="The server holds as many open streams as it can. Try again shortly.",
                    retry_after_s=5,
                )
            self._taken[grant_id] += 1
        return lambda: self._leave(grant_id)

    def _leave(self, grant_id: str) -> None:
        with self._lock:
            self._taken[grant_id] -= 1
            if not self._taken[grant_id]:
                del self._taken[grant_id]

    @property
    def open(self) -> int:
        """How many are taken now."""
        return self._taken.total()
