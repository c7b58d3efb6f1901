"""Where the organizations of a person are: in every region that may be asked; at a server of one's own, right there."""

import logging
from collections.abc import Iterator

import pytest

from flask_sentry_mcp.errors import ForbiddenRegion
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.account import list_organizations
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.tools.callers import OneToken

INTERNAL = [
    "http://sentry-internal:9000",
    "HTTP://SENTRY.CORP",
    "http://sentry.corp/sentry",
    "https://sentry.corp:443/x",
]


@pytest.fixture
def connections(sandbox: Sandbox) -> Iterator[SentryConnections]:
    connections = SentryConnections(Regions(sandbox.host, sandbox.region_hosts, insecure_http=True), user_agent="tests")
    yield connections
    connections.close()


@pytest.fixture
def client(sandbox: Sandbox, connections: SentryConnections) -> SentryClient:
    return SentryClient(connections, OneToken(sandbox.issue_token().access_token))


@pytest.fixture(scope="module")
def own() -> Iterator[Sandbox]:
    with Sandbox(self_hosted=True) as own:
        yield own


@pytest.fixture
def at_home(own: Sandbox) -> Iterator[SentryClient]:
    """A client of a server of one's own, with the default list of regions."""
    domains = ("sentry.io", "us.sentry.io", "de.sentry.io")
    connections = SentryConnections(Regions(own.host, domains, insecure_http=True), user_agent="tests")
    yield SentryClient(connections, OneToken(own.issue_token().access_token))
    own.faults.clear()
    own.requests.clear()
    connections.close()


def slugs(client: SentryClient) -> list[str]:
    return sorted(one["slug"] for one in list_organizations(client, query=None, limit=10).found)


@pytest.mark.parametrize("internal", INTERNAL)
def test_a_server_of_ones_own_may_call_itself_what_it_likes(own: Sandbox, at_home: SentryClient, internal: str) -> None:
    """Section 1.13, 7.10: nothing is asked about regions, and nothing that is said about them counts."""
    listed = [{"slug": "northwind", "links": {"regionUrl": internal}}]
    own.faults.add(path="users/me/regions/", status=200, body={"regions": [{"name": "x", "url": internal}]})
    own.faults.add(path="organizations/", status=200, body=listed)

    assert slugs(at_home) == ["northwind"]
    assert at_home.get_page("organizations", "northwind", "teams").items
    assert [one.path for one in own.requests] == ["/api/0/organizations/", "/api/0/organizations/northwind/teams/"]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_server_that_tells_no_regions_is_asked_directly(client: SentryClient, sandbox: Sandbox, status: int) -> None:
    detail = "This token access is limited to organization endpoints."
    sandbox.faults.add(path="users/me/regions/", status=status, body={"detail": detail})

    assert slugs(client) == ["Aurora-Labs", "northwind"]


def test_a_token_for_one_organization_finds_that_one(sandbox: Sandbox, connections: SentryConnections) -> None:
    """UP-5: its sign-in goes on."""
    token = sandbox.issue_token(organization="northwind").access_token

    assert slugs(SentryClient(connections, OneToken(token))) == ["northwind"]


def test_a_region_that_is_not_listed_is_refused_and_told_to_the_operator(
    client: SentryClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """B8, SSRF-1: what Sentry names is judged like anything else."""
    regions = [{"name": "new", "url": "https://new.sentry.example"}]
    sandbox.faults.add(path="users/me/regions/", status=200, body={"regions": regions})

    with caplog.at_level(logging.WARNING), pytest.raises(ForbiddenRegion):
        list_organizations(client, query=None, limit=10)

    assert "https://new.sentry.example" in caplog.text
    assert "SENTRY_ALLOWED_REGION_DOMAINS" in caplog.text
