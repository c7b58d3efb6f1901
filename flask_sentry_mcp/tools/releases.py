"""Tools about releases: find them."""

from ..context import Context
from ..mcp.tool import Toolbox
from ..render import releases as render
from ..sentry import releases as sentry
from ..skills import INSPECT
from . import fields

toolbox = Toolbox()
PAGE = 25


class FindReleases(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    project_slug = fields.project_slug()
    query = fields.text("Part of the version")


@toolbox.tool(FindReleases, skills={INSPECT}, scopes={"project:read"}, reads_only=True, listed=False)
def find_releases(
    ctx: Context, *, organization_slug: str, region_url: str | None, project_slug: str | None, query: str | None
) -> str:
    """List recent releases with their deploys, commits and number of new issues.

    Use it to see whether a deploy brought a problem. projectSlug "all" is every project.
    """
    project = None if project_slug == "all" else project_slug
    found = sentry.list_releases(
        ctx.sentry, organization_slug, project, query=query, limit=PAGE + 1, region_url=region_url
    )
    return render.release_list(organization_slug, found[:PAGE], more=len(found) > PAGE)
