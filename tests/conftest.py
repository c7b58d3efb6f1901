"""What every room's tests may use: one sandbox Sentry for the session, clean for every test."""

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.sandbox import app as sandbox_app
from flask_sentry_mcp.testing import settings_for, start_sandbox
from tests.sandbox.promises import Promises


@pytest.fixture(scope="session", autouse=True)
def _promises() -> Iterator[Promises]:
    """What every sandbox of this process promises about its answers."""
    promises, build = Promises(), sandbox_app.build
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox_app, "build", lambda state: promises.watch(build(state), state))
        yield promises


@pytest.fixture(autouse=True)
def _promises_are_kept(_promises: Promises) -> Iterator[None]:
    """The answers that a test was given were shaped as Sentry's are."""
    yield
    assert _promises.broken() == []


settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")
"""Generated tests judge what is answered, not how fast a busy machine answers it. Their examples are the same wherever
and whenever they run, so a change that breaks one is the change under test; ``--hypothesis-profile=default`` looks
for new ones."""


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, without faults and with an empty request log. Tests that change issues change their own."""
    _sandbox.requests.clear()
    yield _sandbox
    _sandbox.faults.clear()


@pytest.fixture
def app(sandbox: Sandbox) -> Flask:
    """An application with the whole extension, on the sandbox, with a store in memory."""
    app = Flask("app")
    app.config.update(settings_for(sandbox))
    SentryMCP(app)
    return app
