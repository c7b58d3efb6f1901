"""The judge can be trusted: it finds what is wrong, in both eras, and lets pass what is right."""

import json
from typing import Any

import pytest
from werkzeug.test import Client

from .reading_along import Judged
from .wire import Asked, Events, Judge

MODERN, LEGACY = "2026-07-28", "2025-11-25"
TOOL: dict[str, Any] = {"name": "t", "inputSchema": {"type": "object"}}
LISTED: dict[str, Any] = {"resultType": "complete", "tools": [TOOL], "ttlMs": 1, "cacheScope": "private"}
TASK: dict[str, Any] = {
    "taskId": "t",
    "status": "working",
    "createdAt": "2026-07-28T12:00:00Z",
    "lastUpdatedAt": "2026-07-28T12:00:00Z",
    "ttlMs": 1000,
}
PROGRESS: dict[str, Any] = {"progressToken": 1, "progress": 1}


def _judged(version: str, method: str, said: dict[str, Any]) -> list[str]:
    judge = Judge()
    headers = {"mcp-protocol-version": version}
    asked = judge.asked(headers, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode())
    judge.answer(asked, 200, "application/json", json.dumps({"jsonrpc": "2.0", **said}).encode())
    return judge.complaints


def _result(**members: Any) -> dict[str, Any]:
    return {"id": 1, "result": members}


GOOD: list[tuple[str, str, dict[str, Any]]] = [
    (MODERN, "tools/list", _result(**LISTED)),
    (LEGACY, "tools/list", _result(tools=[TOOL])),
    (LEGACY, "ping", _result()),
    (MODERN, "tools/call", _result(resultType="complete", content=[{"type": "text", "text": "a"}])),
    (MODERN, "tools/call", _result(resultType="task", **TASK)),
    (MODERN, "tasks/get", _result(resultType="complete", **TASK)),
    (MODERN, "tools/call", {"method": "notifications/progress", "params": PROGRESS}),
    (LEGACY, "tools/call", {"id": "q", "method": "roots/list", "params": {}}),
    (MODERN, "tools/call", {"id": 1, "error": {"code": -32602, "message": "m"}}),
]
BAD: list[tuple[str, str, dict[str, Any]]] = [
    (MODERN, "tools/list", _result(**{**LISTED, "ttlMs": "1"})),
    (MODERN, "tools/list", _result(**{**LISTED, "tools": [{"name": "t"}]})),
    (MODERN, "tools/list", _result(**{**LISTED, "tools": [{**TOOL, "titel": "T"}]})),
    (MODERN, "tools/list", _result(tools=[TOOL])),
    (MODERN, "tools/list", {"id": 2, "result": LISTED}),
    (MODERN, "tools/list", {"id": 1, "result": LISTED, "method": 5}),
    (LEGACY, "tools/list", _result(tools=[TOOL], resultType="complete")),
    (LEGACY, "tools/list", _result(tools=[{**TOOL, "annotations": {"readOnlyHint": "yes"}}])),
    (MODERN, "ping", _result()),
    (LEGACY, "server/discover", _result()),
    (MODERN, "tools/call", _result(resultType="complete", content=[{"type": "text"}])),
    (MODERN, "tools/call", _result(resultType="task", **{**TASK, "ttlMs": -1})),
    (LEGACY, "tools/call", _result(resultType="task", **TASK)),
    (MODERN, "tasks/get", _result(resultType="complete", **{**TASK, "status": "completed"})),
    (MODERN, "tasks/cancel", _result(resultType="complete", taskId="t")),
    (MODERN, "tools/call", {"method": "notifications/progress", "params": {"progress": 1}}),
    (MODERN, "tools/call", {"method": "notifications/made_up", "params": {}}),
    (MODERN, "tools/call", {"id": "q", "method": "roots/list", "params": {}}),
    (MODERN, "tools/call", {"id": 1, "error": {"code": "x", "message": "m"}}),
    (MODERN, "tools/call", {"id": None, "error": {"code": -32700, "message": "m"}}),
    (MODERN, "tools/call", {"id": 1, "error": {"code": -32021, "message": "m", "data": {}}}),
    (MODERN, "tools/call", {"id": 1, "error": {"code": -32022, "message": "m", "data": {"supported": "a"}}}),
]


@pytest.mark.parametrize(("version", "method", "said"), GOOD)
def test_right_messages_pass(version: str, method: str, said: dict[str, Any]) -> None:
    assert _judged(version, method, said) == []


@pytest.mark.parametrize(("version", "method", "said"), BAD)
def test_planted_mistakes_are_found(version: str, method: str, said: dict[str, Any]) -> None:
    assert _judged(version, method, said)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", b'{"jsonrpc":"2.0"}'),
        (200, "application/json", b""),
        (200, "application/json", b'{"error":"e","error_description":"d"}'),
        (500, "application/json", b'{"message":"e"}'),
        (200, "application/json", b'{"jsonrpc":"2.0","id":1,"result":{"n":NaN}}'),
    ],
)
def test_planted_mistakes_of_http_are_found(status: int, content_type: str, body: bytes) -> None:
    judge = Judge()

    judge.answer(Asked(MODERN), status, content_type, body)

    assert judge.complaints


@pytest.mark.parametrize("event", ["event: message\ndata: {}", "data: {}", "data: 1\ndata: 2", "x"])
def test_planted_mistakes_in_a_stream_are_found(event: str) -> None:
    judge = Judge()

    for whole in Events().feed(f"{event}\n\n".encode()):
        judge.event(Asked(MODERN), whole)

    assert judge.complaints


@pytest.mark.parametrize(
    ("content_type", "chunks"),
    [
        ("application/json", [b'{"jsonrpc":"2.0",', b'"id":1,"result":{"n":1}}']),
        ("text/event-stream", [b'data: {"jsonrpc":"2.0",', b'"id":1,"result":{"n":1}}\n\n']),
    ],
)
def test_planted_mistakes_of_an_application_in_this_process_are_found(content_type: str, chunks: list[bytes]) -> None:
    """And it is passed on as it was."""
    judge = Judge()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", content_type)])
        return chunks

    headers = {"MCP-Protocol-Version": MODERN}
    said = Client(Judged(app, judge)).post(data=b'{"id":1,"method":"tools/list"}', headers=headers)

    assert said.data == b"".join(chunks)
    assert judge.complaints


def test_events_are_found_however_they_are_cut() -> None:
    whole, events = b": keep-alive\n\nid: 1\ndata: {}\n\n", Events()

    assert [event for byte in whole for event in events.feed(bytes([byte]))] == [": keep-alive", "id: 1\ndata: {}"]
