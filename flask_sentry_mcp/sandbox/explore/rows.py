"""The rows of each dataset: one dict of attributes per event, span, log, metric or profile."""

from collections.abc import Iterable
from typing import Any

from ..records import Event, Issue, Organization, Project, Span
from ..state import state

Row = dict[str, Any]
DATASETS = ("errors", "spans", "logs", "tracemetrics", "profiles", "profile_functions", "uptime_results")
ALIASES = {"discover": "errors", "ourlogs": "logs"}
COMMON = (
    "id project project.name project.id timestamp environment release platform user.id user.email user.username "
    "user.ip sdk.name sdk.version trace transaction"
)
ATTRIBUTES: dict[str, frozenset[str]] = {
    "errors": frozenset(
        f"{COMMON} issue issue.id title message level error.type error.value error.handled error.unhandled culprit "
        "event.type location url http.url stack.filename stack.function stack.module stack.abs_path os.name "
        "browser.name device.family dist server_name".split()
    ),
    "spans": frozenset(
        f"{COMMON} span_id parent_span span.op span.description span.duration span.self_time span.status span.category "
        "transaction.duration transaction.op transaction.status transaction.event_id is_transaction http.method "
        "http.status_code http.url http.request.method http.response.status_code db.system db.operation "
        "gen_ai.request.model gen_ai.provider.name gen_ai.operation.name gen_ai.tool.name gen_ai.conversation.id "
        "gen_ai.usage.input_tokens gen_ai.usage.output_tokens gen_ai.usage.total_tokens gen_ai.agent.name "
        "mcp.tool.name mcp.method.name measurements.lcp measurements.cls measurements.inp measurements.fcp "
        "measurements.ttfb".split()
    ),
    "logs": frozenset(
        f"{COMMON} span_id message severity severity_number sentry.item_id cart.size logger.name".split()
    ),
    "tracemetrics": frozenset(f"{COMMON} span_id metric.name metric.type metric.unit value".split()),
    "profiles": frozenset(
        f"{COMMON} profile.id profiler.id thread.id transaction.duration profile.duration platform.name device.family "
        "precise.start_ts precise.finish_ts".split()
    ),
    "profile_functions": frozenset(COMMON.split()),
    "uptime_results": frozenset(COMMON.split()),
}
DURATIONS = ("span.duration", "span.self_time", "transaction.duration")
NUMERIC = frozenset(
    [
        "span.duration",
        "span.self_time",
        "transaction.duration",
        "profile.duration",
        "http.status_code",
        "http.response.status_code",
        "severity_number",
        "value",
        "cart.size",
        "issue.id",
        "project.id",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.total_tokens",
        "measurements.lcp",
        "measurements.cls",
        "measurements.inp",
        "measurements.fcp",
        "measurements.ttfb",
        "precise.start_ts",
        "precise.finish_ts",
    ]
)
BOOLEAN = frozenset({"is_transaction", "error.handled", "error.unhandled"})


def rows_of(dataset: str, organization: Organization, projects: list[Project], traces: frozenset[str]) -> Iterable[Row]:
    """The rows of *dataset* in *projects*, in no order; of *traces* alone, if it names any.

    Rows do not change once they are seeded, so they are made once for each world.
    """
    world = state().world
    key = dataset, organization.slug
    if key not in world.rows:
        world.rows[key] = list(_made(dataset, organization))
    slugs = {project.slug for project in projects}
    found = (row for row in world.rows[key] if row["project"] in slugs)
    return (row for row in found if row["trace"] in traces) if traces else found


def _made(dataset: str, organization: Organization) -> Iterable[Row]:
    world = state().world
    if dataset == "errors":
        wanted = (one for one in world.issues_of(organization) if one.type in ("error", "default", "csp"))
        return (_error(issue, event) for issue in wanted for event in issue.events)
    if dataset == "spans":
        traces = (trace for trace in world.traces.values() if trace.organization == organization.slug)
        return (_span(span) for trace in traces for span in trace.spans)
    kept = {"logs": world.logs, "tracemetrics": world.metrics, "profiles": world.profiles}.get(dataset, [])
    return (row for row in kept if row["organization"] == organization.slug)


def is_known(dataset: str, name: str) -> bool:
    """Whether *name* is an attribute; in errors every other name may be a tag."""
    return dataset == "errors" or name in ATTRIBUTES[dataset] or name.startswith("tags[")


def kind_of(name: str) -> str:
    """``string``, ``number``, ``boolean``, ``date`` or ``duration``."""
    if name in DURATIONS or name == "profile.duration":
        return "duration"
    if name in ("timestamp", "last_seen()"):
        return "date"
    if name in BOOLEAN:
        return "boolean"
    return "number" if name in NUMERIC else "string"


def _error(issue: Issue, event: Event) -> Row:
    person = event.user or {}
    tags = {tag["key"]: tag["value"] for tag in event.tags if tag["key"] is not None}
    return tags | {
        "id": event.id,
        "project": issue.project.slug,
        "project.name": issue.project.slug,
        "project.id": int(issue.project.id),
        "timestamp": event.at,
        "environment": event.environment,
        "release": event.release,
        "platform": issue.project.language,
        "issue": issue.short_id,
        "issue.id": issue.id,
        "title": issue.title,
        "message": issue.title,
        "level": issue.level,
        "event.type": issue.type,
        "error.type": issue.metadata.get("type"),
        "error.value": issue.metadata.get("value"),
        "error.handled": not issue.is_unhandled,
        "error.unhandled": issue.is_unhandled,
        "culprit": issue.culprit,
        "location": issue.metadata.get("filename"),
        "stack.filename": issue.metadata.get("filename"),
        "stack.function": issue.metadata.get("function"),
        "user.id": person.get("id"),
        "user.email": person.get("email"),
        "user.username": person.get("username"),
        "user.ip": person.get("ip_address"),
        "trace": event.trace_id,
        "transaction": event.transaction,
        "browser.name": str(tags.get("browser") or "").partition(" ")[0] or None,
        "sdk.name": f"sentry.{issue.project.language}",
        "sdk.version": "2.30.0",
    }


def _span(span: Span) -> Row:
    return span.attributes | {
        "id": span.id,
        "span_id": span.id,
        "parent_span": span.parent_id,
        "project": span.project.slug,
        "project.name": span.project.slug,
        "project.id": int(span.project.id),
        "timestamp": span.at,
        "environment": span.environment,
        "release": span.release,
        "platform": span.project.language,
        "span.op": span.op,
        "span.description": span.description,
        "span.duration": span.duration_ms,
        "span.self_time": round(span.duration_ms * 0.6, 3),
        "span.status": span.status,
        "transaction": span.transaction,
        "transaction.event_id": span.transaction_id,
        "transaction.duration": span.duration_ms if span.is_transaction else None,
        "is_transaction": span.is_transaction,
        "trace": span.trace_id,
        "sdk.name": f"sentry.{span.project.language}",
        "sdk.version": "2.30.0",
    }
