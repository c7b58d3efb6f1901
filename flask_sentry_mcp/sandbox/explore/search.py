"""One search: which columns, which rows, in which order. Every mistake is told as Sentry tells it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..query import (
    DATE_FORMS,
    Group,
    QuerySyntaxError,
    Term,
    compares,
    dated,
    equals,
    holds,
    is_date,
    parse,
    terms,
)
from ..wire import Json, Window, iso
from .functions import FieldError, Function, read
from .rows import Row, is_known, kind_of

MAX_FIELDS = 20
UNIT_MS = {"ms": 1.0, "s": 1e3, "m": 6e4, "min": 6e4, "h": 3.6e6, "hr": 3.6e6, "d": 8.64e7, "ns": 1e-6, "us": 1e-3}
TEXT_OF = {"errors": ("message", "title"), "spans": ("span.description",), "tracemetrics": ("metric.name",)}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in which part: ``field``, ``query`` or ``orderby``. ``name`` is the column or term."""

    part: str
    name: str | None
    text: str


class Search:
    """A search as asked; ``mistakes`` is empty when it can be run."""

    def __init__(self, dataset: str, fields: Sequence[str], query: str, sort: str | None) -> None:
        self.dataset, self.fields, self.sort = dataset, list(fields), sort
        self.mistakes: list[Mistake] = []
        self.columns = [(field, self._column(field)) for field in self.fields]
        self.tree = self._tree(query)
        if sort is not None and self._sorted_by() is None:
            self.mistakes.append(Mistake("orderby", sort, "Orderby must also be a selected field"))

    @property
    def is_aggregate(self) -> bool:
        return any(function is not None for _, function in self.columns)

    def terms(self) -> list[Term]:
        return list(terms(self.tree))

    @property
    def traces(self) -> frozenset[str]:
        """The traces outside of which nothing can be found; empty when the query names none."""
        top = () if self.tree.any else self.tree.parts
        named = [part for part in top if isinstance(part, Term) and part.key == "trace" and not part.negated]
        return frozenset(value for value in named[0].values if "*" not in value) if named else frozenset()

    def run(self, rows: Iterable[Row], span: Window) -> list[Row]:
        """The rows of the answer, all pages of it. Only without mistakes."""
        before, after = self._split()
        within = (row for row in rows if span.holds(row["timestamp"]))
        found = [row for row in within if holds(before, partial(self._term, row), partial(self._text, row))]
        answer = self._grouped(found, span, after) if self.is_aggregate else [self._sample(row) for row in found]
        self._order(answer)
        return [{name: _shown(name, value) for name, value in row.items()} for row in answer]

    def meta(self) -> Json:
        types = {field: function.type if function else kind_of(field) for field, function in self.columns}
        unit = "nanosecond" if self.dataset == "profiles" else "millisecond"
        units = {name: unit if kind == "duration" else None for name, kind in types.items()}
        return {"fields": types, "units": units, "dataset": self.dataset, "dataScanned": "full"}

    # -- reading --------------------------------------------------------------------------------------------------

    def _column(self, field: str) -> Function | None:
        try:
            function = read(self.dataset, field)
        except FieldError as error:
            self.mistakes.append(Mistake("field", field, str(error)))
            return None
        if function is None and not is_known(self.dataset, field):
            self.mistakes.append(Mistake("field", field, "Unknown attribute"))
        return function

    def _tree(self, query: str) -> Group:
        try:
            tree = parse(query)
        except QuerySyntaxError as error:
            self.mistakes.append(Mistake("query", None, str(error)))
            return Group(False, ())
        for term in terms(tree):
            fault = self._fault(term)
            if fault is not None:
                self.mistakes.append(Mistake("query", term.key, fault))
        return tree

    def _fault(self, term: Term) -> str | None:
        if "(" in term.key:
            try:
                read(self.dataset, term.key)
            except FieldError as error:
                return str(error)
            return None
        if term.key == "has":
            return None if is_known(self.dataset, term.value) else "Unknown attribute"
        if not is_known(self.dataset, term.key):
            return "Unknown attribute"
        kind = kind_of(term.key)
        if kind == "date" and not is_date(term.value):
            return f"{term.key}: Invalid date: {term.value}. {DATE_FORMS}"
        if kind == "duration" and _milliseconds(term.value) is None:
            return f"{term.key}: Invalid duration: {term.value}. Expected number followed by duration unit suffix"
        if kind == "number" and any(_milliseconds(value) is None for value in term.values):
            return f"{term.key}: Invalid number: {term.value}. Expected number then optional k, m, or b suffix."
        return None

    def _sorted_by(self) -> str | None:
        """The selected field that ``sort`` means: itself, or a function by its old alias ``count`` or ``p95_x``."""
        wanted = (self.sort or "").removeprefix("-")
        return next((field for field in self.fields if wanted in (field, _alias(field))), None)

    # -- running --------------------------------------------------------------------------------------------------

    def _split(self) -> tuple[Group, list[Term]]:
        """The query over rows, and the terms over aggregates (of the topmost level)."""
        after = [part for part in self.tree.parts if isinstance(part, Term) and "(" in part.key]
        return Group(self.tree.any, tuple(part for part in self.tree.parts if part not in after)), after

    def _term(self, row: Row, term: Term) -> bool:
        if term.key == "has":
            return all(row.get(_plain(value)) not in (None, "") for value in term.values)
        value = row.get(_plain(term.key))
        if value is None:
            return term.values == ("",)
        kind = kind_of(term.key)
        if kind == "date":
            return dated(value, term)
        if kind in ("number", "duration"):
            bounds = [_milliseconds(one) for one in term.values]
            return any(bound is not None and compares(value, term.op, bound) for bound in bounds)
        return any(equals(value, wanted) for wanted in term.values)

    def _text(self, row: Row, words: str) -> bool:
        names = TEXT_OF.get(self.dataset, ("message",))
        return any(words.lower() in str(row.get(name) or "").lower() for name in names)

    def _sample(self, row: Row) -> Row:
        """A row as it is, with its id and project besides."""
        shown = {field: row.get(_plain(field)) for field in self.fields}
        return shown | {"id": row["id"], "project.name": row["project.name"], "\0at": row["timestamp"]}

    def _grouped(self, rows: Sequence[Row], span: Window, after: Sequence[Term]) -> list[Row]:
        plain = [field for field, function in self.columns if function is None]
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.get(_plain(field)) for field in plain), []).append(row)
        if not plain:
            groups.setdefault((), [])
        answer = []
        for key, members in groups.items():
            if all(self._having(term, members, span) for term in after):
                shown = dict(zip(plain, key, strict=True))
                shown |= {field: function.over(members, span) for field, function in self.columns if function}
                answer.append({field: shown[field] for field in self.fields})
        return answer

    def _having(self, term: Term, rows: Sequence[Row], span: Window) -> bool:
        function = read(self.dataset, term.key)
        value = None if function is None else function.over(rows, span)
        bound = _milliseconds(term.value)
        return (value is not None and bound is not None and compares(value, term.op, bound)) is not term.negated

    def _order(self, rows: list[Row]) -> None:
        """By ``sort``; samples without one newest first; nulls last."""
        by = self._sorted_by() or (None if self.is_aggregate else "\0at")
        if by is not None:
            backwards = self.sort is None or self.sort.startswith("-")
            empty = [row for row in rows if row[by] is None]
            full = [row for row in rows if row[by] is not None]
            full.sort(key=lambda row: row[by], reverse=backwards)
            rows[:] = full + empty
        for row in rows:
            row.pop("\0at", None)


def _alias(field: str) -> str:
    """``p95(span.duration)`` was once ``p95_span_duration``, ``count()`` was ``count``."""
    return re.sub(r"[^a-z0-9]+", "_", field.lower()).strip("_") if "(" in field else field


def _plain(name: str) -> str:
    """``tags[cart.size,number]`` is ``cart.size``."""
    return name[5:-1].partition(",")[0] if name.startswith("tags[") and name.endswith("]") else name


def _milliseconds(text: str) -> float | None:
    """A number, or a duration in milliseconds; ``k`` and ``b`` count thousands and billions."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)([a-z]*)", text)
    if found is None:
        return None
    factor = {"": 1.0, "k": 1e3, "b": 1e9, **UNIT_MS}.get(found[2])
    return None if factor is None else float(found[1]) * factor


def _shown(name: str, value: Any) -> Any:
    """Times as text."""
    if isinstance(value, float) and (name == "timestamp" or name.startswith("last_seen(")):
        return iso(value, micro=False)
    return value
