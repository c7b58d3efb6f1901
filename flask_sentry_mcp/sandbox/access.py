"""Who asks, and whether they may: tokens, scopes, memberships, silos. Every API view goes through here.

Effective rights are what the token allows and the person's role allows too. A higher level of a scope holds the lower
ones, so a plain member can read projects with a token for ``project:write``.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import g, request

from .credentials import SCOPES, SandboxToken
from .records import Organization, Project, User
from .state import state
from .wire import FORBIDDEN, ApiError, missing, refuse

CHALLENGE = {"WWW-Authenticate": 'xBasic realm="api"'}
MEMBER = frozenset(
    [
        "event:read",
        "event:write",
        "event:admin",
        "project:releases",
        "project:read",
        "org:read",
        "member:read",
        "team:read",
        "alerts:read",
        "alerts:write",
    ]
)
ADMIN = MEMBER | frozenset(["project:write", "project:admin", "team:write", "team:admin", "org:integrations"])
ROLES = {"member": MEMBER, "admin": ADMIN, "manager": SCOPES - {"org:admin", "org:billing"}, "owner": SCOPES}
LEVELS = ("read", "write", "admin")


def any_of(*names: str) -> frozenset[str]:
    """The scopes that satisfy ``event:read``: itself and the higher levels of its family."""
    found = set(names)
    for name in names:
        family, _, level = name.partition(":")
        if level in LEVELS:
            found |= {f"{family}:{higher}" for higher in LEVELS[LEVELS.index(level) :]}
    return frozenset(found & SCOPES)


def _with_lower(scopes: frozenset[str]) -> frozenset[str]:
    """*scopes* and the lower levels of their families: ``event:write`` holds ``event:read``."""
    found = set(scopes)
    for name in scopes:
        family, _, level = name.partition(":")
        if level in LEVELS:
            found |= {f"{family}:{lower}" for lower in LEVELS[: LEVELS.index(level)]}
    return frozenset(found & SCOPES)


# -- who asks -------------------------------------------------------------------------------------------------------


def caller() -> SandboxToken:
    """The token of the request. Raises ApiError 401 with Sentry's words."""
    token = _read_token()
    g.caller = token
    return token


def me() -> User:
    """The person behind the token; after ``caller``."""
    found = g.caller
    assert isinstance(found, SandboxToken)  # noqa: S101 - tells mypy what caller() put there
    return found.user


def _read_token() -> SandboxToken:
    header = request.headers.get("Authorization", "")
    parts = header.split()
    if not parts or parts[0].lower() != "bearer":
        raise _unauthorized("Authentication credentials were not provided.")
    if len(parts) == 1:
        raise _unauthorized("Invalid token header. No credentials provided.")
    if len(parts) > 2:
        raise _unauthorized("Invalid token header. Token string should not contain spaces.")
    token = state().credentials.by_access(parts[1])
    if token is None:
        raise _unauthorized("Invalid token")
    if token.is_expired:
        raise _unauthorized("Token expired")
    if not token.user.is_active:
        raise _unauthorized("User inactive or deleted")
    return token


def _unauthorized(detail: str) -> ApiError:
    return ApiError(401, {"detail": detail}, CHALLENGE)


# -- what they may --------------------------------------------------------------------------------------------------

View = Callable[..., Any]


def in_control(view: View) -> View:
    """A view of the control silo: on a region's host there is no such path."""

    @functools.wraps(view)
    def wrapped(**kwargs: str) -> Any:
        if silo() not in ("control", "self-hosted"):
            raise ApiError(404)
        return view(**kwargs)

    return wrapped


def in_organization(*scopes: str) -> Callable[[View], View]:
    """For ``<organization>`` in the path: the view gets the Organization. *scopes*: any of them is enough."""
    enough = any_of(*scopes)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(organization: str, **kwargs: str) -> Any:
            return view(_enter(organization, enough), **kwargs)

        return wrapped

    return decorate


def in_project(*scopes: str) -> Callable[[View], View]:
    """For ``<organization>/<project>``: the view gets both records."""
    enough = any_of(*scopes)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(organization: str, project: str, **kwargs: str) -> Any:
            house = _enter(organization, enough)
            return view(house, _room(house, project), **kwargs)

        return wrapped

    return decorate


def at_issue(*scopes: str) -> Callable[[View], View]:
    """For ``<organization>`` and ``<issue>`` (number or short id): the view gets the Issue."""
    enough = any_of(*scopes)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(organization: str, issue: str, **kwargs: str) -> Any:
            house = _enter(organization, enough)
            found = state().world.issue(house, issue)
            if found is None or found.status in ("pending_deletion", "pending_merge"):
                raise missing()
            if not may_enter(house, found.project):
                raise refuse(403, FORBIDDEN)
            return view(found, **kwargs)

        return wrapped

    return decorate


def check_token(*scopes: str, of_one_organization: bool = False) -> SandboxToken:
    """For paths without an organization: the token, if it has any of *scopes* (no scopes: any token).

    A token for one organization is good only where *of_one_organization* says so.
    """
    token = caller()
    if token.organization is not None and not of_one_organization:
        raise _unauthorized("This token access is limited to organization endpoints.")
    if scopes and not token.scopes & any_of(*scopes):
        raise refuse(403, FORBIDDEN)
    return token


def may_enter(organization: Organization, project: Project) -> bool:
    return state().world.may_enter(me(), organization, project)


def accessible(organization: Organization) -> list[Project]:
    """The projects of *organization* that the caller may enter."""
    return [project for project in state().world.projects_of(organization) if may_enter(organization, project)]


def silo() -> str:
    """``control``, ``us``, ``de`` or ``self-hosted``."""
    return str(request.environ["sandbox.silo"])


def is_here(organization: Organization) -> bool:
    """Whether this host answers for *organization*: its own region does, and the control host forwards."""
    if silo() == "control" and not state().forwards:
        return request.path in ("/api/0/organizations/", f"/api/0/organizations/{organization.slug}/")
    return silo() in ("control", "self-hosted", organization.region)


def _enter(slug_or_id: str, enough: frozenset[str]) -> Organization:
    token = caller()
    organization = state().world.organization(slug_or_id)
    if token.organization is not None and (organization is None or organization.slug != token.organization):
        raise _unauthorized("Unauthorized organization access.")
    if not token.scopes & enough:
        raise refuse(403, FORBIDDEN)
    if organization is None or not is_here(organization):
        raise missing()
    role = organization.roles.get(token.user.key)
    if role is None or not _with_lower(token.scopes) & ROLES[role] & enough:
        raise refuse(403, FORBIDDEN)
    return organization


def _room(organization: Organization, slug_or_id: str) -> Project:
    project = state().world.project(organization, slug_or_id)
    if project is None:
        renamed = state().world.renamed_project(organization, slug_or_id)
        if renamed is None:
            raise missing()
        raise _moved(slug_or_id, renamed)
    if not may_enter(organization, project):
        raise refuse(403, FORBIDDEN)
    return project


def _moved(former_slug: str, project: Project) -> ApiError:
    url = request.path.replace(f"/{former_slug}/", f"/{project.slug}/", 1)
    body = {
        "detail": {
            "code": "resource-moved",
            "message": "Resource has been moved",
            "extra": {"url": url, "slug": project.slug},
        }
    }
    return ApiError(302, body, {"Location": url})
