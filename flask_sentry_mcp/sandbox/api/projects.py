"""Projects: the list of an organization, and one by slug or id (302 for a slug that was renamed)."""

from flask import Blueprint, Response, request

from ..access import in_organization, in_project
from ..records import Organization, Project
from ..state import state
from ..wire import paged, reply
from .shapes import project_shape

blueprint = Blueprint("api_projects", __name__, url_prefix="/api/0")


@blueprint.get("/organizations/<organization>/projects/")
@in_organization("org:read")
def find(organization: Organization) -> Response:
    """By name. ``query`` is text, or ``slug:``/``id:`` with the exact value."""
    found = sorted(state().world.projects_of(organization), key=lambda project: project.slug)
    for word in request.args.get("query", "").split():
        key, colon, value = word.partition(":")
        if colon and key in ("slug", "id"):
            found = [project for project in found if value in (getattr(project, key),)]
        else:
            found = [project for project in found if word.lower() in f"{project.slug} {project.name}".lower()]
    return paged([project_shape(project) for project in found])


@blueprint.get("/projects/<organization>/<project>/")
@in_project("project:read")
def one(organization: Organization, project: Project) -> Response:
    shape = project_shape(project)
    shape["organization"] = {"id": organization.id, "slug": organization.slug, "name": organization.name}
    return reply(shape)


@blueprint.get("/projects/<organization>/<project>/stacktrace-link/")
@in_project("project:read")
def stacktrace_link(organization: Organization, project: Project) -> Response:
    """Where a source file is kept, for projects whose repository is linked."""
    file = request.args.get("file")
    if not file:
        return reply({"detail": "Filepath is required"}, 400)
    if not project.is_linked or file.startswith("flask/"):
        return reply({"config": None, "sourcePath": None, "sourceUrl": None, "integrations": []})
    line = request.args.get("lineNo")
    address = f"https://git.example/{organization.slug}/{project.slug}/blob/main/src/{file}"
    return reply(
        {
            "config": {"repoName": f"{organization.slug}/{project.slug}", "defaultBranch": "main"},
            "sourcePath": f"src/{file}",
            "sourceUrl": f"{address}#L{line}" if line else address,
        }
    )
