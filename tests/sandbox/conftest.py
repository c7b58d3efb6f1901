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


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox that only this test sees."""
    with Sandbox([CALLBACK], seer_takes_s=60) as sandbox:
        yield sandbox


@pytest.fixture
def writer(own: Sandbox) -> Iterator[Asker]:
    """mira in the sandbox of one's own."""
    asker = Asker(own)
    yield asker
    asker.session.close()


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session
