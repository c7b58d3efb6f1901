"""Membership: whether a person may see the organization or project of an address, by their own list (RES-6, B15).

Checked at sign-in with the new token, and at use at most every 15 minutes for one person and place. "No" is NoAccess;
a check that fails for technical reasons is an error, never a yes.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from .. import clock
from ..errors import ForbiddenRegion, MembershipUnknown, NoAccess, SentryRefused, UpstreamError
from ..sentry.account import list_organizations
from ..sentry.client import SentryClient
from ..sentry.homes import region_in
from ..sentry.projects import get_project, lacking

FRESH_S = 900.0
REMEMBERED = 10_000
_PAGE = 100
_NOT_THERE = frozenset({301, 302, 403, 404})  # hidden, unknown, or renamed since


@dataclass(frozen=True, slots=True)
class Place:
    """An organization, or one project of it, that was seen in somebody's list, its region, and what it lacks."""

    organization_slug: str
    project_slug: str | None
    region_url: str | None
    lacks: frozenset[str] = frozenset()


def verify(sentry: SentryClient, organization_slug: str, project_slug: str | None) -> Place:
    """The place, if this person's own list has the organization and they can see the project.

    Raises: NoAccess; SignInEnded; MembershipUnknown when it cannot be found out.
    """
    try:
        return _found(sentry, organization_slug, project_slug)
    except (UpstreamError, ForbiddenRegion) as error:
        raise MembershipUnknown(str(error), retry_after_s=error.retry_after_s) from error


def _found(sentry: SentryClient, organization_slug: str, project_slug: str | None) -> Place:
    listed = list_organizations(sentry, query=organization_slug, limit=_PAGE)
    found = next((one for one in listed.found if one.get("slug") == organization_slug), None)
    if found is None:
        if listed.silent:
            raise MembershipUnknown("a region that may hold the organization did not answer")
        raise NoAccess("not in the person's list of organizations")
    region_url = region_in(sentry.regions, found)
    if project_slug is None:
        return Place(organization_slug, None, region_url)
    try:
        project = get_project(sentry, organization_slug, project_slug, region_url=region_url)
    except SentryRefused as error:
        if error.status not in _NOT_THERE:
            raise
        raise NoAccess(f"project: Sentry {error.status}") from error
    if project.get("slug") != project_slug:
        raise NoAccess("the project answers to another slug")
    return Place(organization_slug, project_slug, region_url, lacking(project))


class Memberships:
    """What was verified lately, of one application: at most REMEMBERED places, the oldest forgotten first."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str, str | None], tuple[float, Place]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, user_id: str, organization_slug: str, project_slug: str | None) -> Place | None:
        """The place, if it was verified for this person less than 15 minutes ago."""
        found = self._places.get((user_id, organization_slug, project_slug))
        return found[1] if found and 0 <= clock.now() - found[0] < FRESH_S else None

    def remember(self, user_id: str, place: Place) -> None:
        """Note that *place* has just been verified."""
        with self._lock:
            key = user_id, place.organization_slug, place.project_slug
            self._places[key] = clock.now(), place
            self._places.move_to_end(key)
            while len(self._places) > REMEMBERED:
                self._places.popitem(last=False)
