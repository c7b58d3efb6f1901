"""Organizations: the list (by region, or all from the mapping of the control silo) and one."""

from flask import Blueprint, Response, request

from ..access import accessible, check_token, in_organization, is_here, me, silo
from ..query import Node, QuerySyntaxError, equals, holds, parse
from ..records import Organization
from ..state import state
from ..wire import Json, iso, paged, refuse, reply
from .shapes import project_shape, team_shape

blueprint = Blueprint("api_organizations", __name__, url_prefix="/api/0/organizations")


@blueprint.get("/")
def find() -> Response:
    """The person's organizations, newest first. On the control host with the fields of the mapping only."""
    token = check_token("org:read", of_one_organization=True)
    found = [one for one in state().world.memberships(token.user) if is_here(one)]
    if token.organization is not None:
        found = [one for one in found if one.slug == token.organization]
    if asked := request.args.get("query", "").strip():
        try:
            tree = parse(asked)
        except QuerySyntaxError as error:
            raise refuse(400, str(error)) from None
        found = [one for one in found if _matches(tree, one)]
    return paged([_brief(one) if silo() == "control" else organization_shape(one) for one in found])


@blueprint.get("/<organization>/")
@in_organization("org:read")
def one(organization: Organization) -> Response:
    shape = organization_shape(organization)
    if request.args.get("detailed") != "0":
        world = state().world
        shape["projects"] = [project_shape(project) for project in accessible(organization)]
        shape["teams"] = [team_shape(team) for team in world.teams_of(organization)]
    shape["role"] = organization.roles[me().key]
    return reply(shape)


def organization_shape(organization: Organization) -> Json:
    shape = _brief(organization) | {"require2FA": False, "hasAuthProvider": False, "features": ["discover-basic"]}
    shape["avatar"] = {"avatarType": "letter_avatar", "avatarUuid": None}
    return shape


def _brief(organization: Organization) -> Json:
    addresses = state().addresses
    shape: Json = {
        "id": organization.id,
        "slug": organization.slug,
        "name": organization.name,
        "status": {"id": "active", "name": "active"},
        "dateCreated": iso(organization.created_at),
    }
    if not addresses.is_self_hosted:
        shape["links"] = {
            "organizationUrl": f"{addresses.control}/organizations/{organization.slug}",
            "regionUrl": addresses.regions[organization.region],
        }
    return shape


def _matches(tree: Node, organization: Organization) -> bool:
    """Free text over slug and name; ``slug:``, ``id:``, ``status:``."""
    facts = {"slug": organization.slug, "id": organization.id, "status": "active"}
    text = f"{organization.slug} {organization.name}".lower()
    return holds(
        tree,
        lambda term: any(equals(facts.get(term.key, ""), value) for value in term.values),
        lambda words: words.lower() in text,
    )
