"""A machine without a browser signs in by Sentry's device flow, and gets a grant like any other (RFC 8628)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from flask import Flask

from flask_sentry_mcp import cli, clock
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import InvalidInput, NoAccess, OAuthError, Unauthenticated, UpstreamError
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.oauth import device
from flask_sentry_mcp.oauth.administration import end_grants, list_grants
from flask_sentry_mcp.oauth.grants import GRANT
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.oauth.upstream import Invitation, TokenPair
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth import test_connections as connections
from tests.oauth.flow import Flow, error_of
from tests.sandbox.test_device_flow import decide

Pause = Callable[[float], None]


@pytest.fixture
def later() -> Iterator[Pause]:
    """A pause that takes no time: the clock goes on by itself."""
    with ExitStack() as stack:

        def pause(seconds: float) -> None:
            stack.enter_context(clock.shifted(seconds))

        yield pause


def approved_by_person(sandbox: Sandbox, invitation: Invitation, pause: Pause, op: str = "approve") -> Pause:
    """A pause in which the person decides, the second time."""
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            decide(sandbox, requests.Session(), invitation.user_code, op)
        pause(seconds)

    return wait


def sign_in(flow: Flow, later: Pause, skills: tuple[str, ...] | None = None, organization: str | None = None) -> str:
    """The access token of a sign-in by Mira."""
    approved = device.approve(flow.provider, skills, organization)
    invitation = device.invite(flow.provider, approved)
    pair = device.await_person(flow.provider, invitation, approved_by_person(flow.sandbox, invitation, later))
    return device.start(flow.provider, approved, pair)


def test_a_person_approves_elsewhere_and_the_machine_is_let_in(flow: Flow, later: Pause) -> None:
    """With no more scopes of Sentry's than the skills need, and the skills that the page would tick (SCOPE-3)."""
    token = sign_in(flow, later)

    context = flow.context(token)
    asked = next(one for one in flow.sandbox.requests if one.path == "/oauth/device/code/")
    assert asked.body["scope"] == ["event:read org:read project:read team:read"]
    assert context.skills == {"inspect"}
    assert context.sentry.get("auth")["name"] == "Mira Okafor"


def test_it_is_a_grant_like_any_other(flow: Flow, later: Pause) -> None:
    """Sealed, listed for its person and for the operator, bound to its organization, ended by whoever may."""
    token = sign_in(flow, later, ("inspect", "triage"), "northwind")
    page = connections.sign_in(flow, flow.app.test_client())

    (grant,) = list_grants(flow.provider, client_id="command-line")
    assert connections.grants_of(page) == [grant.id]
    assert "Command line" in page.text
    assert grant.skills == ("inspect", "triage")
    assert flow.context(token, "northwind").organization_slug == "northwind"
    assert token.encode() not in next(flow.provider.store.find(GRANT)).value
    assert end_grants(flow.provider, client_id="command-line") == 1
    with pytest.raises(Unauthenticated):
        flow.context(token, "northwind")


def test_it_ends_with_the_process(flow: Flow, later: Pause) -> None:
    """Here and at Sentry."""
    token = sign_in(flow, later)
    upstream = flow.context(token).token.current()

    device.stop(flow.provider, token)

    assert flow.events == [("ended", "client_revoked")]
    assert [one.body["token"] for one in flow.sandbox.requests if one.path == "/oauth/revoke/"] == [[upstream]]


def test_it_lives_for_longer_than_tokens_that_are_handed_out(flow: Flow, later: Pause) -> None:
    """Until the grant's idle end; Sentry's token is renewed meanwhile (UP-2)."""
    token = sign_in(flow, later)

    with clock.shifted(29 * 86_400):
        assert flow.context(token).sentry.get("auth")
    with clock.shifted(30 * 86_400), pytest.raises(Unauthenticated):
        flow.context(token)


@pytest.mark.parametrize(("op", "code"), [("deny", "access_denied"), ("nothing yet", "expired_token")])
def test_without_a_yes_there_is_no_grant(flow: Flow, later: Pause, op: str, code: str) -> None:
    invitation = device.invite(flow.provider, device.approve(flow.provider, None, None))
    pause = approved_by_person(flow.sandbox, invitation, later, op) if op == "deny" else later

    with pytest.raises(OAuthError) as refused:
        device.await_person(flow.provider, invitation, pause)

    assert refused.value.code == code
    assert flow.provider.store.count(GRANT) == 0


def test_it_asks_no_more_often_than_sentry_likes(flow: Flow) -> None:
    """RFC 8628 section 3.5: ``slow_down`` adds five seconds, and so does an answer that does not come."""
    invitation = device.invite(flow.provider, device.approve(flow.provider, None, None))
    waits: list[float] = []
    faults: list[dict[str, Any]] = [
        {"status": 400, "body": {"error": "slow_down"}},
        {"status": 500},
        {"status": 429, "headers": {}},
    ]

    def pause(seconds: float) -> None:
        waits.append(seconds)
        flow.sandbox.faults.clear()
        if len(waits) > len(faults):
            decide(flow.sandbox, requests.Session(), invitation.user_code, "approve")
        else:
            flow.sandbox.faults.add(path="/oauth/token/", **faults[len(waits) - 1])

    assert device.await_person(flow.provider, invitation, pause).access_token
    assert waits == [5, 10, 15, 15]


@pytest.mark.parametrize("skills", [("nonsense",), ("inspect", "nonsense"), ()])
def test_skills_that_there_are_not_are_refused(flow: Flow, skills: tuple[str, ...]) -> None:
    """CON-7."""
    with pytest.raises(InvalidInput):
        device.approve(flow.provider, skills, None)


def test_an_organization_that_the_person_does_not_see_is_refused(flow: Flow, later: Pause) -> None:
    """C11: and Sentry's token is given back."""
    with pytest.raises(NoAccess):
        sign_in(flow, later, None, "tidepool")

    assert flow.provider.store.count(GRANT) == 0
    assert [one.path for one in flow.sandbox.requests][-1] == "/oauth/revoke/"


@pytest.mark.parametrize(
    "fault", [{"status": 404}, {"status": 401, "body": {"error": "invalid_client"}}, {"status": 200, "body": {}}]
)
def test_a_sentry_without_it_is_told(flow: Flow, fault: dict[str, Any]) -> None:
    """Old servers do not know the flow."""
    flow.sandbox.faults.add(path="/oauth/device/code/", **fault)

    with pytest.raises((OAuthError, UpstreamError)):
        device.invite(flow.provider, device.approve(flow.provider, None, None))


def test_our_own_token_endpoint_offers_no_such_flow(flow: Flow) -> None:
    """TOK-4."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}

    assert error_of(flow.post("token", form)) == (400, "unsupported_grant_type")


def test_the_command_signs_in_and_out(
    app: Flask, sandbox: Sandbox, later: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``flask sentry-mcp stdio --sign-in``: what it shows, whom it serves, and what is left when it is over."""
    monkeypatch.delenv("SENTRY_ACCESS_TOKEN", raising=False)
    waiting = device.await_person
    seen: list[Context] = []

    def in_no_time(provider: Provider, invitation: Invitation) -> TokenPair:
        return waiting(provider, invitation, approved_by_person(sandbox, invitation, later))

    def serve(_: object, caller: Callable[[], Context]) -> None:
        seen.append(caller())

    monkeypatch.setattr(device, "await_person", in_no_time)
    monkeypatch.setattr(cli, "_serve_as", serve)

    ran = app.test_cli_runner().invoke(
        args=["sentry-mcp", "stdio", "--sign-in", "--skills", "triage", "--organization", "northwind"]
    )

    assert ran.exit_code == 0, ran.output
    assert f"Open {sandbox.url}/oauth/device/?user_code=" in ran.stderr
    (context,) = seen
    assert (set(context.skills), context.organization_slug) == ({"triage"}, "northwind")
    (grant,) = list_grants(state_of(app).provider, with_ended=True)
    assert grant.end_reason == "client_revoked"


@pytest.mark.parametrize(
    ("token", "args"),
    [("", []), ("sntryu_x", ["--sign-in"]), ("sntryu_x", ["--skills", "inspect"]), ("", ["--organization", "a"])],
)
def test_the_command_takes_a_token_or_a_sign_in(
    app: Flask, monkeypatch: pytest.MonkeyPatch, token: str, args: list[str]
) -> None:
    monkeypatch.setenv("SENTRY_ACCESS_TOKEN", token)

    assert app.test_cli_runner().invoke(args=["sentry-mcp", "stdio", *args]).exit_code == 2
