"""``make conformance``: the official suite against the fixture server, both sets of requirements, every scenario.

Node 22 and the suite come from package managers and stay in ``.venv``. The server runs as it would: gunicorn with two
workers, one SQLite file between them, and no sticky sessions. There is no list of expected failures: a check that fails
fails the run, whether the suite scores its scenario or not; so do a scenario that is missing, a check that is skipped,
and a message that is not of the specification's types.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients import packages

REQUIREMENTS = {"2025-11-25": (33, 30), "2026-07-28": (50, 37)}  # scenarios of each set, and how many it scores
SKIPPED = {"tasks-status-notifications"}  # the suite has still to learn on which stream they are told
COMPLAINTS = "complaints"
SUITE = "@modelcontextprotocol/conformance/dist/index.js"


def main() -> int:
    """Install, serve, run, count."""
    packages.install()
    failed = False
    with tempfile.TemporaryDirectory() as name, serving(Path(name), "tests.conformance.judged:create_app()") as url:
        for revision in REQUIREMENTS:
            failed |= not _passes(url, revision, Path(name) / revision)
        complaints = Path(name) / COMPLAINTS
        if complaints.exists():
            print(f"messages that are not of the specification's types:\n{complaints.read_text()}")
            failed = True
    return 1 if failed else 0


@contextmanager
def serving(folder: Path, target: str = "tests.conformance.fixture:create_app()") -> Iterator[str]:
    """The fixture under gunicorn with two workers; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "CONFORMANCE_PORT": str(port),
        "CONFORMANCE_STORE": f"sqlite:///{folder / 'store.sqlite'}",
        "CONFORMANCE_COMPLAINTS": str(folder / COMPLAINTS),
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-w",
        "2",
        "-k",
        "gthread",
        "--threads",
        "32",
        "--log-level",
        "warning",
    ]
    command += [
        "--no-control-socket",
        "--graceful-timeout",
        "1",
        "--keep-alive",
        "30",  # the 2 s of the default end just when a client that polls reuses its connection
        "-b",
        f"127.0.0.1:{port}",
        target,
    ]
    with subprocess.Popen(command, env=environment) as process:
        try:
            _await(f"http://127.0.0.1:{port}/mcp")
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _await(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=1)
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the fixture server did not start")


def _passes(url: str, revision: str, out: Path) -> bool:
    """Run one set and print its counts: scenarios and checks, the scored scenarios first."""
    command = [*packages.script(SUITE), "server", "--url", url, "--requirements", revision, "-o", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    checks = {path.parent.name: json.loads(path.read_text()) for path in sorted(out.glob("*/checks.json"))}
    bad = [
        f"  {name.removeprefix('server-')}: {check['id']}: {check['status']}: {check.get('errorMessage', '')}"
        for name, found in checks.items()
        for check in found
        if check["status"] in ("FAILURE", "WARNING") or (check["status"] == "SKIPPED" and check["id"] not in SKIPPED)
    ]
    scenarios, scored = REQUIREMENTS[revision]
    counts = Counter(check["status"] for found in checks.values() for check in found)
    broken = {line.split(":")[0] for line in bad}
    print(
        f"{revision}: {len(checks) - len(broken)} of {len(checks)} scenarios pass ({scored} of them scored); "
        + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    )
    print("\n".join(bad) or "  no failure, no warning", flush=True)
    return run.returncode == 0 and not bad and len(checks) == scenarios


if __name__ == "__main__":
    sys.exit(main())
