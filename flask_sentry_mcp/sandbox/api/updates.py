"""What changes an issue: resolve, ignore, assign, comment. And what is told about its past."""

import re
from typing import Any

from flask import Blueprint, Response, request

from ... import clock
from ..access import ROLES, at_issue, me
from ..records import Issue, Json, Team, User
from ..state import state
from ..wire import iso, paged, refuse, reply, wrong_field
from .account import user_brief
from .issues import issue_update_shape

blueprint = Blueprint("api_updates", __name__, url_prefix="/api/0/organizations/<organization>/issues/<issue>")
STATUSES = ("resolved", "unresolved", "ignored", "resolvedInNextRelease", "muted")
SUBSTATUSES = {
    "ignored": ("archived_until_escalating", "archived_until_condition_met", "archived_forever"),
    "unresolved": ("new", "ongoing", "escalating", "regressed"),
}
CONDITIONS = ("ignoreDuration", "ignoreCount", "ignoreWindow", "ignoreUserCount", "ignoreUserWindow")
WINDOWS, MAX_WINDOW_MIN = ("ignoreWindow", "ignoreUserWindow"), 10_080
PRIORITIES = ("low", "medium", "high")
SAME_TEXT_S = 3600.0


@blueprint.put("/")
@at_issue("event:write")
def update(issue: Issue) -> Response:
    """All is checked before anything is changed. Unknown members are ignored, as Sentry does."""
    asked = _json_object()
    changes = _checked(issue, asked)
    with state().world.lock:
        for name, value in changes.items():
            setattr(issue, name, value)
        if "status" in changes:
            _note_status(issue)
        if "assigned" in changes:
            _add_activity(issue, "assigned" if issue.assigned else "unassigned", _assignment(issue))
        if asked.get("hasSeen"):
            issue.seen_by.add(me().key)
        if "isBookmarked" in asked:
            (issue.bookmarked_by.add if asked["isBookmarked"] else issue.bookmarked_by.discard)(me().key)
    return reply(issue_update_shape(issue))


@blueprint.get("/notes/")
@at_issue("event:read")
def notes(issue: Issue) -> Response:
    """Newest first."""
    return paged(issue.notes)


@blueprint.post("/notes/")
@at_issue("event:write")
def add_note(issue: Issue) -> Response:
    """The same words by the same person within an hour are refused."""
    text = _json_object().get("text")
    if text is None:
        raise wrong_field("text", "This field is required.")
    if not isinstance(text, str) or not text.strip():
        raise wrong_field("text", "This field may not be blank.")
    since = iso(clock.now() - SAME_TEXT_S)
    with state().world.lock:
        for note in issue.notes:
            if (note["data"]["text"], note["user"]["id"]) == (text, me().id) and note["dateCreated"] > since:
                raise refuse(400, "You have already posted that comment.")
        note = _add_activity(issue, "note", {"text": text})
        issue.notes.insert(0, note)
    return reply(note, 201)


@blueprint.get("/activities/")
@at_issue("event:read")
def activities(issue: Issue) -> Response:
    """The 100 newest, not paginated; the first sighting is always the last entry."""
    first = {
        "id": "0",
        "type": "first_seen",
        "dateCreated": iso(issue.first_seen),
        "user": None,
        "sentry_app": None,
        "data": {"priority": issue.priority},
    }
    return reply({"activity": [*issue.activity[:99], first]})


@blueprint.get("/user-reports/")
@at_issue("event:read")
def user_reports(issue: Issue) -> Response:
    return paged(issue.reports)


@blueprint.get("/external-issues/")
@at_issue("event:read")
def external_issues(issue: Issue) -> Response:
    return reply(issue.external)


# -- checking an update ---------------------------------------------------------------------------------------------


def _checked(issue: Issue, asked: Json) -> dict[str, Any]:
    """The fields of the issue that change. Raises ApiError 400 with field errors."""
    changes: dict[str, Any] = {}
    status = asked.get("status")
    if status is not None:
        if status not in STATUSES:
            raise wrong_field("status", f'"{status}" is not a valid choice.')
        changes |= _status_changes(issue, status, asked)
    elif "substatus" in asked:
        changes["substatus"] = _substatus(issue.status, asked["substatus"])
    if "assignedTo" in asked:
        changes["assigned"] = _actor(issue, asked["assignedTo"])
    if asked.get("priority") is not None:
        if asked["priority"] not in PRIORITIES:
            raise wrong_field("priority", f'"{asked["priority"]}" is not a valid choice.')
        changes["priority"] = asked["priority"]
    return changes


def _status_changes(issue: Issue, status: str, asked: Json) -> dict[str, Any]:
    details = asked.get("statusDetails") or {}
    if not isinstance(details, dict):
        raise wrong_field("statusDetails", "Invalid data. Expected a dictionary.")
    if status in ("resolved", "resolvedInNextRelease"):
        return {"status": "resolved", "substatus": None, "status_details": _resolution(issue, status, details)}
    if status == "unresolved":
        substatus = _substatus(status, asked.get("substatus") or "ongoing")
        return {"status": status, "substatus": substatus, "status_details": {}}
    conditions = _conditions(details | {name: asked[name] for name in CONDITIONS if name in asked})
    usual = "archived_until_condition_met" if conditions else "archived_until_escalating"
    substatus = _substatus("ignored", asked.get("substatus") or usual)
    if substatus == "archived_until_escalating":
        conditions["ignoreUntilEscalating"] = True
    return {"status": "ignored", "substatus": substatus, "status_details": conditions | {"actor": user_brief(me())}}


def _substatus(status: str, substatus: object) -> str:
    if substatus not in SUBSTATUSES.get(status, ()):
        raise wrong_field("substatus", f'"{substatus}" is not a valid choice.')
    return str(substatus)


def _resolution(issue: Issue, status: str, details: Json) -> Json:
    actor = {"actor": user_brief(me())}
    if "inRelease" in details:
        wanted = details["inRelease"]
        known = [release.version for release in state().world.releases if issue.project in release.projects]
        if wanted == "latest":
            wanted = f"{issue.project.slug}@2.8.1"
        elif wanted not in known:
            raise wrong_field("statusDetails", "inRelease: Unable to find a release with the given version.")
        return {"inRelease": wanted} | actor
    if status == "resolvedInNextRelease" or details.get("inNextRelease"):
        return {"inNextRelease": True} | actor
    return actor


def _conditions(asked: Json) -> Json:
    """What an ignored issue waits for, in the form in which it is told: ``ignoreDuration`` becomes ``ignoreUntil``."""
    found: Json = {}
    for name in CONDITIONS:
        value = asked.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_field(name, "A valid integer is required.")
        if value < 1:
            raise wrong_field(name, "Ensure this value is greater than or equal to 1.")
        if name in WINDOWS and value > MAX_WINDOW_MIN:
            raise wrong_field(name, f"Ensure this value is less than or equal to {MAX_WINDOW_MIN}.")
        found[name] = value
    minutes = found.pop("ignoreDuration", None)
    if minutes is not None:
        found["ignoreUntil"] = iso(clock.now() + 60 * minutes)
    return found


# -- whom an issue is given to --------------------------------------------------------------------------------------


def _actor(issue: Issue, value: object) -> tuple[str, str] | None:
    """``user:<id>``, ``team:<id>``, a bare user id, a username or an e-mail; empty text means nobody."""
    if value in ("", None):
        return None
    if not isinstance(value, str):
        raise wrong_field(
            "assignedTo", "Could not parse actor. Format should be `type:id` where type is `team` or `user`."
        )
    kind, colon, key = value.partition(":")
    if colon and kind == "team":
        return "team", _team(issue, key).slug
    if colon and kind != "user":
        raise wrong_field(
            "assignedTo", "Could not parse actor. Format should be `type:id` where type is `team` or `user`."
        )
    return "user", _person(issue, key if colon else value).key


def _team(issue: Issue, number: str) -> Team:
    world = state().world
    organization = world.organizations[issue.project.organization]
    team = next((one for one in world.teams_of(organization) if one.id == number), None)
    if team is None:
        raise wrong_field("assignedTo", "Unknown actor input")
    if team.slug not in issue.project.teams:
        raise wrong_field("assignedTo", "Cannot assign to a team without access to the project")
    is_lead = "team:admin" in ROLES[organization.roles[me().key]]
    if me().key not in team.members and not is_lead and not organization.is_open:
        raise wrong_field("assignedTo", "You can only assign teams you are a member of")
    return team


def _person(issue: Issue, name: str) -> User:
    world = state().world
    organization = world.organizations[issue.project.organization]
    person = next((one for one in world.users.values() if name in (one.id, one.email, one.username)), None)
    if person is None:
        raise wrong_field("assignedTo", "Unknown actor input")
    if not person.is_active:
        raise wrong_field("assignedTo", "Cannot assign to a deactivated user")
    if person.key not in organization.roles or not world.may_enter(person, organization, issue.project):
        raise wrong_field("assignedTo", "Cannot assign to non-team member")
    return person


# -- activity -------------------------------------------------------------------------------------------------------


def _note_status(issue: Issue) -> None:
    kinds = {"resolved": "set_resolved", "unresolved": "set_unresolved", "ignored": "set_ignored"}
    data = {name: value for name, value in issue.status_details.items() if name != "actor"}
    _add_activity(issue, kinds[issue.status], data)


def _assignment(issue: Issue) -> Json:
    if issue.assigned is None:
        return {}
    kind, key = issue.assigned
    world = state().world
    if kind == "user":
        return {"assignee": world.users[key].id, "assigneeEmail": world.users[key].email, "assigneeType": "user"}
    team = next(one for one in world.teams if (one.organization, one.slug) == (issue.project.organization, key))
    return {"assignee": team.id, "assigneeType": "team"}


def _add_activity(issue: Issue, kind: str, data: Json) -> Json:
    entry = {
        "id": str(state().world.next_number()),
        "type": kind,
        "dateCreated": iso(clock.now()),
        "user": user_brief(me()),
        "sentry_app": None,
        "data": data,
    }
    issue.activity.insert(0, entry)
    return entry


def _json_object() -> Json:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        if re.match(rb"\s*\S", request.get_data()):
            raise refuse(400, "JSON parse error")
        return {}
    return body
