"""``python -m tests.bench.streams``: what idle ``subscriptions/listen`` streams cost a worker. Loopback, half a minute.

Prints the tables of docs/streams.rst: memory and processor time of one gevent worker with and without them, how soon
all of them hear of a change, and how many streams a worker with threads takes before it says that there is no place.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from tests.tour.server import free_port

from .load import http_request
from .open_apps import echoing
from .serving import Serving, serving, wait_for

MODERN = "2026-07-28"
STREAMS, IDLE_S = 500, 20.0
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def many_streams() -> Flask:
    """What the gevent worker serves: more places than are taken here, and a tool that changes something."""
    return echoing(SENTRY_MCP_STREAMS_PER_GRANT=1000, SENTRY_MCP_STREAMS_PER_WORKER=1000)


def usual_streams() -> Flask:
    """What the worker with threads serves: as many places as it has threads, less eight for calls."""
    return echoing(SENTRY_MCP_STREAMS_PER_GRANT=1000)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_STORE"] = f"sqlite:///{Path(folder) / 'store.sqlite'}"
        with _gevent() as server:
            print(_costs(server))
        with serving("tests.bench.streams:usual_streams", core=0) as server:
            print(_places(server))


@contextmanager
def _gevent() -> Iterator[Serving]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "tests.bench.streams:many_streams()", "-k", "gevent", "-w", "1"]
    command += ["-b", f"127.0.0.1:{port}", "--log-level", "error", "--no-control-socket", "--graceful-timeout", "1"]
    process = subprocess.Popen(command)
    try:
        wait_for(port, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Serving(port, int(children[0]))
    finally:
        process.terminate()
        process.wait(timeout=15)


def _request(port: int, method: str, **params: object) -> bytes:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": method,
        **({"Mcp-Name": str(params["name"])} if "name" in params else {}),
    }
    return http_request(port, "/mcp", json.dumps(body).encode(), headers)


@dataclass(frozen=True, slots=True)
class Opened:
    """What an attempt to listen was answered with."""

    sock: socket.socket
    status: int
    said: str


def _listen(port: int) -> Opened:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.sendall(_request(port, "subscriptions/listen", notifications={"toolsListChanged": True}))
    received = b""
    while b"acknowledged" not in received and b'"error_description"' not in received:
        chunk = sock.recv(65_536)
        if not chunk:
            raise RuntimeError(f"closed after {received!r}")
        received += chunk
    return Opened(sock, int(received[9:12]), received.decode())


def _costs(server: Serving) -> str:
    rows, streams = list[Sequence[str]](), list[Opened]()
    for count in (0, 100, STREAMS):
        while len(streams) < count:
            streams.append(_listen(server.port))
        time.sleep(1)
        before, began = _cpu_s(server.worker), time.monotonic()
        time.sleep(IDLE_S)
        share = (_cpu_s(server.worker) - before) / (time.monotonic() - began)
        memory = server.memory_mb()
        took = _tell_all(server.port, streams)
        rows.append((str(count), f"{memory:.1f}", f"{share:.2%}", f"{took * 1000:.0f}" if streams else "-"))
    for one in streams:
        one.sock.close()
    return _table(("idle streams", "memory, MB", "of one core", "all have heard of a change after, ms"), rows)


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tell_all(port: int, streams: Sequence[Opened]) -> float:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(_request(port, "tools/call", name="change", arguments={}))
        if b"changed" not in (answer := sock.recv(65_536)):
            raise RuntimeError(answer.decode())
    for one in streams:
        received = b""
        while received.count(b"list_changed") < 2:  # a tool came, and went
            received += one.sock.recv(65_536)
    return time.monotonic() - began


def _places(server: Serving) -> str:
    with ExitStack() as stack:
        taken = 0
        while True:
            began = time.monotonic()
            opened = _listen(server.port)
            stack.enter_context(opened.sock)
            if opened.status != 200:
                break
            taken += 1
        refused_s = time.monotonic() - began
        sentence = json.loads(opened.said.partition("\r\n\r\n")[2])["error_description"]
    row = (str(taken), str(opened.status), sentence, f"{refused_s * 1000:.0f}")
    return _table(("streams taken by a worker with 32 threads", "then", "which says", "after, ms"), [row])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
