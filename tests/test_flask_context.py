"""Flask's contexts inside a tool: ``g``, ``request`` and the host's teardown, in whichever thread the tool runs."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g, request

from flask_sentry_mcp import Context, SentryMCP
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import MCPClient, settings_for, sign_in

TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


@pytest.fixture
def torn_down() -> list[Any]:
    return []


@pytest.fixture
def agent(sandbox: Sandbox, torn_down: list[Any]) -> MCPClient:
    """A client of a host that keeps something on ``g`` and looks at it when a context ends."""
    app = Flask("host")
    app.config.update(settings_for(sandbox))
    extension = SentryMCP(app)

    @app.before_request
    def remember() -> None:
        g.tenant = request.headers.get("X-Tenant")

    @app.teardown_appcontext
    def forget(error: BaseException | None) -> None:
        if g.get("tenant"):
            torn_down.append(g.get("seen", "nothing seen"))

    def tell(ctx: Context) -> str:
        """Tell what Flask knows here."""
        ctx.progress(1)
        g.seen = "the tool's"
        return f"{g.tenant} at {request.path}"

    extension.tool(reads_only=True, name="plain")(tell)
    extension.tool(reads_only=True, name="timed", timeout_s=30)(tell)
    extension.tool(reads_only=True, name="task", task="required")(tell)
    return sign_in(app, sandbox)


def call(agent: MCPClient, tool: str, **meta: Any) -> str:
    """The text of the whole answer, a stream or not."""
    params = {"name": tool, "arguments": {}, "_meta": meta}
    return agent.post("tools/call", params, {"X-Tenant": "acme"}).get_data(as_text=True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda agent: call(agent, "plain"),
        lambda agent: call(agent, "timed"),
        lambda agent: call(agent, "plain", progressToken="p"),
        lambda agent: call(agent, "plain", **{"io.modelcontextprotocol/logLevel": "debug"}),
    ],
    ids=["in the request's thread", "beside it", "as a stream", "with log messages"],
)
def test_a_tool_finds_what_the_host_put_on_g(agent: MCPClient, ask: Callable[[MCPClient], str]) -> None:
    """What a client sends along never decides what a tool knows of the host."""
    assert "acme at /mcp" in ask(agent)


def test_a_task_finds_it_too(agent: MCPClient) -> None:
    agent.capabilities = TASKS
    started = agent.post("tools/call", {"name": "task", "arguments": {}}, {"X-Tenant": "acme"}).get_json()["result"]

    while (told := agent.request("tasks/get", {"taskId": started["taskId"]}))["status"] == "working":
        time.sleep(0.02)

    assert told["result"]["content"][0]["text"] == "acme at /mcp"


def test_a_context_of_its_own_is_torn_down_in_full(agent: MCPClient, torn_down: list[Any]) -> None:
    """The host's teardown runs once for the request and once for the tool, each with its own ``g``."""
    torn_down.clear()

    call(agent, "timed")
    until = time.monotonic() + 10
    while len(torn_down) < 2 and time.monotonic() < until:
        time.sleep(0.02)  # the answer may be there a moment before the tool's thread has ended

    assert sorted(torn_down) == ["nothing seen", "the tool's"]


def test_in_the_requests_thread_there_is_one_context(agent: MCPClient, torn_down: list[Any]) -> None:
    torn_down.clear()

    call(agent, "plain")

    assert torn_down == ["the tool's"]
