"""Real stores for every test: memory, SQLite, PostgreSQL and Redis. The servers run for the whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from tests.store.servers import PostgreSQL, Redis, Server

BACKENDS = ("memory", "sqlite", "postgresql", "redis")


def _started(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    yield from _started(PostgreSQL())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    yield from _started(Redis())


@pytest.fixture
def server(request: pytest.FixtureRequest, backend: str) -> Server | None:
    """The server of this backend, running and empty; None if it needs none."""
    if backend not in ("postgresql", "redis"):
        return None
    server: Server = request.getfixturevalue(f"{backend}_server")
    server.empty()
    return server


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture
def url(backend: str, server: Server | None, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if server is not None:
        return server.url
    return {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'store.sqlite'}"}[backend]


@pytest.fixture
def every_url(postgresql_server: Server, redis_server: Server, tmp_path: Path) -> list[str]:
    """The URLs of four empty stores, one for each backend."""
    for server in (postgresql_server, redis_server):
        server.empty()
    return ["memory://", f"sqlite:///{tmp_path / 'store.sqlite'}", postgresql_server.url, redis_server.url]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores opened from here on give up after one second instead of three."""
    for module in ("pool", "sqlite", "postgresql", "opening"):
        monkeypatch.setattr(f"flask_sentry_mcp.store.{module}.PATIENCE_S", 1.0)


@pytest.fixture
def running(server: Server | None) -> Iterator[Server]:
    """The server, which a test may stop: afterwards it runs again."""
    assert server is not None
    yield server
    server.thaw()
    server.start_if_down()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()
