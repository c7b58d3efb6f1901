"""Tasks: calls that a client does not wait for (the extension ``io.modelcontextprotocol/tasks`` of 2026-07-28).

The call is answered with a handle, and the client asks after it. Its state is a record in the store, so any worker can
answer; the work is a thread of the worker that began it. That worker leaves a sign of life; when it stops, so have its
tasks, and whoever asks is told that they failed.
Source: https://github.com/modelcontextprotocol/ext-tasks
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from ..clock import now
from ..context import Question
from ..errors import ProtocolError, StoreUnavailable
from .call import Call, complete, log, object_in, text_in
from .crew import Job
from .door import error_message_for
from .era import CHANGES, Terms
from .exchange import CANNOT_ASK, Cancelled, Conversation, as_capabilities, read_answers
from .messages import INTERNAL_ERROR, INVALID_PARAMS, MISSING_CAPABILITY, encode
from .presence import Presence
from .questions import as_input_request
from .sessions import Memory

if TYPE_CHECKING:
    from .endpoint import Server

EXTENSION = "io.modelcontextprotocol/tasks"
KIND = "mcp-task"
TTL_S = 3600.0
POLL_MS = 1000
_TERMINAL = ("completed", "failed", "cancelled")
_TRIES = 50
Record: TypeAlias = dict[str, Any]
Work = Callable[[Conversation], bytes]


def declared_by(terms: Terms) -> bool:
    """Whether the client can be given tasks."""
    extensions = terms.capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def require(terms: Terms) -> None:
    """Raises ProtocolError (-32021) unless the client can be given tasks."""
    if not declared_by(terms):
        needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise ProtocolError(MISSING_CAPABILITY, "This needs a client that knows tasks.", data=needed)


# -- the methods ----------------------------------------------------------------------------------------------------


def get_task(call: Call) -> bytes:
    """``tasks/get``: where a task stands, with its result, its error or its questions."""
    require(call.terms)
    id = text_in(call.request.params, "taskId")
    return complete(call, _told(id, _owned(call, id)))


def update_task(call: Call) -> bytes:
    """``tasks/update``: answers to open questions; those to any others are ignored."""
    require(call.terms)
    id = text_in(call.request.params, "taskId")
    _owned(call, id)
    answers = object_in(call.request.params, "inputResponses")

    def answer(record: Record) -> None:
        for key in [key for key in record["questions"] if key in answers]:
            del record["questions"][key]
            record["answers"][key] = answers[key]

    call.server.tasks.change(id, answer)
    return complete(call, {})


def cancel_task(call: Call) -> bytes:
    """``tasks/cancel``: the task is over; its work is told to stop when it next looks."""
    require(call.terms)
    id = text_in(call.request.params, "taskId")
    _owned(call, id)
    call.server.tasks.change(id, lambda record: record.update(status="cancelled", questions={}))
    return complete(call, {})


def _owned(call: Call, id: str) -> Record:
    record = call.server.tasks.find(id)
    if record is None or record["grant"] != call.context.grant_id:
        raise ProtocolError(INVALID_PARAMS, "There is no task by this id.", status=200)
    return record


def _told(id: str, record: Record) -> dict[str, Any]:
    """A task as the protocol writes it."""
    told = {
        "taskId": id,
        "status": record["status"],
        "createdAt": _written(record["created"]),
        "lastUpdatedAt": _written(record["updated"]),
        "ttlMs": int(TTL_S * 1000),
        "pollIntervalMs": POLL_MS,
    }
    if record.get("message"):
        told["statusMessage"] = record["message"]
    if record["status"] == "input_required":
        told["inputRequests"] = record["questions"]
    elif record["status"] in ("completed", "failed"):
        told |= record["outcome"]
    return told


def _written(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- beginning and running ------------------------------------------------------------------------------------------


def begin(
    call: Call,
    work: Work,
    answers: dict[str, Any],
    *,
    name: str,
    timeout_s: float | None,
    on_timeout: Callable[[], bytes],
) -> bytes:
    """Put *work* to its own thread and return the handle. *answers* are those that were given before it began.

    After *timeout_s* (default: when nobody can ask after the task any more) *on_timeout* gives the result.

    Raises: TooManyRequests when this worker, or the grant, runs as much as it may.
    """
    tasks, id = call.server.tasks, secrets.token_urlsafe(24)
    job = Job(name, timeout_s or TTL_S)
    talk = TaskConversation(call.terms, tasks, id, answers, job)
    with ExitStack() as held:
        held.callback(call.server.task_crew.place(call.context.grant_id))
        hold = call.server.presence.hold(talk.is_cancelled)
        held.callback(hold.release)
        record = tasks.create(id, call.context.grant_id, hold.worker)
        leave = held.pop_all().close
    run = call.server.carry(lambda: _end_with(tasks, id, lambda: work(talk)))
    call.server.task_crew.start(job, run, lambda: _end_with(tasks, id, on_timeout), leave)
    handle = encode({"resultType": "task", **_told(id, record)})
    return b"%b,%b}" % (handle[:-1], call.server.signature)


def _end_with(tasks: "Tasks", id: str, work: Callable[[], bytes]) -> None:
    """The end of a task is what *work* gives, unless it has ended already."""
    try:
        tasks.finish(id, "completed", {"result": json.loads(work())})
    except Cancelled:
        log.info("A task was cancelled")
    except BaseException as error:  # noqa: BLE001 - whatever it is, whoever asks after the task has to learn of it
        tasks.finish(id, "failed", {"error": json.loads(error_message_for(None, error))["error"]})


class TaskConversation(Conversation):
    """The exchange of a task: questions wait in its record, progress becomes its status message."""

    def __init__(self, terms: Terms, tasks: "Tasks", id: str, answers: dict[str, Any], job: Job) -> None:
        super().__init__(terms)
        self._tasks, self._id, self._answers, self._job = tasks, id, answers, job
        self._used: set[str] = set()
        self._looked = self._said = time.monotonic()

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """The message, at most once a second."""
        if message is not None and time.monotonic() - self._said > 1:
            self._said = time.monotonic()
            self._tasks.change(self._id, lambda record: record.update(message=message))

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Leave the questions in the record, and wait until all are answered. Raises Cancelled, ProtocolError."""
        unable = [one.capability for one in questions.values() if not self.can(one.capability)]
        if unable:
            needed = {"requiredCapabilities": as_capabilities(unable)}
            raise ProtocolError(MISSING_CAPABILITY, CANNOT_ASK, data=needed)
        keys = {key: self._unused(key) for key in questions if key not in self._answers}
        self._used.update(keys.values())
        if keys:
            asked = {keys[key]: as_input_request(questions[key]) for key in keys}
            self._tasks.change(self._id, lambda record: record.update(status="input_required", questions=asked))
        known = {key: self._answers[key] for key in questions if key in self._answers}
        with self._job.paused():
            return read_answers(questions, known | self._answered(keys))

    def _answered(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """What the client says to the questions that stand in the record under the values of *keys*."""
        while keys:
            record = self._tasks.find(self._id)
            if record is None or record["status"] in _TERMINAL:
                raise Cancelled
            if all(one in record["answers"] for one in keys.values()):
                self._tasks.change(self._id, lambda record: record.update(status="working", questions={}))
                return {key: record["answers"][one] for key, one in keys.items()}
            self._tasks.wait(self._id)
        return {}

    def _unused(self, key: str) -> str:
        """A key names one question over the life of a task."""
        number, unused = 1, key
        while unused in self._used:
            number += 1
            unused = f"{key}-{number}"
        return unused

    def is_cancelled(self) -> bool:
        """Whether the task is over: cancelled by its client, or out of time. Looked up at most twice a second."""
        if not self._job.is_given_up and time.monotonic() - self._looked > 0.5:
            self._looked = time.monotonic()
            record = self._tasks.find(self._id)
            if record is None or record["status"] in _TERMINAL:
                self._job.give_up()
        return self._job.is_given_up


# -- the records ----------------------------------------------------------------------------------------------------


class Tasks:
    """The tasks of one application."""

    def __init__(self, memory: Memory, presence: Presence) -> None:
        self._memory, self._presence = memory, presence

    def create(self, id: str, grant_id: str, worker: str) -> Record:
        """A new task of a grant. It can be found before this returns."""
        at = now()
        record: Record = {
            "grant": grant_id,
            "worker": worker,
            "status": "working",
            "created": at,
            "updated": at,
            "questions": {},
            "answers": {},
        }
        self._memory.put(KIND, id, encode(record), ttl_s=TTL_S, owner=grant_id)
        return record

    def find(self, id: str) -> Record | None:
        """The record; failed if the worker that ran it has gone without a word."""
        kept = self._memory.get(KIND, id) if id.isascii() and id.isprintable() and 0 < len(id) <= 64 else None
        if kept is None:
            return None
        record: Record = json.loads(kept.value)
        if record["status"] not in _TERMINAL and self._presence.is_gone(record["worker"]):
            error = {"code": INTERNAL_ERROR, "message": "The server that ran this task has stopped. Start it again."}
            self.finish(id, "failed", {"error": error})
            return {**record, "status": "failed", "outcome": {"error": error}}
        return record

    def finish(self, id: str, status: str, outcome: Mapping[str, Any]) -> None:
        """The end of a task, unless it has ended already."""
        try:
            self.change(id, lambda record: record.update(status=status, outcome=dict(outcome), questions={}))
        except StoreUnavailable:
            log.exception("The end of a task could not be written")

    def change(self, id: str, how: Callable[[Record], None]) -> None:
        """Change the record of a task that has not ended, and wake those who wait for that. Raises StoreUnavailable."""
        for _ in range(_TRIES):
            kept = self._memory.get(KIND, id)
            record: Record = json.loads(kept.value) if kept is not None else {"status": "completed"}
            if kept is None or record["status"] in _TERMINAL:
                return
            how(record)
            record["updated"] = now()
            left_s = max(1.0, record["created"] + TTL_S - now())
            if self._memory.swap(KIND, id, kept.version, encode(record), ttl_s=left_s, owner=record["grant"]):
                break
        else:
            raise StoreUnavailable("a task changed too often")
        self._memory.publish(f"mcp-task:{id}", b"{}", ttl_s=60)
        self._memory.publish(CHANGES, encode({"task": id}))

    def wait(self, id: str) -> None:
        """Until something may have changed, or a second has passed."""
        channel = f"mcp-task:{id}"
        told = self._memory.wait(channel, 0, timeout_s=0)
        self._memory.wait(channel, told[-1].sequence if told else 0, timeout_s=1.0)


def told(server: "Server", id: str, grant_id: str) -> dict[str, Any] | None:
    """A task as a notification tells of it; None when it is not this grant's."""
    record = server.tasks.find(id)
    return None if record is None or record["grant"] != grant_id else _told(id, record)
