"""The endpoint as HTTP: who is let in, in which order, and what every answer carries."""

import io
import logging
from typing import Any

import pytest
from flask import Flask, request
from marshmallow import fields

from flask_sentry_mcp.context import Context, Presented
from flask_sentry_mcp.errors import (
    InsufficientScope,
    NoAccess,
    SignInEnded,
    StoreUnavailable,
    Unauthenticated,
)
from flask_sentry_mcp.mcp.tool import Toolbox

PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
HELLO = {"name": "greet", "arguments": {"name": "Ada"}}
COMMON = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After, Mcp-Session-Id",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _has_common_headers(answer: Any) -> bool:
    return all(answer.headers.getlist(name) == [value] for name, value in COMMON.items())


@pytest.mark.parametrize(
    ("path", "slugs"),
    [
        ("/mcp", (None, None)),
        ("/mcp/", (None, None)),
        ("/mcp/acme", ("acme", None)),
        ("/mcp/acme/", ("acme", None)),
        ("/mcp/acme/web", ("acme", "web")),
        ("/mcp/Acme.eu/web_2/", ("Acme.eu", "web_2")),
        ("/mcp/acme%2Fweb", ("acme", "web")),
    ],
)
def test_the_address_fixes_organization_and_project(server: Any, path: str, slugs: tuple[str, str]) -> None:
    """With and without a slash at the end, and never by a redirect."""
    answer = server.modern("tools/call", HELLO, path=path)

    assert answer.status_code == 200
    assert server.presented == [Presented(None, *slugs, address="127.0.0.1", query="")]


@pytest.mark.parametrize(
    "path", ["/mcp/..", "/mcp/a..b", "/mcp/-a", "/mcp/a%0a", "/mcp/a%00b", "/mcp/acme/%3F", "/mcp/é"]
)
def test_what_is_no_slug_is_not_found(server: Any, path: str) -> None:
    """SLUG-1: decoded first, then matched in full."""
    answer = server.modern("tools/list", path=path)

    assert answer.status_code == 404
    assert answer.get_json() == {"error": "invalid_request", "error_description": "There is nothing at this address."}
    assert server.presented == []


def test_the_raw_header_and_query_are_presented(server: Any) -> None:
    server.post(PING, "/mcp?skills=a", authorization="Bearer one,Bearer two", mcp_protocol_version="2025-11-25")

    assert server.presented == [Presented("Bearer one,Bearer two", None, None, "127.0.0.1", "skills=a")]


def test_a_public_url_with_a_path_and_another_resource_path(serve: Any, toolbox: Any) -> None:
    server = serve(
        toolbox, {"SENTRY_MCP_PUBLIC_URL": "http://localhost/sentry", "SENTRY_MCP_RESOURCE_PATH": "/agents/mcp"}
    )

    assert server.modern("tools/list", path="/sentry/agents/mcp/acme").status_code == 200
    assert server.modern("tools/list", path="/mcp").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/jsonp"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"accept": "application/json"}, 406),
        ({"accept": "text/event-stream"}, 406),
        ({"accept": "text/html"}, 406),
        ({"accept": "*/*;q=0"}, 406),
        ({"accept": "application/json, text/event-stream;q=0.0"}, 406),
        ({"host": "evil.example.com"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"origin": "http://evil.example.com"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_requests_that_are_not_served_are_refused_before_anybody_is_asked(
    server: Any, headers: dict[str, str], status: int
) -> None:
    """RS-5, each with the headers of every answer."""
    answer = server.post(PING, **headers)

    assert answer.status_code == status
    assert set(answer.get_json()) == {"error", "error_description"}
    assert _has_common_headers(answer)
    assert server.presented == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "Application/JSON"},
        {"accept": "*/*"},
        {"accept": "text/*, application/*;q=0.1"},
        {"accept": "text/event-stream,application/json"},
        {"origin": "http://localhost"},
        {"origin": "http://127.0.0.1:8080"},
        {"host": "127.0.0.1:5000"},
    ],
)
def test_requests_in_other_spellings_are_served(server: Any, headers: dict[str, str]) -> None:
    assert server.post(PING, **headers).get_json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_a_body_of_more_than_a_mebibyte_is_refused(server: Any) -> None:
    exactly = PING + " " * (1024 * 1024 - len(PING))

    assert server.post(exactly).status_code == 200
    assert server.post(exactly + " ").status_code == 413


def test_a_chunked_body_of_more_than_a_mebibyte_is_refused(server: Any) -> None:
    """Without a Content-Length the limit is kept while reading."""
    for size, status in ((1024 * 1024, 200), (1024 * 1024 + 1, 413)):
        answer = server.client.post(
            "/mcp",
            input_stream=io.BytesIO(PING.encode().ljust(size)),
            content_type="application/json",
            headers={"Accept": "*/*", "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )

        assert answer.status_code == status


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999", "\xb2"])
def test_a_content_length_that_is_no_size(server: Any, length: str) -> None:
    answer = server.client.post(
        "/mcp", data=PING, content_type="application/json", environ_overrides={"CONTENT_LENGTH": length}
    )

    assert answer.status_code in (400, 413)
    assert server.presented == []


def test_a_body_that_ends_early(server: Any) -> None:
    answer = server.client.post(
        "/mcp", data=PING, content_type="application/json", environ_overrides={"CONTENT_LENGTH": "500"}
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("error", "status", "code", "challenge"),
    [
        (
            Unauthenticated(),
            401,
            "unauthorized",
            'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource/mcp/acme"',
        ),
        (
            SignInEnded(),
            401,
            "unauthorized",
            'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource/mcp/acme",'
            ' error="invalid_token"',
        ),
        (
            InsufficientScope(["org:read", "team:write"]),
            403,
            "insufficient_scope",
            'Bearer error="insufficient_scope", scope="org:read team:write"',
        ),
        (NoAccess(), 403, "access_denied", None),
        (StoreUnavailable("secret detail"), 503, "temporarily_unavailable", None),
    ],
)
def test_who_is_not_let_in_is_told_why(server: Any, error: Any, status: int, code: str, challenge: str | None) -> None:
    """RS-2: before the body is looked at, with the challenge of the address."""
    server.caller = error

    answer = server.post("not json", "/mcp/acme")

    assert answer.status_code == status
    assert answer.get_json() == {"error": code, "error_description": error.public}
    assert answer.headers.get("WWW-Authenticate") == challenge
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert _has_common_headers(answer)


def test_a_fault_behind_authentication_says_nothing_but_an_event_id(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """B13: the details are in the log, under the same id."""
    server.caller = RuntimeError("password=hunter2")

    answer = server.post(PING)

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    event_id = answer.get_json()["error_description"].rpartition(" ")[2].rstrip(".")
    assert len(event_id) == 32
    assert event_id in caplog.text
    assert _has_common_headers(answer)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "PATCH"])
def test_other_methods(server: Any, method: str) -> None:
    answer = server.client.open("/mcp/acme", method=method)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert _has_common_headers(answer)


def test_a_get_without_a_token_leads_to_the_sign_in(server: Any) -> None:
    server.caller = Unauthenticated()

    assert server.client.get("/mcp").status_code == 401


def test_preflight(server: Any) -> None:
    """CORS-1: of the headers asked for only mirrored parameters are echoed."""
    answer = server.client.options(
        "/mcp/acme",
        headers={
            "Origin": "https://chat.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "mcp-param-region, authorization, x-evil, Mcp-Param-a\tb",
        },
    )

    assert (answer.status_code, answer.data) == (204, b"")
    assert _has_common_headers(answer)
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == (
        "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, "
        "Last-Event-ID, mcp-param-region"
    )
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert server.presented == []


def test_https_is_made_to_stay(serve: Any, toolbox: Any) -> None:
    server = serve(toolbox, {"SENTRY_MCP_PUBLIC_URL": "https://app.example"})

    answer = server.post(PING, host="app.example")

    assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")


def test_the_limit_per_address_comes_before_authentication(serve: Any, toolbox: Any) -> None:
    server = serve(toolbox, {"SENTRY_MCP_ADDRESS_LIMIT": "2/hour"}, caller=Unauthenticated())

    statuses = [server.post(PING).status_code for _ in range(3)]

    assert statuses == [401, 401, 429]
    answer = server.post(PING)
    assert answer.get_json()["error"] == "temporarily_unavailable"
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert _has_common_headers(answer)
    assert server.post(PING, remote_addr="192.0.2.7").status_code == 429  # a header, not the socket


def test_the_limit_per_person(serve: Any, toolbox: Any, context: Any) -> None:
    """RATE-1: whatever client calls for them, and only at their own Sentry; of nobody known, per grant."""
    server = serve(toolbox, {"SENTRY_MCP_CALL_LIMIT": "1/hour"})

    def calls_as(**changes: str) -> int:
        server.caller = context(**changes)
        return int(server.post(PING).status_code)

    assert [calls_as(), calls_as(grant_id="g2")] == [200, 429]
    assert [calls_as(user_id="u2"), calls_as(host="sentry.example")] == [200, 200]
    assert [calls_as(user_id=""), calls_as(user_id="", grant_id="g2"), calls_as(user_id="")] == [200, 200, 429]


def test_sign_in_and_scope_troubles_inside_a_tool_are_http_answers(serve: Any, toolbox: Toolbox) -> None:
    """A client authorizes again only when HTTP says so."""
    trouble: list[Exception] = []

    @toolbox.tool(reads_only=True)
    def work(ctx: Context) -> str:
        """Fail."""
        raise trouble[-1]

    server = serve(toolbox)
    for error, status in ((SignInEnded(), 401), (InsufficientScope(["team:write"]), 403), (StoreUnavailable(), 503)):
        trouble.append(error)

        answer = server.modern("tools/call", {"name": "work"}, path="/mcp/acme")

        assert answer.status_code == status
        assert ("WWW-Authenticate" in answer.headers) == (status != 503)


def test_a_host_application_that_reads_the_body_first_does_no_harm(serve: Any, toolbox: Any) -> None:
    server = serve(toolbox)
    seen: list[bytes] = []
    app: Flask = server.app
    app.before_request(lambda: seen.append(request.get_data()))

    assert server.post(PING).get_json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert seen == [PING.encode()]


def test_refusals_are_logged_without_traceback(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    server.caller = NoAccess("not a member of acme")
    with caplog.at_level(logging.INFO, "flask_sentry_mcp"):
        server.post(PING)

    assert [(one.getMessage(), one.exc_info) for one in caplog.records] == [
        ("Refused at the MCP endpoint: access_denied: not a member of acme", None)
    ]


def test_a_nested_argument_travels_whole(serve: Any, toolbox: Toolbox) -> None:
    @toolbox.tool({"words": fields.List(fields.Str())}, reads_only=True)
    def join(ctx: Context, *, words: list[str] | None = None) -> str:
        """Join words."""
        return "-".join(words or ["none"])

    server = serve(toolbox)

    assert server.call("join", {"words": ["é", "😀"]})["content"][0]["text"] == "é-😀"
    assert server.call("join")["content"][0]["text"] == "none"
