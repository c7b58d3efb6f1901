"""Searches over single events: all datasets of Explore, the events of one issue, replays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UpstreamError
from .client import Page, SentryClient
from .links import IssueReference

UPSTREAM_NAMES = {"metrics": "tracemetrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search in Explore. ``project`` is a number; ``fields`` are columns, functions group by the others."""

    organization_slug: str
    dataset: str
    query: str
    fields: Sequence[str]
    sort: str
    period: str
    limit: int
    project: str | None = None
    region_url: str | None = None

    def params(self) -> dict[str, object]:
        return {
            "dataset": UPSTREAM_NAMES.get(self.dataset, self.dataset),
            "query": self.query,
            "field": list(self.fields),
            "statsPeriod": self.period,
            "project": self.project,
        }


def search_events(sentry: SentryClient, search: Search) -> Page:
    """Rows whose keys are exactly the fields: ``[{"transaction": "POST /pay", "count()": 1843}]``.

    Source: https://docs.sentry.io/api/explore/query-explore-events-in-table-format/
    """
    params = search.params() | {
        "sort": search.sort,
        "per_page": search.limit,
        "referrer": "api.mcp.search-events",
        "sampling": "NORMAL" if search.dataset == "spans" else None,
    }
    path = ("organizations", search.organization_slug, "events")
    return sentry.get_page(*path, params=params, region_url=search.region_url)


def check_search(sentry: SentryClient, search: Search) -> Mapping[str, Any] | None:
    """What Sentry thinks of a search before it is run: ``{"valid": false, "field": [{"valid": false, ...}], ...}``.

    None when it cannot tell: the endpoint is experimental, so whatever is wrong with it, the search itself may work.
    """
    path = ("organizations", search.organization_slug, "events", "validate")
    params = search.params() | {"orderby": search.sort}
    try:
        found = sentry.ask(*path, params=params, region_url=search.region_url)
    except UpstreamError:
        return None
    return found if isinstance(found, dict) else None


def list_tags(sentry: SentryClient, org: str, *, project: str | None, period: str, region_url: str | None) -> list[str]:
    """Names of the tags that error events of *org* have.

    Source: https://docs.sentry.io/api/events/list-a-projects-tags/ (of an organization it is not published)
    """
    params = {"dataset": "events", "project": project, "statsPeriod": period, "useCache": 1, "useFlagsBackend": 1}
    found = sentry.get_page("organizations", org, "tags", params=params, region_url=region_url).items
    return _names(found, "key")


def list_attributes(sentry: SentryClient, search: Search, kind: str) -> list[str]:
    """Names of attributes that the search's dataset has; *kind* is ``string`` or ``number``."""
    org, region = search.organization_slug, search.region_url
    if search.dataset == "errors":
        return list_tags(sentry, org, project=search.project, period=search.period, region_url=region)
    params = {
        "project": search.project,
        "statsPeriod": search.period,
        "itemType": UPSTREAM_NAMES.get(search.dataset, search.dataset),
        "attributeType": kind,
    }
    path = ("organizations", org, "trace-items", "attributes")
    return _names(sentry.get_page(*path, params=params, region_url=region).items, "name")


def _names(found: list[Any], key: str) -> list[str]:
    names = [str(one.get(key) or "") for one in found if isinstance(one, dict)]
    return [one for one in names if one and not one.startswith("sentry:")]


def search_replays(sentry: SentryClient, search: Search, environments: Sequence[str]) -> Page:
    """Session replays: ``[{"id": "7e07...", "duration": 576, "count_errors": 1, ...}]``.

    Source: https://docs.sentry.io/api/replays/list-an-organizations-replays/
    """
    params = {
        "query": search.query,
        "per_page": search.limit,
        "project": search.project,
        "sort": search.sort,
        "environment": list(environments),
        "statsPeriod": search.period,
    }
    path = ("organizations", search.organization_slug, "replays")
    return sentry.get_page(*path, params=params, region_url=search.region_url)


def list_issue_events(sentry: SentryClient, issue: IssueReference, *, query: str, period: str, limit: int) -> Page:
    """Events of one issue, newest first (Sentry takes no other order here).

    Source: https://docs.sentry.io/api/events/list-an-issues-events/
    """
    params = {"query": query, "per_page": limit, "statsPeriod": period}
    path = ("organizations", issue.organization_slug, "issues", issue.issue_id, "events")
    return sentry.get_page(*path, params=params, region_url=issue.region_url)
