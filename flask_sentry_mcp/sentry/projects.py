"""Projects and teams."""

import re
from typing import Any

from ..errors import SentryFailed
from ..security.shapes import Json
from ..security.slugs import is_slug
from .client import SentryClient

Region = str | None
CAPABILITIES = {
    "traces": "firstTransactionEvent",
    "replays": "hasReplays",
    "profiles": "hasProfiles",
    "logs": "hasLogs",
}


def list_projects(
    sentry: SentryClient, org: str, *, query: str | None, limit: int, region_url: Region
) -> list[dict[str, Any]]:
    """Projects of *org*: ``[{"id": "4509100", "slug": "checkout-api", ...}]``, at most *limit*.

    Source: https://docs.sentry.io/api/organizations/list-an-organizations-projects/
    """
    params = {"per_page": limit, "query": query}
    return _named(sentry.get_page("organizations", org, "projects", params=params, region_url=region_url).items)


def get_project(sentry: SentryClient, org: str, project: str, *, region_url: Region) -> dict[str, Any]:
    """One project by slug or id. Source: https://docs.sentry.io/api/projects/retrieve-a-project/"""
    found = sentry.get("projects", org, project, region_url=region_url)
    return found if isinstance(found, dict) else {}


def lacking(project: Json) -> frozenset[str]:
    """What *project* says that it does not have: ``{"replays", "logs"}``. What it does not speak of, it may have."""
    return frozenset(name for name, flag in CAPABILITIES.items() if flag in project and project[flag] is not True)


def list_teams(
    sentry: SentryClient, org: str, *, query: str | None, limit: int, region_url: Region
) -> list[dict[str, Any]]:
    """Teams of *org*: ``[{"id": "7", "slug": "web", ...}]``, at most *limit*.

    Source: https://docs.sentry.io/api/teams/list-an-organizations-teams/
    """
    params = {"per_page": limit, "query": query, "detailed": 0}
    found = _named(sentry.get_page("organizations", org, "teams", params=params, region_url=region_url).items)
    return [one for one in found if re.fullmatch(r"[0-9]{1,20}", str(one.get("id")))]


def team_id(sentry: SentryClient, org: str, slug: str, *, region_url: Region) -> str | None:
    """The number of the team with this *slug*, None when there is none that this person can see."""
    found = list_teams(sentry, org, query=slug, limit=100, region_url=region_url)
    return next((str(one["id"]) for one in found if one["slug"] == slug), None)


def _named(items: list[Any]) -> list[dict[str, Any]]:
    """Those with a slug that can be used; a server of one's own may answer others."""
    return [one for one in items if isinstance(one, dict) and is_slug(str(one.get("slug") or ""))]


def project_id(sentry: SentryClient, org: str, slug_or_id: str | None, *, region_url: Region) -> str | None:
    """The numeric id that searches need; digits are taken as one already, None stays None."""
    if slug_or_id is None or slug_or_id.isdecimal():
        return slug_or_id
    slug = slug_or_id

    def ask() -> object:
        return get_project(sentry, org, slug, region_url=region_url).get("id")

    found = sentry.recall("project", region_url or "", org, slug, ask=ask)
    if found is None:
        raise SentryFailed("a project without an id")
    return str(found)
