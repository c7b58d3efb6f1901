"""Membership: whether a person may see the organization or project of an address, by their own list (RES-6, B15).

Checked at sign-in with the new token, and at use at most every 15 minutes for one person and place. "No" is NoAccess,
and is asked again after a minute: who was added in the meantime need not wait, and who was not cannot have us ask
Sentry at every call. A check that fails for technical reasons is an error, never a yes. What a project lacks is seen on
the way.
"""

from dataclasses import dataclass

from ..errors import ForbiddenRegion, MembershipUnknown, NoAccess, SentryRefused, UpstreamError
from ..sentry.account import list_organizations
from ..sentry.client import SentryClient
from ..sentry.homes import region_in
from ..sentry.projects import get_project, lacking
from .recent import Recent

FRESH_S, REFUSED_S = 900.0, 60.0
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
    """What was verified lately, of one application. A *caller* is a person at their Sentry, or a machine's token."""

    def __init__(self) -> None:
        self._places: Recent[Place] = Recent(FRESH_S)
        self._refused: Recent[str] = Recent(REFUSED_S)

    def recall(self, caller: str, organization_slug: str, project_slug: str | None) -> Place | None:
        """The place, if this caller was found to see it less than 15 minutes ago."""
        return self._places.recall((caller, organization_slug, project_slug))

    def verify(self, caller: str, sentry: SentryClient, organization_slug: str, project_slug: str | None) -> Place:
        """As the function of that name, and remembered; a "no" is repeated for a minute without asking."""
        key = caller, organization_slug, project_slug
        if why := self._refused.recall(key):
            raise NoAccess(f"{why}, as of less than a minute ago")
        try:
            place = verify(sentry, organization_slug, project_slug)
        except NoAccess as no:
            self._refused.remember(key, str(no))
            raise
        self._places.remember(key, place)
        return place
