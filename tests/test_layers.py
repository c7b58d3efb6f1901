"""The rooms and their arrows: who may import whom. A new room needs a row here before it can be entered.

The table is the one of docs/architecture.rst. An import inside ``if TYPE_CHECKING:`` counts: it is knowledge too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "flask_sentry_mcp"
ROOT = Path(__file__).parent.parent / PACKAGE

EVERYONE = {"clock", "errors", "forks"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "forks": set(),
    "signals": set(),
    "skills": set(),
    "config": {"settings_values", "security.addresses"},
    "settings_values": {"security.addresses", "security.schemes", "store.opening"},
    "store": set(),
    "security": {"store"},
    "render": {"security.untrusted", "security.shapes"},
    "sentry": {"security"},
    "context": {"sentry"},
    "mcp": {"config", "security", "context", "signals", "skills"},
    "oauth": {"config", "security", "context", "signals", "skills", "store", "sentry"},
    "tools": {"context", "skills", "mcp.tool", "mcp.content", "sentry", "render", "security.slugs"},
    "audit": {"signals"},
    "doctor": {"config", "security.addresses", "security.limits", "sentry", "store"},
    "sandbox": set(),
}
SWITCHBOARD = {"__init__", "extension", "cli", "testing"}  # may import everything
# the only ones that know Flask (limits: flask-limiter counts on an application of its own), besides ...
FLASK_FILES = {"extension", "cli", "testing", "mcp.views", "oauth.views", "security.limits"}
FLASK_ROOMS = {"sandbox"}  # ... the sandbox, which is an application of its own

Import = tuple[str, str, int]
"""The importing module, what it imports (both without the package's name when ours), the line."""


def modules() -> dict[str, Path]:
    """Every module by its dotted name inside the package: ``{"mcp.views": Path(...), "mcp": .../mcp/__init__.py}``."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports(module: str, source: str, *, is_package: bool) -> Iterator[Import]:
    """What *module* imports; ours relative to the package (``mcp.tool``), others with a colon before (``:flask``)."""
    here = [] if module == "__init__" else module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                own = alias.name.partition(".")
                yield module, own[2] if own[0] == PACKAGE else f":{alias.name}", node.lineno
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - (node.level - 1)]
            elif (node.module or "").split(".")[0] == PACKAGE:
                base = []
            else:
                yield module, f":{node.module}", node.lineno
                continue
            inner = (node.module or "").split(".") if node.module else []
            base = base + (inner[1:] if not node.level else inner)
            for alias in node.names:
                yield module, ".".join([*base, alias.name]), node.lineno


def offence(found: Import) -> str | None:
    """What is wrong with an import, in a sentence that names it; None when nothing is."""
    module, target, line = found
    room = module.split(".")[0]
    if room in SWITCHBOARD:
        return None
    if target.startswith(":"):
        if target.split(".")[0] == ":flask" and module not in FLASK_FILES and room not in FLASK_ROOMS:
            return f"{module}, line {line}: imports flask; only {', '.join(sorted(FLASK_FILES))} may"
        return None
    aim = target.split(".")[0]
    allowed = ARROWS[room] | EVERYONE | {room}
    if aim in allowed or any(target == one or target.startswith(one + ".") for one in allowed):
        return None
    return f"{module}, line {line}: imports {target}; {room} may import {', '.join(sorted(allowed - {room}))}"


MODULES = modules()


def test_every_module_belongs_to_a_room_of_the_table() -> None:
    strangers = {module for module in MODULES if module.split(".")[0] not in ARROWS.keys() | SWITCHBOARD}

    assert strangers == set()


def test_every_row_of_the_table_is_a_room_that_exists() -> None:
    """A row for a room that is gone would let its name be taken for something else."""
    rooms = {module.split(".")[0] for module in MODULES}

    assert rooms >= ARROWS.keys() | SWITCHBOARD


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_arrows(module: str) -> None:
    path = MODULES[module]

    found = imports(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")

    assert [wrong for one in found if (wrong := offence(one))] == []


@pytest.mark.parametrize(
    ("module", "source", "names"),
    [
        ("render.issues", "from ..sentry import issues", "imports sentry.issues"),
        ("mcp.methods", "from ..oauth.bearer import context_for", "imports oauth.bearer.context_for"),
        ("oauth.tokens", "from .. import tools", "imports tools"),
        ("tools.issues", "from flask_sentry_mcp.mcp import views", "imports mcp.views"),
        ("tools.issues", "import flask_sentry_mcp.oauth.views", "imports oauth.views"),
        ("errors", "from .config import Settings", "imports config.Settings"),
        ("store.sql", "def late():\n    from ..security import limits", "line 2: imports security.limits"),
        ("sentry.client", "from flask import g", "imports flask"),
        ("render.pieces", "from ..security import redact", "imports security.redact"),
    ],
)
def test_a_planted_import_against_the_arrows_is_told_by_name(module: str, source: str, names: str) -> None:
    """The test of this test: relative, absolute, whole-module and late imports are all seen."""
    wrongs = [offence(one) for one in imports(module, source, is_package=False)]

    assert len(wrongs) == 1
    assert names in str(wrongs[0])
    assert str(wrongs[0]).startswith(module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("render.issues", "from ..security.untrusted import fenced"),
        ("render.issues", "from ..security import untrusted"),
        ("render.issues", "from .pieces import heading"),
        ("tools.issues", "from ..mcp.tool import Toolbox\nfrom ..render import issues as render"),
        ("security.limits", "from ..errors import TooManyRequests\nfrom .. import clock"),
        ("extension", "from .oauth.views import oauth_blueprint\nfrom flask import Flask"),
        ("mcp.views", "from flask import Blueprint"),
    ],
)
def test_an_import_along_the_arrows_is_let_through(module: str, source: str) -> None:
    assert [offence(one) for one in imports(module, source, is_package=False)] == [None] * len(source.splitlines())
