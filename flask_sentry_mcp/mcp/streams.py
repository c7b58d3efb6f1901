"""Server-sent events under WSGI: an iterator that a server reads, frame by frame, until it ends or the client goes.

A stream occupies what serves it: one thread of a threaded server, one greenlet under gevent.
"""

from collections.abc import Callable, Iterator

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


class Ending:
    """Whether the server is about to stop. A plain flag: where a signal is handled no lock may be taken."""

    is_near = False


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
        except BaseException:  # whatever it was, the stream has ended
            self.close()
            raise

    def close(self) -> None:
        """The server calls this at the end, or when the client has gone."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
