"""Traces: the tree of spans, what it holds in numbers, and AI conversations within it."""

from typing import Any

from ..security.shapes import Json, as_map, as_maps
from .client import OPTIONAL_S, SentryClient

WINDOW = "14d"


def get_trace(
    sentry: SentryClient, org: str, trace_id: str, *, region_url: str | None = None, timeout_s: float | None = None
) -> list[Any]:
    """Spans (with their children) and loose issues, mixed. An unknown trace, or one older than 14 days, is empty."""
    params = {"limit": 10_000, "project": -1, "statsPeriod": WINDOW}
    path = ("organizations", org, "trace", trace_id)
    found = sentry.get(*path, params=params, region_url=region_url, timeout_s=timeout_s)
    return found if isinstance(found, list) else []


def get_trace_meta(sentry: SentryClient, org: str, trace_id: str, *, region_url: str | None = None) -> dict[str, float]:
    """Counts of a trace: ``{"spans": 57, "errors": 1, "issues": 0, "logs": 4}``. Older servers write snake_case."""
    path = ("organizations", org, "trace-meta", trace_id)
    given = as_map(sentry.get(*path, params={"statsPeriod": WINDOW}, region_url=region_url, timeout_s=OPTIONAL_S))
    names = {
        "spans": ("spansCount", "span_count"),
        "errors": ("errorsCount", "errors"),
        "issues": ("performanceIssuesCount", "performance_issues"),
        "logs": ("logsCount", "logs"),
    }
    return {
        name: next((given[key] for key in keys if isinstance(given.get(key), int | float)), 0)
        for name, keys in names.items()
    }


def list_conversations(sentry: SentryClient, org: str, trace_id: str, *, region_url: str | None = None) -> list[Json]:
    """At most three AI conversations of a trace: ``[{"gen_ai.conversation.id": "...", "timestamp": "..."}]``."""
    params = {
        "dataset": "spans",
        "query": f"trace:{trace_id} has:gen_ai.conversation.id",
        "field": ["gen_ai.conversation.id", "span_id", "timestamp"],
        "per_page": 3,
        "statsPeriod": WINDOW,
    }
    path = ("organizations", org, "events")
    found = sentry.get(*path, params=params, region_url=region_url, timeout_s=OPTIONAL_S)
    return as_maps(as_map(found).get("data"))
