"""Every row of the security brief, B1 to B17, is named by at least one test that shows it."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = [f"B{number}" for number in range(1, 18)]


def named_rows() -> dict[str, set[str]]:
    """By row, the tests whose docstring names it: ``{"B8": {"test_regions.py::test_resolves", ...}}``."""
    found: dict[str, set[str]] = {row: set() for row in ROWS}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for row in re.findall(r"\bB\d+\b", ast.get_docstring(node) or ""):
                    found.setdefault(row, set()).add(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize("row", ROWS)
def test_a_test_names_the_row(row: str) -> None:
    assert named_rows()[row], f"no test names {row} in its docstring"


def test_no_test_names_a_row_that_does_not_exist() -> None:
    assert set(named_rows()) == set(ROWS)
