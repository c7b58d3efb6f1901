"""The tasks extension for the official client, through the client's own interface for extensions.

The client knows no tasks itself: the types are those of the extension's specification, and unknown members are refused.
Source: https://modelcontextprotocol.io/seps/2663-tasks-extension
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from mcp import types
from mcp.client.extension import ClaimContext, ClientExtension, NotificationBinding, ResultClaim
from mcp.client.session import ClientRequestContext, ClientSession
from mcp.types import methods
from pydantic import BaseModel, ConfigDict, PositiveInt, TypeAdapter

MODERN = "2026-07-28"
STRICT = ConfigDict(extra="forbid")
if TYPE_CHECKING:
    from mcp.types import CallToolResult as _CallToolResult
    from mcp.types import InputRequests as _InputRequests
else:  # the specification's own, stricter than the client's
    _CallToolResult, _InputRequired = get_args(methods.SERVER_RESULTS["tools/call", MODERN])
    _InputRequests = _InputRequired.model_fields["input_requests"].annotation


class Task(types.Result):
    """What every shape of a task has."""

    model_config = STRICT
    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    created_at: datetime
    last_updated_at: datetime
    ttl_ms: PositiveInt | None
    poll_interval_ms: PositiveInt | None = None


class Handle(Task):
    """``CreateTaskResult``: what a call is answered with."""

    result_type: Literal["task"]


class Plain(Task):
    """A task without more to say."""

    status: Literal["working", "cancelled"]


class Asking(Task):
    """A task with open questions."""

    status: Literal["input_required"]
    input_requests: _InputRequests


class Completed(Task):
    """A task with its result."""

    status: Literal["completed"]
    result: _CallToolResult


class Failed(Task):
    """A task with its error."""

    status: Literal["failed"]
    error: types.ErrorData


def _final(shape: type[Task]) -> type[Task]:
    """The *shape* as the result of a request."""
    return type(f"{shape.__name__}Result", (shape,), {"__annotations__": {"result_type": Literal["complete"]}})


class Acknowledged(types.Result):
    """The answer to an update or a cancellation."""

    model_config = STRICT
    result_type: Literal["complete"]


class TaskNotification(BaseModel):
    """``notifications/tasks``."""

    model_config = STRICT
    jsonrpc: Literal["2.0"]
    method: Literal["notifications/tasks"]
    params: Plain | Asking | Completed | Failed


TASK_NOTIFICATION = TaskNotification
TOLD: Any = _final(Plain) | _final(Asking) | _final(Completed) | _final(Failed)
RESULTS: dict[tuple[str, str], Any] = {
    ("tools/call", MODERN): methods.SERVER_RESULTS["tools/call", MODERN] | Handle,
    ("tasks/get", MODERN): TOLD,
    ("tasks/update", MODERN): Acknowledged,
    ("tasks/cancel", MODERN): Acknowledged,
}


class TaskParams(types.RequestParams):
    """Which task."""

    task_id: str


class UpdateParams(TaskParams):
    """Which task, and the answers."""

    input_responses: types.InputResponses


class GetTask(types.Request[TaskParams, Literal["tasks/get"]]):
    """``tasks/get``."""

    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class UpdateTask(types.Request[UpdateParams, Literal["tasks/update"]]):
    """``tasks/update``."""

    method: Literal["tasks/update"] = "tasks/update"
    name_param = "taskId"


class CancelTask(types.Request[TaskParams, Literal["tasks/cancel"]]):
    """``tasks/cancel``."""

    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


async def get(session: ClientSession, id: str) -> Task:
    """Where the task stands."""
    adapter: TypeAdapter[Any] = TypeAdapter(TOLD)
    task: Task = await session.send_request(GetTask(params=TaskParams(task_id=id)), adapter)
    return task


class Tasks(ClientExtension):
    """Waits for the end of each task, answers its questions by the client's callbacks. ``seen`` are its statuses."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Handle, resolve=self._finish)]

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        return ()

    async def _finish(self, handle: Handle, ctx: ClaimContext) -> types.CallToolResult:
        while True:
            task = await get(ctx.session, handle.task_id)
            self.seen.append(task.status)
            if isinstance(task, Asking):
                await self._answer(task, ctx.session)
            elif isinstance(task, Failed):
                raise ToolTaskFailed(task.error)
            elif isinstance(task, Completed):
                return types.CallToolResult.model_validate(
                    task.result.model_dump(by_alias=True, mode="json", exclude_unset=True)
                )
            await asyncio.sleep(0.1)

    async def _answer(self, task: Asking, session: ClientSession) -> None:
        asked = {
            key: one.model_dump(by_alias=True, mode="json", exclude_none=True)
            for key, one in task.input_requests.items()
        }
        context = ClientRequestContext(session=session, request_id=task.task_id)
        questions = TypeAdapter(dict[str, types.InputRequest]).validate_python(asked)
        answers: dict[str, Any] = {
            key: await session.dispatch_input_request(context, one) for key, one in questions.items()
        }
        params = UpdateParams(task_id=task.task_id, input_responses=answers)
        await session.send_request(UpdateTask(params=params), Acknowledged)


class ToolTaskFailed(Exception):
    """A task ended in an error."""

    def __init__(self, error: types.ErrorData) -> None:
        super().__init__(error.message)
        self.error = error
