"""What answers of the machine endpoints carry, and how often an address may ask (CORS-1, HDR-1, HDR-2, RATE-1)."""

import io
from collections.abc import Mapping
from contextlib import ExitStack

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp.oauth.provider import BODIES_AT_ONCE
from tests.oauth.person import ISSUER, WEB, Person, make_provider

BROWSER = {"Origin": "https://chat.example", "Accept": "text/html"}


def send(person: Person, path: str, method: str = "POST", address: str = "10.0.0.1", **more: str) -> TestResponse:
    headers: Mapping[str, str] = {**BROWSER, **more}
    return person.browser.open(
        f"{ISSUER}{path}", method=method, headers=headers, environ_overrides={"REMOTE_ADDR": address}
    )


@pytest.mark.parametrize("endpoint", ["token", "revoke", "register"])
def test_errors_can_be_read_by_the_page_that_called(person: Person, endpoint: str) -> None:
    """B17, CORS-1, HDR-1: whatever goes wrong, a client in a browser learns it, and nobody keeps it."""
    path = f"/oauth/{endpoint}"
    large = person.browser.post(
        f"{ISSUER}{path}",
        data=b"x" * 40_000,
        content_type="application/x-www-form-urlencoded",
        headers=BROWSER,
    )
    refused = person.browser.post(
        f"{ISSUER}{path}",
        data={"token": "x", "grant_type": "refresh_token", "refresh_token": "x"},
        headers={**BROWSER, "Authorization": "Basic eDp5"},
    )
    answers = [large, refused, send(person, path), send(person, path, "GET")]
    answers += [send(person, path) for _ in range(121)][-1:]

    assert [answer.status_code for answer in answers] == [
        413,
        400 if endpoint == "register" else 401,
        400,
        405,
        429,
    ]
    for answer in answers:
        assert answer.mimetype == "application/json"
        assert answer.get_json()["error"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "method", "limit"),
    [
        ("/oauth/authorize", "GET", 60),
        ("/oauth/approve", "POST", 30),
        ("/oauth/callback", "GET", 30),
        ("/oauth/token", "POST", 120),
        ("/oauth/register", "POST", 60),
        ("/oauth/revoke", "POST", 60),
        ("/.well-known/oauth-authorization-server", "GET", 300),
    ],
)
def test_how_often_one_address_may_ask(person: Person, path: str, method: str, limit: int) -> None:
    """RATE-1: by endpoint and address; another address, and another endpoint, are not affected."""
    statuses = [send(person, path, method).status_code for _ in range(limit + 1)]

    assert 429 not in statuses[:-1]
    assert statuses[-1] == 429
    assert send(person, path, method, "10.0.0.2").status_code != 429
    assert send(person, "/oauth/connections", "GET").status_code == 200


def test_nobody_escapes_a_limit_by_a_header(person: Person) -> None:
    """RATE-1: the address is the socket's; what a caller writes into headers is not."""
    forged = [{"X-Forwarded-For": f"1.2.3.{n}", "X-Real-IP": f"1.2.3.{n}"} for n in range(31)]

    assert [send(person, "/oauth/approve", **headers).status_code for headers in forged][-1] == 429


def test_behind_a_proxy_the_address_is_what_the_proxy_saw() -> None:
    """RATE-1: the last value of X-Forwarded-For, never the first."""
    person = Person(make_provider(SENTRY_MCP_TRUSTED_PROXY_HOPS=1))

    same = [send(person, "/oauth/approve", **{"X-Forwarded-For": f"1.2.3.{n}, 9.9.9.9"}) for n in range(31)]
    other = send(person, "/oauth/approve", **{"X-Forwarded-For": "9.9.9.9, 8.8.8.8"})

    assert same[-1].status_code == 429
    assert other.status_code != 429


def test_a_refused_request_uses_nothing_up(person: Person) -> None:
    """RATE-2: the limit comes before the form is opened, so that it can be sent again."""
    page = person.open(person.register())
    for _ in range(30):
        person.browser.post(f"{ISSUER}/oauth/approve", headers={"Origin": ISSUER})

    refused = person.press(page)

    assert refused.status_code == 429
    assert person.provider.store.count("transaction") == 0
    assert WEB not in refused.text


class Untouched(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("the body was read")


def post(person: Person, path: str, body: io.BytesIO, address: str = "10.0.0.1") -> TestResponse:
    return person.browser.post(
        f"{ISSUER}{path}",
        input_stream=body,
        headers={"Content-Length": "10"},
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"REMOTE_ADDR": address},
    )


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/register", "/oauth/approve"])
def test_what_is_over_the_limit_is_refused_before_its_body_is_read(person: Person, path: str) -> None:
    """RATE-1: a body may come as slowly as its sender likes, and holds a thread for as long."""
    while send(person, path).status_code != 429:
        pass

    assert post(person, path, Untouched()).status_code == 429


def test_one_address_has_only_so_many_bodies_read_at_once(person: Person) -> None:
    """However many requests it may make in a minute."""
    provider = person.provider
    with ExitStack() as slow:
        for _ in range(BODIES_AT_ONCE):
            slow.enter_context(provider.bodies.place(provider.limits.address_key("10.0.0.1")))

        refused = post(person, "/oauth/token", Untouched())

        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert send(person, "/oauth/token", address="10.0.0.2").status_code == 400
    assert send(person, "/oauth/token").status_code == 400
