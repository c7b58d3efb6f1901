"""Tools about projects: find them."""

from typing import Any

from ..context import Context
from ..mcp.tool import Toolbox
from ..sentry import projects as sentry
from . import fields

toolbox = Toolbox()
PAGE = 25


class FindProjects(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    query = fields.search_text("project")


@toolbox.tool(FindProjects, scopes={"project:read"}, reads_only=True, hidden_by={"project"})
def find_projects(ctx: Context, *, organization_slug: str, region_url: str | None, query: str | None) -> dict[str, Any]:
    """List the projects of an organization. Their slugs narrow searches."""
    found = sentry.list_projects(ctx.sentry, organization_slug, query=query, limit=PAGE + 1, region_url=region_url)
    return {"projects": [{"slug": one["slug"]} for one in found[:PAGE]], "hasMore": len(found) > PAGE}
