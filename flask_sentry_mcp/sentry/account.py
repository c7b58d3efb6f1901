"""The person behind the token, and the organizations that they are a member of."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import ForbiddenRegion, SentryRefused, UpstreamError
from ..security.shapes import Json, as_map, as_maps
from .client import SentryClient

_NO_REGIONS = frozenset({401, 403, 404, 405})
"""What an older server says to the question for regions, and any server to a token for one organization."""

log = logging.getLogger(__name__)


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


def region_of(sentry: SentryClient, org: str, region_url: str | None) -> str | None:
    """Where the data of *org* lives: *region_url* or the connection's own when there is one, else as Sentry says.

    Remembered, unless the look-up fails: then it is the base host for once. An empty *region_url* means the base host
    as well.
    """
    if region_url is not None or sentry.region_url or sentry.regions.is_single:
        return region_url

    def ask() -> str | None:
        try:
            found = sentry.get("organizations", org, params={"detailed": 0}, base=True)
            return region_in(sentry, as_map(found)) or sentry.regions.base_url
        except (UpstreamError, ForbiddenRegion):
            return None

    found: str | None = sentry.recall("region", org, ask=ask)
    return found


def region_in(sentry: SentryClient, organization: Json) -> str | None:
    """The region of *organization*, as Sentry describes it; None: the base host, which is all that a server of one's
    own has, whatever it calls itself.

    Raises: ForbiddenRegion, and tells the operator.
    """
    url = as_map(organization.get("links")).get("regionUrl")
    return _allowed(sentry, url) if url and not sentry.regions.is_single else None


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
            roots.append(_allowed(sentry, region.get("url")))
        except ForbiddenRegion:
            refused += 1
    if not roots:
        raise ForbiddenRegion("none of this person's regions may be asked")
    return roots, refused


def _allowed(sentry: SentryClient, url: object) -> str:
    try:
        return sentry.regions.resolve(url if isinstance(url, str) else None)
    except ForbiddenRegion:
        log.warning("Sentry has data at %.100r, whose host is not in SENTRY_ALLOWED_REGION_DOMAINS", url)
        raise
