"""Two people who ask, a sandbox of one's own for tests that change it, and a browser at its pages."""

from collections.abc import Iterator

import pytest
import requests

from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import CALLBACK, Asker


@pytest.fixture
def mira(sandbox: Sandbox) -> Iterator[Asker]:
    """Owner of northwind, member of Aurora-Labs."""
    asker = Asker(sandbox)
    yield asker
    asker.session.close()


@pytest.fixture
def jonas(sandbox: Sandbox) -> Iterator[Asker]:
    """Member of northwind, owner of tidepool."""
    asker = Asker(sandbox, "jonas")
    yield asker
    asker.session.close()


@pytest.fixture(scope="session")
def _own() -> Iterator[Sandbox]:
    with Sandbox([CALLBACK], seer_takes_s=60) as sandbox:
        yield sandbox


@pytest.fixture
def own(_own: Sandbox) -> Sandbox:
    """A sandbox in which nobody has approved anything yet, and whose issues no other test looks at."""
    for user in ("mira", "jonas"):
        _own.revoke_all(user)
    _own._state.sessions.clear()
    _own._state.device_attempts.clear()
    _own.faults.clear()
    _own.requests.clear()
    return _own


@pytest.fixture
def writer(own: Sandbox) -> Iterator[Asker]:
    """mira, who may change what is there. Earlier tests may have changed it too."""
    asker = Asker(own)
    yield asker
    asker.session.close()


@pytest.fixture
def fresh(own: Sandbox, writer: Asker) -> Asker:
    """The same, with everything as it was seeded."""
    own.reset()
    return writer


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session
