"""Two tools of the application's own. They get exactly the guard that the tools of the catalogue get."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from marshmallow import Schema, fields, validate

from flask_sentry_mcp import Context, SentryMCP

mcp = SentryMCP()


# -- one with a nested schema, that asks nobody ---------------------------------------------------------------------


class Step(Schema):
    """What was done, and when."""

    at = fields.AwareDateTime(required=True, metadata={"description": "As in 2026-08-18T12:40:00Z"})
    what = fields.String(required=True, validate=validate.Length(1, 300))


class StatusUpdate(Schema):
    title = fields.String(required=True, validate=validate.Length(1, 120))
    impact = fields.String(required=True, validate=validate.OneOf(["minor", "major", "critical"]))
    steps = fields.List(fields.Nested(Step), required=True, validate=validate.Length(1, 20))


@mcp.tool(StatusUpdate, reads_only=True, open_world=False)
def draft_status_update(ctx: Context, *, title: str, impact: str, steps: list[dict[str, Any]]) -> str:
    """Draft the text of a status page from what happened, newest step first.

    Nothing is published: the answer is Markdown to read and correct.
    """
    newest_first = sorted(steps, key=lambda step: step["at"], reverse=True)
    lines = [f"- {step['at']:%d %b %H:%M %Z}: {step['what']}" for step in newest_first]
    return "\n".join([f"# {title}", "", f"Impact: **{impact}**", "", *lines])


# -- one that asks Sentry, in the name of the person who signed in --------------------------------------------------


@dataclass
class ProjectBacklog:
    project: str
    unresolved: int


@dataclass
class Backlog:
    """What ``count_unresolved`` promises to return; clients get it as structured content."""

    organization: str
    unresolved: int
    projects: list[ProjectBacklog]


class CountUnresolved(Schema):
    organization_slug = fields.String(
        required=True, data_key="organizationSlug", metadata={"description": "See find_organizations"}
    )


@mcp.tool(CountUnresolved, reads_only=True, scopes={"event:read", "project:read"}, output=Backlog, limit="10/minute")
def count_unresolved(ctx: Context, *, organization_slug: str) -> Backlog:
    """Count the unresolved issues of each project of an organization in the last 30 days, the longest list first."""
    projects = ctx.sentry.get_page("organizations", organization_slug, "projects", params={"per_page": 50}).items
    counts = ctx.sentry.gather(*(partial(_unresolved, ctx, organization_slug, one["id"]) for one in projects))
    backlogs = [ProjectBacklog(one["slug"], count) for one, count in zip(projects, counts, strict=True)]
    backlogs.sort(key=lambda backlog: (-backlog.unresolved, backlog.project))
    return Backlog(organization_slug, sum(counts), backlogs)


def _unresolved(ctx: Context, organization_slug: str, project_id: str) -> int:
    params = {"query": "is:unresolved", "project": project_id, "statsPeriod": "30d", "limit": 1}
    page = ctx.sentry.get_page("organizations", organization_slug, "issues", params=params)
    return page.hits or 0
