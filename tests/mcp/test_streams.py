"""Streams: JSON where nothing is streamed, events where something is, sessions at any worker, clean ends."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from flask import current_app, request
from marshmallow import fields

from flask_sentry_mcp import signals
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import SignInEnded, Unauthenticated
from flask_sentry_mcp.mcp import listening, streams
from flask_sentry_mcp.mcp.places import Places
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore
from tests.mcp.talking import HANDSHAKE, Reader, data_in, events, session
from tests.waiting import until

MANY = 60  # of a stream that should have ended, so that a test fails where it would hang
LEVEL = "io.modelcontextprotocol/logLevel"


class Gate:
    """Where a tool waits for the test, and tells that it is there."""

    def __init__(self) -> None:
        self.reached, self.open, self.seen = threading.Event(), threading.Event(), list[Any]()


@pytest.fixture
def gate() -> Gate:
    """One for each test."""
    return Gate()


@pytest.fixture
def toolbox(gate: Gate) -> Toolbox:
    """Tools that talk."""
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def walk(ctx: Context) -> str:
        """Three steps, one of them backwards."""
        for step in (1, 0.5, 2):
            ctx.progress(step, 2, f"step {step}")
        ctx.log("debug", "fine")
        ctx.log("warning", {"n": 1}, "walker")
        gate.seen.append((current_app.name, request.path))
        return "there"

    @toolbox.tool(reads_only=True)
    def fall(ctx: Context) -> str:
        """A step, then a fall."""
        ctx.progress(1)
        raise SignInEnded("secret")

    @toolbox.tool(reads_only=True)
    def wait(ctx: Context) -> str:
        """Say something, wait at the gate, look round, and say more than is heard."""
        ctx.progress(1)
        gate.reached.set()
        gate.open.wait(30)
        time.sleep(0.6)
        gate.seen.append(ctx.is_cancelled)
        ctx.progress(2)
        return "done"

    @toolbox.tool(reads_only=True)
    def ask(ctx: Context) -> str:
        """Ask for a name."""
        answer = ctx.elicit("Who?", {"name": fields.Str(required=True)})
        return f"{answer.action} {answer.content}"

    @toolbox.tool(reads_only=True)
    def detach(ctx: Context) -> str:
        """Hang up, and finish later."""
        ctx.exchange.detach(100)
        gate.open.wait(30)
        return "later"

    @toolbox.tool(reads_only=True, timeout_s=0.2)
    def hang(ctx: Context) -> str:
        """Never end."""
        gate.open.wait(30)
        gate.seen.append(ctx.is_cancelled)
        return "too late"

    @toolbox.resource("test://watched")
    def watched(ctx: Context) -> str:
        """Watched."""
        return "w"

    return toolbox


@pytest.fixture
def store() -> MemoryStore:
    """What all workers of a test share."""
    return MemoryStore()


@pytest.fixture
def server(serve: Any, toolbox: Toolbox, store: MemoryStore) -> Any:
    """A worker with a store."""
    return serve(toolbox, store=store)


def _modern(server: Any, name: str, **meta: Any) -> Any:
    return server.modern("tools/call", {"name": name}, meta={"progressToken": "t", **meta})


# -- one call -------------------------------------------------------------------------------------------------------


def test_progress_and_log_messages_go_before_the_result(server: Any, gate: Gate) -> None:
    """In order, only what was asked for, only forwards; and the tool finds the request and application it runs for."""
    answer = _modern(server, "walk", **{LEVEL: "info"})

    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert events(answer) == [
        _progress(1),
        _progress(2),
        {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": "warning", "logger": "walker", "data": {"n": 1}},
        },
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {
                "resultType": "complete",
                "content": [{"type": "text", "text": "there"}],
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "flask-sentry-mcp", "version": "1.2.3"}},
            },
        },
    ]
    assert gate.seen == [("server_under_test", "/mcp")]


def _progress(step: float) -> dict[str, Any]:
    params = {"progressToken": "t", "progress": step, "total": 2, "message": f"step {step}"}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def test_without_a_token_or_level_the_answer_is_json(server: Any) -> None:
    assert server.modern("tools/call", {"name": "walk"}).mimetype == "application/json"


def test_a_call_that_could_stream_and_does_not_is_json(server: Any) -> None:
    answer = server.modern("tools/call", {"name": "walk"}, meta={LEVEL: "emergency"})

    assert answer.mimetype == "application/json"
    assert answer.get_json()["result"]["content"][0]["text"] == "there"


def test_a_failure_after_the_first_message_is_told_on_the_stream(server: Any) -> None:
    said = events(_modern(server, "fall"))[-1]

    assert said == {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": SignInEnded.public}}


def test_a_client_of_2026_cancels_by_leaving(server: Any, gate: Gate) -> None:
    told: list[str] = []

    def watch(sender: Any, **said: Any) -> None:
        told.append(said["outcome"])

    with signals.tool_called.connected_to(watch):
        reader = Reader(_modern(server, "wait"))
        assert reader.next()["method"] == "notifications/progress"
        reader.leave()
        gate.open.set()
        until(lambda: bool(told))

    assert gate.seen == [True]


def test_a_tool_that_hangs_is_given_up(server: Any, gate: Gate) -> None:
    """The client has an answer in time; the tool is told that nobody waits, and its late result goes nowhere."""
    result = server.modern("tools/call", {"name": "hang"}).get_json()["result"]

    assert (result["isError"], result["content"][0]["text"]) == (True, "The tool did not finish in time.")
    gate.open.set()
    until(lambda: gate.seen == [True])


def test_streams_are_counted_per_grant_and_per_worker(
    serve: Any, toolbox: Any, store: Any, context: Any, gate: Gate
) -> None:
    """One too many is refused with a clear answer, and a place that is left can be taken."""
    server = serve(toolbox, store=store, streams_per_grant=1, streams_per_worker=2)
    first = Reader(_listen(server))
    refused = _listen(server)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert refused.get_json()["error_description"].startswith("This sign-in holds as many open streams")

    server.caller = context(grant_id="g2")
    second = Reader(_listen(server))
    server.caller = context(grant_id="g3")
    assert _listen(server).get_json()["error_description"].startswith("The server holds as many open streams")

    first.leave()
    third = Reader(_listen(server))
    second.leave()
    third.leave()


def test_calls_beside_their_requests_are_bounded(serve: Any, toolbox: Any, gate: Gate) -> None:
    server = serve(toolbox, workers=1)
    reader = Reader(_modern(server, "wait"))

    assert _modern(server, "walk").status_code == 429
    gate.open.set()
    assert reader.next() is not None


# -- 2025: sessions -------------------------------------------------------------------------------------------------


def test_a_session_begins_with_the_handshake_and_ends_by_delete(server: Any, context: Any) -> None:
    id = session(server)

    assert server.legacy("ping", mcp_session_id=id).status_code == 200
    server.caller = context(grant_id="g2")
    assert server.legacy("ping", mcp_session_id=id).status_code == 404
    server.caller = context()
    assert server.client.delete("/mcp", headers={"Mcp-Session-Id": id}).status_code == 204
    assert server.legacy("ping", mcp_session_id=id).status_code == 404
    assert server.client.delete("/mcp", headers={"Mcp-Session-Id": id}).status_code == 404
    for bad in ("", "x" * 500, "\xe9", "../x"):
        assert server.legacy("ping", mcp_session_id=bad).status_code == 404


def test_a_client_of_2026_has_no_session(server: Any) -> None:
    assert server.modern("tools/list", headers={"mcp_session_id": "anything"}).status_code == 200


def test_the_log_level_is_of_the_session(server: Any) -> None:
    id = session(server)
    assert server.legacy("logging/setLevel", {"level": "loud"}, mcp_session_id=id).get_json()["error"]["code"] == -32602
    assert server.legacy("logging/setLevel", {"level": "debug"}, mcp_session_id=id).get_json()["result"] == {}

    said = events(server.legacy("tools/call", {"name": "walk"}, mcp_session_id=id))

    assert [one.get("params", {}).get("level") for one in said] == ["debug", "warning", None]


def test_a_question_goes_out_on_the_stream_and_the_answer_comes_to_another_worker(
    serve: Any, toolbox: Any, store: Any, server: Any
) -> None:
    other = serve(toolbox, store=store)
    id = session(other)
    reader = Reader(server.legacy("tools/call", {"name": "ask"}, mcp_session_id=id))
    question = reader.next()
    assert (question["method"], question["params"]["message"]) == ("elicitation/create", "Who?")

    stray = {"jsonrpc": "2.0", "id": "stray", "result": {}}
    reply = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"name": "Ada"}}}
    for body in (stray, reply):
        answer = other.post(json.dumps(body), mcp_session_id=id, mcp_protocol_version="2025-11-25")
        assert (answer.status_code, answer.data) == (202, b"")

    assert reader.next()["result"]["content"][0]["text"] == "accept {'name': 'Ada'}"
    assert reader.next() is None


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ({"error": {"code": -1, "message": "secret"}}, "The client refused to answer."),
        (
            {"result": {"action": "accept", "content": {"name": 5}}},
            "The client's answer has not the form that was asked for.",
        ),
    ],
)
def test_an_answer_that_is_none(server: Any, reply: dict[str, Any], sentence: str) -> None:
    id = session(server)
    reader = Reader(server.legacy("tools/call", {"name": "ask"}, mcp_session_id=id))
    question = reader.next()

    server.post(json.dumps({"jsonrpc": "2.0", "id": question["id"], **reply}), mcp_session_id=id)

    assert reader.next()["result"] == {"content": [{"type": "text", "text": sentence}], "isError": True}


def test_a_client_of_2025_cancels_by_a_notification(
    serve: Any, toolbox: Any, store: Any, server: Any, gate: Gate
) -> None:
    """At any worker; no result follows."""
    id = session(server)
    token = {"name": "wait", "_meta": {"progressToken": "t"}}
    reader = Reader(server.legacy("tools/call", token, id="me", mcp_session_id=id))
    assert reader.next()["method"] == "notifications/progress"

    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "me"}}
    serve(toolbox, store=store).post(json.dumps(cancel), mcp_session_id=id)
    gate.open.set()

    assert reader.next() is None
    until(lambda: gate.seen == [True])


def test_a_call_that_is_cancelled_while_it_asks_ends_at_once(server: Any) -> None:
    id = session(server)
    reader = Reader(server.legacy("tools/call", {"name": "ask"}, id="me", mcp_session_id=id))
    reader.next()

    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "me"}}
    server.post(json.dumps(cancel), mcp_session_id=id)

    assert reader.next() is None


def test_a_stream_that_was_lost_is_resumed_at_any_worker(
    serve: Any, toolbox: Any, store: Any, server: Any, gate: Gate
) -> None:
    id = session(server)
    token = {"name": "wait", "_meta": {"progressToken": "t"}}
    reader = Reader(server.legacy("tools/call", token, mcp_session_id=id))
    reader.next()
    reader.leave()
    gate.open.set()

    other = serve(toolbox, store=store)
    headers = {"Mcp-Session-Id": id, "Last-Event-ID": reader.ids[-1], "Accept": "text/event-stream"}
    resumed = Reader(other.client.get("/mcp", headers=headers))

    assert resumed.next()["params"]["progress"] == 2
    assert resumed.next()["result"]["content"][0]["text"] == "done"
    assert resumed.next() is None
    assert gate.seen == [False]


@pytest.mark.parametrize("how", ["revoked", "deleted"])
def test_a_resumed_stream_ends_with_its_grant_and_its_session(
    server: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Even one that waits for what never comes."""
    monkeypatch.setattr(listening, "KEEP_ALIVE_S", 0.05)
    id = session(server)
    reader = Reader(server.legacy("tools/call", {"name": "wait", "_meta": {"progressToken": "t"}}, mcp_session_id=id))
    reader.next()
    headers = {"Mcp-Session-Id": id, "Last-Event-ID": reader.ids[-1], "Accept": "text/event-stream"}
    chunks = server.client.get("/mcp", headers=headers).iter_encoded()
    assert [next(chunks), next(chunks)] == [streams.KEEP_ALIVE] * 2

    if how == "revoked":
        server.caller = Unauthenticated()
    else:
        server.client.delete("/mcp", headers={"Mcp-Session-Id": id})

    rest = list(islice(chunks, MANY))
    assert set(rest) <= {streams.KEEP_ALIVE}
    assert len(rest) < MANY


def test_a_tool_may_hang_up_and_be_asked_later(server: Any, gate: Gate) -> None:
    id = session(server)
    answer = server.legacy("tools/call", {"name": "detach"}, mcp_session_id=id)
    lines = answer.text.splitlines()
    last = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")][-1]
    assert "retry: 100" in lines
    gate.open.set()

    resumed = Reader(server.client.get("/mcp", headers={"Mcp-Session-Id": id, "Last-Event-ID": last}))

    assert resumed.next()["result"]["content"][0]["text"] == "later"


def test_streams_of_older_versions_have_no_event_ids(server: Any) -> None:
    id = session(server, {**HANDSHAKE, "protocolVersion": "2025-06-18"})
    params = {"name": "walk", "_meta": {"progressToken": "t"}}

    answer = server.legacy("tools/call", params, version="2025-06-18", mcp_session_id=id)

    assert "id:" not in [line[:3] for line in answer.text.splitlines()]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 405),
        ({"Mcp-Session-Id": "nobody"}, 404),
        ({"Mcp-Session-Id": "SESSION", "Accept": "application/json"}, 406),
        ({"Mcp-Session-Id": "SESSION", "Last-Event-ID": "not ours"}, 400),
    ],
)
def test_a_get_that_opens_no_stream(server: Any, headers: dict[str, str], status: int) -> None:
    id = session(server)
    sent = {name: value.replace("SESSION", id) for name, value in headers.items()}

    assert server.client.get("/mcp", headers=sent).status_code == status


# -- being told of changes ------------------------------------------------------------------------------------------


def _listen(server: Any, id: Any = 9, **wanted: Any) -> Any:
    return server.modern("subscriptions/listen", {"notifications": wanted or {"toolsListChanged": True}}, id=id)


def test_a_subscription_is_acknowledged_then_told_of_changes_at_any_worker(
    serve: Any, toolbox: Any, store: Any, server: Any
) -> None:
    """Only what was asked for and is offered, and every message carries the id of the request that opened it."""
    others = Toolbox()
    other = serve(others, store=store)
    others.tool(reads_only=True, name="early")(_nothing)
    assert store.wait("mcp-changes", 0, timeout_s=0) == []
    other.legacy("ping")
    reader = Reader(
        _listen(
            server,
            toolsListChanged=True,
            promptsListChanged=True,
            resourcesListChanged=False,
            resourceSubscriptions=["test://watched", "test://nothing"],
        )
    )
    tag = {"_meta": {"io.modelcontextprotocol/subscriptionId": 9}}
    assert reader.next() == {
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://watched"]},
            **tag,
        },
    }

    others.prompt(name="p")(_nothing)
    _updated(store, "test://other")
    _updated(store, "test://watched")
    others.tool(reads_only=True, name="t")(_nothing)

    assert reader.next() == {
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": {"uri": "test://watched", **tag},
    }
    assert reader.next() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": tag}
    reader.leave()


def _updated(store: MemoryStore, uri: str) -> None:
    store.publish("mcp-changes", json.dumps({"uri": uri}).encode())


def _nothing(ctx: Context) -> str:
    """Nothing."""
    return ""


def test_many_streams_wait_on_the_store_as_one(serve: Any, toolbox: Toolbox) -> None:
    waiting = 0

    class Counting(MemoryStore):
        def wait(self, channel: str, after: int, *, timeout_s: float) -> Any:
            nonlocal waiting
            waiting += timeout_s > 0
            return super().wait(channel, after, timeout_s=timeout_s)

    server = serve(toolbox, store=Counting())
    readers = [Reader(_listen(server)) for _ in range(10)]
    for reader in readers:
        reader.next()
    assert waiting <= 1

    toolbox.tool(reads_only=True, name="late")(_nothing)

    assert [reader.next()["method"] for reader in readers] == ["notifications/tools/list_changed"] * 10
    for reader in readers:
        reader.leave()


def test_changes_before_the_subscription_are_not_told(server: Any, store: Any, toolbox: Any) -> None:
    toolbox.tool(reads_only=True, name="early")(_nothing)
    reader = Reader(_listen(server))
    reader.next()
    toolbox.resource("test://late")(_nothing)
    toolbox.tool(reads_only=True, name="late")(_nothing)

    assert reader.next()["method"] == "notifications/tools/list_changed"
    reader.leave()
    wrong: list[Any] = [[], {"toolsListChanged": "no"}, {"resourcesListChanged": 1}, {"promptsListChanged": None}]
    for notifications in wrong:
        refused = server.modern("subscriptions/listen", {"notifications": notifications})
        assert refused.get_json()["error"]["code"] == -32602


def test_a_quiet_stream_is_kept_alive_and_ends_with_its_grant(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked grant loses its streams: the caller is looked at again each time the stream wakes."""
    monkeypatch.setattr(listening, "KEEP_ALIVE_S", 0.05)
    chunks = _listen(server).iter_encoded()
    next(chunks)
    assert next(chunks) == streams.KEEP_ALIVE

    server.caller = Unauthenticated()
    rest = [json.loads(data) for chunk in islice(chunks, MANY) for data in data_in(chunk.decode())]

    assert rest == [
        {
            "jsonrpc": "2.0",
            "id": 9,
            "result": {"resultType": "complete", "_meta": {"io.modelcontextprotocol/subscriptionId": 9}},
        }
    ]


def test_a_session_of_2025_is_told_on_its_get_stream(server: Any, store: Any, toolbox: Any) -> None:
    id = session(server)
    assert server.legacy("resources/subscribe", {"uri": "test://watched"}, mcp_session_id=id).get_json()["result"] == {}
    reader = Reader(server.client.get("/mcp", headers={"Mcp-Session-Id": id}))
    _updated(store, "test://watched")
    assert reader.next() == {
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": {"uri": "test://watched"},
    }

    server.legacy("resources/unsubscribe", {"uri": "test://watched"}, mcp_session_id=id)
    _updated(store, "test://watched")
    toolbox.tool(reads_only=True, name="late")(_nothing)
    assert reader.next() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    reader.leave()
    unknown = server.legacy("resources/subscribe", {"uri": "test://nothing"}, mcp_session_id=id)
    assert unknown.get_json()["error"]["code"] == -32002


def test_a_session_is_told_on_one_stream_only(serve: Any, toolbox: Any, store: Any, server: Any) -> None:
    """The one opened last, at whichever worker: no message goes to two streams of a session."""
    id = session(server)
    first = Reader(server.client.get("/mcp", headers={"Mcp-Session-Id": id}))
    second = Reader(serve(toolbox, store=store).client.get("/mcp", headers={"Mcp-Session-Id": id}))

    toolbox.tool(reads_only=True, name="late")(_nothing)

    assert first.next() is None
    assert second.next() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    second.leave()


def test_the_stream_of_a_session_ends_with_it_at_any_worker(
    serve: Any, toolbox: Any, store: Any, server: Any, context: Any
) -> None:
    """At once, so that clients that come and go do not fill the places of a worker."""
    id, other = session(server), session(server)
    ends, stays = (Reader(server.client.get("/mcp", headers={"Mcp-Session-Id": one})) for one in (id, other))

    serve(toolbox, store=store).client.delete("/mcp", headers={"Mcp-Session-Id": id})

    assert ends.next() is None
    _updated(store, "test://nothing")
    toolbox.tool(reads_only=True, name="late")(_nothing)
    assert stays.next()["method"] == "notifications/tools/list_changed"
    stays.leave()


def test_a_stream_leaves_its_place_even_if_it_never_began() -> None:
    places = Places(1, 1)
    stream = streams.Stream(iter([b"a"]), places.take("g"))
    assert places.open == 1

    stream.close()
    stream.close()

    assert places.open == 0


def test_a_stream_leaves_its_place_when_it_breaks() -> None:
    places = Places(1, 1)

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("broken")

    stream = streams.Stream(broken(), places.take("g"))
    next(stream)
    with pytest.raises(RuntimeError, match="broken"):
        next(stream)

    assert places.open == 0
