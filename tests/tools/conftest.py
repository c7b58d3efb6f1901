"""A caller of tools: a person of the sandbox with chosen skills and constraint, as the guard would let them in."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from flask_sentry_mcp.context import Constraint, Context
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.tools.callers import SCOPES, SKILLS, Caller, OneToken


class Settling(SentryConnections):
    """Connections that know what is under way: a call that nobody waits for any more would end in the next test."""

    def __init__(self, regions: Regions) -> None:
        super().__init__(regions, user_agent="flask-sentry-mcp/tests")
        self._under_way, self._ended = 0, threading.Condition()

    def gather(self, *calls: Callable[[], Any], needs_first: bool = False) -> list[Any]:
        with self._ended:
            self._under_way += len(calls)
        return super().gather(*(partial(self._counted, call) for call in calls), needs_first=needs_first)

    def settle(self) -> None:
        with self._ended:
            self._ended.wait_for(lambda: self._under_way == 0, timeout=5)

    def _counted(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            with self._ended:
                self._under_way -= 1
                self._ended.notify_all()


@pytest.fixture(scope="session")
def connections(_sandbox: Sandbox) -> Iterator[Settling]:
    connections = Settling(Regions(_sandbox.host, _sandbox.region_hosts, insecure_http=True))
    yield connections
    connections.close()


@pytest.fixture
def as_user(sandbox: Sandbox, connections: Settling) -> Iterator[Callable[..., Caller]]:
    """``as_user("mira", skills={"inspect"}, organization="northwind")`` is somebody who calls tools.

    Where the organizations live is known already, as it is at all calls but the first; the client's tests ask for it.
    """
    us, de = sandbox.region_hosts
    homes = {"northwind": f"http://{us}", "tidepool": f"http://{us}", "Aurora-Labs": f"http://{de}"}

    def caller(
        user: str = "mira",
        *,
        skills: set[str] | frozenset[str] = SKILLS,
        organization: str | None = None,
        project: str | None = None,
        **context: Any,
    ) -> Caller:
        token = OneToken(sandbox.issue_token(user=user).access_token)
        for slug, home in homes.items():
            connections.memo.recall(token.current(), ("home", slug), partial(str, home))

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

        return Caller(build, {sandbox.host: "sentry.test", us: "us.sentry.test", de: "de.sentry.test"})

    yield caller
    connections.settle()


@pytest.fixture
def mira(as_user: Callable[..., Caller]) -> Caller:
    """Mira may do everything, in two organizations."""
    return as_user("mira")
