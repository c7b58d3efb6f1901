"""Several workers on one store: any of them serves anybody, a restart signs nobody out, a stolen store is worthless."""

import base64
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import start_sandbox
from tests.store.servers import PostgreSQL, Redis, Server
from tests.tour.server import free_port
from tests.workers.fleet import WORKERS, Caller, fleet

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
        yield server.url, server.dump
    finally:
        server.remove()


def test_any_worker_serves_anybody_and_a_restart_signs_nobody_out(
    store: tuple[str, Callable[[], bytes]], tmp_path: Path
) -> None:
    """B2, B4: sign-ins, refreshes and revocations over three workers.

    Loaded before the fork, they are all replaced while people are at work (HUP); then they are stopped, and started to
    load for themselves.
    """
    store_url, dump = store
    port = free_port()
    base_url, log = f"http://127.0.0.1:{port}", tmp_path / "gunicorn.log"
    with start_sandbox(base_url) as sandbox:
        settings = _settings(sandbox, base_url, store_url)
        callers = [Caller(base_url, user) for user in PEOPLE]
        with fleet(port, settings, log, "--preload") as master:
            for caller in callers:
                caller.sign_in()
            first = _everybody_is_served(callers)
            master.send_signal(signal.SIGHUP)
            second = _at_work_until_replaced(callers, first)
        with fleet(port, settings, log):
            third = _everybody_is_served(callers)
            assert [caller.refresh().status_code for caller in callers] == [200] * len(callers)
            _everybody_is_served(callers)
            leaver, *others = callers
            dumped = dump()
            assert leaver.revoke().status_code == 200
            assert {leaver.call("which_worker").status_code for _ in range(12)} == {401}
            assert leaver.refresh().status_code == 400
            _everybody_is_served(others)
        assert len(first | second | third) == 3 * WORKERS
        _has_no_secret(dumped, sandbox, callers)


def _everybody_is_served(callers: list[Caller]) -> set[int]:
    """Each caller asks a few times, all at once over new connections; returns the workers that answered: all three."""
    pids: set[int] = set()
    until = time.monotonic() + 20
    while len(pids) < WORKERS and time.monotonic() < until:
        with ThreadPoolExecutor(len(callers) * 4) as pool:
            pids |= set(pool.map(_pid, callers * 4))
    for caller in callers:
        who = caller.call("whoami").json()["result"]["structuredContent"]["user"]
        assert who["email"].startswith(caller.user)
    assert len(pids) == WORKERS, "the requests were not spread over the workers"
    return pids


def _at_work_until_replaced(callers: list[Caller], before: set[int]) -> set[int]:
    """Each caller calls and refreshes, over and over, until three new workers have answered it; returns them."""

    def work(caller: Caller) -> set[int]:
        after: set[int] = set()
        until = time.monotonic() + 30
        while len(after) < WORKERS and time.monotonic() < until:
            after |= {_pid(caller) for _ in range(3)} - before
            assert caller.refresh().status_code == 200
        return after

    with ThreadPoolExecutor(len(callers)) as pool:
        found = list(pool.map(work, callers))
    assert [len(pids) for pids in found] == [WORKERS] * len(callers)
    return set().union(*found)


def _pid(caller: Caller) -> int:
    """The worker that answers, as it has to."""
    answer = caller.call("which_worker")
    assert answer.status_code == 200
    return int(answer.json()["result"]["structuredContent"]["pid"])


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
