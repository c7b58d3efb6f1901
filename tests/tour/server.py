"""The example application as its own process, with its sandbox, on free ports and in a folder of its own."""

import contextlib
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

STARTS_WITHIN_S = 60
ROOMY = {"SENTRY_MCP_ADDRESS_LIMIT": "3000/minute", "SENTRY_MCP_CALL_LIMIT": "3000/minute"}
"""Settings for a tour whose guests all come from one address, and come again under the same names."""
ROOT = Path(__file__).parent.parent.parent
_FIRST_PORT, _PORTS = 10_000, 22_000
_looked = itertools.count(secrets.randbelow(_PORTS))


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of ours."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SENTRY_", "COOKIE_", "EXAMPLE_"))}


def free_port() -> int:
    """A port that nobody listens on, and that nobody is given before it is used.

    It lies below those that the system hands out, and each process begins to look in another place.
    """
    while True:
        port = _FIRST_PORT + next(_looked) % _PORTS
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextlib.contextmanager
def example_app(**settings: str) -> Iterator[tuple[str, str]]:
    """``python -m example_app``: its address and what it printed until it was ready; ended by Ctrl-C."""
    environment = clean_environment() | settings
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "example_app", "--port", str(port), "--instance", folder]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield f"http://127.0.0.1:{port}", _read_until_ready(process)
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=20)
        if process.returncode not in (0, -signal.SIGINT):
            raise RuntimeError(f"the server ended with {process.returncode}:\n{output}")


def _read_until_ready(process: "subprocess.Popen[str]") -> str:
    """What the server says up to the last thing to paste. Raises RuntimeError when it does not get there."""
    assert process.stdout is not None
    said: list[str] = []
    until = time.monotonic() + STARTS_WITHIN_S
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C ends it" in line:
            return "".join(said)
        if time.monotonic() > until:
            break
    raise RuntimeError("the server did not start:\n" + "".join(said))
