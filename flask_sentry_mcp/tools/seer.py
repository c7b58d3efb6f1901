"""Tools that ask Seer, Sentry's AI: analyze_issue_with_seer."""

import time
from functools import partial
from typing import Any

from ..context import Context
from ..errors import UpstreamError
from ..mcp.tool import Toolbox
from ..render import seer as render
from ..sentry import issues
from ..sentry import seer as sentry
from ..sentry.links import IssueReference, WebLinks, issue_reference
from ..skills import SEER
from . import fields
from .evidence import IssueInput
from .issues import check_project

toolbox = Toolbox()
POLL_S = 5.0
PATIENCE_S = 300.0
RESERVE_S = 5.0
FAILURES = 3
_ENDS = {
    "completed": "The analysis is complete.",
    "error": "The analysis ended with an error. Calling again does not restart it; the issue's page in Sentry can.",
    "awaiting_user_input": "Seer waits for an answer by a person: continue on the issue's page in Sentry.",
    "need_more_information": "Seer waits for an answer by a person: continue on the issue's page in Sentry.",
    "cancelled": "The analysis was cancelled.",
}
_STAGES = ("Seer is reading the issue", "Seer has found a root cause", "Seer has a solution")
_AGAIN = (
    "Call analyze_issue_with_seer again for the rest: the run goes on at Sentry, and a finished one answers at once."
)
_METRIC = (
    "# Seer cannot analyse metric issues\n\nIt works on errors and performance problems. For a metric issue, "
    "its details tell the condition that was met, and search_events the numbers behind it."
)


class AnalyzeIssue(IssueInput):
    instruction = fields.text("What to pay attention to", validate=fields.instruction)


@toolbox.tool(
    AnalyzeIssue,
    skills={SEER},
    scopes={"event:write"},
    reads_only=False,
    destructive=False,
    task="optional",
    task_from_start=False,
)
def analyze_issue_with_seer(
    ctx: Context,
    *,
    organization_slug: str | None,
    region_url: str | None,
    issue_id: str | None,
    issue_url: str | None,
    instruction: str | None,
) -> str:
    """Have Sentry's AI find the root cause of an issue and propose a fix. Takes minutes; finished ones answer at once.

    Use it to learn why an issue happens and how to fix it in code.
    """
    reference = issue_reference(
        ctx.sentry.regions,
        issue_id=issue_id,
        issue_url=issue_url,
        organization_slug=organization_slug,
        region_url=region_url,
    )
    issue, run = ctx.sentry.gather(
        partial(issues.get_issue, ctx.sentry, reference), partial(sentry.get_autofix, ctx.sentry, reference)
    )
    check_project(ctx, issue)
    if issue.get("issueCategory") == "metric" or issue.get("issueType") == "metric_issue":
        return _METRIC
    if run is None or _status(run) not in _ENDS:
        ctx.continue_as_task()
    if run is None:
        run = {"run_id": sentry.start_autofix(ctx.sentry, reference, instruction), "status": "processing"}
    return _watched(ctx, reference, run)


def _watched(ctx: Context, reference: IssueReference, run: dict[str, Any]) -> str:
    """Read the run until it ends, the time is over, the client gives up, or Sentry does not answer any more."""
    started = time.monotonic()
    until = started + min(PATIENCE_S, ctx.sentry.time_left_s - RESERVE_S)
    url = WebLinks(ctx.sentry.regions, reference.organization_slug).issue(reference.issue_id)
    told = partial(render.Analysis, issue_id=reference.issue_id, url=url)
    failed, problem = 0, ""
    while _status(run) not in _ENDS:
        ctx.exchange.progress(time.monotonic() - started, PATIENCE_S, _STAGES[render.parts_done(run)])
        if time.monotonic() + POLL_S > until or ctx.exchange.is_cancelled() or failed >= FAILURES:
            return render.analysis(told(run=run, state=f"The analysis is still running.{problem}", next_step=_AGAIN))
        time.sleep(POLL_S)
        (read,) = ctx.sentry.attempt(partial(sentry.get_autofix, ctx.sentry, reference))
        if isinstance(read, UpstreamError):
            failed, problem = failed + 1, f" Its state could not be read: {read.public}"
        elif isinstance(read, Exception):
            raise read
        else:
            failed, problem, run = 0, "", read or run
    status = _status(run)
    return render.analysis(told(run=run, state=_ENDS[status], is_complete=status == "completed"))


def _status(run: dict[str, Any]) -> str:
    return str(run.get("status") or "processing").lower()
