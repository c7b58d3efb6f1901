"""The token endpoint: codes, refresh, revocation, and the error table of Sentry."""

import base64
from collections.abc import Callable

import pytest
import requests

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox, SandboxToken
from flask_sentry_mcp.sandbox.credentials import matches_challenge
from tests.sandbox.asking import CALLBACK, query_of
from tests.sandbox.test_authorize import CHALLENGE, address

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
Post = Callable[..., requests.Response]


@pytest.fixture
def post(own: Sandbox, browser: requests.Session) -> Post:
    """A request to the token endpoint with credentials in the body; None leaves a parameter out."""

    def send(**form: str | None) -> requests.Response:
        whole = {"client_id": own.client_id, "client_secret": own.client_secret} | form
        kept = {name: value for name, value in whole.items() if value is not None}
        return browser.post(f"{own.url}/oauth/token/", kept, timeout=10)

    return send


@pytest.fixture
def code(own: Sandbox) -> str:
    return query_of(own.approve(address(own)))["code"]


def by_code(post: Post, code: str, **changes: str | None) -> requests.Response:
    return post(**{"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK} | changes)


def test_a_code_becomes_a_pair_of_tokens(own: Sandbox, post: Post, code: str) -> None:
    answer = by_code(post, code)

    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(body["access_token"]) == len(body["refresh_token"]) == 64
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "event:write org:read"
    assert 30 * 86_400 - 60 < body["expires_in"] <= 30 * 86_400
    assert body["expires_at"].endswith("Z")
    assert body["user"] == {"id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example"}


def test_a_code_works_once(post: Post, code: str) -> None:
    statuses = [by_code(post, code).status_code for _ in range(2)]

    assert statuses == [200, 400]


def test_a_code_lives_ten_minutes(post: Post, code: str) -> None:
    with clock.shifted(601):
        answer = by_code(post, code)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("redirect_uri", [None, "http://127.0.0.1:5000/other"])
def test_another_redirect_address_spoils_the_code(post: Post, code: str, redirect_uri: str | None) -> None:
    refused = by_code(post, code, redirect_uri=redirect_uri)
    again = by_code(post, code)

    assert refused.json() == again.json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("verifier", [None, "x" * 43, VERIFIER[:42]])
def test_a_wrong_verifier_spoils_the_code(own: Sandbox, post: Post, verifier: str | None) -> None:
    asked = address(own, code_challenge=CHALLENGE, code_challenge_method="S256")
    code = query_of(own.approve(asked))["code"]

    refused = by_code(post, code, code_verifier=verifier)
    again = by_code(post, code, code_verifier=VERIFIER)

    assert refused.json() == again.json() == {"error": "invalid_grant"}


def test_the_right_verifier_is_accepted(own: Sandbox, post: Post) -> None:
    asked = address(own, code_challenge=CHALLENGE, code_challenge_method="S256")
    code = query_of(own.approve(asked))["code"]

    assert by_code(post, code, code_verifier=VERIFIER).status_code == 200
    assert matches_challenge(VERIFIER, CHALLENGE)


def test_a_verifier_without_a_challenge_is_ignored(post: Post, code: str) -> None:
    assert by_code(post, code, code_verifier="whatever").status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "client_id": "nobody"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "client_id": None}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "client_secret": None}, 401, "invalid_client"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "unknown"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "scope": "org:read"}, 400, "invalid_request"),
    ],
)
def test_the_error_table(post: Post, form: dict[str, str | None], status: int, error: str) -> None:
    answer = post(**form)

    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.get("WWW-Authenticate") == ('Basic realm="oauth"' if status == 401 else None)


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_credentials_may_come_by_basic_or_in_the_body_but_not_both(
    own: Sandbox, browser: requests.Session, code: str
) -> None:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    headers = basic(own.client_id, own.client_secret)

    both = browser.post(
        f"{own.url}/oauth/token/", form | {"client_id": own.client_id}, headers=headers, timeout=10
    ).json()
    one = browser.post(f"{own.url}/oauth/token/", form, headers=headers, timeout=10)

    assert both == {"error": "invalid_request"}
    assert one.status_code == 200


@pytest.mark.parametrize("header", ["Basic ???", "Basic " + "A" * 4100, "Basic bm9jb2xvbg=="])
def test_malformed_basic_credentials_are_invalid_client(own: Sandbox, browser: requests.Session, header: str) -> None:
    answer = browser.post(
        f"{own.url}/oauth/token/",
        {"grant_type": "refresh_token"},
        headers={"Authorization": header},
        timeout=10,
    )

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def works(own: Sandbox, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return requests.get(f"{own.url}/api/0/auth/", headers=headers, timeout=10).status_code == 200


def test_refresh_replaces_both_tokens_at_once(own: Sandbox, post: Post) -> None:
    old = own.issue_token()
    access, refresh = old.access_token, old.refresh_token

    renewed = post(grant_type="refresh_token", refresh_token=refresh).json()
    again = post(grant_type="refresh_token", refresh_token=refresh)

    assert not works(own, access)
    assert works(own, renewed["access_token"])
    assert renewed["refresh_token"] != refresh
    assert again.json() == {"error": "invalid_grant"}
    assert works(own, renewed["access_token"]), "a confidential client's reuse harms nobody"


def test_a_public_clients_reuse_of_a_refresh_token_ends_the_family(own: Sandbox, browser: requests.Session) -> None:
    first = issue_public(own)

    def refresh(token: str | None) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": own.public_client_id}
        return browser.post(f"{own.url}/oauth/token/", form, timeout=10)

    second = refresh(first.refresh_token).json()
    reused = refresh(first.refresh_token)

    assert reused.json() == {"error": "invalid_grant"}
    assert not works(own, second["access_token"])
    assert refresh(second["refresh_token"]).json() == {"error": "invalid_grant"}


def issue_public(own: Sandbox) -> SandboxToken:
    credentials = own._state.credentials
    return credentials.issue(own.users["mira"], frozenset({"org:read"}), own.public_client_id)


def test_a_short_life_can_be_ordered(browser: requests.Session) -> None:
    with Sandbox([CALLBACK], token_life_s=2) as sandbox:
        token = sandbox.issue_token().access_token

        before = works(sandbox, token)
        with clock.shifted(3):
            after = works(sandbox, token)

    assert (before, after) == (True, False)


def test_revocation_ends_both_tokens_and_knows_no_unknown_ones(own: Sandbox, browser: requests.Session) -> None:
    token = own.issue_token()
    form = {"client_id": own.client_id, "client_secret": own.client_secret}

    by_refresh = browser.post(f"{own.url}/oauth/revoke/", form | {"token": token.refresh_token}, timeout=10)
    unknown = browser.post(f"{own.url}/oauth/revoke/", form | {"token": "unknown"}, timeout=10)

    assert (by_refresh.status_code, by_refresh.content) == (200, b"")
    assert (unknown.status_code, unknown.content) == (200, b"")
    assert not works(own, token.access_token)


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": None}, 400, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"token": None}, 400, "invalid_request"),
        ({"token_type_hint": "id_token"}, 400, "unsupported_token_type"),
    ],
)
def test_what_revocation_refuses(
    own: Sandbox, browser: requests.Session, changes: dict[str, str | None], status: int, error: str
) -> None:
    form = {"client_id": own.client_id, "client_secret": own.client_secret, "token": "x"} | changes

    answer = browser.post(f"{own.url}/oauth/revoke/", form, timeout=10)

    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert "error_description" in answer.json()


def test_discovery_names_code_refresh_and_s256(own: Sandbox, browser: requests.Session) -> None:
    body = browser.get(f"{own.url}/.well-known/oauth-authorization-server", timeout=10).json()

    assert body["issuer"] == own.url
    assert body["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert "registration_endpoint" not in body
    assert "event:write" in body["scopes_supported"]
