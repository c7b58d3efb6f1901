"""Tools that change an issue: update_issue."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..context import Context
from ..errors import InvalidInput, SentryMCPError, Unauthenticated
from ..mcp.tool import Toolbox
from ..render import issues as render
from ..render.pieces import actor, word
from ..sentry import activity
from ..sentry import issues as sentry
from ..sentry.account import get_user
from ..sentry.links import IssueReference, WebLinks, issue_reference
from ..sentry.projects import team_id
from ..skills import TRIAGE
from . import fields, ignoring
from .issues import check_project

toolbox = Toolbox()
STATUSES = ("resolved", "resolvedInNextRelease", "unresolved", "ignored")
_MEANING = {
    "resolved": "A new event reopens it as a regression.",
    "resolvedInNextRelease": "Events of the next release reopen it as a regression.",
}


class UpdateIssue(fields.Input):
    organization_slug = fields.org_slug(required=False)
    region_url = fields.region_url()
    issue_id = fields.issue_id()
    issue_url = fields.issue_url()
    status = fields.choice(STATUSES)
    assigned_to = fields.text("user:<id>, team:<id or slug>, me, or empty for nobody", validate=fields.assignee)
    ignore_mode = fields.choice(ignoring.IGNORE_MODES)
    ignore_duration_minutes = fields.count()
    ignore_count = fields.count()
    ignore_window_minutes = fields.count(10_080)
    ignore_user_count = fields.count()
    ignore_user_window_minutes = fields.count(10_080)
    reason = fields.text("Posted as a comment", validate=fields.note)


@toolbox.tool(UpdateIssue, skills={TRIAGE}, scopes={"event:write"}, reads_only=False, destructive=True)
def update_issue(
    ctx: Context,
    *,
    organization_slug: str | None,
    region_url: str | None,
    issue_id: str | None,
    issue_url: str | None,
    status: str | None,
    assigned_to: str | None,
    reason: str | None,
    **ignore: Any,
) -> str:
    """Resolve, reopen, ignore or assign an issue.

    An ignored issue comes back when it escalates, unless another ignoreMode or a number is given.
    """
    reference = issue_reference(
        ctx.sentry.regions,
        issue_id=issue_id,
        issue_url=issue_url,
        organization_slug=organization_slug,
        region_url=region_url,
    )
    if status is None and assigned_to is None:
        raise InvalidInput("Nothing to do: give status, assignedTo, or both.")
    wanted = ignoring.asked(status, **ignore)
    issue = sentry.get_issue(ctx.sentry, reference)
    check_project(ctx, issue)
    changes = _status_changes(issue, status, wanted) | _assignee_changes(ctx, reference, issue, assigned_to)
    updated = {**issue, **sentry.update_issue(ctx.sentry, reference, changes)} if changes else issue
    links = WebLinks(ctx.sentry.regions, reference.organization_slug)
    return render.update(
        render.Change(
            organization=reference.organization_slug,
            issue=updated,
            url=links.issue(str(updated.get("shortId") or updated.get("id"))),
            sent=bool(changes),
            changes=_told(issue, updated) if changes else (),
            meaning=_meaning(updated) if changes else None,
            note=_post(ctx, reference, reason),
        )
    )


def _status_changes(issue: Mapping[str, Any], status: str | None, wanted: ignoring.Ignoring | None) -> dict[str, Any]:
    """What to send so that *issue* gets *status*; nothing when it has it."""
    if status is None or (status != "ignored" and status == render.shown_status(issue)):
        return {}
    if status != "ignored":
        return {"status": status}
    now = ignoring.shown(issue)
    if now is not None:
        if wanted is None or wanted == now:
            return {}
        if wanted.family != now.family:
            raise InvalidInput("The issue is ignored in another way already: set it to unresolved first.")
    return {"status": status} | (wanted or ignoring.Ignoring(ignoring.UNTIL_ESCALATING)).changes()


def _assignee_changes(
    ctx: Context, reference: IssueReference, issue: Mapping[str, Any], assigned_to: str | None
) -> dict[str, Any]:
    """What to send so that *issue* is theirs; nothing when it is."""
    if assigned_to is None:
        return {}
    if assigned_to == "me":
        assigned_to = f"user:{ctx.user_id or get_user(ctx.sentry).get('id')}"
    if assigned_to in _names_of(issue.get("assignedTo")):
        return {}
    kind, _, slug = assigned_to.partition(":")
    if kind != "team" or slug.isdecimal():
        return {"assignedTo": assigned_to}
    number = team_id(ctx.sentry, reference.organization_slug, slug, region_url=reference.region_url)
    if number is None:
        way = ctx.tools.ways().get("find_teams")
        raise InvalidInput(f"There is no such team.{f' {way} lists the teams of the organization.' if way else ''}")
    return {"assignedTo": f"team:{number}"}


def _names_of(holder: object) -> list[str]:
    """How a call may name the one to whom an issue is assigned; nobody is the empty text."""
    if not holder:
        return [""]
    if not isinstance(holder, Mapping):
        return []
    kind = holder.get("type")
    other = f"team:{holder.get('name')}" if kind == "team" else str(holder.get("email"))
    return [f"{kind}:{holder.get('id')}", other]


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    told = [
        ("Status", word(render.shown_status(before)), word(render.shown_status(after))),
        ("Ignored", str(ignoring.shown(before) or "no"), str(ignoring.shown(after) or "no")),
        ("Assigned to", actor(before.get("assignedTo")), actor(after.get("assignedTo"))),
    ]
    return [(what, old, new) for what, old, new in told if old != new]


def _meaning(issue: Mapping[str, Any]) -> str | None:
    way = ignoring.shown(issue)
    return f"It stays ignored {way}." if way else _MEANING.get(render.shown_status(issue))


def _post(ctx: Context, reference: IssueReference, reason: str | None) -> str | None:
    """Post the reason as a comment. When that fails, the change stands, and the answer says so.

    Raises: Unauthenticated, for a sign-in that ended must reach the door.
    """
    if not reason:
        return None
    (posted,) = ctx.sentry.attempt(partial(activity.add_note, ctx.sentry, reference, reason))
    if isinstance(posted, SentryMCPError) and not isinstance(posted, Unauthenticated):
        return f"The comment was not posted. {posted.public}"
    if isinstance(posted, Exception):
        raise posted
    return "The comment was posted."
