"""Unknown input at every address: no 500, no row stored by a stranger's GET, no redirect to where nobody registered."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from flask_sentry_mcp.oauth.fetching import Fetcher
from flask_sentry_mcp.oauth.redirects import matches
from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.testing import Form
from tests.oauth.person import CHALLENGE, ISSUER, WEB, Person, make_provider

LOOPBACK = "http://127.0.0.1:5000/cb"
Pairs = list[tuple[str, str]]

NASTY = st.sampled_from(
    [
        *("", " ", "\x00", "\n", "\r\nX-Injected: 1", "\t", "\x7f", "\u2028", "\ud7ff", "\U0001f600", "é", "ﬀ"),
        *("'", '"', "\\", "<script>", "{{7*7}}", "%", "%00", "%zz", "%c0%af", "../..", "//evil.example", "null", "-1"),
        *("javascript:alert(1)", "https://evil.example/cb", "http://evil.com\\@127.0.0.1/", f"{WEB}#", f"{WEB}.evil"),
        *("http://127.0.0.1:9/cb", "https://a.example/client.json", "https://127.0.0.1/c", "https://[::1]/c"),
        *("http://[127.0.0.1]/cb", "https://[:::]/c", "https://[1:2]/c.json"),
        *("mcpa_" + "x" * 43, "mcpr_" + "x" * 43, "mcpz_" + "x" * 43, "a.b.c", "e30.e30.e30", "A" * 5000),
        *("code", "S256", "plain", "query", "authorization_code", "refresh_token", CHALLENGE, "org:read", "approve"),
        *(f"{ISSUER}/mcp", f"{ISSUER}/mcp/acme", f"{ISSUER}/mcp/../x", "inspect", "deny", "none", "consent"),
    ]
)
NAMES = st.sampled_from(
    [
        *("client_id", "redirect_uri", "state", "response_type", "response_mode", "scope", "resource", "prompt"),
        *("code_challenge", "code_challenge_method", "request", "request_uri", "code", "iss", "error", "grant_type"),
        *("code_verifier", "refresh_token", "token", "token_type_hint", "client_secret", "csrf", "decision", "skills"),
        *("action", "grant", "", "a[]", "é", "\x00"),
    ]
)
VALUES = st.one_of(NASTY, st.text(max_size=30))
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Accept", "Authorization", "Content-Type", "Cookie", "Origin", "Referer", "Sec-Fetch-Site"),
            *("Sec-Fetch-Mode", "Sec-Fetch-Dest", "X-Forwarded-For", "Host", "Content-Encoding", "Accept-Language"),
        ]
    ),
    st.one_of(
        st.sampled_from(
            [
                *("text/html", "*/*", "application/json", "application/x-www-form-urlencoded", "multipart/form-data"),
                *("application/json; charset=utf-16", "Basic Og==", "Basic /w==", "Basic ====", "Bearer x", ISSUER),
                *("null", "same-origin", "none", "navigate", "document", "evil.example", "gzip", "1.2.3.4, ::1", ";;="),
                *("__Host-mcp_csrf=x", "__Host-mcp_approvals=a.b.c", "__Host-mcp_person=x; __Host-mcp_tx_0=1.2"),
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
    ),
    max_size=5,
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


@dataclass
class Target:
    """The server under fire, and what is registered there."""

    person: Person
    stranger: Client
    clients: dict[str, list[str]]
    form: dict[str, str]

    def fire(
        self, method: str, path: str, raw: bytes, body: bytes, headers: dict[str, str], *, address: int = 0
    ) -> TestResponse:
        """One request, from an address that has not been counted yet."""
        browser = self.stranger if method == "GET" else self.person.browser
        return browser.open(
            f"{ISSUER}{path}",
            method=method,
            data=body,
            headers=headers,
            environ_overrides={
                "QUERY_STRING": raw.decode("latin-1"),
                "REMOTE_ADDR": f"10.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}",
            },
        )

    def rows(self) -> int:
        store = self.person.provider.store
        assert isinstance(store, MemoryStore)
        return sum(len(records) for records in store._kinds.values())

    def judge(self, answer: TestResponse) -> None:
        """No fault of ours; and whoever is sent somewhere, is sent to Sentry, to us, or where a client registered."""
        assert answer.status_code < 500, answer.text
        assert "X-Injected" not in answer.headers
        if answer.status_code in (301, 302, 303, 307, 308):
            location = answer.location
            registered = [uri for uris in self.clients.values() for uri in uris]
            assert urlsplit(location).netloc in ("sentry.io", urlsplit(ISSUER).netloc) or any(
                matches(location.partition("?")[0], uri) for uri in registered
            ), location


@pytest.fixture(scope="module")
def target() -> Target:
    provider = make_provider(fetcher=Fetcher(resolve=lambda _: []))
    person = Person(provider)
    web, native = person.register(), person.register(LOOPBACK)
    form = Form.of(person.open(web).text).hidden
    assert isinstance(provider.app, Flask)
    return Target(person, provider.app.test_client(use_cookies=False), {web: [WEB], native: [LOOPBACK]}, form)


GETS = ["callback", "connections", "authorize"]
METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT"]
COUNTER = iter(range(1, 1 << 24))


def encoded(pairs: Pairs) -> bytes:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()


@given(pairs=PAIRS, headers=HEADERS, honest=st.booleans(), native=st.booleans(), data=st.data())
def test_authorize(
    target: Target,
    pairs: Pairs,
    headers: dict[str, str],
    honest: bool,
    native: bool,
    data: st.DataObject,
) -> None:
    """AUTHZ-5, RFC 9700 section 4.11: around an honest request, and far from one."""
    base = []
    if honest:
        client_id, uris = list(target.clients.items())[native]
        base = [
            *(("client_id", client_id), ("redirect_uri", uris[0]), ("response_type", "code"), ("state", "s")),
            *(("code_challenge", CHALLENGE), ("code_challenge_method", "S256")),
        ]
        base = [pair for pair in base if data.draw(st.integers(0, 9)) or pair[0] == "client_id"]
    before = target.rows()
    headers = {name: value for name, value in headers.items() if name != "Host"}

    answer = target.fire("GET", "/oauth/authorize", encoded([*base, *pairs]), b"", headers, address=next(COUNTER))

    target.judge(answer)
    assert target.rows() == before


@given(
    pairs=PAIRS,
    raw=st.binary(max_size=60),
    headers=HEADERS,
    path=st.sampled_from(["callback", "connections", "authorize"]),
)
def test_other_gets(target: Target, pairs: Pairs, raw: bytes, headers: dict[str, str], path: str) -> None:
    before = target.rows()

    answer = target.fire("GET", f"/oauth/{path}", encoded(pairs) + raw, b"", headers, address=next(COUNTER))

    target.judge(answer)
    assert target.rows() == before


@given(
    pairs=PAIRS,
    raw=st.one_of(st.just(b""), st.binary(max_size=60)),
    query=st.one_of(st.just(b""), st.binary(max_size=20)),
    headers=HEADERS,
    honest=st.booleans(),
    path=st.sampled_from(["approve", "token", "revoke", "connections", "register", "callback"]),
)
def test_posts(
    target: Target,
    pairs: Pairs,
    raw: bytes,
    query: bytes,
    headers: dict[str, str],
    honest: bool,
    path: str,
) -> None:
    base = [*target.form.items(), ("client_id", next(iter(target.clients)))] if honest else []
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ISSUER, **headers}

    answer = target.fire("POST", f"/oauth/{path}", query, encoded([*base, *pairs]) + raw, sent, address=next(COUNTER))

    target.judge(answer)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), VALUES),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(VALUES, inner, max_size=4)),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        *("redirect_uris", "client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri", "contacts", "scope"),
        *("grant_types", "response_types", "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"),
        *("application_type", "software_id", "software_version", "jwks", "software_statement", "client_id"),
    ]
)


@given(members=st.dictionaries(MEMBERS, JSON, max_size=6), honest=st.booleans(), cut=st.integers(0, 200))
def test_registration(target: Target, members: dict[str, Any], honest: bool, cut: int) -> None:
    """Whatever is registered is what is then shown: its page can be opened."""
    metadata = {"redirect_uris": [WEB], **members} if honest else members
    text = json.dumps(metadata, allow_nan=True)
    body = text[:-cut] if cut < 5 and cut else text

    answer = target.fire(
        "POST", "/oauth/register", b"", body.encode(), {"Content-Type": "application/json"}, address=next(COUNTER)
    )

    target.judge(answer)
    assert answer.mimetype == "application/json"
    if answer.status_code == 201:
        found = answer.get_json()
        assert isinstance(found, dict)
        query = {"client_id": found["client_id"], "redirect_uri": found["redirect_uris"][0], "response_type": "code"}
        query |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        page = target.fire(
            "GET", "/oauth/authorize", encoded(list(query.items())), b"", {"Accept": "text/html"}, address=next(COUNTER)
        )
        assert page.status_code == 200


@given(
    path=st.text(max_size=30),
    raw=st.binary(max_size=30),
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]),
)
def test_discovery(target: Target, path: str, raw: bytes, method: str) -> None:
    for name in ("oauth-authorization-server", "oauth-protected-resource/mcp", "openid-configuration"):
        url = f"/.well-known/{name}/{quote(path)}"

        answer = target.fire(method, url, raw, b"", {}, address=next(COUNTER))

        assert answer.status_code in (200, 204, 404, 405)
        assert answer.mimetype in ("application/json", "text/html")
