"""``make bench-protocol``: one trivial call and one long list, beside a bare Flask view and the official Python SDK.

Unauthenticated and unlimited, in both protocol eras, each server alone on the same core, in interleaved rounds.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.tour.server import free_port

from .load import Measured, WrongAnswer, http_request, once, run
from .serving import serving, wait_for

ROUNDS, ROUND_S, WARM_UP_S = 7, 2.0, 1.0
ERAS = ("2026-07-28", "2025-11-25")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is sent to a server, and what it must answer."""

    name: str
    port: int
    request: bytes
    expected: bytes

    @classmethod
    def meet(cls, name: str, port: int, request: bytes, sign: bytes) -> "Subject":
        status, answer = once(port, request)
        if status != 200 or sign not in answer:
            raise WrongAnswer(f"{name}: {status} {answer[:300]!r}")
        return cls(name, port, request, answer)


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("Two cores are needed: one for the server, one for the load.")
    os.sched_setaffinity(0, {cores[1]})
    with contextlib.ExitStack() as stack:
        ports = {
            "bare Flask view": stack.enter_context(serving("tests.bench.apps:bare", core=cores[0])).port,
            "ours": stack.enter_context(serving("tests.bench.open_apps:app", core=cores[0])).port,
            "official SDK": stack.enter_context(uvicorn("tests.bench.peer:app", core=cores[0])),
        }
        for era in ERAS:
            call = _message(era, "tools/call", {"name": "echo", "arguments": {"text": "hello"}})
            calls = [
                Subject.meet(
                    name, port, http_request(port, "/mcp", call, _headers(era, "tools/call", "echo")), b"hello"
                )
                for name, port in ports.items()
            ]
            print(table(f"`tools/call`, {era}", calls))
    with contextlib.ExitStack() as stack:
        ports = {
            "ours": stack.enter_context(serving("tests.bench.open_apps:many", core=cores[0])).port,
            "official SDK": stack.enter_context(uvicorn("tests.bench.peer:many", core=cores[0])),
        }
        for era in ERAS:
            listing = _message(era, "tools/list", {})
            lists = [
                Subject.meet(name, port, http_request(port, "/mcp", listing, _headers(era, "tools/list")), b"tool_53")
                for name, port in ports.items()
            ]
            print(table(f"`tools/list` of 54 tools, {era}", lists))


@contextlib.contextmanager
def uvicorn(target: str, *, core: int) -> Iterator[int]:
    """Serve the factory *target* with uvicorn on uvloop and httptools; its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", target, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "error", "--no-access-log"]
    process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=15)


def _message(era: str, method: str, params: dict[str, object]) -> bytes:
    if era == ERAS[0]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        }
        params = {**params, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def _headers(era: str, method: str, name: str | None = None) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": era,
    }
    if era == ERAS[0]:
        headers["Mcp-Method"] = method
        if name is not None:
            headers["Mcp-Name"] = name
    return headers


def table(title: str, subjects: Sequence[Subject]) -> str:
    """Rows in Markdown. The subject named ``ours`` is compared with each of the others."""
    for subject in subjects:
        run(subject.port, subject.request, subject.expected, seconds=WARM_UP_S)
    rounds = [
        [run(subject.port, subject.request, subject.expected, seconds=ROUND_S) for subject in subjects]
        for _ in range(ROUNDS)
    ]
    ours = next(column for column, subject in enumerate(subjects) if subject.name == "ours")
    lines = [f"{title}:", "", "| | requests/s | p50 ms | p99 ms | ours is |", "|---|---|---|---|---|"]
    for column, subject in enumerate(subjects):
        ratio = statistics.median(one[ours].per_second / one[column].per_second for one in rounds)
        told = "" if column == ours else f"{ratio:.2f} x"
        middle = _middle([one[column] for one in rounds])
        lines.append(f"| {subject.name} | {middle[0]:,.0f} | {middle[1]:.2f} | {middle[2]:.2f} | {told} |")
    return "\n".join([*lines, ""])


def _middle(runs: Sequence[Measured]) -> list[float]:
    return [statistics.median(getattr(one, name) for one in runs) for name in ("per_second", "p50_ms", "p99_ms")]


if __name__ == "__main__":
    main()
