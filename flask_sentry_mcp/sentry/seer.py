"""Seer's runs: asked for, and watched. Documented by Sentry as experimental."""

from typing import Any

from .client import SentryClient
from .links import IssueReference


def get_autofix(
    sentry: SentryClient, issue: IssueReference, *, timeout_s: float | None = None
) -> dict[str, Any] | None:
    """Seer's run for this issue, None when there has been none: ``{"run_id": 9001, "status": "completed", ...}``.

    Source: https://docs.sentry.io/api/seer/retrieve-seer-issue-fix-state/
    """
    found = sentry.get(*_path(issue), region_url=issue.region_url, timeout_s=timeout_s)
    run = found.get("autofix") if isinstance(found, dict) else None
    return run if isinstance(run, dict) else None


def start_autofix(sentry: SentryClient, issue: IssueReference, words: str | None) -> int | str | None:
    """Begin a run, with *words* of the caller's for it; the number of the run.

    Source: https://docs.sentry.io/api/seer/start-seer-issue-fix/
    """
    body = {"step": "root_cause", "stopping_point": "solution"} | ({"user_context": words} if words else {})
    found = sentry.post(*_path(issue), json=body, region_url=issue.region_url)
    return found.get("run_id") if isinstance(found, dict) else None


def _path(issue: IssueReference) -> tuple[str, ...]:
    return ("organizations", issue.organization_slug, "issues", issue.issue_id, "autofix")
