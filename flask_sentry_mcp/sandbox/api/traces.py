"""Traces: the tree of spans with loose errors, and its counts."""

from flask import Blueprint, Response, request

from ..access import in_organization
from ..records import Event, Json, Organization, Span, Trace
from ..state import state
from ..wire import Window, reply, window

blueprint = Blueprint("api_traces", __name__, url_prefix="/api/0/organizations/<organization>")


@blueprint.get("/trace/<trace>/")
@in_organization("org:read")
def tree(organization: Organization, trace: str) -> Response:
    """The whole trace: ``limit``, ``per_page`` and ``project`` have no effect. Unknown or outside the window: []."""
    found = _trace(organization, trace, window("14d"))
    if found is None:
        return reply([])
    children: dict[str | None, list[Span]] = {}
    for span in found.spans:
        children.setdefault(span.parent_id, []).append(span)
    roots = [_node(span, children, found) for span in children.get(None, [])]
    return reply([*roots, *(_error(event, loose=True) for event in found.loose_errors)])


@blueprint.get("/trace-meta/<trace>/")
@in_organization("org:read")
def meta(organization: Organization, trace: str) -> Response:
    """Counts; the names are camelCase, or snake_case for traces that stand for earlier versions."""
    found = _trace(organization, trace, window("14d"))
    spans = found.spans if found is not None else []
    ops: dict[str, float] = {}
    per_transaction: dict[str, float] = {}
    for span in spans:
        ops[span.op] = ops.get(span.op, 0.0) + 1
        per_transaction[span.transaction_id] = per_transaction.get(span.transaction_id, 0.0) + 1
    errors = len(found.errors) + len(found.loose_errors) if found is not None else 0
    counts = [{"transaction.event_id": transaction, "count()": count} for transaction, count in per_transaction.items()]
    logs = found.logs if found is not None else 0
    if found is not None and found.snake_case:
        return reply(
            {
                "errors": errors,
                "logs": logs,
                "performance_issues": 0,
                "span_count": float(len(spans)),
                "transaction_child_count_map": [*counts, {"transaction.event_id": None, "count()": 1.0}],
                "span_count_map": ops,
            }
        )
    return reply(
        {
            "errorsCount": errors,
            "logsCount": logs,
            "metricsCount": 0,
            "performanceIssuesCount": 0,
            "spansCount": float(len(spans)),
            "transactionChildCountMap": counts,
            "spansCountMap": ops,
        }
    )


def _trace(organization: Organization, trace_id: str, span: Window) -> Trace | None:
    found = state().world.traces.get(trace_id.replace("-", "").lower())
    if found is None or found.organization != organization.slug:
        return None
    return found if any(span.holds(one.at) for one in found.spans) else None


def _node(span: Span, children: dict[str | None, list[Span]], trace: Trace) -> Json:
    wanted = request.args.getlist("additional_attributes")
    return {
        "event_id": span.id,
        "event_type": "span",
        "op": span.op,
        "name": span.description,
        "description": span.description,
        "transaction": span.transaction,
        "transaction_id": span.transaction_id,
        "is_transaction": span.is_transaction,
        "project_id": int(span.project.id),
        "project_slug": span.project.slug,
        "parent_span_id": span.parent_id,
        "start_timestamp": span.at,
        "end_timestamp": span.at + span.duration_ms / 1000,
        "duration": span.duration_ms,
        "profile_id": "",
        "profiler_id": "",
        "sdk_name": f"sentry.{span.project.language}",
        "measurements": {},
        "additional_attributes": {name: span.attributes[name] for name in wanted if name in span.attributes},
        "errors": [_error(event, loose=False) for event in trace.errors if event.span_id == span.id],
        "occurrences": [],
        "children": [_node(child, children, trace) for child in children.get(span.id, [])],
    }


def _error(event: Event, *, loose: bool) -> Json:
    issue = state().world.issues[event.issue_id]
    shape: Json = {
        "event_id": event.id,
        "event_type": "error",
        "issue_id": issue.id,
        "level": issue.level,
        "description": issue.metadata.get("type", issue.title),
        "start_timestamp": event.at,
        "project_slug": issue.project.slug,
    }
    if loose:
        shape |= {"project_id": int(issue.project.id), "transaction": event.transaction, "culprit": issue.culprit}
    return shape
