"""``make bench-sign-in``: what authentication and limits cost a call, and what the token endpoint holds.

A SQLite store with 100,000 grants in it, granian with one worker on one core, loopback only, about a minute.
"""

import base64
import contextlib
import http.client
import ipaddress
import json
import os
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from flask_sentry_mcp import SentryMCP, state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import obtain_code, settings_for, sign_in, start_sandbox
from tests.tour.server import free_port

from . import apps
from .load import WrongAnswer, http_request
from .protocol import Subject, table
from .serving import serving

GRANTS = 100_000
CODES, PARALLEL, REFRESHES_EACH = 400, 50, 10
PATH = "/mcp"


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("Two cores are needed: one for the server, one for the load.")
    os.sched_setaffinity(0, {cores[1]})
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        public_url = f"http://127.0.0.1:{port}"
        sandbox = stack.enter_context(start_sandbox(public_url))
        environment = environment_for(sandbox, public_url, folder)
        app = Flask("sign-in", instance_path=folder)
        app.config.update(environment)
        SentryMCP(app, tools=apps.trivial_tools())
        mcp = sign_in(app, sandbox)
        _fill(f"{folder}/bench.sqlite")
        guarded = stack.enter_context(serving("tests.bench.apps:guarded", core=cores[0], environment=environment)).port
        anybody = stack.enter_context(serving("tests.bench.open_apps:app", core=cores[0])).port
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "echo",
        }
        signed_in = {**headers, "Authorization": f"Bearer {mcp.tokens['access_token']}"}
        print(
            table(
                f"`tools/call` with {GRANTS:,} grants in the store",
                [
                    Subject.meet("open", anybody, http_request(anybody, PATH, apps.body(), headers), b"hello"),
                    Subject.meet("ours", guarded, http_request(port, PATH, apps.body(), signed_in), b"hello"),
                ],
            )
        )
        print(_token_table(app, sandbox, guarded))
    print(_host_table())


def environment_for(sandbox: Sandbox, public_url: str, folder: str) -> dict[str, str]:
    """Settings for a server in another process, as text: the sandbox, a store in *folder*, limits out of the way."""
    given = {
        name: " ".join(one) if isinstance(one, list | tuple) else str(one) for name, one in sandbox.settings().items()
    }
    return given | {
        "SENTRY_MCP_PUBLIC_URL": public_url,
        "SENTRY_MCP_STORE": f"sqlite:///{folder}/bench.sqlite",
        "SENTRY_MCP_CALL_LIMIT": "999999999/minute",
        "SENTRY_MCP_ADDRESS_LIMIT": "999999999/minute",
        "SENTRY_MCP_TRUSTED_PROXY_HOPS": "1",
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": "bench:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "BENCH_INSTANCE": folder,
    }


def _fill(path: str) -> None:
    """Copy the one grant, and what finds it, until there are GRANTS: ids and people differ, sizes are real."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO sentry_mcp_records (kind, id, version, expires_at, owner, value) "
            "SELECT kind, id || '-' || i, version, expires_at, iif(owner = '', '', owner || '-' || i), value "
            "FROM sentry_mcp_records, n WHERE kind IN ('grant', 'token')",
            (GRANTS,),
        )
        (grants,) = connection.execute("SELECT count(*) FROM sentry_mcp_records WHERE kind = 'grant'").fetchone()
    if grants <= GRANTS:
        raise RuntimeError(f"the store has {grants} grants")


def _token_table(app: Flask, sandbox: Sandbox, port: int) -> str:
    """Codes are made here, in the same store; the server exchanges them, then rotates what it gave."""
    forms = _codes(app, sandbox)
    exchanges = _at_once([lambda form=form: _ask(port, form) for form in forms], workers=16)  # type: ignore[misc]  # mypy infers no lambda with a default
    refreshes: list[float] = []
    tokens = [
        {"grant_type": "refresh_token", "client_id": form["client_id"], "refresh_token": answer["refresh_token"]}
        for form, (_, answer) in zip(forms, exchanges.answers, strict=True)
    ][:PARALLEL]
    started = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        for took in pool.map(lambda form: _rotate(port, form), tokens):
            refreshes += took
    elapsed = time.perf_counter() - started
    rows = [
        ("exchange of a code, 16 at once", [took for took, _ in exchanges.answers], exchanges.elapsed_s),
        (f"refresh, {PARALLEL} at once", refreshes, elapsed),
    ]
    lines = ["Token endpoint:", "", "| | number | per second | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name, times, whole in rows:
        cuts = statistics.quantiles(times, n=100)
        lines.append(
            f"| {name} | {len(times)} | {len(times) / whole:,.0f} | {cuts[49] * 1_000:.1f} | {cuts[98] * 1_000:.1f} |"
        )
    return "\n".join([*lines, ""])


@dataclass(frozen=True, slots=True)
class Batch:
    """What calls made at once took, each in seconds, and answered; and all of them together."""

    answers: list[tuple[float, dict[str, Any]]]
    elapsed_s: float


def _at_once(calls: Sequence[Callable[[], tuple[float, dict[str, Any]]]], *, workers: int) -> Batch:
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(lambda call: call(), calls))
    return Batch(answers, time.perf_counter() - started)


def _rotate(port: int, form: dict[str, str]) -> list[float]:
    times = []
    for _ in range(REFRESHES_EACH):
        took, answer = _ask(port, form)
        form["refresh_token"] = answer["refresh_token"]
        times.append(took)
    return times


def _ask(port: int, form: Mapping[str, str]) -> tuple[float, dict[str, Any]]:
    """One token request, as if from an address of its own: the limits per address are not what is measured."""
    address = str(ipaddress.IPv4Address(secrets.randbits(24) + (10 << 24)))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": address}
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/oauth/token", urlencode(form), headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    took = time.perf_counter() - started
    if response.status != 200:
        raise WrongAnswer(f"{response.status} {answer[:200]!r}")
    return took, json.loads(answer)


def _codes(app: Flask, sandbox: Sandbox) -> list[dict[str, str]]:
    forms = []
    for number in range(CODES):
        app.test_client_class = _from_address(number)
        forms.append(obtain_code(app, sandbox, state_of(app).settings.resource_url))
    return forms


def _from_address(number: int) -> type[FlaskClient]:
    """A test client with an address of its own, for the limits per address."""

    class Elsewhere(FlaskClient):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.environ_base["HTTP_X_FORWARDED_FOR"] = str(ipaddress.IPv4Address((11 << 24) + number))

    return Elsewhere


def _host_table() -> str:
    """A route of the host's own, called in this process, without and with the extension."""
    plain, embedding = _host(), _host()
    with start_sandbox() as sandbox:
        embedding.config.update(settings_for(sandbox))
        SentryMCP(embedding)
        times: list[list[float]] = [[], []]
        for _ in range(15):
            for kept, app in zip(times, (plain, embedding), strict=True):
                kept.append(_microseconds(app))
    without, with_us = (statistics.median(kept) for kept in times)
    lines = ["A route of the host application:", "", "| | us |", "|---|---|"]
    lines += [f"| without the extension | {without:.1f} |", f"| with it | {with_us:.1f} |"]
    return "\n".join([*lines, f"| difference | {with_us - without:+.1f} |", ""])


def _host() -> Flask:
    app = Flask("host")

    @app.get("/report")
    def report() -> str:
        return "a report"

    return app


def _microseconds(app: Flask, calls: int = 2_000) -> float:
    environ = EnvironBuilder(path="/report").get_environ()
    started = time.perf_counter()
    for _ in range(calls):
        b"".join(app.wsgi_app(dict(environ), lambda *_: lambda _: None))
    return (time.perf_counter() - started) / calls * 1_000_000


if __name__ == "__main__":
    main()
