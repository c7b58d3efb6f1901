"""Releases of an organization or a project, with their deploys and commits. Versions may hold slashes and ``@``."""

from flask import Blueprint, Response, request

from ..access import accessible, in_organization, in_project
from ..records import Json, Organization, Project, Release
from ..state import state
from ..wire import iso, iso_or_none, missing, paged, reply
from .issues import chosen_projects

blueprint = Blueprint("api_releases", __name__, url_prefix="/api/0")
SCOPES = ("project:read", "project:releases", "org:ci")


@blueprint.get("/organizations/<organization>/releases/")
@in_organization(*SCOPES)
def find(organization: Organization) -> Response:
    """Newest first; ``query`` is part of the version, in any case."""
    return paged([release_shape(release) for release in _matching(organization, chosen_projects(organization))])


@blueprint.get("/projects/<organization>/<project>/releases/")
@in_project(*SCOPES)
def find_in_project(organization: Organization, project: Project) -> Response:
    return paged([release_shape(release) for release in _matching(organization, [project])])


@blueprint.get("/organizations/<organization>/releases/<path:version>/deploys/")
@in_organization(*SCOPES)
def deploys(organization: Organization, version: str) -> Response:
    return paged(_named(organization, version).deploys)


@blueprint.get("/organizations/<organization>/releases/<path:version>/commits/")
@in_organization(*SCOPES)
def commits(organization: Organization, version: str) -> Response:
    return paged(_named(organization, version).commits)


@blueprint.get("/projects/<organization>/<project>/releases/<path:version>/commits/")
@in_project(*SCOPES)
def commits_in_project(organization: Organization, project: Project, version: str) -> Response:
    return paged(_named(organization, version, project).commits)


@blueprint.get("/organizations/<organization>/releases/<path:version>/")
@in_organization(*SCOPES)
def one(organization: Organization, version: str) -> Response:
    return reply(release_shape(_named(organization, version)))


@blueprint.get("/projects/<organization>/<project>/releases/<path:version>/")
@in_project(*SCOPES)
def one_in_project(organization: Organization, project: Project, version: str) -> Response:
    return reply(release_shape(_named(organization, version, project)))


def _matching(organization: Organization, projects: list[Project]) -> list[Release]:
    part = request.args.get("query", "").lower()
    environments = request.args.getlist("environment")
    found = [
        release
        for release in state().world.releases
        if release.organization == organization.slug
        and any(project in projects for project in release.projects)
        and part in release.version.lower()
        and (not environments or any(deploy["environment"] in environments for deploy in release.deploys))
    ]
    return sorted(found, key=lambda release: -release.created_at)


def _named(organization: Organization, version: str, project: Project | None = None) -> Release:
    allowed = [project] if project is not None else accessible(organization)
    for release in state().world.releases:
        if (release.organization, release.version) == (organization.slug, version):
            if any(one in allowed for one in release.projects):
                return release
            break
    raise missing()


def release_shape(release: Release) -> Json:
    projects = [
        {
            "id": int(project.id),
            "slug": project.slug,
            "name": project.name,
            "platform": project.platform,
            "newGroups": release.new_issues,
        }
        for project in release.projects
    ]
    package = release.version.rpartition("@")[0] or None
    return {
        "id": int(release.projects[0].id) * 100 + len(release.version),
        "version": release.version,
        "shortVersion": release.short_version,
        "status": "open",
        "dateCreated": iso(release.created_at),
        "dateReleased": iso_or_none(release.released_at),
        "firstEvent": iso(release.created_at + 1200),
        "lastEvent": iso(state().world.epoch - 600),
        "newGroups": release.new_issues,
        "commitCount": len(release.commits),
        "deployCount": len(release.deploys),
        "authors": [],
        "ref": None,
        "url": None,
        "lastCommit": release.commits[0] if release.commits else None,
        "lastDeploy": release.deploys[0] if release.deploys else None,
        "projects": projects,
        "versionInfo": {"package": package, "description": release.short_version},
    }
