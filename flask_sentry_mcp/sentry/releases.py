"""Releases."""

from typing import Any

from .client import SentryClient


def list_releases(
    sentry: SentryClient, org: str, project: str | None, *, query: str | None, limit: int, region_url: str | None
) -> list[dict[str, Any]]:
    """Releases of *org*, or of one *project*, newest first: ``[{"version": "checkout@2.8.1", "newGroups": 3, ...}]``.

    Source: https://docs.sentry.io/api/releases/list-an-organizations-releases/
    """
    path = ("projects", org, project, "releases") if project else ("organizations", org, "releases")
    return sentry.get_page(*path, params={"per_page": limit, "query": query}, region_url=region_url).items


def get_release(sentry: SentryClient, org: str, version: str, *, region_url: str | None) -> dict[str, Any]:
    """One release by its whole version. Source: https://docs.sentry.io/api/releases/retrieve-an-organizations-release/"""
    found = sentry.get("organizations", org, "releases", version, region_url=region_url)
    return found if isinstance(found, dict) else {}
