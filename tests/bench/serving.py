"""One granian server under measurement: its own process, one worker, one core."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.tour.server import free_port

THREADS = 32
STARTS_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server. ``worker`` is the process id of its one worker."""

    port: int
    worker: int

    def memory_mb(self) -> float:
        """Resident memory of the worker."""
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1_024
        raise LookupError(f"process {self.worker} has no resident memory")


@contextlib.contextmanager
def serving(
    target: str, *, core: int, environment: Mapping[str, str] | None = None, threads: int = THREADS
) -> Iterator[Serving]:
    """Serve the factory *target* on a free port, pinned to *core*."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", target, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--blocking-threads", str(threads), "--log-level", "error"]
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    try:
        wait_for(port, process)
        yield Serving(port, _only_child(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=15)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            if sock.recv(1):
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")


def _only_child(process: int) -> int:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    workers = [int(child) for child in children if b"granian" in Path(f"/proc/{child}/cmdline").read_bytes()]
    if len(workers) != 1:
        raise RuntimeError(f"expected one worker, found {workers}")
    return workers[0]
