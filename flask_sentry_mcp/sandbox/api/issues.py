"""Issues: the list with its search, one issue, and lookups by short id and event id."""

import re
from collections.abc import Callable

from flask import Blueprint, Response, request

from ... import clock
from ..access import accessible, at_issue, in_organization, may_enter, me
from ..issue_search import IssueSearch
from ..query import QuerySyntaxError
from ..records import Event, Issue, Json, Organization, Project
from ..state import state
from ..wire import (
    FORBIDDEN,
    Window,
    iso,
    iso_or_none,
    missing,
    page_of,
    page_size,
    paged,
    refuse,
    reply,
    window,
)
from .account import user_brief
from .shapes import assignee, project_brief

blueprint = Blueprint("api_issues", __name__, url_prefix="/api/0/organizations/<organization>")
DEFAULT_QUERY, DEFAULT_PAGE = "is:unresolved", 100
SORTS: dict[str, Callable[[Issue], float]] = {
    "date": lambda issue: issue.last_seen,
    "freq": lambda issue: issue.count,
    "new": lambda issue: issue.first_seen,
    "user": lambda issue: issue.user_count,
    "trends": lambda issue: issue.count / (1 + issue.last_seen - issue.first_seen),
    "recommended": lambda issue: issue.last_seen + 86_400.0 * (issue.substatus in ("regressed", "escalating")),
    "inbox": lambda issue: issue.last_seen,
}


@blueprint.get("/issues/")
@in_organization("event:read")
def find(organization: Organization) -> Response:
    """A query that is just an event id is a direct hit: one issue, other filters ignored, and a header says so."""
    query = request.args.get("query", DEFAULT_QUERY).strip()
    size, span, sort = page_size("limit", DEFAULT_PAGE), window(), request.args.get("sort", "date")
    _check_options(sort, query)
    if event := _named_event(organization, query):
        issue = state().world.issues[event.issue_id]
        answer = paged([issue_shape(issue, span) | {"matchingEventId": event.id}], size_name="limit")
        answer.headers["X-Sentry-Direct-Hit"] = "1"
        return answer
    projects = chosen_projects(organization)
    found = _named_issue(organization, query) or _search(organization, projects, query, span)
    found.sort(key=SORTS[sort], reverse=True)
    page, link = page_of(found, size)
    answer = reply([issue_shape(issue, span) for issue in page])
    answer.headers |= {"Link": link, "X-Hits": str(len(found)), "X-Max-Hits": "1000"}
    return answer


@blueprint.get("/issues/<issue>/")
@at_issue("event:read")
def one(issue: Issue) -> Response:
    issue.seen_by.add(me().key)
    return reply(issue_detail(issue))


@blueprint.get("/shortids/<short_id>/")
@in_organization("event:read")
def by_short_id(organization: Organization, short_id: str) -> Response:
    issue = None if short_id.isdecimal() else state().world.issue(organization, short_id)
    if issue is None or not may_enter(organization, issue.project):
        raise missing()
    return reply(
        {
            "organizationSlug": organization.slug,
            "projectSlug": issue.project.slug,
            "groupId": str(issue.id),
            "group": issue_shape(issue, Window(0, clock.now())),
            "shortId": issue.short_id,
        }
    )


# -- searching ------------------------------------------------------------------------------------------------------


def chosen_projects(organization: Organization) -> list[Project]:
    """The projects that ``project`` (ids or slugs, -1 for all) names; without it, those of the caller's teams.

    Raises: ApiError 400 for what is neither, 403 for projects that the caller may not enter.
    """
    wanted = request.args.getlist("project")
    allowed = accessible(organization)
    if "-1" in wanted:
        return allowed
    if not wanted:
        return [project for project in allowed if state().world.is_member_of(me(), project)]
    found = [project for project in allowed if project.id in wanted or project.slug in wanted]
    if len(found) < len(set(wanted)):
        raise refuse(403, FORBIDDEN)
    return found


def _check_options(sort: str, query: str) -> None:
    if sort not in SORTS:
        raise refuse(400, f"Invalid sort: {sort!r}")
    if sort == "inbox" and "is:for_review" not in query:
        raise refuse(400, "Sort key 'inbox' only supported for inbox search")
    if request.args.get("groupStatsPeriod", "24h") not in ("", "24h", "14d", "auto"):
        raise refuse(400, "Invalid groupStatsPeriod. Valid choices are '', '24h', '14d', and 'auto'")


def _named_event(organization: Organization, query: str) -> Event | None:
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", query):
        return None
    event = state().world.event(query)
    if event is None:
        return None
    project = state().world.issues[event.issue_id].project
    return event if project.organization == organization.slug and may_enter(organization, project) else None


def _named_issue(organization: Organization, query: str) -> list[Issue]:
    if request.args.get("shortIdLookup") != "1" or not re.fullmatch(r"[A-Za-z0-9_-]+-[A-Za-z0-9]+", query):
        return []
    issue = state().world.issue(organization, query)
    return [issue] if issue is not None and may_enter(organization, issue.project) else []


def _search(organization: Organization, projects: list[Project], query: str, span: Window) -> list[Issue]:
    """Issues with activity in *span*."""
    try:
        search = IssueSearch(query, me())
    except QuerySyntaxError as error:
        raise refuse(400, f"Error parsing search query: {error}") from None
    environments = set(request.args.getlist("environment"))
    return [
        issue
        for issue in state().world.issues_of(organization)
        if issue.project in projects
        and issue.status not in ("pending_deletion", "pending_merge")
        and issue.last_seen >= span.start
        and issue.first_seen <= span.end
        and (not environments or any(event.environment in environments for event in issue.events))
        and search.finds(issue)
    ]


# -- shapes ---------------------------------------------------------------------------------------------------------


def issue_shape(issue: Issue, span: Window) -> Json:
    """An issue as lists show it: ``count`` (text) and ``userCount`` are those of the window."""
    share = round(_share(issue, span), 3)  # to a thousandth, so that it holds still for a while
    lifetime = {"count": str(issue.count), "userCount": issue.user_count}
    shape = issue_base(issue) | {
        "count": str(max(round(issue.count * share), 1)),
        "userCount": round(issue.user_count * share),
        "firstSeen": iso(issue.first_seen),
        "lastSeen": iso(issue.last_seen),
        "stats": {"24h": _curve(issue, 24, 3600)} if request.args.get("groupStatsPeriod", "24h") else {},
        "lifetime": lifetime | {"firstSeen": iso(issue.first_seen), "lastSeen": iso(issue.last_seen)},
        "filtered": None,
    }
    return collapsed(
        shape, {"unhandled": "isUnhandled", "stats": "stats", "lifetime": "lifetime", "filtered": "filtered"}
    )


def collapsed(shape: Json, groups: dict[str, str]) -> Json:
    """*shape* without the groups of fields that the request leaves out (``collapse=unhandled``)."""
    for group in request.args.getlist("collapse"):
        shape.pop(groups.get(group, ""), None)
    return shape


def issue_detail(issue: Issue) -> Json:
    """An issue by itself: lifetime counts, tags, releases, activity, people."""
    tags: dict[str, int] = {}
    for event in issue.events:
        for tag in event.tags:
            if tag["key"] is not None:
                tags[tag["key"]] = tags.get(tag["key"], 0) + 1
    people = state().world.users
    seen = [user_brief(people[key]) for key in sorted(issue.seen_by)]
    shape = issue_update_shape(issue) | {
        "firstRelease": _release(issue.first_release),
        "lastRelease": _release(issue.last_release),
        "tags": [{"key": key, "name": key.capitalize(), "totalValues": total} for key, total in sorted(tags.items())],
        "activity": issue.activity[:100],
        "seenBy": seen,
        "participants": seen[:1],
        "userReportCount": len(issue.reports),
        "stats": {"24h": _curve(issue, 24, 3600), "30d": _curve(issue, 30, 86_400)},
    }
    return collapsed(shape, {"release": "firstRelease", "stats": "stats", "tags": "tags"})


def issue_update_shape(issue: Issue) -> Json:
    """What an update answers: the issue with lifetime counts, without the extended parts."""
    return issue_base(issue) | {
        "count": str(issue.count),
        "userCount": issue.user_count,
        "firstSeen": iso_or_none(issue.first_seen),
        "lastSeen": iso_or_none(issue.last_seen),
    }


def issue_base(issue: Issue) -> Json:
    person = me().key
    return {
        "id": str(issue.id),
        "shortId": issue.short_id,
        "title": issue.title,
        "culprit": issue.culprit,
        "permalink": f"{state().addresses.control}/organizations/{issue.project.organization}/issues/{issue.id}/",
        "level": issue.level,
        "status": issue.status,
        "substatus": issue.substatus,
        "statusDetails": dict(issue.status_details),
        "isPublic": False,
        "isBookmarked": person in issue.bookmarked_by,
        "isSubscribed": False,
        "hasSeen": person in issue.seen_by,
        "platform": issue.platform,
        "priority": issue.priority,
        "seerFixabilityScore": issue.fixability,
        "type": issue.type,
        "issueType": issue.issue_type,
        "issueCategory": issue.category,
        "project": project_brief(issue.project),
        "metadata": dict(issue.metadata),
        "assignedTo": assignee(issue),
        "numComments": len(issue.notes),
        "isUnhandled": issue.is_unhandled,
        "annotations": [],
        "logger": None,
        "shareId": None,
    }


def _share(issue: Issue, span: Window) -> float:
    """How much of the issue's life lies in *span*, 0 to 1; its events are taken as evenly spread."""
    life = max(issue.last_seen - issue.first_seen, 1.0)
    within = min(issue.last_seen, span.end) - max(issue.first_seen, span.start)
    return min(max(within / life, 0.0), 1.0)


def _curve(issue: Issue, buckets: int, width_s: int) -> list[list[int]]:
    """``[[1787000400, 12], ...]``: events per bucket, oldest first."""
    end = int(clock.now()) // width_s * width_s
    starts = range(end - (buckets - 1) * width_s, end + 1, width_s)
    return [[at, round(issue.count * _share(issue, Window(at, at + width_s)))] for at in starts]


def _release(version: str | None) -> Json | None:
    if version is None:
        return None
    return {"version": version, "shortVersion": version.rpartition("@")[2], "dateCreated": None, "dateReleased": None}
