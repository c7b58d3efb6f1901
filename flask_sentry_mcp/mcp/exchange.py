"""What goes to and fro during a call: progress, log messages, questions. Written once by a tool, served in two ways.

``Replay`` serves 2026-07-28: a question that has no answer yet ends the run (``InputRequired``), and the next one finds
it. ``Dialogue`` serves 2025: a question goes out on the stream, and the answer arrives by another request, at whichever
worker, through the store.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from ..context import Elicited, Question
from ..errors import InvalidInput, ProtocolError, ToolFailed
from .era import LOG_LEVELS, Terms
from .messages import INVALID_PARAMS, MISSING_CAPABILITY, encode
from .questions import BadAnswer, Elicit, Roots, Sample

ANSWER_TIMEOUT_S = 600.0
PROGRESS_AT_ONCE, PROGRESS_PER_S = 25.0, 25.0
CANNOT_ASK = "This tool has to ask something that this client cannot answer."


class Emit(Protocol):
    """Sends a message before the result. One that is a *courtesy* may have to wait, or be left out."""

    def __call__(self, message: bytes, *, courtesy: bool = False) -> None: ...


class InputRequired(BaseException):
    """Questions without an answer yet. No ``Exception``: a tool that catches everything must not catch it."""

    def __init__(self, questions: Mapping[str, Question]) -> None:
        super().__init__()
        self.questions = questions


class BecomesTask(BaseException):
    """The tool has asked all it needs, and goes on as a task. No ``Exception``, as above."""


class Cancelled(BaseException):
    """The client gave up while the tool waited for its answer. No ``Exception``, as above."""


class Conversation:
    """What both eras share. *emit* sends a message before the result; None when nothing can be sent."""

    def __init__(self, terms: Terms, emit: Emit | None = None) -> None:
        self._terms = terms
        self._emit = emit
        self._reached = -math.inf
        self._pace = None if terms.progress_token is None else Pace(PROGRESS_AT_ONCE, PROGRESS_PER_S)
        self._asked = 0

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """``notifications/progress``, if there is a token for it, it is progress, and it is not too much of it.

        The last step, to the *total*, is always told.
        """
        if self._emit is None or self._pace is None or not self._reached < progress < math.inf:
            return
        self._reached = progress
        if total is not None and not math.isfinite(total):
            total = None
        if not self._pace.allows() and progress != total:
            return
        params: dict[str, Any] = {"progressToken": self._terms.progress_token, "progress": progress}
        params |= {} if total is None else {"total": total}
        params |= {} if message is None else {"message": message}
        self._notify("notifications/progress", params)

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """``notifications/message``, if the client wants this level."""
        if level not in LOG_LEVELS:
            raise ValueError(f"a log level is one of {', '.join(LOG_LEVELS)}")
        wanted = self._terms.log_level
        if self._emit is None or wanted is None or LOG_LEVELS.index(level) < LOG_LEVELS.index(wanted):
            return
        named = {} if logger is None else {"logger": logger}
        self._notify("notifications/message", {"level": level, **named, "data": data})

    def _notify(self, method: str, params: Mapping[str, Any]) -> None:
        if self._emit is not None:
            self._emit(encode({"jsonrpc": "2.0", "method": method, "params": params}), courtesy=True)

    def can(self, capability: str) -> bool:
        """Whether the client declared it. An elicitation without a mode is for forms."""
        kind, *modes = capability.split(".")
        declared = self._terms.capabilities.get(kind)
        if not isinstance(declared, dict):
            return False
        if kind == "elicitation" and not modes:
            return "form" in declared or "url" not in declared
        return all(mode in declared for mode in modes)

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Each era in its own way."""
        raise NotImplementedError

    def elicit(self, message: str, schema: Any, key: str | None) -> Elicited:
        """Ask the person to fill in a form."""
        answer: Elicited = self._ask_one(Elicit(message, schema), key)
        return answer

    def sample(self, messages: Any, max_tokens: int, system_prompt: str | None, key: str | None) -> Mapping[str, Any]:
        """Ask the client's model."""
        answer: Mapping[str, Any] = self._ask_one(Sample(messages, max_tokens, system_prompt), key)
        return answer

    def roots(self, key: str | None) -> Sequence[Mapping[str, Any]]:
        """Ask for the client's roots."""
        answer: Sequence[Mapping[str, Any]] = self._ask_one(Roots(), key)
        return answer

    def _ask_one(self, question: Question, key: str | None) -> Any:
        self._asked += 1
        key = key or f"question-{self._asked}"
        return self.ask({key: question})[key]

    def is_cancelled(self) -> bool:
        """Each era in its own way."""
        raise NotImplementedError

    def continue_as_task(self) -> None:
        """Only where the client knows tasks."""

    def detach(self, retry_ms: int) -> None:
        """Only where a client can come back."""


class Pace:
    """A few *at_once*, and after that so many *per_s*."""

    def __init__(self, at_once: float, per_s: float) -> None:
        self._most, self._per_s = at_once, per_s
        self._left, self._looked = at_once, time.monotonic()

    def allows(self) -> bool:
        """Whether one more may follow now."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._looked) * self._per_s)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Replay(Conversation):
    """2026-07-28. *answers* are those of all rounds so far, by key, as the client sent them."""

    def __init__(
        self,
        terms: Terms,
        answers: Mapping[str, Any],
        emit: Emit | None = None,
        is_cancelled: Callable[[], bool] = bool,
        *,
        may_become_task: bool = False,
    ) -> None:
        super().__init__(terms, emit)
        self._answers = answers
        self._is_cancelled = is_cancelled
        self._may_become_task = may_become_task

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """The answers if all are there, else the end of this run.

        Raises: ProtocolError: -32021 for what the client cannot answer, -32602 for an answer of the wrong form.
        """
        missing = {key: question for key, question in questions.items() if key not in self._answers}
        unable = [question.capability for question in missing.values() if not self.can(question.capability)]
        if unable:
            raise ProtocolError(MISSING_CAPABILITY, CANNOT_ASK, data={"requiredCapabilities": as_capabilities(unable)})
        if missing:
            raise InputRequired(missing)
        return read_answers(questions, self._answers)

    def continue_as_task(self) -> None:
        """End this run, if the client was promised nothing else: the task runs again from its start."""
        if self._may_become_task:
            raise BecomesTask

    def is_cancelled(self) -> bool:
        """Whether the client closed the stream of this call."""
        return self._is_cancelled()


class Dialogue(Conversation):
    """2025, on a stream within a session. *listen* yields what the client sends for this session meanwhile.

    ``listen(after, timeout_s)`` returns ``(sequence, envelope)`` pairs: replies, and notices of cancellation. While the
    client thinks about a question, *paused* stops the tool's clock. *expect* is told of the ids of questions before
    they are asked: replies to others never arrive.
    """

    def __init__(
        self,
        terms: Terms,
        emit: Emit | None,
        listen: Callable[[int, float], list[tuple[int, dict[str, Any]]]] | None = None,
        is_cancelled: Callable[[], bool] = bool,
        hang_up: Callable[[int], None] | None = None,
        paused: Callable[[], AbstractContextManager[None]] = nullcontext,
        expect: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        super().__init__(terms, emit)
        self._listen = listen
        self._is_cancelled = is_cancelled
        self._hang_up = hang_up
        self._paused = paused
        self._expect = expect

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Send the questions, wait for the answers.

        Raises: InvalidInput when the client cannot be asked; ToolFailed when it refuses or does not answer in time.
        """
        if self._emit is None or self._listen is None:
            raise InvalidInput(CANNOT_ASK)
        if not all(self.can(question.capability) for question in questions.values()):
            raise InvalidInput(CANNOT_ASK)
        open_ids = {secrets.token_urlsafe(16): key for key in questions}
        if self._expect is not None:
            self._expect(open_ids)
        for id, key in open_ids.items():
            asked = {"jsonrpc": "2.0", "id": id, "method": questions[key].method}
            self._emit(encode({**asked, "params": questions[key].params()}))
        try:
            with self._paused():
                answers = self._collect(self._listen, open_ids)
        finally:
            for id in open_ids:  # nobody waits for these any more
                given_up = {"method": "notifications/cancelled", "params": {"requestId": id}}
                self._emit(encode({"jsonrpc": "2.0", **given_up}))
        try:
            return {key: question.read(answers[key]) for key, question in questions.items()}
        except BadAnswer:
            raise ToolFailed("The client's answer has not the form that was asked for.") from None

    def _collect(
        self, listen: Callable[[int, float], list[tuple[int, dict[str, Any]]]], open_ids: dict[str, str]
    ) -> dict[str, Any]:
        until = time.monotonic() + ANSWER_TIMEOUT_S
        after = 0
        answers: dict[str, Any] = {}
        while open_ids:
            if time.monotonic() > until:
                raise ToolFailed("The client did not answer in time.")
            if self.is_cancelled():
                raise Cancelled
            for sequence, said in listen(after, 1.0):
                after = sequence
                key = open_ids.pop(str(said.get("id")), None)
                if key is None:
                    continue
                if not isinstance(said.get("result"), dict):
                    raise ToolFailed("The client refused to answer.")
                answers[key] = said["result"]
        return answers

    def is_cancelled(self) -> bool:
        """Whether the client cancelled this call."""
        return self._is_cancelled()

    def detach(self, retry_ms: int) -> None:
        """Close the connection; the client comes back after *retry_ms* and finds what was said since."""
        if self._hang_up is not None:
            self._hang_up(retry_ms)


def read_answers(questions: Mapping[str, Question], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the *answers* mean. Raises ProtocolError (-32602) for one of the wrong form."""
    try:
        return {key: question.read(_object(answers[key])) for key, question in questions.items()}
    except BadAnswer:
        raise ProtocolError(INVALID_PARAMS, "An answer has not the form that was asked for.") from None


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise BadAnswer("an answer is an object")
    return answer


def as_capabilities(names: Sequence[str]) -> dict[str, Any]:
    """``["elicitation.url"]`` as the protocol writes it: ``{"elicitation": {"url": {}}}``."""
    capabilities: dict[str, Any] = {}
    for name in names:
        kind, *modes = name.split(".")
        capabilities.setdefault(kind, {}).update({mode: {} for mode in modes})
    return capabilities
