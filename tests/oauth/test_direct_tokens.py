"""Sentry-Bearer: a machine's own Sentry token, when the operator allows it (RS-4)."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_sentry_mcp import clock, skills
from flask_sentry_mcp.context import Context, Presented
from flask_sentry_mcp.errors import MembershipUnknown, NoAccess, TooManyRequests, Unauthenticated
from flask_sentry_mcp.oauth import direct
from flask_sentry_mcp.oauth.bearer import challenge, context_for
from flask_sentry_mcp.oauth.direct import DirectTokenRefused
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.store.base import Record
from tests.oauth.flow import Flow, load_settings, new_flow, open_provider, sqlite_url


@pytest.fixture
def machine(sandbox: Sandbox, tmp_path: Path) -> Iterator[Flow]:
    """A server that takes direct tokens."""
    settings = load_settings(sandbox, sqlite_url(tmp_path), SENTRY_MCP_DIRECT_TOKENS=True)
    with open_provider(settings) as provider:
        yield new_flow(provider, sandbox)


def let_in(flow: Flow, header: str, organization: str | None = None, query: str = "") -> Context:
    context: Context = flow.authenticate(Presented(header, organization, None, "", query))
    return context


def test_a_machine_calls_with_its_own_token(machine: Flow) -> None:
    token = machine.sandbox.issue_token().access_token

    context = let_in(machine, f"Sentry-Bearer {token}")

    assert context.sentry.get("auth")["name"] == "Mira Okafor"
    assert context.skills == {"inspect", "seer", "triage", "project-management"}
    assert context.grant_id.startswith("direct-")


def test_it_is_off_unless_it_was_set(flow: Flow) -> None:
    """RS-4: and then it is answered like any unknown credential."""
    token = flow.sandbox.issue_token().access_token

    with pytest.raises(Unauthenticated) as caught:
        let_in(flow, f"Sentry-Bearer {token}")

    assert caught.value.error == "invalid_token"
    assert (challenge(flow.provider, caught.value, None, None, "") or "").startswith("Bearer ")


def test_a_sentry_token_under_bearer_is_refused_all_the_same(machine: Flow) -> None:
    """RS-4: a separate scheme on purpose; and one of ours is none of Sentry's."""
    token = machine.sandbox.issue_token().access_token

    with pytest.raises(Unauthenticated):
        let_in(machine, f"Bearer {token}")
    with pytest.raises(DirectTokenRefused):
        let_in(machine, f"Sentry-Bearer {machine.sign_in()['access_token']}")


@pytest.mark.parametrize(
    "header",
    [
        "Sentry-Bearer",
        "Sentry-Bearer ",
        "Sentry-Bearer short",
        "sentry-bearer a b",
        "Sentry-Bearer " + "a" * 64 + ", Bearer x",
    ],
)
def test_a_malformed_header_is_refused_with_a_challenge_of_its_own(machine: Flow, header: str) -> None:
    """RS-4: no fall-back to OAuth."""
    with pytest.raises(Unauthenticated) as caught:
        let_in(machine, header)

    assert caught.value.http_status == 401
    assert (challenge(machine.provider, caught.value, "acme", None, "") or "").startswith(
        'Sentry-Bearer error="invalid_token"'
    )


@pytest.mark.parametrize("token", ["f" * 64, "sntryu_" + "f" * 64, "sntrys_" + "f" * 64])
@pytest.mark.parametrize("organization", [None, "northwind"])
def test_a_token_that_sentry_does_not_know_lets_nobody_in(machine: Flow, token: str, organization: str | None) -> None:
    """RS-4: also at an address without an organization, for what needs nothing of Sentry's."""
    with pytest.raises(DirectTokenRefused):
        let_in(machine, f"Sentry-Bearer {token}", organization)


def test_nor_does_one_that_is_over(machine: Flow) -> None:
    """There is nothing to renew and no grant to end."""
    token = machine.sandbox.issue_token(life_s=-1).access_token

    with pytest.raises(DirectTokenRefused):
        let_in(machine, f"Sentry-Bearer {token}")

    assert machine.events == []


def test_a_token_is_shown_to_sentry_every_quarter_of_an_hour(machine: Flow) -> None:
    """RS-4: not at every call, and not never."""
    header = f"Sentry-Bearer {machine.sandbox.issue_token().access_token}"

    for _ in range(3):
        assert let_in(machine, header).user_id == "3104522"

    assert [one.path for one in machine.sandbox.requests] == ["/api/0/auth/"]
    machine.sandbox.revoke_all("mira")
    with clock.shifted(901), pytest.raises(DirectTokenRefused):
        let_in(machine, header)


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 404}, {"status": 429}, {"status": 200, "body": {}}, {"drop": True}]
)
def test_a_sentry_that_does_not_answer_lets_nobody_in(machine: Flow, fault: dict[str, Any]) -> None:
    """Section 27: 503, and never a yes."""
    token = machine.sandbox.issue_token().access_token
    machine.sandbox.faults.add(path="auth/", **fault)

    with pytest.raises(MembershipUnknown) as caught:
        let_in(machine, f"Sentry-Bearer {token}")

    assert caught.value.http_status == 503


def test_one_address_shows_only_so_many_tokens(machine: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry is not asked for everybody who makes tokens up; those it knows are let in all the same."""
    monkeypatch.setattr(direct, "CHECKS", "3/hour")
    known = f"Sentry-Bearer {machine.sandbox.issue_token().access_token}"
    let_in(machine, known)
    for digit in "ab":
        with pytest.raises(DirectTokenRefused):
            let_in(machine, f"Sentry-Bearer {digit * 64}")

    with pytest.raises(TooManyRequests):
        let_in(machine, f"Sentry-Bearer {'c' * 64}")

    assert let_in(machine, known)


def test_a_server_that_only_reads_gives_a_machine_nothing_that_writes(machine: Flow) -> None:
    """SCOPE-2."""
    settings = replace(machine.provider.settings, read_only=True)
    authenticate = context_for(replace(machine.provider, settings=settings))
    header = f"Sentry-Bearer {machine.sandbox.issue_token().access_token}"

    context = authenticate(Presented(header, None, None, "", "skills=inspect,seer,triage,project-management"))

    assert context.skills == {one.id for one in skills.SKILLS if not one.writes}


def test_the_address_constrains_it_as_it_does_a_grant(machine: Flow) -> None:
    """RS-4, B15: by the person's own list."""
    token = machine.sandbox.issue_token().access_token

    assert let_in(machine, f"Sentry-Bearer {token}", "northwind").organization_slug == "northwind"
    with pytest.raises(NoAccess):
        let_in(machine, f"Sentry-Bearer {token}", "tidepool")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("skills=inspect", {"inspect"}),
        ("skills=inspect%2Ctriage", {"inspect", "triage"}),
        ("skills=inspect,nonsense", {"inspect"}),
        ("skills=nonsense", set()),
        ("skills=", set()),
    ],
)
def test_skills_can_be_narrowed_by_the_address(machine: Flow, query: str, expected: set[str]) -> None:
    """RS-4: for a machine as for a grant, which it never widens."""
    token = machine.sandbox.issue_token().access_token
    granted = machine.sign_in()["access_token"]

    assert let_in(machine, f"Sentry-Bearer {token}", query=query).skills == expected
    assert let_in(machine, f"Bearer {granted}", query=query).skills == expected & {"inspect"}


def test_the_token_is_kept_nowhere(machine: Flow, caplog: pytest.LogCaptureFixture) -> None:
    """RS-4: not stored, not logged, not shown."""
    token = machine.sandbox.issue_token().access_token
    written: list[bytes] = []
    original = machine.provider.store.put

    def put(kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        written.append(value)
        original(kind, id, value, ttl_s=ttl_s, owner=owner)

    machine.provider.store.put = put  # type: ignore[method-assign]  # to see what is written
    with caplog.at_level(logging.DEBUG):
        context = let_in(machine, f"Sentry-Bearer {token}", "northwind")
        context.sentry.get("auth", base=True)

    assert written == []
    assert token not in repr(context) + repr(context.token) + context.grant_id
    assert token not in caplog.text


def test_it_needs_no_store(machine: Flow) -> None:
    """A machine works on while the store of grants is away."""
    token = machine.sandbox.issue_token().access_token

    def away(kind: str, id: str) -> Record | None:
        raise AssertionError("the store was asked")

    machine.provider.store.get = away  # type: ignore[method-assign]  # not needed

    assert let_in(machine, f"Sentry-Bearer {token}").sentry.get("auth")
