"""What tools cost a model: tokens of their definitions, counted by an approximation that needs no download.

The vocabulary of cl100k does not come with this package, so its first step alone is taken: text is cut into words,
numbers and punctuation by the pattern of cl100k, and each piece is charged by its kind and length. The tests with
clients from npm hold the estimate against a tokenizer: for our tools never too low, and at most a third too high.
``at_most`` is the bound that budgets are held to without one.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..mcp.tool import Tool

_PIECES = re.compile(
    r"'(?:[sdmt]|ll|ve|re)|[^\r\n\w]?[^\W\d_]+|\d{1,3}| ?[^\s\w]+[\r\n]*|_+|\s*[\r\n]|\s+(?!\S)|\s+",
    re.IGNORECASE,
)
WORD, CAMEL = 8, re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^A-Za-z]+")


def tokens(text: str) -> int:
    """About how many tokens of cl100k *text* is."""
    return sum(_cost(piece) for piece in _PIECES.findall(text))


def _cost(piece: str) -> int:
    core = piece.strip()
    if not core:
        return 1
    if not core.isascii():
        return max(1, math.ceil(len(core.encode()) / 3))
    if any(char.isalpha() for char in core):
        return sum(math.ceil(len(part) / WORD) for part in CAMEL.findall(core.lstrip('"([{./-')) or [core])
    return math.ceil(len(core) / 3)


def at_most(text: str) -> int:
    """More tokens than English and JSON can be expected to take: one for every three characters."""
    return math.ceil(len(text) / 3)


def of_tool(entry: Mapping[str, Any]) -> int:
    """What one entry of ``tools/list`` costs."""
    return tokens(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))


def table(tools: Iterable[Tool]) -> list[tuple[str, int, bool]]:
    """``(name, tokens, is listed)`` of each tool as an unconstrained caller sees it, the dearest first."""
    rows = [(tool.name, of_tool(tool.listing(tool.arguments.json_schema)), tool.listed) for tool in tools]
    return sorted(rows, key=lambda row: -row[1])
