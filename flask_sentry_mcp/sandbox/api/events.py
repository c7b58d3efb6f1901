"""Events of an issue, the values of its tags, and the lookup of an event by its id."""

import re
from functools import partial

from flask import Blueprint, Response, request

from ... import clock
from ..access import at_issue, in_organization, may_enter
from ..evidence import contexts, entries, occurrence
from ..query import QuerySyntaxError, Term, equals, holds, parse
from ..records import Event, Issue, Json, Organization
from ..state import state
from ..wire import Window, iso, missing, paged, refuse, reply, window

blueprint = Blueprint("api_events", __name__, url_prefix="/api/0/organizations/<organization>")
NO_SUCH = "Event not found. The event ID may be incorrect, or it's age exceeded the retention period."
NO_MATCH = "No matching event found, try changing the environments, date range, or query."
RETENTION_S = 90 * 86_400


@blueprint.get("/issues/<issue>/events/")
@at_issue("event:read")
def find(issue: Issue) -> Response:
    """Newest first. A query that is an event id is a direct hit; ``sort`` has no effect."""
    wanted = request.args.get("query", "").replace("-", "").lower()
    span = window()
    if re.fullmatch(r"[0-9a-f]{32}", wanted):
        found = [event for event in _retained(issue) if event.id == wanted]
    else:
        found = _matching(issue, span)
    shape = full_event if request.args.get("full") in ("1", "true") else event_brief
    return paged([shape(issue, event) for event in found])


@blueprint.get("/issues/<issue>/events/<event>/")
@at_issue("event:read")
def one(issue: Issue, event: str) -> Response:
    """An event by id, or ``latest``, ``oldest``, ``recommended``, which obey the filters of the request."""
    if event in ("latest", "oldest", "recommended"):
        found = _matching(issue, window(), "Invalid event query")
        if not found:
            raise missing(NO_MATCH)
        chosen = found[-1] if event == "oldest" else found[0]
        if event == "recommended":
            chosen = next((each for each in found if each.replay_id or each.trace_id), chosen)
    else:
        wanted = event.replace("-", "").lower()
        chosen_or_none = next((each for each in _retained(issue) if each.id == wanted), None)
        if chosen_or_none is None:
            raise missing(NO_SUCH)
        chosen = chosen_or_none
    return reply(full_event(issue, chosen) | _neighbours(issue, chosen))


@blueprint.get("/issues/<issue>/tags/<key>/")
@at_issue("event:read")
def tag_values(issue: Issue, key: str) -> Response:
    """Distribution of one tag over the retained events, scaled to the issue's total, ten values at most."""
    environments = request.args.getlist("environment")
    if any(name not in issue.project.environments for name in environments):
        raise missing()
    events = [event for event in _retained(issue) if not environments or event.environment in environments]
    seen: dict[str | None, list[float]] = {}
    for event in events:
        for tag in event.tags:
            if tag["key"] == key:
                seen.setdefault(tag["value"], []).append(event.at)
    if not seen:
        raise missing()
    scale = max(issue.count // len(events), 1)
    values = [
        {
            "key": key,
            "name": value,
            "value": value,
            "count": len(times) * scale,
            "firstSeen": iso(min(times)),
            "lastSeen": iso(max(times)),
        }
        for value, times in sorted(seen.items(), key=lambda item: -len(item[1]))
    ]
    total = sum(len(times) for times in seen.values()) * scale
    return reply(
        {
            "key": key,
            "name": key.capitalize(),
            "uniqueValues": len(values),
            "totalValues": total,
            "topValues": values[:10],
        }
    )


@blueprint.get("/eventids/<event>/")
@in_organization("org:read")
def by_event_id(organization: Organization, event: str) -> Response:
    found = state().world.event(event)
    issue = state().world.issues[found.issue_id] if found is not None else None
    if found is None or issue is None or issue.project.organization != organization.slug:
        raise missing()
    if not may_enter(organization, issue.project):
        raise missing()
    return reply(
        {
            "organizationSlug": organization.slug,
            "projectSlug": issue.project.slug,
            "groupId": str(issue.id),
            "eventId": found.id,
            "event": full_event(issue, found),
        }
    )


# -- choosing -------------------------------------------------------------------------------------------------------


def _retained(issue: Issue) -> list[Event]:
    since = clock.now() - RETENTION_S
    return [event for event in issue.events if event.at >= since]


def _matching(issue: Issue, span: Window, complaint: str = "") -> list[Event]:
    """Events in the window that fit ``environment`` and ``query``, newest first.

    Raises: ApiError 400 for a query that cannot be read, with *complaint* or what is wrong with it.
    """
    environments = request.args.getlist("environment")
    try:
        tree = parse(request.args.get("query", ""))
    except QuerySyntaxError as error:
        raise refuse(400, complaint or str(error)) from None
    return [
        event
        for event in _retained(issue)
        if span.holds(event.at)
        and (not environments or event.environment in environments)
        and holds(tree, partial(_has, issue, event), lambda words: words.lower() in issue.title.lower())
    ]


def _has(issue: Issue, event: Event, term: Term) -> bool:
    if term.key == "has":
        return any(_values(issue, event, value) for value in term.values)
    have = _values(issue, event, term.key)
    return any(equals(one, value) for one in have for value in term.values)


def _values(issue: Issue, event: Event, key: str) -> list[str]:
    person = event.user or {}
    plain: dict[str, str | None] = {
        "environment": event.environment,
        "release": event.release,
        "level": issue.level,
        "title": issue.title,
        "message": issue.title,
        "error.type": issue.metadata.get("type"),
        "trace": event.trace_id,
        "transaction": event.transaction,
        "id": event.id,
        "issue": issue.short_id,
        "platform": issue.platform,
        "user.id": person.get("id"),
        "user.email": person.get("email"),
        "user.ip": person.get("ip_address"),
    }
    if key in plain:
        found = plain[key]
        return [] if found is None else [found]
    name = key.removeprefix("tags[").removesuffix("]")
    return [tag["value"] for tag in event.tags if tag["key"] == name and tag["value"] is not None]


def _neighbours(issue: Issue, event: Event) -> Json:
    """Ids of the next (newer) and previous (older) event of the issue."""
    ids = [each.id for each in _retained(issue)]
    at = ids.index(event.id)
    return {
        "nextEventID": ids[at - 1] if at > 0 else None,
        "previousEventID": ids[at + 1] if at + 1 < len(ids) else None,
    }


# -- shapes ---------------------------------------------------------------------------------------------------------


def event_brief(issue: Issue, event: Event) -> Json:
    """An event as lists show it."""
    return {
        "id": event.id,
        "eventID": event.id,
        "event.type": issue.type,
        "groupID": str(issue.id),
        "projectID": issue.project.id,
        "title": issue.title,
        "message": issue.title if issue.type == "default" else "",
        "culprit": issue.culprit,
        "location": issue.metadata.get("filename"),
        "platform": issue.platform,
        "user": event.user,
        "tags": event.tags,
        "dateCreated": iso(event.at, micro=False),
        "metadata": dict(issue.metadata),
        "crashFile": None,
    }


def full_event(issue: Issue, event: Event) -> Json:
    """An event with all that it shows."""
    release: Json | None = None
    if event.release is not None:
        release = {"version": event.release, "shortVersion": event.release.rpartition("@")[2]}
        release["lastCommit"] = {"id": "9f8e7d6c5b4a"}
    return event_brief(issue, event) | {
        "type": issue.type,
        "projectSlug": issue.project.slug,
        "dateReceived": iso(event.at + 1.1),
        "size": 9120,
        "dist": None,
        "contexts": contexts(issue, event),
        "context": issue.detail.get("extra", {"cart_id": "c-5521"} if issue.type == "error" else {}),
        "sdk": {"name": f"sentry.{issue.project.platform.replace('-', '.')}", "version": "2.30.0"},
        "release": release,
        "errors": [],
        "occurrence": occurrence(issue),
        "entries": entries(issue, event),
    }
