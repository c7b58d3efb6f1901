"""A Sentry of one's own: one host, plain http if need be, no regions, fields that are not there."""

from collections.abc import Iterator

import pytest

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from flask_sentry_mcp.tools import catalogue
from flask_sentry_mcp.tools.gateway import ITSELF
from tests.tools.callers import SCOPES, SKILLS, Caller, OneToken
from tests.tools.test_injection import CALLS

LOST = ("regionUrl", "links", "organizationUrl", "substatus", "priority", "seerFixabilityScore", "project_slug")


@pytest.fixture(scope="module")
def own() -> Iterator[Sandbox]:
    with Sandbox(self_hosted=True, seer_takes_s=0.01) as sandbox:
        yield sandbox


@pytest.fixture
def mira(own: Sandbox) -> Iterator[Caller]:
    """Mira, at a server of her company's."""
    connections = SentryConnections(Regions(own.host, ("sentry.io",), insecure_http=True), user_agent="tests")
    token = OneToken(own.issue_token(user="mira").access_token)

    def build() -> Context:
        return Context(
            host=own.host,
            token=token,
            sentry=SentryClient(connections, token),
            skills=SKILLS,
            scopes=SCOPES,
            user_id=own.users["mira"].id,
        )

    yield Caller(build, {own.host: "sentry.corp"})
    own.faults.clear()
    connections.close()


def test_organizations_come_from_the_one_host(mira: Caller) -> None:
    found = mira.call("find_organizations")

    assert {one["slug"] for one in found["organizations"]} == {"northwind", "Aurora-Labs"}
    assert {one["regionUrl"] for one in found["organizations"]} == {None}


@pytest.mark.parametrize("tool", sorted(set(CALLS) - {"find_organizations", "whoami"}))
def test_every_tool_works_there(mira: Caller, tool: str) -> None:
    assert mira.call(tool, **CALLS[tool])


@pytest.mark.parametrize("tool", sorted(set(catalogue().tools) - ITSELF))
def test_fields_that_are_not_there_are_missing_lines(own: Sandbox, mira: Caller, tool: str) -> None:
    """Self-hosted servers differ: lenient with what Sentry answers."""
    own.faults.add(path="*", method="GET", without=LOST)

    text = mira.read(tool, **CALLS[tool] | ({"text": "again"} if tool == "add_issue_note" else {}))

    assert text
    assert "**: None" not in text


def test_its_own_plain_address_is_a_region(own: Sandbox, mira: Caller) -> None:
    """Section 7.10: an http regionUrl on a plain-http server."""
    assert mira.call("find_teams", organizationSlug="northwind", regionUrl=own.url)["teams"]


def test_links_lead_to_its_own_pages(mira: Caller) -> None:
    text = mira.read("search_issues", organizationSlug="northwind", limit=1)

    assert "http://sentry.corp/organizations/northwind/issues/?" in text
    assert "sentry.io" not in text
