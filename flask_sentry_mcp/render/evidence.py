"""Why Sentry made an issue of something that is no exception: slow or repeated spans, a metric, a blocked resource."""

from collections.abc import Iterable, Iterator
from typing import Any

from ..security.untrusted import fence
from .pieces import Json, as_list, as_map, as_maps, compact, duration

METRIC_ALERT = 8001
SPANS_SHOWN = 10

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "ne": "!="}
_CSP = ("effective_directive", "violated_directive", "blocked_uri", "document_uri", "disposition", "source_file")


def evidence(event: Json, trace: Iterable[Any] = ()) -> str:
    """The evidence of *event*, with the spans of its *trace* when the event brought none; "" for an exception."""
    occurrence = as_map(event.get("occurrence"))
    lines = [*_csp(event), *_displayed(occurrence), *_metric(occurrence)]
    if event.get("type") == "transaction" or str(occurrence.get("type", "")).startswith("10"):
        lines += _spans(event, trace)
    return fence("\n".join(lines)) if lines else ""


def _csp(event: Json) -> Iterator[str]:
    for entry in as_maps(event.get("entries")):
        if entry.get("type") == "csp":
            data = as_map(entry.get("data"))
            yield from (f"{key}: {data[key]}" for key in _CSP if data.get(key))


def _displayed(occurrence: Json) -> Iterator[str]:
    """What Sentry itself shows first."""
    shown = as_maps(occurrence.get("evidenceDisplay"))
    important = [one for one in shown if one.get("important")] or shown
    yield from (f"{one.get('name')}: {compact(one.get('value'))}" for one in important[:20])


def _metric(occurrence: Json) -> Iterator[str]:
    if occurrence.get("type") != METRIC_ALERT:
        return
    data = as_map(occurrence.get("evidenceData"))
    query = as_map(as_map(as_maps(data.get("dataSources"))[:1] and as_maps(data.get("dataSources"))[0]).get("queryObj"))
    snuba = as_map(query.get("snubaQuery"))
    pairs = {
        "Query": snuba.get("query") or data.get("query"),
        "Aggregate": snuba.get("aggregate") or data.get("aggregate"),
        "Conditions": _conditions(data.get("conditions") or data.get("condition")),
        "Threshold": data.get("threshold"),
        "Value": data.get("value"),
    }
    yield from (f"{label}: {compact(value)}" for label, value in pairs.items() if value not in (None, "", []))


def _conditions(given: object) -> object:
    """``> 800``; what is written in another way, as it is."""
    told = []
    for one in as_maps(given):
        kind = str(one.get("type"))
        told.append(f"{_SIGNS.get(kind, kind)} {compact(one.get('comparison'))}")
    return ", ".join(told) or given


def _spans(event: Json, trace: Iterable[Any]) -> Iterator[str]:
    """Spans of the event, else of its trace: equal ones folded with count and total time, the longest first."""
    own = [
        span
        for entry in as_maps(event.get("entries"))
        if entry.get("type") == "spans"
        for span in as_maps(entry.get("data"))
    ]
    folded: dict[tuple[str, str], list[float]] = {}
    for span in own or _flat(trace):
        key = (str(span.get("op") or "default"), str(span.get("description") or span.get("name") or ""))
        folded.setdefault(key, []).append(_milliseconds(span))
    ranked = sorted(folded.items(), key=lambda one: (-len(one[1]), -sum(one[1])))
    if ranked:
        yield "Spans:"
    for (op, description), times in ranked[:SPANS_SHOWN]:
        repeated = f"{len(times)} times, " if len(times) > 1 else ""
        yield f"  {op} | {' '.join(description.split())[:300]} | {repeated}{duration(sum(times))} in all"
    if len(ranked) > SPANS_SHOWN:
        yield f"  ({len(ranked) - SPANS_SHOWN} more kinds of spans)"


def _flat(trace: Iterable[Any]) -> list[Json]:
    found: list[Json] = []
    pending = [one for one in trace if isinstance(one, dict)]
    while pending and len(found) < 10_000:
        one = pending.pop(0)
        if isinstance(one.get("duration"), int | float):
            found.append(one)
        pending += [child for child in as_list(one.get("children")) if isinstance(child, dict)]
    return found


def _milliseconds(span: Json) -> float:
    given = span.get("duration")
    if isinstance(given, int | float):
        return float(given)
    start, end = span.get("start_timestamp"), span.get("timestamp") or span.get("end_timestamp")
    return (end - start) * 1000 if isinstance(start, int | float) and isinstance(end, int | float) else 0.0
