"""A server that is about to stop: streams that have no end of their own come to one."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.streams import KEEP_ALIVE, Ending
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.testing import settings_for
from tests.mcp.talking import Reader, data_in, session


@pytest.fixture
def ending() -> Ending:
    """Of the server under test."""
    return Ending()


@pytest.fixture
def server(serve: Any, ending: Ending) -> Any:
    """With a tool that hangs up."""
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True, timeout_s=5)
    def detach(ctx: Context) -> str:
        """Hang up, and go on until nobody waits."""
        ctx.exchange.detach(100)
        while not (ending.is_near or ctx.is_cancelled):
            pass
        return "done"

    return serve(toolbox, store=MemoryStore(), ending=ending)


def test_a_subscription_ends_with_its_result(server: Any, ending: Ending) -> None:
    answer = server.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, id=9)
    chunks = answer.iter_encoded()
    next(chunks)

    ending.is_near = True

    (last,) = [json.loads(data) for chunk in chunks for data in data_in(chunk.decode())]
    assert last["result"]["resultType"] == "complete"


def test_the_stream_of_a_session_ends(server: Any, ending: Ending) -> None:
    chunks = server.client.get("/mcp", headers={"Mcp-Session-Id": session(server)}).iter_encoded()
    next(chunks)

    ending.is_near = True

    assert list(chunks) == []


def test_a_resumed_stream_ends_and_may_be_resumed_elsewhere(server: Any, ending: Ending) -> None:
    id = session(server)
    reader = Reader(server.legacy("tools/call", {"name": "detach"}, mcp_session_id=id))
    assert reader.next() is None
    headers = {"Mcp-Session-Id": id, "Last-Event-ID": reader.ids[-1]}
    chunks = server.client.get("/mcp", headers=headers).iter_encoded()
    assert next(chunks) == KEEP_ALIVE

    ending.is_near = True

    assert [chunk for chunk in chunks if b"result" not in chunk] == []


# -- SIGTERM ------------------------------------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[list[int]]:
    """What reaches the handler that was there before."""
    told: list[int] = []

    def tell(number: int, frame: object) -> None:
        told.append(number)

    before = signal.signal(signal.SIGTERM, tell)
    yield told
    signal.signal(signal.SIGTERM, before)


def test_no_signal_is_handled_unasked(sandbox: Sandbox, told: list[int]) -> None:
    app = _application(sandbox)

    signal.raise_signal(signal.SIGTERM)

    assert not app.extensions["sentry_mcp"].endpoint.ending.is_near
    assert told == [signal.SIGTERM]


def test_at_sigterm_the_servers_own_handler_comes_next(sandbox: Sandbox, told: list[int]) -> None:
    app = _application(sandbox)
    SentryMCP.end_streams_at_sigterm(app)

    signal.raise_signal(signal.SIGTERM)

    assert app.extensions["sentry_mcp"].endpoint.ending.is_near
    assert told == [signal.SIGTERM]


def test_a_server_with_hooks_of_its_own_says_when(sandbox: Sandbox) -> None:
    app = _application(sandbox)

    SentryMCP.end_streams(app)

    assert app.extensions["sentry_mcp"].endpoint.ending.is_near


def _application(sandbox: Sandbox) -> Flask:
    app = Flask("app")
    app.config.update(settings_for(sandbox))
    SentryMCP(app)
    return app
