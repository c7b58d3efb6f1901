"""Search over events of all datasets (Explore)."""

from flask import Blueprint, Response, request

from ..access import in_organization
from ..records import Json, Organization
from ..wire import page_of, page_size, refuse, reply, window

blueprint = Blueprint("api_explore", __name__, url_prefix="/api/0/organizations/<organization>")


@blueprint.get("/events/")
@in_organization("org:read")
def search(_organization: Organization) -> Response:
    fields = request.args.getlist("field")
    if not fields:
        raise refuse(400, "No columns selected")
    window("14d")
    empty: list[Json] = []
    rows, link = page_of(empty, page_size())
    meta = {"fields": dict.fromkeys(fields, "string"), "units": dict.fromkeys(fields), "dataset": "spans"}
    answer = reply({"data": list(rows), "meta": meta})
    answer.headers["Link"] = link
    return answer
