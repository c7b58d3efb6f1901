"""Running what an author wrote: at once in the request's own thread, or beside it when something may be said meanwhile.

A call that can neither stream nor overrun runs where it is, which costs nothing. Any other runs in a thread of the
crew, and the request's thread waits for what comes first: the result, which then is plain JSON; a message, which opens
a stream; or a while of silence, which opens one too, for only on a stream it is seen that a client has gone.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import ProtocolError, StoreUnavailable
from .call import Call, log
from .crew import Job
from .door import error_message_for
from .era import LEGACY
from .exchange import Cancelled, Conversation, Dialogue, Replay
from .messages import INVALID_REQUEST, result_message
from .outbox import Item, Outbox
from .presence import Hold
from .streams import KEEP_ALIVE, Stream, frame, hang_up

Work = Callable[[Conversation], bytes]
_ASKABLE = ("elicitation", "sampling", "roots")
OPEN_AFTER_S = 2.0
_TICK_S = 1.0
_SIGN_S = 2.0  # a server notices at the second write that a client has gone, and only so the tool learns of it
_LOOK_S = 0.5


def run(
    call: Call,
    work: Work,
    *,
    name: str,
    answers: dict[str, Any],
    timeout_s: float | None = None,
    on_timeout: Callable[[], bytes],
    is_long: bool = False,
    may_become_task: bool = False,
) -> bytes | Stream:
    """The encoded result of *work*, or a stream that ends with it; *name* is what the log calls it.

    *answers* are the client's to questions of earlier rounds. It runs beside its request if it has a *timeout_s*, may
    say something, or *is_long*. After its time (default: the setting for all tools) *on_timeout* gives the result, and
    the work is told that it is cancelled. Work that *may_become_task* says nothing before it does.
    """
    if timeout_s is not None or is_long or _may_say_something(call):
        job = Job(name, timeout_s or call.server.endpoint.settings.tool_timeout_s)
        return _Running(call, work, answers, job, on_timeout, may_become_task=may_become_task).outcome()
    if call.terms.modern:
        return work(Replay(call.terms, answers, is_cancelled=call.given_up))
    return work(Dialogue(call.terms, None, is_cancelled=_Notice(call).is_there))


def _may_say_something(call: Call) -> bool:
    terms = call.terms
    if terms.progress_token is not None or terms.log_level is not None:
        return True
    return call.session is not None and any(kind in terms.capabilities for kind in _ASKABLE)


class _Notice:
    """By which a client cancels a call. One of 2025 sends it by another request, to whichever worker."""

    def __init__(self, call: Call) -> None:
        self._call, self._looked, self._found = call, time.monotonic(), False

    def is_there(self) -> bool:
        """Looked up at most twice a second. While the store cannot be asked, there is none."""
        session = self._call.session
        self._found = self._found or self._call.given_up()
        if self._found or session is None or time.monotonic() - self._looked < _LOOK_S:
            return self._found
        self._looked = time.monotonic()
        try:
            said = self._call.server.sessions.inbox(session, 0, 0)
        except StoreUnavailable:
            log.warning("It cannot be seen whether a call was cancelled", exc_info=True)
            return False
        self._found = any(one.get("cancelled") == self._call.request.id for _, one in said)
        return self._found


class _Running:
    """One call that runs beside its request."""

    def __init__(
        self,
        call: Call,
        work: Work,
        answers: dict[str, Any],
        job: Job,
        on_timeout: Callable[[], bytes],
        *,
        may_become_task: bool,
    ) -> None:
        self._call, self._work, self._job, self._on_timeout = call, work, job, on_timeout
        self._stream_id = secrets.token_urlsafe(12)
        self._outbox = Outbox(self._keep if self._can_resume else _keep_nothing)
        self._hold: Hold | None = None
        self._notice = _Notice(call)
        self._conversation: Conversation
        if call.terms.modern:
            emit = None if may_become_task else self._outbox.say
            self._conversation = Replay(call.terms, answers, emit, self._was_cancelled, may_become_task=may_become_task)
        else:
            self._conversation = Dialogue(
                call.terms,
                self._outbox.say,
                self._listen if call.session is not None else None,
                self._was_cancelled,
                self._outbox.hang_up if self._can_resume else None,
                job.paused,
                self._expect,
            )

    # -- in the request's thread --------------------------------------------------------------------------------

    def outcome(self) -> bytes | Stream:
        """Start the work and wait for the first it says."""
        server = self._call.server
        leave = server.crew.place(self._call.context.grant_id)
        server.crew.start(self._job, server.carry(self._beside), self._too_late, leave)
        first = self._next(OPEN_AFTER_S)
        if first is None and not self._outbox.begin():
            first = self._next(OPEN_AFTER_S)
        if first is None or not first.ends:
            return Stream(self._frames(first), self._left)
        if first.error is not None:
            raise first.error
        if first.result is None:
            raise ProtocolError(INVALID_REQUEST, "This call was cancelled by its client.", status=200)
        return first.result

    def _next(self, at_most_s: float) -> Item | None:
        """What is said next; None when nothing is. Looks every second whether the call was cancelled."""
        until = time.monotonic() + at_most_s
        while (left_s := until - time.monotonic()) > 0:
            item = self._outbox.next(min(_TICK_S, left_s))
            if item is not None:
                return item
            self._was_cancelled()  # if so, there is an end now
        return self._outbox.next(0)

    def _frames(self, item: Item | None) -> Iterator[bytes]:
        if self._can_resume:
            yield frame(b"", self._event_id(0))
        elif item is None:
            yield KEEP_ALIVE
        while True:
            if item is not None and item.retry_ms is not None:
                yield hang_up(self._event_id(item.number), item.retry_ms)
                return
            if item is not None and item.message:
                yield frame(item.message, self._event_id(item.number) if self._can_resume else None)
            if item is not None and item.ends:
                return
            item = self._next(_SIGN_S)
            if item is None:
                yield KEEP_ALIVE

    def _event_id(self, number: int) -> str:
        return f"{self._stream_id}.{number}"

    def _left(self) -> None:
        """The stream has ended. To a client of 2026-07-28 that is how to cancel; one of 2025 may come back."""
        self._outbox.left()
        if self._call.terms.modern:
            self._give_up()

    # -- in the thread beside, and those that look after it -------------------------------------------------------

    def _beside(self) -> None:
        self._end_with(lambda: self._work(self._conversation))

    def _too_late(self) -> None:
        self._end_with(self._on_timeout)

    def _end_with(self, work: Callable[[], bytes]) -> None:
        id = self._call.request.id
        try:
            result = work()
            self._outbox.end(result_message(id, result), result=result)
        except Cancelled:
            self._outbox.end()
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits has to learn of it
            self._outbox.end(error_message_for(id, error), error=error)

    def _give_up(self) -> None:
        """Nobody waits any more, and nothing more is said."""
        self._job.give_up()
        self._outbox.end()

    # -- what a session adds ------------------------------------------------------------------------------------

    @property
    def _can_resume(self) -> bool:
        """Whether the client knows how to come back for what it missed: sessions, and events with ids."""
        return self._call.session is not None and self._call.session.version == LEGACY[0]

    def _keep(self, number: int, message: bytes, is_last: bool) -> None:
        """For a client that comes back. What the store did not take is lost to it; who is here reads on."""
        server, session = self._call.server, self._call.session
        assert session is not None  # noqa: S101 - else nothing is kept
        try:
            if number == 0:
                self._hold = server.presence.hold(self._was_cancelled)
                server.sessions.open(session, self._stream_id, self._hold.worker, self._call.request.id)
            else:
                server.sessions.record(session, self._stream_id, number, message, last=is_last)
        except StoreUnavailable:
            log.warning("A message could not be kept for a client that comes back", exc_info=True)
        finally:
            if is_last and self._hold is not None:
                self._hold.release()

    def _listen(self, after: int, timeout_s: float) -> list[tuple[int, dict[str, Any]]]:
        assert self._call.session is not None  # noqa: S101 - it is only handed out when there is one
        try:
            return self._call.server.sessions.inbox(self._call.session, after, timeout_s)
        except StoreUnavailable:
            log.warning("Answers cannot be heard at the moment", exc_info=True)
            time.sleep(timeout_s)
            return []

    def _expect(self, ids: Iterable[str]) -> None:
        if self._call.session is not None:
            self._call.server.sessions.expect(self._call.session, ids)

    def _was_cancelled(self) -> bool:
        if not self._job.is_given_up and self._notice.is_there():
            self._give_up()
        return self._job.is_given_up


def _keep_nothing(number: int, message: bytes, is_last: bool) -> None:
    """Of a stream to which nobody comes back."""
