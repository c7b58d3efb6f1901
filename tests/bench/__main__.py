"""``make bench``: what the extension adds to a Flask view, and whether its memory stays. Loopback only, about a minute.

Prints the tables of docs/performance.md.
"""

import base64
import contextlib
import os
import platform
import secrets
import statistics
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.testing import sign_in, start_sandbox
from tests.tour.server import free_port

from . import apps
from .load import Measured, WrongAnswer, http_request, once, run
from .serving import Serving, serving

MAY_GROW = 1.05
ROUNDS, ROUND_S, WARM_UP_S = 7, 3.0, 1.5
FIRST_CALLS, ALL_CALLS = 10_000, 50_000
PATH = "/mcp"


@dataclass(frozen=True, slots=True)
class Subject:
    """A server, what is sent to it and what it must answer."""

    name: str
    server: Serving
    request: bytes
    expected: bytes

    @classmethod
    def meet(cls, name: str, server: Serving, request: bytes) -> "Subject":
        status, answer = once(server.port, request)
        if status != 200 or b"hello" not in answer:
            raise WrongAnswer(f"{name}: {status} {answer!r}")
        return cls(name, server, request, answer)

    def run(self, **how_long: Any) -> Measured:
        return run(self.server.port, self.request, self.expected, **how_long)


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("Two cores are needed: one for the server, one for the load.")
    os.sched_setaffinity(0, {cores[1]})
    with contextlib.ExitStack() as stack:
        bare, guarded = _subjects(stack, core=cores[0])
        memory = _memory(guarded)
        speed = _speed(bare, guarded)
    print(_speed_table(bare, guarded, speed))
    print(_memory_table(memory))
    if memory[ALL_CALLS] > memory[FIRST_CALLS] * MAY_GROW:
        sys.exit("The worker's memory grows with the calls.")


def _subjects(stack: contextlib.ExitStack, *, core: int) -> tuple[Subject, Subject]:
    """Both servers, running. The token is obtained here by the real sign-in; the server finds its grant."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    port = free_port()
    public_url = f"http://127.0.0.1:{port}"
    sandbox = stack.enter_context(start_sandbox(public_url))
    environment = {
        key: " ".join(value) if isinstance(value, list) else str(value) for key, value in sandbox.settings().items()
    } | {
        "SENTRY_MCP_PUBLIC_URL": public_url,
        "SENTRY_MCP_STORE": f"sqlite:///{folder}/bench.sqlite",
        "SENTRY_MCP_CALL_LIMIT": "999999999/minute",
        "SENTRY_MCP_ADDRESS_LIMIT": "999999999/minute",
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": "bench:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "BENCH_INSTANCE": folder,
    }
    app = Flask("sign-in", instance_path=folder)
    app.config.update(environment)
    SentryMCP(app, tools=apps.trivial_tools())
    token = sign_in(app, sandbox).tokens["access_token"]
    bare = stack.enter_context(serving("tests.bench.apps:bare", core=core))
    guarded = stack.enter_context(serving("tests.bench.apps:guarded", core=core, environment=environment))
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {token}",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "echo",
    }
    return (
        Subject.meet("bare Flask view", bare, http_request(bare.port, PATH, apps.body(), headers)),
        Subject.meet("authenticated tools/call", guarded, http_request(port, PATH, apps.body(), headers)),
    )


def _memory(subject: Subject) -> dict[int, float]:
    """Megabytes of the worker by the number of calls it has answered."""
    seen = {0: subject.server.memory_mb()}
    subject.run(count=FIRST_CALLS)
    seen[FIRST_CALLS] = subject.server.memory_mb()
    subject.run(count=ALL_CALLS - FIRST_CALLS)
    seen[ALL_CALLS] = subject.server.memory_mb()
    return seen


def _speed(*subjects: Subject) -> list[list[Measured]]:
    """Rounds of all subjects in turn, so that whatever disturbs the machine disturbs both."""
    for subject in subjects:
        subject.run(seconds=WARM_UP_S)
    return [[subject.run(seconds=ROUND_S) for subject in subjects] for _ in range(ROUNDS)]


def _speed_table(bare: Subject, guarded: Subject, rounds: list[list[Measured]]) -> str:
    ratio = statistics.median(one[1].per_second / one[0].per_second for one in rounds)
    lines = [
        f"Python {platform.python_version()}, granian, one worker on one core, 16 connections, medians of "
        f"{len(rounds)} interleaved rounds of {ROUND_S:g} s.",
        "",
        "| | requests/s | p50 ms | p99 ms | ratio |",
        "|---|---|---|---|---|",
    ]
    for column, (subject, share) in enumerate(((bare, 1.0), (guarded, ratio))):
        runs = [one[column] for one in rounds]
        middle = [statistics.median(getattr(run, name) for run in runs) for name in ("per_second", "p50_ms", "p99_ms")]
        lines.append(f"| {subject.name} | {middle[0]:,.0f} | {middle[1]:.2f} | {middle[2]:.2f} | {share:.2f} |")
    return "\n".join([*lines, ""])


def _memory_table(seen: dict[int, float]) -> str:
    lines = ["| calls answered | memory of the worker, MB |", "|---|---|"]
    return "\n".join([*lines, *(f"| {calls:,} | {megabytes:.1f} |" for calls, megabytes in seen.items()), ""])


if __name__ == "__main__":
    main()
