"""Sessions of 2025: what is kept of them, what many requests at once make of it, and how much a client can leave."""

import json
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import BadTransport, StoreUnavailable
from flask_sentry_mcp.mcp import exchange
from flask_sentry_mcp.mcp.sessions import MOST_SESSIONS, MOST_SUBSCRIPTIONS, Session, Sessions
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore

VERSION = "2025-11-25"
CAN_ANSWER: dict[str, Any] = {"elicitation": {"form": {}}}


@pytest.fixture
def store() -> MemoryStore:
    """What all workers share."""
    return MemoryStore()


@pytest.fixture
def sessions(store: MemoryStore) -> Sessions:
    """The sessions, as one worker sees them."""
    return Sessions(store)


@pytest.fixture
def toolbox(toolbox: Toolbox) -> Toolbox:
    """The tool that greets, one that asks, and a resource."""

    @toolbox.tool(reads_only=True)
    def ask(ctx: Context) -> str:
        """Ask."""
        return str(ctx.elicit("Who?", {"name": fields.Str(required=True)}).content)

    @toolbox.resource("test://watched")
    def watched(ctx: Context) -> str:
        """Watched."""
        return "w"

    return toolbox


@pytest.fixture
def server(serve: Any, toolbox: Toolbox, store: MemoryStore) -> Any:
    """A worker with a store."""
    return serve(toolbox, store=store)


def _begin(server: Any, capabilities: Any = None) -> str:
    handshake = {"protocolVersion": VERSION, "capabilities": capabilities or {}}
    id: str = server.legacy("initialize", handshake, version=None).headers["Mcp-Session-Id"]
    return id


def _inbox(sessions: Sessions, id: str) -> list[Any]:
    return [said for _, said in sessions.inbox(sessions.find(id, "g1"), 0, 0)]


# -- the record -----------------------------------------------------------------------------------------------------


def test_changes_by_several_requests_at_once_are_all_kept(sessions: Sessions) -> None:
    """Each has read the session before the others wrote."""
    session = sessions.begin("g1", VERSION, {})

    assert sessions.subscribe(session, "test://a")
    assert sessions.subscribe(session, "test://b")
    sessions.set_log_level(session, "info")
    sessions.unsubscribe(session, "test://a")

    now = sessions.find(session.id, "g1")
    assert (now.subscriptions, now.log_level) == (("test://b",), "info")


def test_a_session_that_has_ended_does_not_come_back(sessions: Sessions) -> None:
    """Not by a request that found it just before."""
    session = sessions.begin("g1", VERSION, {})
    sessions.end(session.id, "g1")

    for change in (
        lambda: sessions.subscribe(session, "test://a"),
        lambda: sessions.unsubscribe(session, "test://a"),
        lambda: sessions.set_log_level(session, "info"),
        lambda: sessions.find(session.id, "g1"),
    ):
        with pytest.raises(BadTransport):
            change()


def test_a_change_that_cannot_be_made_is_not_told_as_made(
    sessions: Sessions, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When others are first each time, the client has to try again."""
    session = sessions.begin("g1", VERSION, {})
    monkeypatch.setattr(store, "swap", lambda *_, **__: False)

    with pytest.raises(StoreUnavailable):
        sessions.subscribe(session, "test://a")
    with pytest.raises(StoreUnavailable):
        sessions.begin("g1", VERSION, {})


def test_a_session_has_so_many_subscriptions(sessions: Sessions) -> None:
    session = sessions.begin("g1", VERSION, {})
    for number in range(MOST_SUBSCRIPTIONS):
        assert sessions.subscribe(session, f"test://{number}")

    assert not sessions.subscribe(session, "test://another")
    assert sessions.subscribe(session, "test://1")


def test_of_too_many_sessions_the_oldest_ends(sessions: Sessions) -> None:
    """Of one grant, whichever worker they began at; those that were ended do not count."""
    others = sessions.begin("g2", VERSION, {})
    first, second, *_ = [sessions.begin("g1", VERSION, {}) for _ in range(MOST_SESSIONS)]
    sessions.end(second.id, "g1")
    sessions.begin("g1", VERSION, {})
    assert sessions.find(first.id, "g1") == first

    sessions.begin("g1", VERSION, {})

    with pytest.raises(BadTransport):
        sessions.find(first.id, "g1")
    assert sessions.find(others.id, "g2") == others


def test_of_capabilities_only_what_means_something_is_kept(sessions: Sessions) -> None:
    session = sessions.begin(
        "g1",
        VERSION,
        {
            "elicitation": {"form": {"x": "y" * 1000}, "url": {}, "more": {}},
            "sampling": {"tools": {}},
            "roots": {"listChanged": True},
            "experimental": {"x" * 1000: {}},
            "extensions": [],
        },
    )

    kept: Session = sessions.find(session.id, "g1")
    assert kept.capabilities == {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}


# -- what a client leaves for running calls -------------------------------------------------------------------------


def test_an_answer_to_no_question_is_not_kept(server: Any, sessions: Sessions) -> None:
    """Neither one that nobody waits for, nor a second one."""
    id = _begin(server, CAN_ANSWER)
    sessions.expect(sessions.find(id, "g1"), ["q1"])

    for reply in ("never asked", "q1", "q1", "x" * 10_000, 7):
        answer = server.post(json.dumps({"jsonrpc": "2.0", "id": reply, "result": {}}), mcp_session_id=id)
        assert answer.status_code == 202

    assert _inbox(sessions, id) == [{"id": "q1", "result": {}}]


@pytest.mark.parametrize("request_id", [None, True, 1.5, [1], {"a": 1}, "x" * 257])
def test_what_cannot_be_the_id_of_a_call_cancels_none(server: Any, sessions: Sessions, request_id: Any) -> None:
    id = _begin(server)
    notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}

    assert server.post(json.dumps(notice), mcp_session_id=id).status_code == 202

    assert _inbox(sessions, id) == []


def test_an_answer_without_a_session_is_refused(server: Any) -> None:
    answer = server.post('{"jsonrpc":"2.0","id":"q","result":{}}', mcp_protocol_version=VERSION)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32600)
    assert "id" not in answer.get_json()


def test_a_question_that_was_given_up_is_taken_back(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person should not go on filling in a form that nobody reads."""
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT_S", 0.1)
    id = _begin(server, CAN_ANSWER)

    answer = server.legacy("tools/call", {"name": "ask"}, mcp_session_id=id)

    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    question, taken_back, result = [json.loads(line) for line in data if line.strip()]
    assert taken_back["method"] == "notifications/cancelled"
    assert taken_back["params"] == {"requestId": question["id"]}
    assert result["result"]["content"][0]["text"] == "The client did not answer in time."


# -- the version ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["notification", "answer", "GET", "DELETE"])
def test_a_version_that_is_not_served_is_refused_on_whatever_bears_it(server: Any, what: str) -> None:
    id = _begin(server)
    headers = {"HTTP_MCP_PROTOCOL_VERSION": "2024-01-01", "HTTP_MCP_SESSION_ID": id}
    body = {
        "notification": {"jsonrpc": "2.0", "method": "notifications/initialized"},
        "answer": {"jsonrpc": "2.0", "id": "q", "result": {}},
    }.get(what)

    if body is None:
        answer = server.client.open("/mcp", method=what, environ_overrides=headers)
        assert "version" in answer.get_json()["error_description"]
    else:
        answer = server.post(json.dumps(body), mcp_protocol_version="2024-01-01", mcp_session_id=id)
        assert answer.get_json()["error"]["code"] == -32022

    assert answer.status_code == 400
    assert server.legacy("ping", mcp_session_id=id).status_code == 200


def test_an_address_tells_how_it_is_served(server: Any, serve: Any, toolbox: Toolbox) -> None:
    """Where there are sessions, they are listened to by GET and ended by DELETE."""
    assert server.client.put("/mcp").headers["Allow"] == "GET, POST, DELETE, OPTIONS"
    assert serve(toolbox).client.get("/mcp").headers["Allow"] == "POST, OPTIONS"
