"""Traces: the tree of spans, what it holds in numbers, and AI conversations within it."""

from typing import Any

from .client import SentryClient

WINDOW = "14d"


def get_trace(
    sentry: SentryClient, org: str, trace_id: str, *, limit: int = 10_000, region_url: str | None = None
) -> list[Any]:
    """Spans (with their children) and loose issues, mixed. An unknown trace, or one older than 14 days, is empty."""
    params = {"limit": limit, "project": -1, "statsPeriod": WINDOW}
    found = sentry.get("organizations", org, "trace", trace_id, params=params, region_url=region_url)
    return found if isinstance(found, list) else []


def get_trace_meta(sentry: SentryClient, org: str, trace_id: str, *, region_url: str | None = None) -> dict[str, float]:
    """Counts of a trace: ``{"spans": 57, "errors": 1, "issues": 0, "logs": 4}``. Older servers write snake_case."""
    path = ("organizations", org, "trace-meta", trace_id)
    found = sentry.get(*path, params={"statsPeriod": WINDOW}, region_url=region_url)
    given = found if isinstance(found, dict) else {}
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


def list_conversations(
    sentry: SentryClient, org: str, trace_id: str, *, region_url: str | None = None
) -> list[dict[str, Any]]:
    """At most three AI conversations of a trace: ``[{"gen_ai.conversation.id": "...", "timestamp": "..."}]``."""
    params = {
        "dataset": "spans",
        "query": f"trace:{trace_id} has:gen_ai.conversation.id",
        "field": ["gen_ai.conversation.id", "span_id", "timestamp"],
        "per_page": 3,
        "statsPeriod": WINDOW,
    }
    return sentry.get_page("organizations", org, "events", params=params, region_url=region_url).items
