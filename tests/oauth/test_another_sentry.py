"""A grant's tokens go to the Sentry that issued them and to no other, whatever the settings have become since."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.errors import Unauthenticated
from flask_sentry_mcp.oauth import administration
from flask_sentry_mcp.oauth.grants import of_user
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import start_sandbox
from tests.oauth import test_connections as connections
from tests.oauth.flow import Flow, error_of, load_settings, new_flow, open_provider, sqlite_url


@pytest.fixture(scope="module")
def other_sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def moved(flow: Flow, other_sandbox: Sandbox, tmp_path: Path) -> Iterator[Flow]:
    """The same client, store and keys, and another Sentry."""
    other_sandbox.requests.clear()
    with open_provider(load_settings(other_sandbox, sqlite_url(tmp_path))) as provider:
        changed = new_flow(provider, other_sandbox)
        changed.client_id = flow.client_id
        yield changed


def test_an_access_token_is_invalid_before_anything_is_asked(flow: Flow, moved: Flow) -> None:
    token = flow.sign_in()["access_token"]

    with pytest.raises(Unauthenticated) as refused:
        moved.context(token, "northwind")

    assert refused.value.error == "invalid_token"
    assert list(moved.sandbox.requests) == []


def test_a_refresh_token_is_refused_and_a_code_too(flow: Flow, moved: Flow) -> None:
    token, code = flow.sign_in()["refresh_token"], flow.code()
    moved.verifier = flow.verifier

    refreshed, exchanged = moved.refresh(token), moved.exchange(code)

    assert error_of(refreshed) == error_of(exchanged) == (400, "invalid_grant")
    assert list(moved.sandbox.requests) == []


def test_a_client_can_still_end_it_here(flow: Flow, moved: Flow) -> None:
    token = flow.sign_in()["refresh_token"]

    answer = moved.revoke(token)

    assert answer.status_code == 200
    assert flow.grant(token).end_reason == "client_revoked"
    assert list(moved.sandbox.requests) == []


def test_it_is_good_again_when_its_own_sentry_is(flow: Flow, moved: Flow) -> None:
    """So a wrong setting, soon mended, signs nobody out."""
    tokens = flow.sign_in()
    with pytest.raises(Unauthenticated):
        moved.context(tokens["access_token"])

    assert flow.context(tokens["access_token"]).sentry.get("auth", base=True)["name"] == "Mira Okafor"
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


def test_people_of_one_sentry_are_not_those_of_another(flow: Flow, moved: Flow) -> None:
    """CB-5: an id at Sentry says who somebody is there, and nowhere else; both servers may have one store."""
    token = flow.sign_in()["access_token"]
    user_id = flow.grant(token).user_id
    browser = moved.app.test_client()
    page = connections.sign_in(moved, browser)

    connections.press(browser, "end-all", csrf=connections.csrf_of(page))
    ended = administration.end_grants(moved.provider, user_id=user_id)

    assert connections.grants_of(page) == []
    assert ended == 0
    assert flow.context(token)


def test_who_signed_in_at_one_is_a_stranger_at_another(flow: Flow, moved: Flow) -> None:
    """CB-5: also where both have the same cookie secret, or one has been given another Sentry meanwhile."""
    here, there = flow.app.test_client(), moved.app.test_client()
    connections.sign_in(flow, here)
    person = here.get_cookie("__Host-mcp_person", "mcp.test")
    assert person

    there.set_cookie("__Host-mcp_person", person.value, domain="mcp.test")

    assert "Sign out" in here.get(connections.PAGE).text
    assert "Sign in at" in there.get(connections.PAGE).text


def test_a_page_of_connections_shows_those_of_its_own_server(flow: Flow, sandbox: Sandbox, tmp_path: Path) -> None:
    """Two applications at one Sentry, with one store: each has its own, and its own twenty (GRANT-1)."""
    token = flow.sign_in()["access_token"]
    settings = load_settings(sandbox, sqlite_url(tmp_path), SENTRY_MCP_PUBLIC_URL="https://other.test")
    with open_provider(settings) as other:
        assert list(of_user(other, flow.grant(token).user_id)) == []
    assert len(list(of_user(flow.provider, flow.grant(token).user_id))) == 1
