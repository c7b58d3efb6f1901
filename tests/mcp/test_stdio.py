"""stdio: the same server in lines, for both eras, without headers; nothing but messages goes out."""

import io
import json
import os
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp import config
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.endpoint import Endpoint, Server
from flask_sentry_mcp.mcp.stdio import Stdio
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.origin import origin_rule
from flask_sentry_mcp.store.memory import MemoryStore

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}


@pytest.fixture
def toolbox(toolbox: Toolbox) -> Toolbox:
    """The tool that greets, one that asks, one that talks."""

    @toolbox.tool(reads_only=True)
    def ask(ctx: Context) -> str:
        """Ask."""
        return str(ctx.elicit("Who?", {"name": fields.Str(required=True)}, key="who").content)

    @toolbox.tool(reads_only=True)
    def walk(ctx: Context) -> str:
        """Walk."""
        ctx.progress(1)
        return "there"

    return toolbox


class Pipe:
    """A program that speaks to the server, and reads what comes back, in order of arrival."""

    def __init__(self, server: Server, caller: Any) -> None:
        receive, send = os.pipe()
        out_receive, out_send = os.pipe()
        self._in, self._out = os.fdopen(send, "wb"), os.fdopen(out_receive, "rb")
        source, sink = os.fdopen(receive, "rb"), os.fdopen(out_send, "wb")
        self._sink, self._source = sink, source
        self.thread = threading.Thread(target=Stdio(server, caller, sink).serve, args=(source,), daemon=True)
        self.thread.start()

    def say(self, message: Any) -> None:
        self._in.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
        self._in.flush()

    def hear(self) -> Any:
        return json.loads(self._out.readline())

    def close(self) -> None:
        self._in.close()
        self.thread.join(5)
        for end in (self._sink, self._out, self._source):
            end.close()


@pytest.fixture
def pipe(toolbox: Toolbox, context: Any) -> Any:
    """An open conversation."""
    settings = config.load(
        {
            "SENTRY_MCP_PUBLIC_URL": "http://localhost",
            "SENTRY_CLIENT_ID": "c",
            "SENTRY_CLIENT_SECRET": "s",
            "COOKIE_SECRET": "0123456789abcdefghijklmnopqrstuvwxyz",
            "SENTRY_MCP_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
        }
    )
    endpoint = Endpoint(
        app=None,
        settings=settings,
        toolbox=toolbox,
        authenticate=lambda _: context(),
        challenge=lambda *_: None,
        limits=Limits(secret=settings.cookie_secret),
        origins=origin_rule(settings.public_origin),
        store=MemoryStore(),
    )
    pipe = Pipe(Server(endpoint), context)
    yield pipe
    pipe.close()
    assert not pipe.thread.is_alive()


def _request(id: Any, method: str, params: Any = None, meta: Any = None) -> dict[str, Any]:
    params = dict(params or {}) | ({"_meta": meta} if meta else {})
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def test_a_client_of_2026(pipe: Pipe) -> None:
    """Discovery, a call, a question as a result; the message alone carries what headers repeat elsewhere."""
    pipe.say(_request(1, "server/discover", meta=META))
    assert pipe.hear()["result"]["supportedVersions"][0] == "2026-07-28"

    pipe.say(_request(2, "tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, META))
    assert pipe.hear()["result"]["content"][0]["text"] == "Hello, Ada!"

    pipe.say(_request(3, "tools/call", {"name": "ask"}, META))
    assert pipe.hear()["result"]["resultType"] == "input_required"

    pipe.say(_request(4, "tools/call", {"name": "walk"}, META | {"progressToken": "t"}))
    assert pipe.hear()["method"] == "notifications/progress"
    assert pipe.hear()["id"] == 4


def test_a_client_of_2025(pipe: Pipe) -> None:
    """The process is the session: a question goes out, and its answer comes in."""
    pipe.say(_request(1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}}))
    assert pipe.hear()["result"]["protocolVersion"] == "2025-11-25"
    pipe.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    pipe.say(_request(2, "tools/call", {"name": "ask"}))
    question = pipe.hear()
    assert question["method"] == "elicitation/create"
    answer = {"action": "accept", "content": {"name": "Ada"}}
    pipe.say({"jsonrpc": "2.0", "id": question["id"], "result": answer})
    assert pipe.hear()["result"]["content"][0]["text"] == "{'name': 'Ada'}"


def test_a_subscription_is_cancelled_by_a_notification(pipe: Pipe, toolbox: Toolbox) -> None:
    pipe.say(_request("s", "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, META))
    assert pipe.hear()["method"] == "notifications/subscriptions/acknowledged"
    toolbox.remove("walk")
    assert pipe.hear()["method"] == "notifications/tools/list_changed"

    pipe.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "s"}})
    pipe.say(_request(1, "ping"))
    assert pipe.hear()["id"] == 1  # so the notification before it has been read
    toolbox.remove("ask")
    pipe.say(_request(2, "tools/list", meta=META))

    assert [tool["name"] for tool in pipe.hear()["result"]["tools"]] == ["greet"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":[]}}', -32602),
    ],
)
def test_what_is_no_message_is_told_and_ends_nothing(pipe: Pipe, line: bytes, code: int) -> None:
    pipe.say(line)
    assert pipe.hear()["error"]["code"] == code

    pipe.say(_request(2, "ping"))
    assert pipe.hear() == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_a_line_without_end_ends_the_conversation(toolbox: Toolbox, context: Any, serve: Any) -> None:
    sink = io.BytesIO()
    server = Server.__new__(Server)  # it is not reached

    Stdio(server, context, sink).serve(io.BytesIO(b"x" * (1024 * 1024 + 2)))

    assert json.loads(sink.getvalue())["error"]["code"] == -32600


def test_the_command_speaks_to_sentry_with_the_token_of_the_environment(sandbox: Any, tmp_path: Any) -> None:
    """Under ``flask sentry-mcp stdio`` nothing but messages is on standard output, and the end of input ends it."""
    from flask_sentry_mcp.testing import settings_for

    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            f"""
            from flask import Flask
            from flask_sentry_mcp import SentryMCP
            app = Flask(__name__)
            app.config.update({settings_for(sandbox)!r})
            mcp = SentryMCP(app)

            @mcp.tool(reads_only=True)
            def hello(ctx):
                '''Greet.'''
                print("this must not get between the messages")
                return "hello"
            """
        )
    )
    said = [_request(1, "tools/call", {"name": "hello"}), _request(2, "tools/list")]
    command = [sys.executable, "-m", "flask", "--app", str(tmp_path / "app.py"), "sentry-mcp", "stdio"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}

    def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        lines = "\n".join(map(json.dumps, said)) + "\n"
        return subprocess.run(
            command, input=lines, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    ended = run({**environment, "SENTRY_ACCESS_TOKEN": "sntryu_test"})
    answers = {message["id"]: message["result"] for message in map(json.loads, ended.stdout.splitlines())}
    assert answers[1] == {"content": [{"type": "text", "text": "hello"}]}
    assert "find_projects" in [tool["name"] for tool in answers[2]["tools"]]
    assert ended.returncode == 0
    assert "Set SENTRY_ACCESS_TOKEN" in run({**environment, "SENTRY_ACCESS_TOKEN": ""}).stderr
