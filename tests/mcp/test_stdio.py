"""stdio: the same server in lines, for both eras, without headers; nothing but messages goes out."""

import io
import json
import os
import queue
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp import config
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp import stdio
from flask_sentry_mcp.mcp.endpoint import Endpoint, Server, tell_updated
from flask_sentry_mcp.mcp.stdio import Stdio
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.origin import origin_rule
from flask_sentry_mcp.store.memory import MemoryStore

BEGUN, STOPPED = threading.Event(), threading.Event()
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}


@pytest.fixture
def toolbox(toolbox: Toolbox) -> Toolbox:
    """The tool that greets, one that asks, one that talks, one that waits to be cancelled; and a resource."""

    @toolbox.tool({"about": fields.Str(load_default="")}, reads_only=True)
    def ask(ctx: Context, *, about: str) -> str:
        """Ask."""
        return str(ctx.elicit("Who?", {"name": fields.Str(required=True)}, key="who").content)

    @toolbox.tool(reads_only=True)
    def walk(ctx: Context) -> str:
        """Walk."""
        ctx.progress(1)
        return "there"

    @toolbox.tool(reads_only=True)
    def linger(ctx: Context) -> str:
        """Linger."""
        BEGUN.set()
        until = time.monotonic() + 10
        while not ctx.is_cancelled and time.monotonic() < until:
            time.sleep(0.01)
        if ctx.is_cancelled:
            STOPPED.set()
        return "done"

    @toolbox.resource("test://weather")
    def weather(ctx: Context) -> str:
        """The weather."""
        return "fine"

    return toolbox


class Pipe:
    """A program that speaks to the server, and reads what comes back, in order of arrival."""

    def __init__(self, server: Server, caller: Any) -> None:
        receive, send = os.pipe()
        out_receive, out_send = os.pipe()
        self._in, self._out = os.fdopen(send, "wb"), os.fdopen(out_receive, "rb")
        source, sink = os.fdopen(receive, "rb"), os.fdopen(out_send, "wb")
        self._sink, self._source = sink, source
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.thread = threading.Thread(target=Stdio(server, caller, sink).serve, args=(source,), daemon=True)
        self.thread.start()

    def say(self, message: Any) -> None:
        self._in.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
        self._in.flush()

    def _read(self) -> None:
        for line in self._out:
            self._heard.put(line)

    def hear(self) -> Any:
        """The next message. Fails if none comes."""
        return json.loads(self._heard.get(timeout=10))

    def close(self) -> None:
        self._in.close()
        self.thread.join(8)
        for end in (self._sink, self._source):
            end.close()
        self._reader.join(5)
        self._out.close()


@pytest.fixture
def store() -> MemoryStore:
    """Where the server tells of changes."""
    return MemoryStore()


def _server(toolbox: Toolbox, context: Any, store: MemoryStore) -> Server:
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
        store=store,
    )
    return Server(endpoint)


@pytest.fixture
def pipe(toolbox: Toolbox, context: Any, store: MemoryStore) -> Any:
    """An open conversation."""
    BEGUN.clear()
    STOPPED.clear()
    pipe = Pipe(_server(toolbox, context, store), context)
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

    assert [tool["name"] for tool in pipe.hear()["result"]["tools"]] == ["greet", "linger"]


def _hello(pipe: Pipe, capabilities: Any = None) -> None:
    pipe.say(_request(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": capabilities or {}}))
    assert pipe.hear()["id"] == 0


def _cancel(pipe: Pipe, id: Any) -> None:
    pipe.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})


@pytest.mark.parametrize("meta", [META, META | {"progressToken": "t"}, None], ids=["2026", "2026, may talk", "2025"])
def test_of_a_call_that_was_cancelled_nothing_more_is_said(pipe: Pipe, meta: Any) -> None:
    """Whatever it may say: its tool learns of it at once, and its result is dropped."""
    if meta is None:
        _hello(pipe)

    pipe.say(_request(5, "tools/call", {"name": "linger"}, meta))
    assert BEGUN.wait(10)
    for no_such in (None, True, ["5"], "5", 6):
        _cancel(pipe, no_such)
    _cancel(pipe, 5)

    assert STOPPED.wait(5)
    pipe.say(_request(6, "tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, meta))
    assert pipe.hear()["id"] == 6


def test_a_call_that_waits_for_its_turn_can_be_cancelled(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "AT_ONCE", 1)
    pipe.say(_request(1, "tools/call", {"name": "linger"}, META))
    pipe.say(_request(2, "tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, META))
    pipe.say(_request(3, "tools/call", {"name": "greet", "arguments": {"name": "Bob"}}, META))
    assert BEGUN.wait(10)

    _cancel(pipe, 2)
    _cancel(pipe, 1)

    assert pipe.hear()["id"] == 3


def test_too_many_that_wait_are_refused(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "AT_ONCE", 1)
    monkeypatch.setattr(stdio, "MOST_WAITING", 0)
    pipe.say(_request(1, "tools/call", {"name": "linger"}, META))
    assert BEGUN.wait(10)

    pipe.say(_request(2, "tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, META))

    assert pipe.hear()["error"]["message"] == "The server is busy. Try again shortly."
    _cancel(pipe, 1)


def test_an_answer_does_not_wait_behind_calls(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """When as many calls run as may, what they ask for still comes in; whatever words a message holds."""
    monkeypatch.setattr(stdio, "AT_ONCE", 1)
    _hello(pipe, {"elicitation": {}})

    pipe.say(_request(1, "tools/call", {"name": "ask", "arguments": {"about": "initialize"}}))
    answer = {"action": "accept", "content": {"name": "Ada"}}
    pipe.say({"jsonrpc": "2.0", "id": pipe.hear()["id"], "result": answer})

    assert pipe.hear()["id"] == 1


def test_a_client_of_2025_is_told_of_changes(pipe: Pipe, toolbox: Toolbox, store: MemoryStore) -> None:
    """As its handshake was promised: of lists, and of the resources that it subscribed to."""
    _hello(pipe)
    pipe.say(_request(1, "resources/subscribe", {"uri": "test://weather"}))
    assert pipe.hear() == {"jsonrpc": "2.0", "id": 1, "result": {}}

    toolbox.remove("walk")
    assert pipe.hear() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

    tell_updated(store, "test://weather")
    assert pipe.hear()["params"] == {"uri": "test://weather"}


def test_a_program_that_has_gone_ends_nothing(toolbox: Toolbox, context: Any) -> None:
    """What cannot be written any more is dropped, and the lines that are there are read to their end."""
    receive, send = os.pipe()
    os.close(receive)
    lines = b"".join(json.dumps(_request(id, "ping")).encode() + b"\n" for id in (1, 2))

    with os.fdopen(send, "wb", buffering=0) as sink:
        Stdio(_server(toolbox, context, MemoryStore()), context, sink).serve(io.BytesIO(lines))


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
    """Under ``flask sentry-mcp stdio`` nothing but messages is on standard output, and the end of input ends it.

    Neither a tool nor a process that it starts writes between them, or takes one away.
    """
    from flask_sentry_mcp.testing import settings_for

    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            f"""
            import subprocess
            import sys
            from flask import Flask
            from flask_sentry_mcp import SentryMCP
            app = Flask(__name__)
            app.config.update({settings_for(sandbox)!r})
            mcp = SentryMCP(app)

            @mcp.tool(reads_only=True)
            def hello(ctx):
                '''Greet.'''
                print("this must not get between the messages")
                print("nor this", file=sys.__stdout__, flush=True)
                taken = sys.stdin.read() + subprocess.check_output(["cat"], text=True)
                subprocess.run(["echo", "nor this"], check=True)
                return "hello" + taken
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
    assert ended.stderr.count("nor this") == 2
    assert "Set SENTRY_ACCESS_TOKEN" in run({**environment, "SENTRY_ACCESS_TOKEN": ""}).stderr
