"""Organizations in regions, and a main host that has nothing of what is in them: data stays where it lives."""

from collections.abc import Iterator

import pytest

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.tools.callers import SCOPES, SKILLS, Caller, OneToken
from tests.tools.test_injection import CALLS


@pytest.fixture(scope="module")
def strict() -> Iterator[Sandbox]:
    with Sandbox(forwards=False, seer_takes_s=0.01) as sandbox:
        yield sandbox


@pytest.fixture
def mira(strict: Sandbox) -> Iterator[Caller]:
    """Mira, of whom nothing is known yet."""
    connections = SentryConnections(Regions(strict.host, strict.region_hosts, insecure_http=True), user_agent="tests")
    token = OneToken(strict.issue_token(user="mira").access_token)

    def build() -> Context:
        return Context(
            host=strict.host,
            token=token,
            sentry=SentryClient(connections, token),
            skills=SKILLS,
            scopes=SCOPES,
            user_id=strict.users["mira"].id,
        )

    yield Caller(build, {strict.host: "sentry.test"})
    connections.close()


@pytest.mark.parametrize("tool", sorted(CALLS))
def test_every_tool_finds_the_region_by_itself(mira: Caller, strict: Sandbox, tool: str) -> None:
    """Section 1: the main host is asked who somebody is and where things are, and nothing else."""
    strict.requests.clear()

    assert mira.call(tool, **CALLS[tool])
    assert {one.path for one in strict.requests if one.silo == "control"} <= {
        "/api/0/auth/",
        "/api/0/users/me/regions/",
        "/api/0/organizations/northwind/",
    }
