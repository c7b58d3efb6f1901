"""docs/security/rules.md: every rule of ours has its place and its test, and both exist."""

import ast
import csv
import functools
import importlib
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs/security/rules.md"
AREAS = (
    "APP 5, AUTHZ 5, CB 5, CFG 3, CIMD 8, CLI 1, CODE 3, CON 7, COOKIE 1, CORS 2, DCR 8, END 4, ERR 4, GATE 7, "
    "GRANT 2, HDR 2, ISS 1, JSON 2, LOG 5, META 4, PKCE 1, RATE 3, REDIR 7, REF 8, RES 6, REV 5, RS 5, SCOPE 4, "
    "SLUG 1, SSRF 1, STATE 6, STO 6, STORE 4, TOK 5, UP 6"
)
"""How many rules each area has; all of them are in the table."""


def rows() -> list[list[str]]:
    """The rows of both tables, without their heads: ``[["STATE-1", "``oauth...``", "``test_...``", ""], ...]``."""
    lines = [line.strip() for line in PAGE.read_text().splitlines() if line.startswith('"')]
    return list(csv.reader(lines, skipinitialspace=True))


def names_in(cell: str) -> list[str]:
    return re.findall(r"``([^`]+)``", cell)


@functools.cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


ROWS = rows()


def test_every_rule_is_in_the_table_once() -> None:
    listed = [row[0] for row in ROWS]
    areas = (area.split() for area in AREAS.split(", "))
    expected = {f"{area}-{number}" for area, count in areas for number in range(1, int(count) + 1)}

    assert len(listed) == len(set(listed))
    assert expected <= set(listed)


def test_every_quirk_of_authlib_is_in_the_table() -> None:
    quirks = [int(row[0].partition(":")[0]) for row in ROWS if row[0][0].isdigit()]

    assert quirks == list(range(1, 20))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_place_exists(row: list[str]) -> None:
    """``oauth.grants.swap`` is a name in a module of ours, ``oauth.renewal.GrantToken.renew`` one in a class."""
    assert names_in(row[1])
    for name in names_in(row[1]):
        parts = name.split(".")
        module = next(length for length in range(len(parts) - 1, 0, -1) if _is_module(parts[:length]))
        found = importlib.import_module(".".join(["flask_sentry_mcp", *parts[:module]]))
        for part in parts[module:]:
            found = getattr(found, part)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_test_exists(row: list[str]) -> None:
    assert names_in(row[2])
    for name in names_in(row[2]):
        file, _, function = name.partition("::")
        assert any(function in functions_of(path) for path in TESTS.rglob(file)), name


def _is_module(parts: list[str]) -> bool:
    path = TESTS.parent.joinpath("flask_sentry_mcp", *parts)
    return path.with_suffix(".py").exists() or path.is_dir()
