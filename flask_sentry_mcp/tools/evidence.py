"""Tools about what an issue's events hold: stacks, breadcrumbs, tags; and about what was done with it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..context import Context
from ..mcp.tool import Toolbox
from ..render import activity as render
from ..render import crumbs
from ..sentry import activity as sentry
from ..sentry import issues
from ..sentry.client import Page
from ..sentry.links import IssueReference, WebLinks, issue_reference
from ..skills import INSPECT, SEER, TRIAGE
from . import fields
from .issues import check_project, load_event

toolbox = Toolbox()


class GetEventStacktrace(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    issue_id = fields.issue_id(required=True)
    event_id = fields.event_id(default="latest")
    thread = fields.NumberOrName(load_default=None, allow_none=False, metadata={"description": "Number or name"})


@toolbox.tool(GetEventStacktrace, skills={INSPECT, TRIAGE, SEER}, scopes={"event:read"}, reads_only=True, listed=False)
def get_event_stacktrace(
    ctx: Context,
    *,
    organization_slug: str,
    region_url: str | None,
    issue_id: str,
    event_id: str,
    thread: int | str | None,
) -> str:
    """Show the whole stack of one thread of an event, with the list of its threads.

    Without a thread, the one that crashed.
    """
    reference = within(ctx, issue_id, None, organization_slug, region_url)
    event = load_event(ctx, reference, event_id)
    return crumbs.thread(reference.issue_id, event, thread)


class IssueInput(fields.Input):
    """An issue, by its link or by its ID and organization."""

    organization_slug = fields.org_slug(required=False)
    region_url = fields.region_url()
    issue_id = fields.issue_id()
    issue_url = fields.issue_url()


class GetIssueBreadcrumbs(IssueInput):
    event_id = fields.event_id(default="latest")


@toolbox.tool(GetIssueBreadcrumbs, skills={INSPECT, TRIAGE}, scopes={"event:read"}, reads_only=True, listed=False)
def get_issue_breadcrumbs(ctx: Context, *, event_id: str, **issue: Any) -> str:
    """Show the breadcrumbs of an event: what happened before it, such as queries, requests, clicks and logs."""
    reference = named(ctx, **issue)
    event = load_event(ctx, reference, event_id)
    return crumbs.breadcrumbs(reference.issue_id, event)


class GetIssueTagValues(IssueInput):
    tag_key = fields.tag_key()


@toolbox.tool(GetIssueTagValues, skills={INSPECT}, scopes={"event:read"}, reads_only=True, listed=False)
def get_issue_tag_values(ctx: Context, *, tag_key: str, **issue: Any) -> str:
    """Show how one tag is distributed over the events of an issue, for example url, browser, release or environment."""
    reference = named(ctx, **issue)
    tag = sentry.get_tag_values(ctx.sentry, reference, tag_key)
    return render.tag_values(reference.organization_slug, reference.issue_id, tag, asked=tag_key)


class GetIssueActivity(IssueInput):
    include_comments = fields.flag(default=True)
    limit = fields.limit(25, 100)


@toolbox.tool(GetIssueActivity, skills={INSPECT, TRIAGE}, scopes={"event:read"}, reads_only=True, listed=False)
def get_issue_activity(ctx: Context, *, include_comments: bool, limit: int, **issue: Any) -> str:
    """Show who did what with an issue and when: status changes, assignments, regressions, and comments."""
    reference = named(ctx, **issue)
    calls: list[Callable[[], Any]] = [partial(sentry.list_activity, ctx.sentry, reference)]
    if include_comments:
        calls.append(partial(sentry.list_notes, ctx.sentry, reference, limit=limit))
    entries, *asked = ctx.sentry.gather(*calls)
    notes = asked[0] if asked else Page([])
    return render.activity(
        reference.organization_slug,
        reference.issue_id,
        entries,
        notes.items,
        limit=limit,
        more_notes=notes.next_cursor is not None,
        tools=ctx.tools.ways(),
    )


class AddIssueNote(IssueInput):
    text = fields.text(required=True, validate=fields.note)


@toolbox.tool(AddIssueNote, skills={TRIAGE}, scopes={"event:write"}, reads_only=False, destructive=False, listed=False)
def add_issue_note(ctx: Context, *, text: str, **issue: Any) -> str:
    """Leave a comment on an issue, in the name of the user and visible to everybody in the organization."""
    reference = named(ctx, **issue)
    note = sentry.add_note(ctx.sentry, reference, text)
    url = WebLinks(ctx.sentry.regions, reference.organization_slug).issue(reference.issue_id)
    return render.note_added(reference.organization_slug, reference.issue_id, note, url)


def named(
    ctx: Context, *, organization_slug: str | None, region_url: str | None, issue_id: str | None, issue_url: str | None
) -> IssueReference:
    """The issue that a call names, once it is known to lie within the constraint."""
    return within(ctx, issue_id, issue_url, organization_slug, region_url)


def within(
    ctx: Context, issue_id: str | None, issue_url: str | None, organization_slug: str | None, region_url: str | None
) -> IssueReference:
    """The issue; a connection that is fixed to a project costs one more call, to see whose issue it is (RES-5)."""
    reference = issue_reference(
        ctx.sentry.regions,
        issue_id=issue_id,
        issue_url=issue_url,
        organization_slug=organization_slug,
        region_url=region_url,
    )
    if ctx.constraint.project_slug is not None:
        check_project(ctx, issues.get_issue(ctx.sentry, reference))
    return reference
