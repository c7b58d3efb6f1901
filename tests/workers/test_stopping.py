"""A gunicorn that is told to stop ends the streams that have no end of their own, and is gone soon."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.tour.server import free_port
from tests.workers.fleet import ROOT

MODERN = "2026-07-28"
CONFIGURATION = """
def post_worker_init(worker):
    from flask_sentry_mcp import SentryMCP  # not above: gevent has to be there first

    SentryMCP.end_streams_at_sigterm(worker.wsgi)
"""
GRACE_S = 60
SOON_S = 20.0
"""Far below the grace period, which is what it took before; far above what it takes on a machine at rest."""


@pytest.fixture(params=["gthread", "gevent"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """gunicorn as the documentation has it configured: ``(process, port)``."""
    port = free_port()
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    command = [sys.executable, "-m", "gunicorn", "--config", str(configuration), "tests.bench.open_apps:app()"]
    command += ["--bind", f"127.0.0.1:{port}", "--graceful-timeout", str(GRACE_S), "--log-level", "warning"]
    command += ["--worker-class", request.param, "--threads", "4"]
    environment = {**os.environ, "BENCH_PUBLIC_URL": f"http://127.0.0.1:{port}", "BENCH_STORE": "memory://"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _until_it_listens(port, process)
        yield process, port
    finally:
        process.kill()
        process.wait(10)


def _until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("gunicorn does not answer")


def _listen(connection: HTTPConnection) -> HTTPResponse:
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    params: dict[str, Any] = {"notifications": {"toolsListChanged": True}, "_meta": meta}
    headers = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "subscriptions/listen",
    }
    body = {"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": params}
    connection.request("POST", "/mcp", json.dumps(body), headers)
    return connection.getresponse()


def test_a_subscription_ends_with_its_result(server: tuple["subprocess.Popen[bytes]", int]) -> None:
    process, port = server
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=GRACE_S)) as connection:
        stream = _listen(connection)
        assert b"acknowledged" in stream.readline()

        told = time.monotonic()
        process.terminate()
        rest = stream.read().decode()
        process.wait(GRACE_S)

    last = json.loads(rest.strip().splitlines()[-1].removeprefix("data: "))
    assert (last["id"], last["result"]["resultType"]) == (7, "complete")
    assert time.monotonic() - told < SOON_S
