"""Access to an organization or project is checked against the person's own list, at use as at sign-in (B15, RES-6)."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP, clock
from flask_sentry_mcp.errors import MembershipUnknown, NoAccess, TooManyRequests
from flask_sentry_mcp.oauth import recent
from flask_sentry_mcp.oauth.membership import Memberships
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for, sign_in, start_sandbox
from tests.oauth.flow import MCP, Flow, load_settings, new_flow, open_provider, sqlite_url


def asked(flow: Flow) -> int:
    return sum("/organizations/" in one.path for one in flow.sandbox.requests)


@pytest.mark.parametrize("path", [("tidepool", None), ("no-such", None), ("northwind", "no-such"), ("NORTHWIND", None)])
def test_a_place_that_is_not_in_the_list_is_refused(flow: Flow, path: tuple[str, str | None]) -> None:
    """B15: the token is good for any organization, the person is not a member: a clear "no access"."""
    token = flow.sign_in(resource=MCP)["access_token"]

    with pytest.raises(NoAccess) as caught:
        flow.context(token, *path)

    assert caught.value.http_status == 403
    assert "no access" in caught.value.public


def test_a_project_of_another_team_is_refused(flow: Flow) -> None:
    """B15: Sentry's own answer decides whether a project can be seen."""
    token = flow.sign_in(resource=MCP)["access_token"]
    closed = next(one.slug for one in flow.sandbox.world.projects if one.teams == ("vault",))

    with pytest.raises(NoAccess):
        flow.context(token, "Aurora-Labs", closed)


def test_a_project_that_was_renamed_is_not_at_its_old_address(flow: Flow) -> None:
    """RES-5: the constraint is what the address says, or nothing."""
    token = flow.sign_in(resource=MCP)["access_token"]
    former = next(slug for one in flow.sandbox.world.projects for slug in one.former_slugs)

    with pytest.raises(NoAccess):
        flow.context(token, "northwind", former)


def test_membership_is_asked_again_after_a_quarter_of_an_hour(flow: Flow) -> None:
    """RES-6: not at every call, and not never."""
    token = flow.sign_in(resource=MCP)["access_token"]
    flow.context(token, "northwind")
    first = asked(flow)
    flow.context(token, "northwind")
    assert asked(flow) == first

    with clock.shifted(901):
        flow.context(token, "northwind")

    assert asked(flow) > first


def test_what_a_project_lacks_is_seen_with_it(flow: Flow) -> None:
    """Section 1.2, 1.5: only what it says to be false; older servers say less."""
    token = flow.sign_in(resource=MCP)["access_token"]
    said = {"slug": "checkout-api", "firstTransactionEvent": False, "hasReplays": True, "hasProfiles": None}
    flow.sandbox.faults.add(path="projects/northwind/checkout-api/", status=200, body=said)

    assert flow.context(token, "northwind", "checkout-api").constraint.lacks == {"traces", "profiles"}
    assert flow.context(token, "northwind").constraint.lacks == set()


def test_who_was_removed_is_refused_at_the_next_check(flow: Flow) -> None:
    """B15: a membership that ended at Sentry ends here."""
    token = flow.sign_in(resource=MCP)["access_token"]
    flow.context(token, "northwind")
    flow.sandbox.faults.add(path="organizations/*", status=200, body=[])

    with clock.shifted(901), pytest.raises(NoAccess):
        flow.context(token, "northwind")


def test_a_no_is_good_for_a_minute(flow: Flow) -> None:
    """RES-6: who was added in the meantime need not wait for long, and nobody has us ask Sentry at every call."""
    token = flow.sign_in(resource=MCP)["access_token"]
    fault = flow.sandbox.faults.add(path="organizations/*", status=200, body=[])
    for _ in range(3):
        with pytest.raises(NoAccess):
            flow.context(token, "northwind")
    assert fault.seen == len(flow.sandbox.region_hosts)
    flow.sandbox.faults.clear()

    with clock.shifted(61):
        assert flow.context(token, "northwind")


def test_calls_that_end_in_a_no_are_counted(sandbox: Sandbox, tmp_path: Path) -> None:
    """RATE-1: before Sentry is asked, and also when it was asked a moment ago."""
    settings = load_settings(sandbox, sqlite_url(tmp_path), SENTRY_MCP_CALL_LIMIT="3/hour")
    with open_provider(settings) as provider:
        flow = new_flow(provider, sandbox)
        token = flow.sign_in(resource=MCP)["access_token"]
        for slug in ("tidepool", "tidepool", "elsewhere"):
            with pytest.raises(NoAccess):
                flow.context(token, slug)
        before = asked(flow)

        with pytest.raises(TooManyRequests):
            flow.context(token, "another")

        assert asked(flow) == before


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"drop": True}, {"status": 200, "html": True}, {"status": 403}, {"status": 302}]
)
def test_a_check_that_fails_is_not_a_yes(flow: Flow, fault: dict[str, Any]) -> None:
    """RES-6: 503, never "allowed"; and never a "no" either."""
    token = flow.sign_in(resource=MCP)["access_token"]
    flow.sandbox.faults.add(path="organizations/*", **fault)

    with pytest.raises(MembershipUnknown) as caught:
        flow.context(token, "northwind")

    assert caught.value.http_status == 503
    assert caught.value.retry_after_s


def test_a_region_that_is_silent_leaves_the_question_open(flow: Flow) -> None:
    """RES-6: the organization may be there."""
    token = flow.sign_in(resource=MCP)["access_token"]
    flow.sandbox.faults.add(path="organizations/*", region="de", status=500)

    assert flow.context(token, "northwind")
    with pytest.raises(MembershipUnknown):
        flow.context(token, "Aurora-Labs")


def test_a_region_that_may_not_be_asked_leaves_the_question_open(flow: Flow) -> None:
    """SSRF-1: no connection is ever fixed to a host that the operator did not list."""
    token = flow.sign_in(resource=MCP)["access_token"]
    elsewhere = [{"slug": "northwind", "links": {"regionUrl": "https://new.sentry.example"}}]
    flow.sandbox.faults.add(path="organizations/", status=200, body=elsewhere)

    with pytest.raises(MembershipUnknown):
        flow.context(token, "northwind")


def test_a_server_of_ones_own_may_name_a_host_that_only_it_knows() -> None:
    """Section 1.13: sign-in, check and tools all stay with the address that the operator gave."""
    internal = {"slug": "northwind", "links": {"regionUrl": "http://sentry-internal:9000"}}
    with start_sandbox(self_hosted=True) as own:
        own.faults.add(path="users/me/regions/", status=200, body={"regions": [{"name": "x", "url": "http://x:9000"}]})
        own.faults.add(path="organizations/", status=200, body=[internal])
        app = Flask("app")
        app.config.update(settings_for(own))
        SentryMCP(app)

        found = sign_in(app, own, organization="northwind").call("find_teams")

    assert not found.is_error


def test_one_persons_membership_is_not_anothers(flow: Flow) -> None:
    """B14: remembered by person, place and project."""
    known = Memberships()
    mira = flow.context(flow.sign_in()["access_token"])
    known.verify(mira.caller, mira.sentry, "northwind", None)

    assert known.recall(mira.caller, "northwind", None)
    assert known.recall("jonas", "northwind", None) is None
    assert known.recall(mira.caller, "northwind", "web") is None
    assert known.recall(mira.caller, "tidepool", None) is None


def test_what_is_remembered_is_bounded_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 27: a clock that jumped back makes nothing fresh."""
    monkeypatch.setattr(recent, "REMEMBERED", 2)
    known: recent.Recent[str] = recent.Recent(60)
    with clock.shifted(50):
        for name in "abc":
            known.remember(name, name.upper())
        assert [known.recall(name) for name in "abc"] == [None, "B", "C"]

    assert known.recall("c") is None
    with clock.shifted(111):
        assert known.recall("c") is None
