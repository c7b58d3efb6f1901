"""``python -m tests.bench.tools``: what our side adds to Sentry's own time, and how many calls wait side by side.

The sandbox answers after a set delay, from the process and core that make the load. Loopback only, about a minute.
"""

import contextlib
import json
import os
import statistics
import tempfile
import time
from typing import Any

from flask import Flask

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import sign_in, start_sandbox
from flask_sentry_mcp.tools.cost import tokens
from tests.tools.callers import SKILLS
from tests.tools.test_injection import CALLS
from tests.tour.server import free_port

from .load import http_request, once, run
from .serving import serving
from .sign_in import environment_for

DETAIL_DELAY_S, DETAILS = 0.05, 60
PARALLEL_DELAY_S, PARALLEL, THREADS, PARALLEL_S = 0.2, 200, 64, 6.0
STEADY_CALLS = 200


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        public_url = f"http://127.0.0.1:{port}"
        sandbox = stack.enter_context(start_sandbox(public_url))
        environment = environment_for(sandbox, public_url, folder)
        app = Flask("sign-in", instance_path=folder)
        app.config.update(environment)
        SentryMCP(app)
        mcp = sign_in(app, sandbox)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {mcp.tokens['access_token']}",
            "MCP-Protocol-Version": "2025-11-25",
        }
        server = stack.enter_context(
            serving("tests.bench.apps:catalogued", core=cores[0], environment=environment, threads=THREADS)
        )
        details = _call("get_issue_details", organizationSlug="northwind", issueId="CHECKOUT-API-4F")
        who = http_request(port, "/mcp", _call("whoami"), headers)
        print(_details_table(sandbox, server.port, http_request(port, "/mcp", details, headers)))
        print(_steady_table(sandbox, server.port, who))
        print(_parallel_table(sandbox, server.port, who))
        print(_costs_table(app, sandbox))


def _call(tool: str, **arguments: Any) -> bytes:
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def _details_table(sandbox: Sandbox, port: int, request: bytes) -> str:
    once(port, request)
    sandbox.faults.add(path="*", delay_s=DETAIL_DELAY_S)
    sandbox.requests.clear()
    took = []
    for _ in range(DETAILS):
        started = time.perf_counter()
        status, answer = once(port, request)
        took.append(time.perf_counter() - started)
        if status != 200 or b"CHECKOUT-API-4F" not in answer:
            raise RuntimeError(f"{status} {answer[:200]!r}")
    sandbox.faults.clear()
    each = len(sandbox.requests.api()) / DETAILS
    cuts = statistics.quantiles(took, n=100)
    return "\n".join(
        [
            f"`get_issue_details`, Sentry answering in {DETAIL_DELAY_S * 1_000:.0f} ms:",
            "",
            "| calls to Sentry | p50 ms | p99 ms |",
            "|---|---|---|",
            f"| {each:.1f} | {cuts[49] * 1_000:.1f} | {cuts[98] * 1_000:.1f} |",
            "",
        ]
    )


def _steady_table(sandbox: Sandbox, port: int, request: bytes) -> str:
    for _ in range(20):
        once(port, request)
    before = sandbox.connections
    for _ in range(STEADY_CALLS):
        once(port, request)
    return f"New connections to Sentry during {STEADY_CALLS} calls in steady state: {sandbox.connections - before}.\n"


def _parallel_table(sandbox: Sandbox, port: int, request: bytes) -> str:
    _, expected = once(port, request)
    sandbox.faults.add(path="*", delay_s=PARALLEL_DELAY_S)
    run(port, request, expected, seconds=1.0, connections=PARALLEL)
    measured = run(port, request, expected, seconds=PARALLEL_S, connections=PARALLEL)
    sandbox.faults.clear()
    ideal = THREADS / PARALLEL_DELAY_S
    return "\n".join(
        [
            f"{PARALLEL} calls at a time, Sentry answering in {PARALLEL_DELAY_S * 1_000:.0f} ms, one worker with "
            f"{THREADS} threads:",
            "",
            "| calls/s | ideal | share |",
            "|---|---|---|",
            f"| {measured.per_second:,.0f} | {ideal:,.0f} | {measured.per_second / ideal:.0%} |",
            "",
        ]
    )


def _costs_table(app: Flask, sandbox: Sandbox) -> str:
    """What a model pays for one answer of each tool, by the estimate that ``tools --cost`` prints."""
    mcp = sign_in(app, sandbox, skills=SKILLS)
    lines = ["Tokens of one answer, estimated:", "", "| tool | tokens |", "|---|---|"]
    lines += [f"| `{name}` | {tokens(mcp.call(name, **CALLS[name]).text):,} |" for name in sorted(CALLS)]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
