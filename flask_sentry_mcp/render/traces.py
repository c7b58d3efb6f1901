"""A trace in words: what it holds in numbers, where the time went, its tree; and one span of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..security.untrusted import fence, quoted
from .pieces import (
    Json,
    Ways,
    answer,
    as_map,
    bullets,
    compact,
    duration,
    facts,
    identifier,
    iso,
    number,
    opener,
    plural,
    section,
    word,
)
from .spantree import Limits, Span, draw, read, walk

LEAST_MS = 5.0
TREE_LIMIT = 20_000
EMPTY = (
    "Sentry has no spans of this trace. It looks back 14 days only, so an older trace is empty here; otherwise check "
    "traceId and organizationSlug, and whether the project sends traces at all."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """What was gathered about a trace. ``counts`` is None when Sentry could not count."""

    organization: str
    trace_id: str
    url: str
    trace: Sequence[Any]
    counts: Mapping[str, float] | None = None
    tools: Ways = field(default_factory=dict)


def trace(view: TraceView) -> str:
    """The overview of a trace."""
    roots, loose = read(view.trace)
    title = f"Trace {word(view.trace_id)} in {word(view.organization)}"
    if not roots and not loose:
        return answer(title, EMPTY, facts(("URL", view.url)))
    drawn, lines = draw(roots, Limits())
    total = sum(len(one.each) for one in walk(roots))
    cut = f"The tree shows {number(lines)} of {number(total)} spans." if lines < total else None
    return answer(
        title,
        _summary(view, roots, total),
        section("Operations", _operations(roots)),
        section("Tree", fence(drawn, TREE_LIMIT) if drawn else ""),
        cut,
        section("Issues of spans", _issues([(issue, one.id) for one in walk(roots) for issue in one.issues])),
        section("Issues without a span", _issues([(issue, "") for issue in loose])),
        _next(view, has_spans=bool(roots), is_cut=cut is not None),
    )


def span(view: TraceView, wanted: Span) -> str:
    """One span: facts, what lies below it, its attributes."""
    raw = wanted.raw
    below, _ = read([raw])
    drawn, lines = draw(below, Limits(roots=1, spans=40))
    total = sum(len(one.each) for one in walk(below))
    return answer(
        f"Span {identifier(wanted.id)} in {word(view.organization)}",
        facts(
            ("Description", quoted(wanted.label)),
            ("Operation", quoted(wanted.op, 80) if wanted.op else None),
            ("Project", word(wanted.project) if wanted.project else None),
            ("Duration", duration(wanted.ms)),
            ("Started", iso(raw.get("start_timestamp"))),
            ("Status", quoted(raw["status"], 60) if raw.get("status") else None),
            ("Parent", identifier(raw["parent_span_id"]) if raw.get("parent_span_id") else None),
            ("Transaction", quoted(raw["transaction"]) if raw.get("transaction") else None),
            ("Trace", f"{word(view.trace_id)} {view.url}"),
        ),
        section("Errors", _issues([(issue, "") for issue in wanted.issues])),
        section("Below it", fence(drawn, TREE_LIMIT) if wanted.children else ""),
        f"The tree shows {number(lines)} of {number(total)} spans." if lines < total else None,
        section("Attributes", _attributes(raw)),
    )


def _summary(view: TraceView, roots: Sequence[Span], total: int) -> str:
    counts = view.counts or {}
    projects = list(dict.fromkeys(word(one.project) for one in walk(roots) if one.project))
    return facts(
        ("Spans", number(counts.get("spans") or total)),
        ("Errors", number(counts.get("errors", sum(len(one.issues) for one in walk(roots))))),
        ("Performance issues", number(counts["issues"]) if counts.get("issues") else None),
        ("Logs", number(counts["logs"]) if counts.get("logs") else None),
        ("Projects", ", ".join(projects[:12])),
        ("Lasted", duration(max((one.ms or 0.0 for one in roots), default=0.0))),
        ("AI conversations", _conversations(roots)),
        ("URL", view.url),
    )


def _conversations(roots: Sequence[Span]) -> str | None:
    found = [as_map(one.raw.get("additional_attributes")).get("gen_ai.conversation.id") for one in walk(roots)]
    ids = list(dict.fromkeys(quoted(one, 100) for one in found if one))
    return ", ".join(ids[:3]) or None


def _operations(roots: Sequence[Span]) -> str:
    """Where time went: leaf spans by operation, with average and 95th percentile; small ones are left out."""
    times: dict[str, list[float]] = {}
    for one in walk(roots):
        if not one.children:
            op = one.op or (one.label.split() or ["unknown"])[0]
            times.setdefault(op, []).extend(leaf.ms for leaf in one.each if leaf.ms and leaf.ms > 0)
    rows = []
    for op, ms in sorted(((op, ms) for op, ms in times.items() if ms), key=lambda item: -len(item[1])):
        average, p95 = sum(ms) / len(ms), sorted(ms)[min(len(ms) - 1, int(len(ms) * 0.95))]
        if average >= LEAST_MS:
            rows.append(f"{op}: {plural(len(ms), 'span')}, {duration(average)} on average, p95 {duration(p95)}")
    return fence("\n".join(rows[:10])) if rows else ""


def _issues(found: Sequence[tuple[Json, str]]) -> str:
    """Each issue once, with the first of the spans that it happened in, and how often it happened."""
    often: dict[str, list[tuple[Json, str]]] = {}
    for position, (one, span_id) in enumerate(found):
        often.setdefault(str(one.get("issue_id") or f"unknown {position}"), []).append((one, span_id))
    lines = [_issue(*happened[0], len(happened)) for happened in often.values()]
    rest = [f"({plural(len(lines) - 20, 'more issue')})"] if len(lines) > 20 else []
    return bullets(lines[:20] + rest)


def _issue(one: Json, span_id: str, times: int) -> str:
    where = " in " + word(one["project_slug"]) if one.get("project_slug") else ""
    said = quoted(one.get("description") or one.get("title") or "no title")
    known = word(one["short_id"]) if one.get("short_id") else identifier(one.get("issue_id") or "?")
    parts = [
        f"{word(one.get('level') or 'error')} {said}{where}",
        f"issue {known}",
        f"span {identifier(span_id)}" if span_id else None,
        f"{times} times" if times > 1 else None,
    ]
    return ", ".join(part for part in parts if part)


def _attributes(raw: Json) -> str:
    lines = []
    for group in ("measurements", "additional_attributes", "data", "tags"):
        values = as_map(raw.get(group))
        if values:
            lines.append(f"{group}: {compact(values)}")
    return fence("\n".join(lines)) if lines else ""


def _next(view: TraceView, *, has_spans: bool, is_cut: bool) -> str | None:
    hints = []
    way = opener(view.tools, "get_span_details", "span, resourceId <traceId>:<spanId>")
    if way and has_spans:
        hints.append(f"{way} opens one span.")
    if is_cut and "search_events" in view.tools:
        hints.append(f"search_events with dataset spans and query trace:{word(view.trace_id)} lists them all.")
    return " ".join(hints) or None
