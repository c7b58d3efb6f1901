"""Session replays: how many belong to an issue, the list, and one."""

import re
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from ..access import accessible, in_organization
from ..query import QuerySyntaxError, Term, compares, equals, holds, parse
from ..records import Json, Organization
from ..state import state
from ..wire import ApiError, iso, page_of, page_size, refuse, reply, window
from .issues import chosen_projects

blueprint = Blueprint("api_replays", __name__, url_prefix="/api/0/organizations/<organization>")
SORTS = frozenset(
    [
        "activity",
        "browser.name",
        "browser.version",
        "count_dead_clicks",
        "count_errors",
        "count_infos",
        "count_rage_clicks",
        "count_urls",
        "count_warnings",
        "device.brand",
        "device.family",
        "device.model",
        "device.name",
        "dist",
        "duration",
        "finished_at",
        "os.name",
        "os.version",
        "platform",
        "project_id",
        "sdk.name",
        "started_at",
        "user.email",
        "user.id",
        "user.username",
    ]
)
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


@blueprint.get("/replays/")
@in_organization("org:read")
def find(organization: Organization) -> Response:
    """``{"data": [...]}``, newest first unless ``sort`` says otherwise."""
    span, environments = window(), request.args.getlist("environment")
    sort = request.args.get("sort") or request.args.get("orderBy") or "-started_at"
    if sort.removeprefix("-") not in SORTS:
        raise refuse(400, f"Invalid sort: {sort!r}")
    try:
        tree = parse(request.args.get("query", ""))
    except QuerySyntaxError as error:
        raise refuse(400, str(error)) from None
    chosen = {project.id for project in chosen_projects(organization)}
    found = [
        replay
        for replay in state().world.replays
        if replay["project_id"] in chosen
        and span.holds(replay["started_at"])
        and (not environments or replay["environment"] in environments)
        and holds(tree, partial(_has, replay), partial(_mentions, replay))
    ]
    found.sort(key=partial(_sort_key, sort.removeprefix("-")), reverse=sort.startswith("-"))
    page, link = page_of(found, page_size(default=10))
    answer = reply({"data": [replay_shape(replay) for replay in page]})
    answer.headers["Link"] = link
    return answer


@blueprint.get("/replays/<replay>/")
@in_organization("org:read")
def one(organization: Organization, replay: str) -> Response:
    """By id, with or without dashes; an empty 404 for what is none."""
    wanted = replay.replace("-", "").lower()
    allowed = {project.id for project in accessible(organization)}
    for found in state().world.replays:
        if found["id"] == wanted and found["project_id"] in allowed:
            return reply({"data": replay_shape(found)})
    raise ApiError(404)


def replay_shape(replay: Json) -> Json:
    """Times have ``+00:00`` here, unlike elsewhere."""
    times = {name: iso(replay[name], micro=False).replace("Z", "+00:00") for name in ("started_at", "finished_at")}
    return {name: value for name, value in replay.items() if name != "organization"} | times


def _value(replay: Json, name: str) -> Any:
    """``browser.name`` is a member of a member."""
    outer, _, inner = name.partition(".")
    value = replay.get({"url": "urls", "release": "releases"}.get(outer, outer))
    return value.get(inner) if inner and isinstance(value, dict) else value


def _sort_key(name: str, replay: Json) -> tuple[bool, Any]:
    value = _value(replay, name)
    return value is not None, value if value is not None else 0


def _has(replay: Json, term: Term) -> bool:
    value = _value(replay, term.key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not re.fullmatch(r"-?\d+(\.\d+)?", term.value):
            raise refuse(400, f"{term.key}: Invalid number: {term.value}.")
        return compares(value, term.op, float(term.value))
    values = value if isinstance(value, list) else [value]
    return any(equals(have, wanted) for have in values if have is not None for wanted in term.values)


def _mentions(replay: Json, words: str) -> bool:
    return words.lower() in f"{replay['urls']} {replay['user']}".lower()
