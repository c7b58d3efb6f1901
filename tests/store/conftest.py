"""Real stores for every test: memory, SQLite, PostgreSQL and Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store

BACKENDS = ("memory", "sqlite")


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, for each backend in turn."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'store.sqlite'}"}
    return urls[request.param]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()
