"""What goes over the wire in both eras: whole answers, every status and code of the specification, and no 500 ever."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

INFO = {"io.modelcontextprotocol/serverInfo": {"name": "flask-sentry-mcp", "version": "1.2.3"}}
GREET = {
    "name": "greet",
    "description": "Greet somebody.",
    "inputSchema": {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Whom"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True, "openWorldHint": True},
}
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
HELLO = {"name": "greet", "arguments": {"name": "Ada"}}
SUPPORTED = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]


def test_discover(server: Any) -> None:
    """server/discover: versions, capabilities, identity and caching hints, and nothing else."""
    answer = server.modern("server/discover", id="d")

    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json() == {
        "jsonrpc": "2.0",
        "id": "d",
        "result": {
            "resultType": "complete",
            "supportedVersions": SUPPORTED,
            "capabilities": {"tools": {}},
            "ttlMs": 3600000,
            "cacheScope": "public",
            "_meta": INFO,
        },
    }


def test_instructions_are_told_in_both_eras(serve: Any, toolbox: Any) -> None:
    server = serve(toolbox, instructions="Start with greet.")
    handshake = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}

    assert server.modern("server/discover").get_json()["result"]["instructions"] == "Start with greet."
    assert server.legacy("initialize", handshake).get_json()["result"]["instructions"] == "Start with greet."


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("v9", "2025-11-25"),
    ],
)
def test_the_handshake_of_2025_agrees_on_a_version_we_both_speak(server: Any, asked: str, agreed: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}

    answer = server.legacy("initialize", params, version=None)

    assert answer.status_code == 200
    assert answer.get_json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "protocolVersion": agreed,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "flask-sentry-mcp", "version": "1.2.3"},
        },
    }


def test_tools_list(server: Any) -> None:
    assert server.modern("tools/list").get_json()["result"] == {
        "resultType": "complete",
        "tools": [GREET],
        "ttlMs": 300000,
        "cacheScope": "private",
        "_meta": INFO,
    }
    assert server.legacy("tools/list").get_json()["result"] == {"tools": [GREET]}


def test_tools_call(server: Any) -> None:
    content = [{"type": "text", "text": "Hello, Ada!"}]

    assert server.modern("tools/call", HELLO, id=7).get_json() == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"resultType": "complete", "content": content, "_meta": INFO},
    }
    assert server.legacy("tools/call", HELLO, id="seven").get_json() == {
        "jsonrpc": "2.0",
        "id": "seven",
        "result": {"content": content},
    }


@pytest.mark.parametrize("version", [None, "2025-03-26", "2025-06-18", "2025-11-25"])
def test_ping_is_exactly_an_empty_object(server: Any, version: str | None) -> None:
    assert server.legacy("ping", version=version).get_json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_notifications_are_accepted_without_an_answer(server: Any) -> None:
    answer = server.post('{"jsonrpc":"2.0","method":"notifications/initialized"}', mcp_protocol_version="2025-11-25")

    assert (answer.status_code, answer.data) == (202, b"")


def test_an_answer_from_a_client_has_no_place_in_2026(server: Any) -> None:
    answer = server.post('{"jsonrpc":"2.0","id":3,"result":{}}', mcp_protocol_version="2026-07-28")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32600)
    assert "id" not in answer.get_json()  # it was an id of ours, and answers nothing


@pytest.mark.parametrize(
    ("meta", "headers", "code"),
    [
        ({VERSION: None}, {}, -32602),
        ({CAPABILITIES: None}, {}, -32602),
        ({CAPABILITIES: []}, {}, -32602),
        ({"io.modelcontextprotocol/logLevel": "loud"}, {}, -32602),
        ({"progressToken": 1.5}, {}, -32602),
        ({"progressToken": True}, {}, -32602),
        ({VERSION: "2025-11-25"}, {}, -32020),
        ({VERSION: "v999.0.0"}, {}, -32020),
        ({}, {"mcp_protocol_version": None}, -32020),
        ({}, {"mcp_protocol_version": "2025-11-25"}, -32020),
        ({}, {"mcp_method": None}, -32020),
        ({}, {"mcp_method": "tools/list"}, -32020),
        ({}, {"mcp_method": "Tools/Call"}, -32020),
        ({}, {"mcp_name": None}, -32020),
        ({}, {"mcp_name": "other"}, -32020),
        ({}, {"mcp_name": "Greet"}, -32020),
        ({}, {"mcp_name": "greet,greet"}, -32020),
        ({}, {"mcp_name": "gr\xe9et"}, -32020),
        ({}, {"mcp_name": "=?base64?Z3JlZXQ?="}, -32020),
        ({}, {"mcp_name": "=?base64?Z3Jl_XQ=?="}, -32020),
        ({}, {"mcp_name": "=?base64?/////w==?="}, -32020),
    ],
)
def test_metadata_and_headers_that_are_missing_or_differ(
    server: Any, meta: dict[str, Any], headers: dict[str, Any], code: int
) -> None:
    """The table of 2026-07-28: 400, the code, and the id echoed."""
    answer = server.modern("tools/call", HELLO, id="me", meta=meta, headers=headers)

    assert (answer.status_code, answer.get_json()["error"]["code"], answer.get_json()["id"]) == (400, code, "me")


def test_a_request_of_2026_without_any_metadata(server: Any) -> None:
    cases: list[dict[str, Any]] = [{}, {"params": {}}, {"params": {"_meta": {}}}, {"params": {"_meta": []}}]
    for params in [*cases, {"params": []}]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", **params})

        answer = server.post(body, mcp_protocol_version="2026-07-28", mcp_method="tools/list")

        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp_name": "  greet\t"},
        {"mcp_method": "\ttools/call "},
        {"mcp_protocol_version": " 2026-07-28 "},
        {"mcp_name": "=?base64?Z3JlZXQ=?="},
    ],
)
def test_blanks_and_base64_are_taken_off_header_values(server: Any, headers: dict[str, str]) -> None:
    assert server.modern("tools/call", HELLO, headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["gr\xe9et", "=?base64?Z3JlZXQ=?=", "gr\x01eet"])
def test_a_header_that_needs_base64_is_not_taken_as_it_is(server: Any, name: str) -> None:
    """Not even where the body says the same, letter for letter: other readers of the header see something else."""
    answer = server.modern("tools/call", {"name": name}, headers={"mcp_name": name})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32020)


def test_an_unknown_version_is_told_which_are_served(server: Any) -> None:
    answer = server.modern(
        "tools/list", meta={VERSION: "v999.0.0"}, headers={"mcp_protocol_version": "v999.0.0"}, id="v"
    )

    assert answer.status_code == 400
    assert answer.get_json() == {
        "jsonrpc": "2.0",
        "id": "v",
        "error": {
            "code": -32022,
            "message": "This protocol version is not served.",
            "data": {"supported": SUPPORTED, "requested": "v999.0.0"},
        },
    }


def test_an_unknown_version_of_2025_is_told_too(server: Any) -> None:
    answer = server.legacy("tools/list", version="1999-01-01")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32022)


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such", "tools/List"],
)
def test_removed_and_unknown_methods_of_2026(server: Any, method: str) -> None:
    answer = server.modern(method, id=5)

    assert answer.status_code == 404
    assert answer.get_json() == {
        "jsonrpc": "2.0",
        "id": 5,
        "error": {"code": -32601, "message": "There is no such method in this version."},
    }


def test_unknown_methods_of_2025_are_no_404(server: Any) -> None:
    """To a client of 2025 a 404 says that its session is gone."""
    answer = server.legacy("server/discover")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (200, -32601)


@pytest.mark.parametrize(
    ("body", "code", "id"),
    [
        (b"", -32700, None),
        (b"{", -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', -32700, None),
        (b"[" * 70, -32700, None),
        (b"\xff", -32700, None),
        (b'"ping"', -32600, None),
        (b"null", -32600, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None),
        (b'{"id":1,"method":"ping"}', -32600, 1),
        (b'{"jsonrpc":"1.0","id":"a","method":"ping"}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"result":5}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32602, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', -32602, 1),
    ],
)
def test_what_is_no_message(server: Any, body: bytes, code: int, id: Any) -> None:
    """JSON-1 and JSON-2: 400, the code, and an id only if it is of a kind that may be echoed."""
    answer = server.post(body, mcp_protocol_version="2025-11-25").get_json()

    assert (answer["error"]["code"], answer.get("id")) == (code, id)
    assert set(answer) <= {"jsonrpc", "id", "error"}
    assert server.post(body, mcp_protocol_version="2025-11-25").status_code == 400


@pytest.mark.parametrize(
    "params",
    [{}, {"name": 5}, {"name": None}, {"name": "nobody"}, {"name": "greet", "arguments": []}, {"name": ["greet"]}],
)
def test_calls_that_name_no_tool_are_protocol_errors(server: Any, params: dict[str, Any]) -> None:
    answer = server.legacy("tools/call", params)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (200, -32602)


def test_a_cursor_that_is_not_ours(server: Any) -> None:
    assert server.modern("tools/list", {"cursor": "x"}).get_json()["error"]["code"] == -32602


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_envelopes = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", None]),
        "id": _json,
        "method": st.sampled_from(["tools/call", "tools/list", "ping", "initialize", "server/discover"]) | _json,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "name": st.just("greet") | _json,
                "arguments": st.fixed_dictionaries({"name": _json}) | _json,
                "cursor": _json,
                "_meta": st.fixed_dictionaries(
                    {}, optional={VERSION: st.just("2026-07-28") | _json, CAPABILITIES: st.just({}) | _json}
                )
                | _json,
            },
        )
        | _json,
        "result": _json,
        "error": _json,
    },
)
_headers = st.fixed_dictionaries(
    {},
    optional={
        "mcp_protocol_version": st.sampled_from(SUPPORTED) | st.text(st.characters(max_codepoint=255), max_size=9),
        "mcp_method": st.sampled_from(["tools/call", "tools/list"])
        | st.text(st.characters(max_codepoint=255), max_size=9),
        "mcp_name": st.sampled_from(["greet", "=?base64?Z3JlZXQ=?="]) | st.text(st.characters(max_codepoint=255)),
    },
)


@settings(max_examples=200)
@given(body=st.binary(max_size=60) | _envelopes.map(lambda value: json.dumps(value).encode()), headers=_headers)
def test_whatever_comes_in_the_answer_is_proper(server: Any, body: bytes, headers: dict[str, str]) -> None:
    """Any bytes, any headers: an answer or a JSON-RPC error, never a 500, never an id that was not asked with."""
    answer = server.post(body, **headers)

    if answer.status_code == 202:
        return
    said = answer.get_json()
    assert answer.status_code in (200, 400, 404)
    assert said["jsonrpc"] == "2.0"
    assert ("result" in said) != ("error" in said)
    if "id" in said:
        assert type(said["id"]) in (str, int)
        assert said["id"] == json.loads(body)["id"]
    if "error" in said:
        assert said["error"]["code"] in (-32700, -32600, -32601, -32602, -32020, -32022)
