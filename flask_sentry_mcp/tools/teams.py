"""Tools about teams: find them."""

from typing import Any

from ..context import Context
from ..mcp.tool import Toolbox
from ..sentry import projects as sentry
from ..skills import INSPECT, PROJECTS, TRIAGE
from . import fields

toolbox = Toolbox()
PAGE = 25


class FindTeams(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    query = fields.search_text("team")


@toolbox.tool(FindTeams, skills={INSPECT, TRIAGE, PROJECTS}, scopes={"team:read"}, reads_only=True, listed=False)
def find_teams(ctx: Context, *, organization_slug: str, region_url: str | None, query: str | None) -> dict[str, Any]:
    """List the teams of an organization, with the slugs and IDs that assignment and projects need."""
    found = sentry.list_teams(ctx.sentry, organization_slug, query=query, limit=PAGE + 1, region_url=region_url)
    teams = [{"slug": one["slug"], "id": str(one["id"])} for one in found]
    return {"teams": teams[:PAGE], "hasMore": len(teams) > PAGE}
