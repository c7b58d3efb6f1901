"""get_sentry_resource: a link or an ID, opened by the tool that shows such things."""

from collections.abc import Callable

import pytest

from flask_sentry_mcp.errors import ForeignLink, OutsideConstraint
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.links import read_link
from flask_sentry_mcp.tools.resources import _target as target_of
from flask_sentry_mcp.tools.resources import toolbox_for
from tests.tools.callers import Caller

SAAS = Regions("sentry.io", ("us.sentry.io", "de.sentry.io"))
TRACE, EVENT, SPAN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80", "a1b2c3d4e5f60718"


@pytest.mark.parametrize(
    ("path", "type_", "arguments"),
    [
        ("/issues/6620113/", "issue", {"issueId": "6620113"}),
        ("/issues/web-4f/?project=1", "issue", {"issueId": "WEB-4F"}),
        ("/issues/6620113/events/latest/", "issue", {"issueId": "6620113"}),
        (f"/issues/6620113/events/{EVENT}/", "event", {"issueId": "6620113", "eventId": EVENT}),
        (f"/explore/traces/trace/{TRACE}/", "trace", {"traceId": TRACE}),
        (f"/performance/trace/{TRACE}/?node=span-{SPAN}", "span", {"traceId": TRACE, "spanId": SPAN}),
        (f"/performance/trace/{TRACE}/?node=txn-1", "trace", {"traceId": TRACE}),
        ("/releases/checkout%402.8.1/", "release", {"version": "checkout@2.8.1"}),
        ("/releases/feature%2Fpay%401.0/", "release", {"version": "feature/pay@1.0"}),
        ("/explore/replays/7e07485f/", "replay", {"replayId": "7e07485f"}),
        ("/crons/nightly-import/", "monitor", {"monitorSlug": "nightly-import"}),
        (
            "/crons/checkout-api/nightly/details/",
            "monitor",
            {"projectSlugOrId": "checkout-api", "monitorSlug": "nightly"},
        ),
        ("/explore/conversations/c-1/", "ai_conversation", {"conversationId": "c-1"}),
        ("/preprod/snapshots/77/", "snapshot", {"snapshotId": "77"}),
        ("/dashboard/12/", "dashboard", {"dashboardIdOrTitle": "12"}),
        (
            "/explore/profiling/profile/checkout-api/7c5e/flamegraph/",
            "profile",
            {"projectSlugOrId": "checkout-api", "profileId": "7c5e"},
        ),
        (
            "/explore/profiling/profile/checkout-api/flamegraph/?profilerId=9d&start=a&end=b",
            "profile",
            {"projectSlugOrId": "checkout-api", "profilerId": "9d", "start": "a", "end": "b"},
        ),
    ],
)
def test_recognises_what_a_link_denotes(path: str, type_: str, arguments: dict[str, str]) -> None:
    for root in (
        "https://acme.sentry.io",
        "https://sentry.io/organizations/acme",
        "https://de.sentry.io/organizations/acme",
    ):
        link = read_link(SAAS, root + path)

        target = target_of(link)

        assert link.organization_slug == "acme"
        assert (target.type, target.arguments) == (type_, arguments)


@pytest.mark.parametrize(
    ("url", "organization"),
    [
        ("https://sentry.io/acme/issues/1/", "acme"),
        ("https://sentry.io/issues/WEB-1/", None),
        ("https://us.sentry.io/issues/WEB-1/", None),
        ("https://www.sentry.io/issues/WEB-1/", None),
        ("https://sentry.io/acme/projects/", "acme"),
        ("https://sentry.io/acme/checkout-api/issues/6620113/", "acme"),
        ("https://sentry.io/acme/checkout-api/", None),
        ("https://sentry.io/settings/projects/issues/1/", None),
    ],
)
def test_guesses_no_organization(url: str, organization: str | None) -> None:
    """Quirks 1-3: a host label such as ``us`` or ``sentry`` is no organization."""
    assert read_link(SAAS, url).organization_slug == organization


def test_a_self_hosted_link_names_its_organization_in_the_path() -> None:
    regions = Regions("sentry.corp.example", ("sentry.io",))

    assert read_link(regions, "https://sentry.corp.example/organizations/Acme/issues/1/").organization_slug == "Acme"
    assert read_link(regions, "https://sentry.corp.example/Acme/web/issues/1/").organization_slug == "Acme"
    assert read_link(regions, "https://sentry.corp.example/issues/1/").organization_slug is None


def test_the_host_of_a_link_names_its_region() -> None:
    """Quirk 10."""
    assert read_link(SAAS, "https://de.sentry.io/organizations/acme/issues/1/").region_url == "https://de.sentry.io"


# -- opened ---------------------------------------------------------------------------------------------------------


def test_opens_a_link_with_the_tool_for_it(mira: Caller, sandbox: Sandbox) -> None:
    opened = mira.read("get_sentry_resource", url=f"{sandbox.url}/organizations/northwind/issues/CHECKOUT-API-4F/")

    assert opened == mira.read("get_issue_details", organizationSlug="northwind", issueId="CHECKOUT-API-4F")


@pytest.mark.parametrize(
    ("type_", "number", "title"),
    [
        ("issue", "checkout-api-4f", "# Issue CHECKOUT-API-4F in northwind"),
        ("event", EVENT, "# Issue CHECKOUT-API-4F in northwind"),
        ("trace", TRACE, f"# Trace {TRACE} in northwind"),
        ("span", f"{TRACE}:{SPAN}", f"# Span {SPAN} in northwind"),
        ("release", "checkout-api@2.8.1", "# Release in northwind"),
    ],
)
def test_opens_an_id_of_a_type(mira: Caller, type_: str, number: str, title: str) -> None:
    text = mira.read("get_sentry_resource", resourceType=type_, resourceId=number, organizationSlug="northwind")

    assert text.startswith(title)


def test_shows_a_release_and_not_a_pointer_to_it(mira: Caller, sandbox: Sandbox) -> None:
    """Section 7.11."""
    text = mira.read("get_sentry_resource", url=f"{sandbox.url}/organizations/northwind/releases/checkout-api%402.8.0/")

    assert "«checkout-api@2.8.0» · released <time>" in text
    assert text.endswith("**URL**: http://sentry.test/organizations/northwind/releases/checkout-api%402.8.0/")


def test_of_a_span_link_the_whole_trace_may_be_asked(mira: Caller, sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/organizations/northwind/explore/traces/trace/{TRACE}/?node=span-{SPAN}"

    assert mira.read("get_sentry_resource", url=url).startswith(f"# Span {SPAN}")
    assert mira.read("get_sentry_resource", url=url, resourceType="trace").startswith(f"# Trace {TRACE}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Give url, or resourceType with resourceId and organizationSlug."),
        ({"resourceType": "issue"}, "resourceId is missing."),
        ({"resourceType": "issue", "resourceId": "A-1"}, "organizationSlug is missing."),
        ({"resourceType": "span", "resourceId": "x", "organizationSlug": "o"}, "<traceId>:<spanId>"),
        ({"resourceType": "span", "resourceId": "x:y", "organizationSlug": "o"}, "resourceId: the ID of an event"),
        ({"resourceType": "trace", "resourceId": "zz", "organizationSlug": "o"}, "resourceId: the ID of an event"),
        ({"resourceType": "event", "resourceId": "zz", "organizationSlug": "o"}, "resourceId: the ID of an event"),
        ({"resourceType": "user"}, "resourceType: Must be one of: issue, event, trace, span, release."),
        ({"url": "{org}/issues/A-1/", "resourceType": "trace"}, "another type than resourceType"),
        ({"url": "{org}/issues/A-1/", "organizationSlug": "aurora"}, "belongs to another organization"),
        ({"url": "{org}/settings/"}, "Links to issues, events, traces, spans and releases can."),
        ({"url": "{org}/dashboard/7/"}, "This server cannot show dashboards; their page in Sentry does."),
        ({"url": "{org}/explore/profiling/profile/web/7c5e/flamegraph/"}, "This server cannot show profiles;"),
        ({"url": "{org}/performance/summary/?transaction=x"}, "Its numbers come from search_events"),
        ({"url": "{org}/monitors/new/"}, "no kind that can be shown here"),
        ({"url": "not a url"}, "The URL must begin with https://"),
    ],
)
def test_what_cannot_be_opened_is_said(mira: Caller, sandbox: Sandbox, given: dict[str, str], said: str) -> None:
    organization = f"{sandbox.url}/organizations/northwind"
    named = {name: value.replace("{org}", organization) for name, value in given.items()}

    assert said in mira.refused("get_sentry_resource", **named)
    assert len(sandbox.requests) == 0


def test_a_foreign_host_is_refused(mira: Caller, sandbox: Sandbox) -> None:
    """Section 7.11, B9: never answered silently from our own server."""
    refused = mira.refused("get_sentry_resource", url="https://acme.sentry.io/issues/CHECKOUT-API-4F/")

    assert refused == ForeignLink().public
    assert len(sandbox.requests) == 0


def test_the_constraint_holds(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """RES-5: by link and by ID, organization and project."""
    fixed = as_user("mira", organization="northwind", project="shop-web")
    link = f"{sandbox.url}/organizations/northwind/issues/CHECKOUT-API-4F/"

    assert fixed.refused("get_sentry_resource", url=link) == OutsideConstraint("northwind/shop-web").public
    assert "another organization" in fixed.refused(
        "get_sentry_resource", url=f"{sandbox.url}/organizations/Aurora-Labs/issues/LAB-1/"
    )


def test_names_the_tool_that_is_missing(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """A skill that does not include the tool does not get it through a link."""
    url = f"{sandbox.url}/organizations/northwind/explore/traces/trace/{TRACE}/"

    assert as_user("mira", skills={"triage"}).refused("get_sentry_resource", url=url) == (
        "This needs the tool get_trace_details, which this connection does not have."
    )


def test_of_a_replay_the_search_is_named(mira: Caller, sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/organizations/northwind/explore/replays/7e07485f/"

    assert mira.refused("get_sentry_resource", url=url) == (
        "This server cannot show replays; their page in Sentry does. search_events with dataset replays finds and sums "
        "them up."
    )


def test_what_a_new_tool_shows_is_offered_by_itself() -> None:
    tool = toolbox_for({"get_issue_details", "get_dashboard_details"}).tools["get_sentry_resource"]

    assert tool.arguments.json_schema["properties"]["resourceType"]["enum"] == [
        "issue",
        "event",
        "release",
        "dashboard",
    ]
