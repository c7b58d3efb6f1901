"""A caller of tools: a person of the sandbox with chosen skills and constraint, as the guard would let them in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_sentry_mcp.context import Constraint, Context
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.tools.callers import SCOPES, SKILLS, Caller, OneToken


@pytest.fixture(scope="session")
def connections(_sandbox: Sandbox) -> Iterator[SentryConnections]:
    regions = Regions(_sandbox.host, _sandbox.region_hosts, insecure_http=True)
    connections = SentryConnections(regions, user_agent="flask-sentry-mcp/tests")
    yield connections
    connections.close()


@pytest.fixture
def as_user(sandbox: Sandbox, connections: SentryConnections) -> Callable[..., Caller]:
    """``as_user("mira", skills={"inspect"}, organization="northwind")`` is somebody who calls tools."""

    def caller(
        user: str = "mira",
        *,
        skills: set[str] | frozenset[str] = SKILLS,
        organization: str | None = None,
        project: str | None = None,
        **context: Any,
    ) -> Caller:
        token = OneToken(sandbox.issue_token(user=user).access_token)

        def build() -> Context:
            return Context(
                host=sandbox.host,
                token=token,
                sentry=SentryClient(connections, token),
                constraint=Constraint(organization, project),
                skills=frozenset(skills),
                scopes=SCOPES,
                user_id=sandbox.users[user].id,
                **context,
            )

        us, de = sandbox.region_hosts
        return Caller(build, {sandbox.host: "sentry.test", us: "us.sentry.test", de: "de.sentry.test"})

    return caller


@pytest.fixture
def mira(as_user: Callable[..., Caller]) -> Caller:
    """Mira may do everything, in two organizations."""
    return as_user("mira")
