"""Access to an organization or project is checked against the person's own list, at use as at sign-in (B15, RES-6)."""

from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP, clock
from flask_sentry_mcp.errors import MembershipUnknown, NoAccess
from flask_sentry_mcp.oauth.membership import Memberships, Place
from flask_sentry_mcp.testing import settings_for, sign_in, start_sandbox
from tests.oauth.flow import MCP, Flow


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


def test_a_no_is_not_remembered(flow: Flow) -> None:
    """Who was added in the meantime need not wait."""
    token = flow.sign_in(resource=MCP)["access_token"]
    fault = flow.sandbox.faults.add(path="organizations/*", status=200, body=[])
    with pytest.raises(NoAccess):
        flow.context(token, "northwind")
    assert fault.seen
    flow.sandbox.faults.clear()

    assert flow.context(token, "northwind")


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
    known.remember("mira", Place("northwind", None, None))

    assert known.recall("mira", "northwind", None)
    assert known.recall("jonas", "northwind", None) is None
    assert known.recall("mira", "northwind", "web") is None
    assert known.recall("mira", "tidepool", None) is None


def test_a_clock_that_jumped_back_makes_nothing_fresh() -> None:
    """Section 27."""
    known = Memberships()
    with clock.shifted(5000):
        known.remember("mira", Place("northwind", None, None))

    assert known.recall("mira", "northwind", None) is None
