"""Sentry's search syntax: terms ``key:value``, ``!``, lists, comparisons, wildcards, quotes, AND, OR, parentheses.

``parse`` makes a tree, ``holds`` asks it about one row. What a key means is the caller's business.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from .. import clock

DATE_FORMS = "Expected +/-duration (e.g. +1h) or ISO 8601-like (e.g. 2026-01-01)."
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<paren>[()])
    | (?P<negated>!?)(?P<key>(?:tags\[[^\]\s]+\]|[A-Za-z_][\w.\-]*(?:\([^()\s]*\))?)):
      (?P<op>>=|<=|>|<|=)?
      (?P<value>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s()"]*)
    | (?P<phrase>"(?:[^"\\]|\\.)*")
    | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)


class QuerySyntaxError(ValueError):
    """The text is not a query. ``str(error)`` is the sentence that Sentry puts into ``detail``."""


@dataclass(frozen=True, slots=True)
class Term:
    """``!level:[error,fatal]``: key ``level``, values ``("error", "fatal")``, negated. ``op``: ``=``, ``>``..."""

    key: str
    op: str
    values: tuple[str, ...]
    negated: bool

    @property
    def value(self) -> str:
        return self.values[0]


@dataclass(frozen=True, slots=True)
class Words:
    """Free text."""

    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Parts joined by ``AND`` (all of them) or ``OR`` (any)."""

    any: bool
    parts: "tuple[Node, ...]"


Node = Term | Words | Group


@lru_cache(maxsize=512)
def parse(text: str) -> Group:
    """The tree of *text*; an empty query is an empty group, which holds for everything."""
    tokens = deque(_tokens(text.rstrip()))
    tree = _alternatives(tokens, text)
    if tokens:
        raise _unreadable(text, text.rfind(")"))
    return tree


def terms(node: Node) -> Iterator[Term]:
    """All terms of a tree, from left to right."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Group):
        for part in node.parts:
            yield from terms(part)


def free_text(node: Node) -> str:
    """The free words of a tree, joined."""
    if isinstance(node, Words):
        return node.text
    return " ".join(filter(None, map(free_text, node.parts))) if isinstance(node, Group) else ""


def holds(node: Node, term_holds: Callable[[Term], bool], text_holds: Callable[[str], bool]) -> bool:
    """Whether the query is true of one row. Negation is applied here; *term_holds* sees the positive question."""
    if isinstance(node, Term):
        return term_holds(node) is not node.negated
    if isinstance(node, Words):
        return text_holds(node.text)
    answers = (holds(part, term_holds, text_holds) for part in node.parts)
    return any(answers) if node.any else all(answers)


def equals(value: object, wanted: str) -> bool:
    """Text comparison with ``*`` for anything; case does not matter for wildcards, as in Sentry."""
    text = "true" if value is True else "false" if value is False else str(value)
    if "*" in wanted:
        pattern = ".*".join(map(re.escape, wanted.split("*")))
        return re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL) is not None
    return text == wanted


def compares(value: float, op: str, bound: float) -> bool:
    return {">": value > bound, ">=": value >= bound, "<": value < bound, "<=": value <= bound}.get(op, value == bound)


def is_date(value: str) -> bool:
    return re.fullmatch(r"[+-]\d{1,5}[smhdw]|\d{4}-\d\d-\d\d.*", value) is not None


def dated(at: float, term: Term) -> bool:
    """``-24h``: within the last day; ``+24h``: longer ago. Dates compare as text, as far as they are given."""
    value = term.value
    if value[0] in "+-":
        boundary = clock.now() - int(value[1:-1]) * UNIT_S[value[-1]]
        return at >= boundary if value[0] == "-" else at <= boundary
    moment = datetime.fromtimestamp(at, UTC).isoformat()[: len(value)]
    return {">": moment > value, ">=": moment >= value, "<": moment < value, "<=": moment <= value}.get(
        term.op, moment == value
    )


# -- reading --------------------------------------------------------------------------------------------------------


def _tokens(text: str) -> Iterator[Node | str]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _unreadable(text, position)
        position = found.end()
        if found["paren"]:
            yield found["paren"]
        elif found["key"] is not None:
            yield _term(found)
        elif found["phrase"] is not None:
            yield Words(_unquoted(found["phrase"]))
        else:
            yield found["word"] if found["word"] in ("AND", "OR") else Words(found["word"])


def _term(found: re.Match[str]) -> Term:
    raw = found["value"]
    if raw == "":
        raise QuerySyntaxError(f"Empty string after '{found['key']}:'")
    listed = raw.startswith("[") and raw.endswith("]")
    values = tuple(_unquoted(one.strip()) for one in raw[1:-1].split(",")) if listed else (_unquoted(raw),)
    if listed and not raw[1:-1].strip():
        raise QuerySyntaxError(f"Empty string after '{found['key']}:'")
    return Term(found["key"], found["op"] or "=", values, found["negated"] == "!")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text


def _alternatives(tokens: deque[Node | str], text: str) -> Group:
    """Takes from *tokens* what belongs to it, as ``_conjunction`` does."""
    parts = [_conjunction(tokens, text)]
    while tokens and tokens[0] == "OR":
        tokens.popleft()
        parts.append(_conjunction(tokens, text))
    if len(parts) > 1 and not all(part.parts for part in parts):
        raise _unreadable(text, text.find("OR"))
    return parts[0] if len(parts) == 1 else Group(True, tuple(parts))


def _conjunction(tokens: deque[Node | str], text: str) -> Group:
    parts: list[Node] = []
    while tokens and tokens[0] not in ("OR", ")"):
        first = tokens.popleft()
        if first == "(":
            parts.append(_alternatives(tokens, text))
            if not tokens or tokens.popleft() != ")":
                raise _unreadable(text, text.find("("))
        elif not isinstance(first, str):
            parts.append(first)
    return Group(False, tuple(parts))


def _unreadable(text: str, position: int) -> QuerySyntaxError:
    near = text[max(position, 0) :][:20]
    return QuerySyntaxError(
        f"Parse error at '{near}' (column {max(position, 0) + 1}). This is commonly caused by unmatched parentheses. "
        "Enclose any text in double quotes."
    )
