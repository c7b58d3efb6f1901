"""What the documentation says is so: examples run, commands exist, every setting and every signal has its place."""

import base64
import importlib
import json
import re
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import Field, dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from blinker import NamedSignal

import flask_sentry_mcp
from flask_sentry_mcp import SKILLS, catalogue, config, signals
from flask_sentry_mcp.cli import commands
from tests.test_layers import ARROWS, EVERYONE

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.rst")),
    ROOT / "docs/performance.md",
]
EXAMPLES = {"SENTRY_CLIENT_ID": "an-id", "SENTRY_CLIENT_SECRET": "a-secret"}  # the environment that examples read


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    language: str
    line: int
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Every block of *page* that names its language: ``.. code-block:: python`` or a fence."""
    source = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", source, re.MULTILINE | re.DOTALL):
            yield Block(found[1], source.count("\n", 0, found.start(2)), found[2])
        return
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if directive := re.fullmatch(r"( *)\.\. code-block:: (\w+)", line):
            text = []
            for following in lines[number + 1 :]:
                if following.strip() and not following.startswith(directive[1] + "   "):
                    break
                text.append(following)
            yield Block(directive[2], number + 1, dedent("\n".join(text)).strip("\n") + "\n")


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(block.language == language for block in blocks(page))]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a reader has done before an example: secrets made, a folder of their own."""
    for key, value in EXAMPLES.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("COOKIE_SECRET", secrets.token_urlsafe(32))
    monkeypatch.setenv("SENTRY_MCP_VAULT_KEYS", "first:" + base64.b64encode(secrets.token_bytes(32)).decode())
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("page", [page for page in pages_with("python") if page.name != "testing.rst"], ids=page_name)
def test_the_python_examples_of_a_page_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, each with what those before it on the page have defined."""
    namespace: dict[str, object] = {"__name__": "example"}

    for block in blocks(page):
        if block.language == "python":
            code = compile("\n" * block.line + block.text, page_name(page), "exec", dont_inherit=True)
            exec(code, namespace)


def test_the_tests_on_the_testing_page_pass(tmp_path: Path) -> None:
    page = ROOT / "docs/testing.rst"
    (tmp_path / "test_page.py").write_text(
        "\n\n".join(block.text for block in blocks(page) if block.language == "python")
    )

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)

    assert "5 passed" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize("page", pages_with("json"), ids=page_name)
def test_json_on_a_page_is_json(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)


# -- commands -------------------------------------------------------------------------------------------------------

MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SERVERS = {"granian", "gunicorn", "waitress-serve"}


def is_right(command: str) -> bool:
    """Whether a command line on a page can work: its target, subcommand, module or factory exists here."""
    program, *arguments = command.split()
    if program == "make":
        return set(arguments) <= MAKE_TARGETS
    if program == "flask" and arguments[0] == "sentry-mcp":
        return arguments[1] in commands.commands
    if program == "python" and arguments[0] == "-m":
        return find_spec(arguments[1]) is not None
    if program == "pip":
        return re.fullmatch(r"flask-sentry-mcp(\[(redis|postgres)\])?", arguments[-1].strip("'\"")) is not None
    if program in SERVERS:
        return any("example_app:create_app" in argument for argument in arguments)
    return command.startswith("claude mcp add --transport http sentry http://127.0.0.1:5000/mcp")


@pytest.mark.parametrize("page", pages_with("console"), ids=page_name)
def test_the_commands_on_a_page_exist(page: Path) -> None:
    lines = [line for block in blocks(page) if block.language == "console" for line in block.text.splitlines()]

    wrong = [line for line in lines if line.startswith("$ ") and not is_right(line.removeprefix("$ "))]

    assert wrong == []


@pytest.mark.parametrize("command", ["make tea", "flask sentry-mcp brew", "python -m no_such_module", "rm -rf /"])
def test_a_command_that_does_not_exist_is_seen(command: str) -> None:
    """The test of the test above."""
    assert not is_right(command)


def test_the_readme_names_the_test_command() -> None:
    assert "$ make test\n" in (ROOT / "README.md").read_text(encoding="utf-8")


# -- completeness ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that writes the tables of the documentation."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("tables")


@pytest.mark.parametrize("row", config.rows(), ids=lambda row: row.metadata["key"])
def test_every_setting_is_documented(row: Field[Any], tables: ModuleType) -> None:
    """With its key, and with a sentence."""
    written = "\n".join(tables.settings())

    assert ".. from-code:: settings" in (ROOT / "docs/settings.rst").read_text(encoding="utf-8")
    assert f"- ``{row.metadata['key']}``\n" in written
    assert len(row.metadata["doc"]) > 20


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {row.metadata["key"] for row in config.rows()} | {"SENTRY_MCP_CALL_LIMITS"}  # the misspelt example

    named = {
        key for page in PAGES for key in re.findall(r"\bSENTRY_MCP_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8"))
    }

    assert named <= known


@pytest.mark.parametrize("signal", signals.ALL, ids=lambda signal: signal.name)
def test_every_signal_is_documented(signal: NamedSignal) -> None:
    """The page shows the module's docstring, which is a table of them."""
    variable = next(key for key, value in vars(signals).items() if value is signal)

    assert ".. automodule:: flask_sentry_mcp.signals" in (ROOT / "docs/own-tools.rst").read_text(encoding="utf-8")
    assert f"\n``{variable}``" in (signals.__doc__ or "")


def test_every_skill_tool_and_rule_has_a_row(tables: ModuleType) -> None:
    """They are written from the code, so what is checked is that the pages ask for them."""
    skills_page = (ROOT / "docs/skills.rst").read_text(encoding="utf-8")

    assert {".. from-code:: skills", ".. from-code:: tools", ".. from-code:: scopes"} <= set(skills_page.splitlines())
    assert len(tables.skills()) == 3 + 5 * (1 + len(SKILLS))
    assert len(tables.tools()) == 3 + 4 * (1 + len(catalogue().tools))
    assert len(tables.rules()) == 3 + 3 * (1 + 17)


def test_every_public_name_is_on_the_api_page() -> None:
    page = (ROOT / "docs/api.rst").read_text(encoding="utf-8")

    assert [name for name in flask_sentry_mcp.__all__ if not re.search(rf"(\.|``){name}\b", page)] == []


def test_every_runtime_dependency_says_why() -> None:
    """In docs/architecture.rst, a sentence each; and no other is named there."""
    metadata = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    required = set(
        re.findall(r"^    ([a-z0-9-]+)[<>=]", metadata.split("install_requires =")[1].split("\n\n")[0], re.MULTILINE)
    )
    page = (ROOT / "docs/architecture.rst").read_text(encoding="utf-8").split("Why each dependency")[1]

    assert set(re.findall(r"^   \* - ([a-z0-9-]+)$", page, re.MULTILINE)) == required


def test_the_table_of_imports_is_the_one_that_is_held() -> None:
    """docs/architecture.rst and tests/test_layers.py say the same of each room."""
    page = (ROOT / "docs/architecture.rst").read_text(encoding="utf-8").split("Who may import whom")[1]
    rows = re.findall(r"^   \* - (``.*``)\n     - (.*)$", page, re.MULTILINE)
    told = {room: set(_code(allowed)) for rooms, allowed in rows for room in _code(rooms) if allowed != "everything"}

    assert told == {room: allowed for room, allowed in ARROWS.items() if room not in EVERYONE}


def _code(cell: str) -> list[str]:
    return re.findall(r"``([\w.]+)``", cell)


def test_the_project_says_one_version_of_python_everywhere() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert pyproject["tool"]["mypy"]["python_version"] == "3.11"
    assert "python_requires = >=3.11" in (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert "Python 3.11 or newer" in (ROOT / "README.md").read_text(encoding="utf-8")
