"""A provider with its routes, and a person in front of it: without Sentry, and with a real store and the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth.flow import Flow, load_settings, new_flow, open_provider, sqlite_url
from tests.oauth.person import Person, make_provider


@pytest.fixture
def provider() -> Provider:
    return make_provider()


@pytest.fixture
def person(provider: Provider) -> Person:
    return Person(provider)


@pytest.fixture
def flow(sandbox: Sandbox, tmp_path: Path) -> Iterator[Flow]:
    """A registered client and its person, on a SQLite file and the sandbox."""
    with open_provider(load_settings(sandbox, sqlite_url(tmp_path))) as provider:
        yield new_flow(provider, sandbox)
