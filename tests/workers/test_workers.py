"""Several workers on one store: any of them serves anybody, a restart signs nobody out, a stolen store is worthless."""

import base64
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import start_sandbox
from tests.store.servers import PostgreSQL, Redis, Server
from tests.tour.server import free_port
from tests.workers.fleet import Caller, fleet

PEOPLE = ("mira", "jonas", "mira", "jonas")


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The URL of an empty store, and how to read everything that is in it as bytes."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.sqlite", lambda: b"".join(p.read_bytes() for p in tmp_path.glob("store*"))
        return
    server: Server = PostgreSQL() if request.param == "postgresql" else Redis()
    try:
        server.start()
        yield server.url, lambda: (_dump_postgresql if request.param == "postgresql" else _dump_redis)(server.url)
    finally:
        server.remove()


def _dump_postgresql(url: str) -> bytes:
    rows: list[Any] = []
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert tables
        for (table,) in tables:
            rows += connection.execute(f'SELECT * FROM "{table}"').fetchall()
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def _dump_redis(url: str) -> bytes:
    with redis.Redis.from_url(url) as client:
        found: list[bytes] = []
        for key in client.scan_iter():
            kind = client.type(key)
            read = {b"hash": client.hgetall, b"string": client.get, b"stream": client.xrange, b"set": client.smembers}
            if kind == b"zset":
                found += [key, *client.zrange(key, 0, -1)]
            else:
                found += [key, repr(read[kind](key)).encode()]
        return b"\n".join(found)


def test_any_worker_serves_anybody_and_a_restart_signs_nobody_out(
    store: tuple[str, Callable[[], bytes]], tmp_path: Path
) -> None:
    """B2, B4: sign-ins, refreshes and revocations over three workers, all of them restarted in the middle."""
    store_url, dump = store
    port = free_port()
    base_url, log = f"http://127.0.0.1:{port}", tmp_path / "gunicorn.log"
    with start_sandbox(base_url) as sandbox:
        settings = _settings(sandbox, base_url, store_url)
        callers = [Caller(base_url, user) for user in PEOPLE]
        with fleet(port, settings, log):
            for caller in callers:
                caller.sign_in()
            first_pids = _everybody_is_served(callers)
            assert [caller.refresh().status_code for caller in callers] == [200] * len(callers)
        with fleet(port, settings, log):
            second_pids = _everybody_is_served(callers)
            assert [caller.refresh().status_code for caller in callers] == [200] * len(callers)
            _everybody_is_served(callers)
            leaver, *others = callers
            dumped = dump()
            assert leaver.revoke().status_code == 200
            assert {leaver.call("which_worker").status_code for _ in range(12)} == {401}
            assert leaver.refresh().status_code == 400
            _everybody_is_served(others)
        assert first_pids.isdisjoint(second_pids)
        assert min(len(first_pids), len(second_pids)) > 1, "the requests were not spread over workers"
        _has_no_secret(dumped, sandbox, callers)


def _everybody_is_served(callers: list[Caller]) -> set[int]:
    """Each caller asks a few times, all at once over new connections; returns the workers that answered."""
    with ThreadPoolExecutor(len(callers) * 4) as pool:
        answers = list(pool.map(lambda caller: caller.call("which_worker"), callers * 4))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    for caller in callers:
        who = caller.call("whoami").json()["result"]["structuredContent"]["user"]
        assert who["email"].startswith(caller.user)
    return {answer.json()["result"]["structuredContent"]["pid"] for answer in answers}


def _has_no_secret(dumped: bytes, sandbox: Sandbox, callers: list[Caller]) -> None:
    """B4: nothing in the store opens anything, or names a person."""
    assert len(dumped) > 1_000
    secrets_in_play = {value for caller in callers for name, value in caller.tokens.items() if name.endswith("_token")}
    for request in sandbox.requests:
        if request.path.startswith("/api/"):
            secrets_in_play.add(request.headers["Authorization"].split()[1])
    secrets_in_play |= {"mira@northwind.example", "Mira Okafor", "Jonas Weber", sandbox.client_secret}
    assert len(secrets_in_play) > 10
    assert [secret for secret in secrets_in_play if str(secret).encode() in dumped] == []


def _settings(sandbox: Sandbox, base_url: str, store_url: str) -> dict[str, Any]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        **sandbox.settings(),
        "SENTRY_MCP_PUBLIC_URL": base_url,
        "SENTRY_MCP_STORE": store_url,
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": f"test:{key}",
    }
