"""Running what an author wrote: at once in the request's own thread, or beside it when something may be said meanwhile.

A call that can neither stream nor overrun runs where it is, which costs nothing. Any other runs in a thread of its own,
and the request's thread waits for what comes first: the result, which then is plain JSON, or a message, which opens a
stream. How many run beside is bounded per worker.
"""

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..errors import ProtocolError, TooManyRequests
from .call import Call
from .door import error_message_for
from .era import LEGACY
from .exchange import Cancelled, Conversation, Dialogue, Replay
from .messages import INVALID_REQUEST, result_message
from .streams import KEEP_ALIVE, KEEP_ALIVE_S, Stream, frame, hang_up

Work = Callable[[Conversation], bytes]
_ASKABLE = ("elicitation", "sampling", "roots")
_TICK_S = 1.0
_SIGN_S = 2.0  # a server notices at the second write that a client has gone, and only so the tool learns of it


def _nothing() -> None:
    """What a call does that took no place among the streams."""


class _Item(NamedTuple):
    """What a running call says: a message, its result, its error, or that the client may hang up."""

    number: int
    message: bytes = b""
    result: bytes | None = None
    error: BaseException | None = None
    retry_ms: int | None = None
    cancelled: bool = False


def run(
    call: Call,
    work: Work,
    *,
    answers: dict[str, Any],
    timeout_s: float | None = None,
    on_timeout: Callable[[], bytes] = bytes,
    may_become_task: bool = False,
) -> bytes | Stream:
    """The encoded result of *work*, or a stream that ends with it.

    *answers* are the client's to questions of earlier rounds. After *timeout_s* (default: the setting for all tools,
    where the call runs beside) *on_timeout* gives the result, and the work is told that it is cancelled. Work that
    *may_become_task* says nothing before it does.
    """
    if may_become_task or (timeout_s is None and not _may_say_something(call)):
        if call.terms.modern:
            return work(Replay(call.terms, answers, may_become_task=may_become_task))
        return work(Dialogue(call.terms, None))
    return _Running(call, work, answers, timeout_s, on_timeout).outcome()


def _may_say_something(call: Call) -> bool:
    terms = call.terms
    if terms.progress_token is not None or terms.log_level is not None:
        return True
    return call.session is not None and any(kind in terms.capabilities for kind in _ASKABLE)


class _Running:
    """One call that runs beside its request."""

    def __init__(
        self,
        call: Call,
        work: Work,
        answers: dict[str, Any],
        timeout_s: float | None,
        on_timeout: Callable[[], bytes],
    ) -> None:
        self._call, self._work, self._on_timeout = call, work, on_timeout
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._number = 0
        self._stream_id = secrets.token_urlsafe(12)
        self._done = self._cancelled = self._streams = False
        self._timeout_s = timeout_s or call.server.endpoint.settings.tool_timeout_s
        self._started = self._looked = time.monotonic()
        self._leave: Callable[[], None] | None = None
        self._conversation: Conversation
        if call.terms.modern:
            self._conversation = Replay(call.terms, answers, self._emit, lambda: self._cancelled)
        else:
            self._conversation = Dialogue(
                call.terms,
                self._emit,
                self._listen if call.session is not None else None,
                self._was_cancelled,
                self._detach if self._can_resume else None,
            )

    # -- in the request's thread --------------------------------------------------------------------------------

    def outcome(self) -> bytes | Stream:
        """Start the work and wait for the first it says."""
        server = self._call.server
        leave = server.places.take(self._call.context.grant_id) if _may_say_something(self._call) else _nothing
        try:
            if not server.workers.acquire(blocking=False):
                raise TooManyRequests("workers", public="The server is busy. Try again shortly.", retry_after_s=2)
            threading.Thread(target=server.carry(self._beside), daemon=True, name="mcp-call").start()
            first = self._next(KEEP_ALIVE_S * 1000)
            if first is None:
                return self._on_timeout()
            if first.cancelled:
                raise ProtocolError(INVALID_REQUEST, "This call was cancelled by its client.", status=200)
            if first.error is not None:
                raise first.error
            if first.result is not None:
                return first.result
            stream, self._leave = Stream(self._frames(first), self._left), leave
            return stream
        finally:
            if self._leave is None:
                leave()

    def _next(self, at_most_s: float) -> _Item | None:
        """What is said next; None when the time of the call is over. Looks for a cancellation every second."""
        until = time.monotonic() + at_most_s
        while True:
            try:
                return self._items.get(timeout=max(0.001, min(_TICK_S, until - time.monotonic(), self._left_s())))
            except queue.Empty:
                if self._was_cancelled():
                    return _Item(0, cancelled=True)
                if self._left_s() <= 0:
                    self._cancelled = True
                    return None
                if time.monotonic() >= until:
                    return _Item(-1)

    def _left_s(self) -> float:
        """Seconds until the time of the call is over; those spent waiting for answers do not count."""
        asking = self._conversation.waited() if isinstance(self._conversation, Dialogue) else 0.0
        return self._timeout_s - (time.monotonic() - self._started - asking)

    def _frames(self, first: _Item) -> Iterator[bytes]:
        if self._can_resume:
            yield frame(b"", self._event_id(0))
        item: _Item | None = first
        while True:
            if item is None:
                yield self._frame(_Item(0, result_message(self._call.request.id, self._on_timeout())))
                return
            ends = item.result is not None or item.error is not None
            if item.cancelled or (ends and self._cancelled):
                return  # of a call that was given up nothing more is said
            if item.retry_ms is not None:
                yield hang_up(self._event_id(item.number), item.retry_ms)
                return
            if item.number < 0:
                yield KEEP_ALIVE
            else:
                yield self._frame(item)
                if ends:
                    return
            item = self._next(_SIGN_S)

    def _frame(self, item: _Item) -> bytes:
        return frame(item.message, self._event_id(item.number) if self._can_resume and item.number else None)

    def _event_id(self, number: int) -> str:
        return f"{self._stream_id}.{number}"

    def _left(self) -> None:
        """The stream has ended. To a client of 2026-07-28 that is how to cancel; one of 2025 may come back."""
        if self._leave is not None:
            self._leave()
        if self._call.terms.modern:
            self._cancelled = True

    # -- in the thread beside -----------------------------------------------------------------------------------

    def _beside(self) -> None:
        try:
            result = self._work(self._conversation)
            self._say(result_message(self._call.request.id, result), result=result)
        except Cancelled:
            self._done = True
            self._items.put(_Item(0, cancelled=True))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits has to learn of it
            self._say(error_message_for(self._call.request.id, error), error=error)
        finally:
            self._call.server.workers.release()

    def _emit(self, message: bytes) -> None:
        if not self._done and not self._cancelled:
            self._streams = True
            self._say(message)

    def _say(self, message: bytes, **end: Any) -> None:
        self._number += 1
        self._done = bool(end)
        if self._streams and self._can_resume:
            self._record(message, last=self._done)
        self._items.put(_Item(self._number, message, **end))

    def _detach(self, retry_ms: int) -> None:
        if not self._done:
            self._streams = True
            self._items.put(_Item(self._number, retry_ms=retry_ms))

    # -- what a session adds ------------------------------------------------------------------------------------

    @property
    def _can_resume(self) -> bool:
        """Whether the client knows how to come back for what it missed: sessions, and events with ids."""
        return self._call.session is not None and self._call.session.version == LEGACY[0]

    def _record(self, message: bytes, *, last: bool) -> None:
        if self._call.session is not None:
            self._call.server.sessions.record(self._call.session, self._stream_id, self._number, message, last=last)

    def _listen(self, after: int, timeout_s: float) -> list[tuple[int, dict[str, Any]]]:
        assert self._call.session is not None  # noqa: S101 - it is only handed out when there is one
        return self._call.server.sessions.inbox(self._call.session, after, timeout_s)

    def _was_cancelled(self) -> bool:
        waits = time.monotonic() - self._looked < _TICK_S / 2
        if not self._cancelled and self._call.session is not None and not self._done and not waits:
            self._looked = time.monotonic()
            said = self._call.server.sessions.inbox(self._call.session, 0, 0)
            self._cancelled = any(one.get("cancelled") == self._call.request.id for _, one in said)
        return self._cancelled
