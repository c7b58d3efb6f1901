"""Columns that are functions: ``count()``, ``p95(span.duration)``, ``avg(value,checkout.total,distribution,euro)``."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..wire import Window
from .rows import Row, is_known, kind_of

EVERYWHERE = ("count", "count_unique", "count_if", "last_seen", "eps", "epm")
NUMERIC_ONES = ("sum", "avg", "min", "max", "p50", "p75", "p90", "p95", "p99", "p100")
ALLOWED: dict[str, tuple[str, ...]] = {
    "errors": EVERYWHERE,
    "spans": (*EVERYWHERE, *NUMERIC_ONES, "failure_rate", "failure_count"),
    "logs": (*EVERYWHERE, *NUMERIC_ONES),
    "tracemetrics": ("count", *NUMERIC_ONES, "per_second", "per_minute"),
    "profiles": ("count", "last_seen", "p50", "p75", "p95", "p99"),
}
USUAL_COLUMN = {"spans": "span.duration", "profiles": "transaction.duration"}
SUCCEEDED = frozenset({"ok", "cancelled", "unknown"})
COUNTS = ("count", "count_unique", "count_if", "failure_count")
RATES = {"eps": "rate", "epm": "rate", "per_second": "rate", "per_minute": "rate", "failure_rate": "percentage"}


class FieldError(ValueError):
    """A column that cannot be; ``str(error)`` is what Sentry says about it."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function column. ``text`` is how it was asked for, and the key of its values in the answer."""

    text: str
    name: str
    arguments: tuple[str, ...]
    column: str | None

    @property
    def type(self) -> str:
        if self.name in COUNTS:
            return "integer"
        if self.name == "last_seen":
            return "date"
        return RATES.get(self.name) or (kind_of(self.column or "") if self.column != "value" else "number")

    def over(self, rows: Sequence[Row], span: Window) -> Any:
        """The value over *rows*, which were found in *span*; None where nothing can be said."""
        rows = self._of_metric(rows)
        if self.name in ("count_unique", "count_if"):
            return self._count(rows)
        if self.name in _OVER_ROWS:
            return _OVER_ROWS[self.name](rows, span)
        column = self.column or ""
        values = sorted(row[column] for row in rows if row.get(column) is not None)
        if self.name == "count":
            return len(values) if self.column not in (None, "value") else len(rows)
        return _over_numbers(self.name, values)

    def _count(self, rows: Sequence[Row]) -> int:
        values = [row.get(self.column or "") for row in rows]
        if self.name == "count_unique":
            return len({value for value in values if value is not None})
        operation, wanted = self.arguments[1], self.arguments[2].strip('"')
        same = sum(str(value) == wanted for value in values)
        return len(rows) - same if operation == "notEquals" else same

    def _of_metric(self, rows: Sequence[Row]) -> Sequence[Row]:
        """A metric's function names the metric: ``avg(value,name,type,unit)``, unit ``-`` when there is none."""
        if self.column != "value" or len(self.arguments) < 4:
            return rows
        name, kind, unit = self.arguments[1:4]
        wanted = name, kind, None if unit in ("-", "none") else unit
        return [row for row in rows if (row["metric.name"], row["metric.type"], row["metric.unit"]) == wanted]


def read(dataset: str, text: str) -> Function | None:
    """The function that *text* asks for; None when it is a plain column. Raises FieldError."""
    found = re.fullmatch(r"([a-z_0-9]+)\((.*)\)", text)
    if found is None:
        if "(" in text:
            raise FieldError(f"{text} is not a valid field or function")
        return None
    name = found[1]
    arguments = tuple(one.strip() for one in found[2].split(",")) if found[2].strip() else ()
    if name not in ALLOWED.get(dataset, ()):
        raise FieldError(f"The function {name} is not allowed for this query")
    column = arguments[0] if arguments else USUAL_COLUMN.get(dataset)
    if (name == "count" and not arguments) or name in _OVER_ROWS:
        return Function(text, name, arguments, None)
    _check_arguments(dataset, name, arguments, column)
    return Function(text, name, arguments, column)


def _check_arguments(dataset: str, name: str, arguments: tuple[str, ...], column: str | None) -> None:
    if column is None or (name == "count_unique" and not arguments):
        raise FieldError(f"{name}: expected 1 argument(s)")
    if name == "count_if" and len(arguments) != 3:
        raise FieldError(f"{name}: expected 3 argument(s)")
    if not is_known(dataset, column):
        raise FieldError(f"{name}: column argument invalid: {column} is not a valid attribute")
    if dataset == "tracemetrics" and len(arguments) not in (1, 4):
        raise FieldError(f"{name}: expected 4 argument(s)")
    if name in NUMERIC_ONES and kind_of(column) not in ("number", "duration"):
        raise FieldError(f"{name}: column argument invalid: {column} is not a numeric column")


def _rate(seconds: float) -> Callable[[Sequence[Row], Window], float]:
    return lambda rows, span: len(rows) * seconds / max(span.end - span.start, 1.0)


def _failures(rows: Sequence[Row], _span: Window) -> int:
    return sum(row.get("span.status") not in SUCCEEDED for row in rows)


_OVER_ROWS: dict[str, Callable[[Sequence[Row], Window], Any]] = {
    "eps": _rate(1),
    "per_second": _rate(1),
    "epm": _rate(60),
    "per_minute": _rate(60),
    "last_seen": lambda rows, _span: max((row["timestamp"] for row in rows), default=None),
    "failure_count": _failures,
    "failure_rate": lambda rows, span: _failures(rows, span) / len(rows) if rows else None,
}


def _over_numbers(name: str, values: Sequence[float]) -> float | None:
    """*values* are sorted. Percentiles are those of the nearest rank."""
    if not values:
        return None
    if name == "sum":
        return math.fsum(values)
    if name == "avg":
        return math.fsum(values) / len(values)
    if name in ("min", "max"):
        return values[0] if name == "min" else values[-1]
    rank = math.ceil(int(name[1:]) / 100 * len(values))
    return values[max(rank, 1) - 1]
