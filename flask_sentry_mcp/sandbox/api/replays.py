"""Session replays: how many belong to an issue, and the list."""

import re

from flask import Blueprint, Response, request

from ..access import in_organization
from ..records import Json, Organization
from ..state import state
from ..wire import refuse, reply, window

blueprint = Blueprint("api_replays", __name__, url_prefix="/api/0/organizations/<organization>")
SOURCES = ("discover", "events", "search_issues", "spans")


@blueprint.get("/replay-count/")
@in_organization("event:read", "org:read", "project:read")
def count(organization: Organization) -> Response:
    """``{"6620113": ["aa11..."]}`` with ``returnIds``, else numbers; issues without replays are left out."""
    if request.args.get("data_source", "discover") not in SOURCES:
        raise refuse(400, "Invalid data source")
    span = window()
    found = re.fullmatch(r"issue\.id:(?:\[([^\]]*)\]|(\S+))", request.args.get("query", "").strip())
    numbers = [] if found is None else [one.strip() for one in (found[1] or found[2]).split(",")]
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise refuse(400, "Must provide at least one issue id (numeric)")
    answer: Json = {}
    for number in numbers:
        issue = state().world.issue(organization, number)
        events = issue.events if issue is not None else []
        ids = list(dict.fromkeys(one.replay_id for one in events if one.replay_id and span.holds(one.at)))
        if ids:
            answer[number] = ids if request.args.get("returnIds") == "true" else len(ids)
    return reply(answer)
