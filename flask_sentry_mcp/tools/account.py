"""Tools about the person and where they are: whoami, find_organizations."""

import re
from typing import Any

from ..context import Context
from ..mcp.tool import Toolbox
from ..render.pieces import as_map, name
from ..security.slugs import is_slug
from ..sentry import account as sentry
from . import fields

toolbox = Toolbox()
PAGE = 25
_ID, _EMAIL = 64, 254
"""The longest values that are shown."""


@toolbox.tool(reads_only=True, listed=False)
def whoami(ctx: Context) -> dict[str, Any]:
    """Tell which Sentry user is signed in, and what this connection is fixed to.

    The user's id is what assignedTo takes: user:<id>.
    """
    user = sentry.get_user(ctx.sentry)
    fixed = {
        "organizationSlug": ctx.constraint.organization_slug,
        "projectSlug": ctx.constraint.project_slug,
        "regionUrl": ctx.constraint.region_url,
    }
    pinned = {name: value for name, value in fixed.items() if value}
    return {
        "user": {
            "id": str(user.get("id", ""))[:_ID],
            "name": name(user["name"]) if user.get("name") else None,
            "email": str(user["email"])[:_EMAIL] if user.get("email") else None,
        },
        "sessionConstraints": pinned or None,
    }


class FindOrganizations(fields.Input):
    query = fields.search_text("organization")


@toolbox.tool(FindOrganizations, scopes={"org:read"}, reads_only=True, hidden_by={"organization"})
def find_organizations(ctx: Context, *, query: str | None) -> dict[str, Any]:
    """List the organizations of the user, in all regions. Their slugs are what other tools need first."""
    organizations = sentry.list_organizations(ctx.sentry, query=query, limit=PAGE + 1)
    named = [one for one in organizations.found if is_slug(one["slug"])]
    shown = []
    for one in named[:PAGE]:
        links = as_map(one.get("links"))
        region_url = None if ctx.sentry.regions.is_single else links.get("regionUrl")
        urls = {"webUrl": links.get("organizationUrl"), "regionUrl": region_url}
        shown.append({"slug": one["slug"]} | {name: _url(value) for name, value in urls.items()})
    answer: dict[str, Any] = {"organizations": shown, "hasMore": len(named) > PAGE}
    if organizations.silent:
        answer["note"] = f"{organizations.silent} of your regions could not be asked; their organizations are missing."
    return answer


def _url(value: object) -> str | None:
    """*value* if it is an address; self-hosted servers leave it empty."""
    return value if isinstance(value, str) and re.fullmatch(r"https?://[^\s<>«»]{1,300}", value) else None
