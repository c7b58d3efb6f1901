"""Teams of an organization."""

from flask import Blueprint, Response, request

from ..access import in_organization
from ..records import Organization
from ..state import state
from ..wire import paged
from .shapes import project_shape, team_shape

blueprint = Blueprint("api_teams", __name__, url_prefix="/api/0")


@blueprint.get("/organizations/<organization>/teams/")
@in_organization("org:read")
def find(organization: Organization) -> Response:
    """By slug; ``detailed=0`` leaves the projects out."""
    world = state().world
    found = sorted(world.teams_of(organization), key=lambda team: team.slug)
    for word in request.args.get("query", "").lower().split():
        found = [team for team in found if word in f"{team.slug} {team.name}".lower()]
    shapes = [team_shape(team) for team in found]
    if request.args.get("detailed") != "0":
        for team, shape in zip(found, shapes, strict=True):
            projects = (one for one in world.projects_of(organization) if team.slug in one.teams)
            shape["projects"] = [project_shape(one) for one in projects]
    return paged(shapes)
