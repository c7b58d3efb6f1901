"""The person behind the token, and the organizations that they are a member of."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import ForbiddenRegion, SentryRefused
from ..security.shapes import as_map, as_maps
from .client import SentryClient
from .homes import allowed

_NO_REGIONS = frozenset({401, 403, 404, 405})
"""What an older server says to the question for regions, and any server to a token for one organization."""


@dataclass(frozen=True, slots=True)
class Organizations:
    """``found`` as Sentry shows them; ``silent`` counts the regions that did not answer or may not be asked."""

    found: list[dict[str, Any]]
    silent: int = 0


def get_user(sentry: SentryClient) -> dict[str, Any]:
    """``{"id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example", ...}``

    Source: https://docs.sentry.io/api/auth/
    """
    found = sentry.get("auth", base=True)
    return found if isinstance(found, dict) else {}


def list_organizations(sentry: SentryClient, *, query: str | None, limit: int) -> Organizations:
    """The organizations of this person in every region, asked side by side:
    ``[{"slug": "acme", "links": {"regionUrl": "https://us.sentry.io"}, ...}]``, at most *limit* of each region.

    A region that fails is counted, unless all do: then its error is raised.

    Source: https://docs.sentry.io/api/organizations/list-your-organizations/
    """
    roots, refused = _region_roots(sentry)
    params = {"per_page": limit, "query": query}
    answers = sentry.attempt(
        *(partial(sentry.get_page, "organizations", params=params, region_url=root) for root in roots)
    )
    failures = [one for one in answers if isinstance(one, Exception)]
    if len(failures) == len(answers):
        raise failures[0]
    found = {
        item["slug"]: item
        for page in answers
        if not isinstance(page, Exception)
        for item in page.items
        if isinstance(item, dict) and isinstance(item.get("slug"), str)
    }
    return Organizations(list(found.values()), len(failures) + refused)


def _region_roots(sentry: SentryClient) -> tuple[list[str], int]:
    """The regions where this person has data, and how many of them may not be asked."""
    base_only = [sentry.regions.base_url], 0
    if sentry.regions.is_single:
        return base_only
    try:
        answer = sentry.get("users", "me", "regions", base=True)
    except SentryRefused as error:
        if error.status not in _NO_REGIONS:
            raise
        return base_only
    roots, refused = [], 0
    for region in as_maps(as_map(answer).get("regions")) or [{}]:
        try:
            roots.append(allowed(sentry.regions, region.get("url")))
        except ForbiddenRegion:
            refused += 1
    if not roots:
        raise ForbiddenRegion("none of this person's regions may be asked")
    return roots, refused
