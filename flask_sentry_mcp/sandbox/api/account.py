"""Who am I, and where are my organizations: the control silo."""

from flask import Blueprint, Response

from ..access import check_token, in_control
from ..records import User
from ..state import state
from ..wire import ApiError, Json, iso, reply

blueprint = Blueprint("api_account", __name__, url_prefix="/api/0")


def user_brief(user: User) -> Json:
    return {"id": user.id, "name": user.name, "email": user.email, "username": user.username}


@blueprint.get("/auth/")
@in_control
def self_user() -> Response:
    """Without a good token: 400 with an empty body, not 401."""
    try:
        token = check_token()
    except ApiError:
        raise ApiError(400) from None
    more = {
        "isActive": True,
        "isSuperuser": False,
        "has2fa": True,
        "dateJoined": iso(token.user.joined_at),
        "options": {"timezone": "UTC"},
    }
    return reply(user_brief(token.user) | more)


@blueprint.get("/users/me/regions/")
@in_control
def regions() -> Response:
    """Regions in which the person has a membership. Self-hosted servers have no such path."""
    if state().addresses.is_self_hosted:
        raise ApiError(404)
    person = check_token("org:read").user
    names = {organization.region for organization in state().world.memberships(person)}
    known = state().addresses.regions
    return reply({"regions": [{"name": name, "url": url} for name, url in known.items() if name in names]})
