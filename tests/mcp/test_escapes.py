"""What is more than an Exception: it fails the call it came from, and never the worker."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore
from tests.waiting import until

TASKS_EXTENSION: dict[str, Any] = {"io.modelcontextprotocol/tasks": {}}
KNOWS_TASKS = {"io.modelcontextprotocol/clientCapabilities": {"extensions": TASKS_EXTENSION}}


class Escape(BaseException):
    """An author's own way out."""


ERRORS = (asyncio.CancelledError("secret"), KeyboardInterrupt("secret"), Escape("secret"))


def _inline(server: Any) -> Any:
    return server.modern("tools/call", {"name": "inline"}).get_json()["result"]


def _beside(server: Any) -> Any:
    return server.modern("tools/call", {"name": "beside"}).get_json()["result"]


def _task(server: Any) -> Any:
    id = server.modern("tools/call", {"name": "task"}, meta=KNOWS_TASKS).get_json()["result"]["taskId"]

    def look() -> Any:
        told = server.modern("tasks/get", {"taskId": id}, meta=KNOWS_TASKS).get_json()["result"]
        return told["result"] if told["status"] != "working" else None

    return until(look)


@pytest.fixture(params=ERRORS, ids=lambda error: type(error).__name__)
def server(request: pytest.FixtureRequest, serve: Any) -> Any:
    """Everything an author can write, and all of it raises."""
    toolbox = Toolbox()

    def fail(ctx: Context, *given: Any, **named: Any) -> str:
        """Fail."""
        raise request.param

    toolbox.tool(reads_only=True, name="inline")(fail)
    toolbox.tool(reads_only=True, name="beside", timeout_s=30)(fail)
    toolbox.tool(reads_only=True, name="task", task="required")(fail)
    toolbox.prompt({"who": fields.Str()}, name="prompt")(fail)
    toolbox.resource("test://fails")(fail)
    toolbox.completion("prompt", "who")(fail)
    return serve(toolbox, store=MemoryStore())


@pytest.mark.parametrize("call", [_inline, _beside, _task])
def test_of_a_tool_it_is_a_failed_result(server: Any, call: Callable[[Any], Any]) -> None:
    """In the request's thread, beside it, and in a task."""
    result = call(server)

    assert result["isError"] is True
    assert "event id" in result["content"][0]["text"]
    assert "secret" not in str(result)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("prompts/get", {"name": "prompt"}),
        ("resources/read", {"uri": "test://fails"}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "prompt"}, "argument": {"name": "who", "value": ""}},
        ),
    ],
)
def test_of_anything_else_it_is_an_error(server: Any, method: str, params: dict[str, Any]) -> None:
    answer = server.modern(method, params)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (200, -32603)
    assert "secret" not in answer.text
