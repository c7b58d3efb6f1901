"""Tools about issues: search them, read one."""

import re
from functools import partial
from typing import Any

from .. import clock
from ..context import Context
from ..errors import InvalidInput, OutsideConstraint, SentryMCPError, SentryRefused
from ..mcp.content import Result
from ..mcp.tool import Toolbox
from ..render import issues as render
from ..render.pieces import as_map
from ..sentry import events, seer, traces
from ..sentry import issues as sentry
from ..sentry.client import OPTIONAL_S
from ..sentry.links import IssueReference, WebLinks, issue_reference
from ..sentry.projects import project_id
from ..skills import INSPECT, SEER, TRIAGE
from . import doubts, explaining, fields, wording

toolbox = Toolbox()
_LOST = "so stack, tags and contexts are missing."
_OPTIONAL = {
    "autofix": "what Seer found",
    "external": "linked tickets",
    "replays": "session replays",
    "conversations": "AI conversations",
    "trace": "the spans of the trace",
    "code_url": "the place in the repository",
}
"""What only enriches the details of an issue, in words."""

_HEX32 = re.compile(r"[0-9a-f]{32}")


class SearchIssues(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    query = fields.query("Sentry issue search syntax, as in is:unresolved level:error", default="is:unresolved")
    sort = fields.choice(("date", "freq", "new", "user", "recommended"), default="date")
    project_slug_or_id = fields.project_slug_or_id()
    limit = fields.limit(10, 100)
    period = fields.choice(("24h", "7d", "14d", "30d", "90d"), default="30d")
    include_explanation = fields.flag()


@toolbox.tool(SearchIssues, skills={INSPECT, TRIAGE, SEER}, scopes={"event:read"}, reads_only=True)
def search_issues(
    ctx: Context,
    *,
    organization_slug: str,
    region_url: str | None,
    query: str,
    sort: str,
    project_slug_or_id: str | None,
    limit: int,
    period: str,
    include_explanation: bool,
) -> str | Result:
    """Search grouped issues (problems), newest activity first. For counts or single events use search_events.

    Filters: is:unresolved|resolved|ignored|assigned|regressed|for_review, level:error, assigned:me, release:latest,
    environment:prod, firstSeen:-24h, timesSeen:>10, issue.category:feedback, any tag, or words of the title.
    """
    if wording.is_question(query):
        raise InvalidInput(
            "query takes Sentry's search syntax or words of a title, not a question. "
            f"{wording.QUOTE_IT} A search for something like this: " + wording.issues_example(query)
        )
    project = project_id(ctx.sentry, organization_slug, project_slug_or_id, region_url=region_url)
    ask = partial(
        sentry.search_issues,
        ctx.sentry,
        organization_slug,
        query=query,
        limit=limit,
        sort=sort,
        period=period,
        project=project,
        region_url=region_url,
    )
    page = explaining.run(ctx, "issues", ask, explaining.ISSUE_RULES)
    if isinstance(page, Result):
        return page
    links = WebLinks(ctx.sentry.regions, organization_slug)
    list_tags = partial(
        events.list_tags, ctx.sentry, organization_slug, project=project, period=period, region_url=region_url
    )
    executed = f"Searched for `{query}` in the last {period}, sorted by {sort}."
    return render.issue_list(
        render.Found(
            organization=organization_slug,
            issues=page.items[:limit],
            now=clock.now(),
            search_url=links.to("/issues/", project=project, query=query, sort=sort, statsPeriod=period),
            issue_url=links.issue,
            total=page.hits,
            more=page.next_cursor is not None,
            doubts=() if page.items else doubts.of_issues(ctx, query, list_tags),
            explanation=executed.replace("\n", " ") if include_explanation else "",
            tools=ctx.tools.ways(),
        )
    )


# -- one issue ------------------------------------------------------------------------------------------------------


class GetIssueDetails(fields.Input):
    organization_slug = fields.org_slug(required=False)
    region_url = fields.region_url()
    issue_id = fields.issue_id()
    issue_url = fields.issue_url()
    event_id = fields.event_id()


@toolbox.tool(GetIssueDetails, skills={INSPECT, TRIAGE, SEER}, scopes={"event:read"}, reads_only=True, listed=False)
def get_issue_details(
    ctx: Context,
    *,
    organization_slug: str | None,
    region_url: str | None,
    issue_id: str | None,
    issue_url: str | None,
    event_id: str | None,
) -> str:
    """Show one issue whole: the error, stack trace, tags, contexts, state, links and what Seer found.

    Give issueUrl, or organizationSlug with issueId. With eventId, that event is shown instead of the latest.
    """
    if event_id not in (None, "latest") and not issue_id and not issue_url:
        if not organization_slug:
            raise InvalidInput("organizationSlug is missing: an event ID alone does not say where to look.")
        found = sentry.find_by_event(ctx.sentry, organization_slug, event_id, region_url=region_url)
        if found is None:
            return f"# Event Not Found\n\nNo issue in this organization has an event with the ID {event_id}."
        issue_id = str(found.get("id"))
    reference = issue_reference(
        ctx.sentry.regions,
        issue_id=issue_id,
        issue_url=issue_url,
        organization_slug=organization_slug,
        region_url=region_url,
    )
    return render.issue_details(_gather(ctx, reference, event_id or "latest"))


def _gather(ctx: Context, reference: IssueReference, event_id: str) -> render.Details:
    """Everything about one issue in two rounds: what its ID is enough for, then what its event leads to."""
    issue, event, autofix, external = ctx.sentry.attempt(
        partial(sentry.get_issue, ctx.sentry, reference),
        partial(sentry.get_event, ctx.sentry, reference, event_id),
        partial(seer.get_autofix, ctx.sentry, reference, timeout_s=OPTIONAL_S),
        partial(sentry.list_external_links, ctx.sentry, reference),
        needs_first=True,
    )
    check_project(ctx, issue)
    missing = []
    if isinstance(event, Exception):
        missing.append(_why_no_event(event, event_id))
        event = None
    links = WebLinks(ctx.sentry.regions, reference.organization_slug)
    more = {"autofix": autofix, "external": external} | _second_round(ctx, reference, issue, event)
    lost = [_OPTIONAL[name] for name, result in more.items() if _is_lost(result)]
    if lost:
        missing.append(f"Could not be loaded, so nothing is known about it: {', '.join(lost)}.")
    return render.Details(
        organization=reference.organization_slug,
        issue=issue,
        url=links.issue(str(issue.get("shortId") or issue.get("id") or reference.issue_id)),
        event=event,
        missing=missing,
        tools=ctx.tools.ways(),
        **{name: result for name, result in more.items() if result and not isinstance(result, Exception)},
    )


def _second_round(
    ctx: Context, reference: IssueReference, issue: dict[str, Any], event: dict[str, Any] | None
) -> dict[str, Any]:
    """Replays, the trace's conversations, the code and, for a slow transaction, the trace; or how each failed."""
    number, is_error = str(issue.get("id") or ""), issue.get("issueCategory", "error") == "error"
    calls: dict[str, Any] = {}
    if number.isdecimal():
        calls["replays"] = partial(sentry.list_replays, ctx.sentry, reference, number, is_error=is_error)
    trace_id = _trace_id(event)
    if trace_id:
        org, region = reference.organization_slug, reference.region_url
        calls["conversations"] = partial(traces.list_conversations, ctx.sentry, org, trace_id, region_url=region)
        if event and event.get("type") == "transaction":
            calls["trace"] = partial(
                traces.get_trace, ctx.sentry, org, trace_id, region_url=region, timeout_s=OPTIONAL_S
            )
    if event:
        calls["code_url"] = partial(sentry.find_code, ctx.sentry, reference, issue, event)
    return dict(zip(calls, ctx.sentry.attempt(*calls.values()), strict=True))


def _is_lost(result: object) -> bool:
    """Whether *result* stands for something that may well exist: 404 means that it does not."""
    return isinstance(result, Exception) and not _is_absent(result)


def _trace_id(event: dict[str, Any] | None) -> str | None:
    found = as_map(as_map((event or {}).get("contexts")).get("trace")).get("trace_id")
    return found if isinstance(found, str) and _HEX32.fullmatch(found) else None


def load_event(ctx: Context, reference: IssueReference, event_id: str) -> dict[str, Any]:
    """One event of an issue. When Sentry has none, the issue is looked up, to tell which of the two there is not.

    Raises: InvalidInput when the issue has no such event; SentryRefused when there is no such issue.
    """
    event: dict[str, Any] | Exception
    (event,) = ctx.sentry.attempt(partial(sentry.get_event, ctx.sentry, reference, event_id))
    if _is_absent(event):
        sentry.get_issue(ctx.sentry, reference)
        raise InvalidInput(f"{_no_event(event_id)}.", str(event))
    if isinstance(event, Exception):
        raise event
    return event


def _why_no_event(error: Exception, event_id: str) -> str:
    if _is_absent(error):
        return f"{_no_event(event_id)}, {_LOST}"
    reason = error.public if isinstance(error, SentryMCPError) else SentryMCPError.public
    return f"The event could not be loaded, {_LOST} {reason}"


def _is_absent(result: object) -> bool:
    return isinstance(result, SentryRefused) and result.status == 404


def _no_event(event_id: str) -> str:
    if event_id == "latest":
        return "No event of this issue is kept any more (the retention period is over)"
    return "This issue has no event by that ID, or it is not kept any more"


def check_project(ctx: Context, issue: dict[str, Any]) -> None:
    """Raises: OutsideConstraint when this connection is fixed to a project and *issue* is of another."""
    fixed = ctx.constraint.project_slug
    if fixed is not None and as_map(issue.get("project")).get("slug") != fixed:
        raise OutsideConstraint(ctx.constraint.place, "issue of another project")
