"""The page of Sentry's own that shows the same search: each dataset has its page, and each page its own parameters."""

import json
import re
from collections.abc import Sequence
from typing import Any

from ..sentry.events import Search
from ..sentry.links import WebLinks
from . import datasets

_OF_METRIC = re.compile(r"\w+\([^,()]*,([^,()]+),([^,()]+),([^,()]+)\)")


def page(links: WebLinks, search: Search, environments: Sequence[str] = ()) -> str:
    """The address; *environments* are those that are not part of the query."""
    common = {"project": search.project, "statsPeriod": search.period}
    query = search.query or None
    if search.dataset == "replays":
        parts = {"query": query, "environment": list(environments) or None, "sort": search.sort}
        return links.to("/explore/replays/", **common, **parts)
    if search.dataset == "metrics":
        metrics = [_compact(one) for one in _metrics(search)]
        return links.to("/explore/metrics/", **common, metric=metrics or None)
    if search.dataset == "logs":
        return links.to("/explore/logs/", logsQuery=query, **common, **_logs(search))
    if search.dataset == "spans":
        return links.to("/explore/traces/", query=query, **common, **_spans(search), sort=search.sort, table="span")
    if search.dataset == "errors":
        return links.to("/explore/discover/homepage/", query=query, **common, **_errors(search), sort=search.sort)
    return links.to("/explore/profiling/", query=query, **common, field=_named(search), sort=search.sort)


def _errors(search: Search) -> dict[str, Any]:
    kind = {"dataset": "errors", "queryDataset": "error-events", "field": _named(search)}
    if not datasets.is_aggregate(search.fields):
        return kind
    return kind | {"mode": "aggregate", "yAxis": _functions(search)}


def _spans(search: Search) -> dict[str, Any]:
    if not datasets.is_aggregate(search.fields):
        return {"field": _named(search)}
    return {"mode": "aggregate", "aggregateField": _columns(search)}


def _logs(search: Search) -> dict[str, Any]:
    if not datasets.is_aggregate(search.fields):
        return {"mode": "samples", "logsFields": _named(search), "logsSortBys": search.sort}
    return {"mode": "aggregate", "aggregateField": _columns(search), "logsAggregateSortBys": search.sort}


def _metrics(search: Search) -> list[dict[str, Any]]:
    """One query for each metric: those that functions carry, else the one that the query names."""
    by_metric: dict[tuple[str, str, str], list[str]] = {}
    for function in _functions(search):
        if found := _OF_METRIC.fullmatch(function.replace(" ", "")):
            by_metric.setdefault((found[1], found[2], found[3]), []).append(function)
    if by_metric:
        return [_metric(search, identity, axes) for identity, axes in by_metric.items()]
    name, kind, unit = (_filtered(search.query, f"metric.{part}") for part in ("name", "type", "unit"))
    return [_metric(search, (name, kind, unit), [])] if name and kind else []


def _metric(search: Search, identity: tuple[str, str, str], functions: Sequence[str]) -> dict[str, Any]:
    """One query of the page: a metric's *functions* by group, or without any its samples."""
    name, kind, unit = identity
    order = search.sort if functions else "-sum(value)"
    axes = functions or ["sum(value)"]
    groups = _groups(search) if functions else []
    column, way = order.removeprefix("-"), "desc" if order.startswith("-") else "asc"
    is_shown = column in axes or {"groupBy": column} in groups
    return {
        "metric": {"name": name, "type": kind} | ({"unit": unit} if unit.strip("-") else {}),
        "query": search.query,
        "aggregateFields": [*({"yAxes": [one]} for one in axes), *groups],
        "aggregateSortBys": [{"field": column, "kind": way}] if is_shown else [],
        "mode": "aggregate" if functions else "samples",
    }


def _filtered(query: str, key: str) -> str:
    """The value that *query* wants of *key*, or empty."""
    found = re.search(rf'(?<![\w.!]){re.escape(key)}:(?:"([^"]+)"|([^\s()\[\]"]+))', query)
    return (found[1] or found[2]) if found else ""


def _named(search: Search) -> list[str] | None:
    """The columns, unless they are the usual ones, which would only lengthen the address."""
    return None if list(search.fields) == datasets.defaults(search.dataset) else list(search.fields)


def _functions(search: Search) -> list[str]:
    return [one for one in search.fields if "(" in one]


def _columns(search: Search) -> list[str]:
    """Groups and functions as Explore writes them: ``{"groupBy":"transaction"}``, ``{"yAxes":["count()"]}``."""
    return [_compact(one) for one in (*_groups(search), {"yAxes": _functions(search)})]


def _groups(search: Search) -> list[dict[str, str]]:
    return [{"groupBy": one} for one in search.fields if "(" not in one]


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
