"""What may be wrong with a search that found nothing.

Sentry takes a key that it does not know for a tag, and what is no ``key:value`` for text; such a search finds nothing,
and nobody says why. So its query is looked at again, and Sentry is asked for the tags there are if a key is unknown.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..context import Context
from ..render.nothing import Doubt
from ..render.pieces import opener
from . import wording

MOST = 10
"""Filters of a query that are looked at."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|$)')
_FILTER = re.compile(r"(?:^|[\s(!])([A-Za-z_][\w.-]*):(?!//)(\[[^\]]*\]|[^\s()]+)")
_COMPARISON = re.compile(r"(?:^|[\s(!])([A-Za-z_][\w.]*) ?(?:>=?|<=?|=) ?[-\w]")
_ISSUE_ID = re.compile(
    r"(?:issue:)?(?:[A-Z][A-Z0-9_-]*-[A-Z0-9]{1,10}|[a-z][a-z0-9_-]*-(?=[a-z]*\d)[a-z0-9]{1,10})|\d{7,20}"
)
_LEVELS = ("fatal", "error", "warning", "info", "debug", "sample")
_ARGUMENTS = {name: name for name in ("sort", "limit", "period", "dataset", "fields")} | {
    "statsPeriod": "period",
    "order": "sort",
    "sort_by": "sort",
}
"""What belongs into an argument of the tool, and its name."""

_OF_EVENTS = """
    app.in_foreground culprit dist environment error.handled error.main_thread error.mechanism error.type
    error.unhandled error.value event.type has id issue issue.id level location message platform project project.id
    project.name release timestamp timestamp.to_day timestamp.to_hour title trace trace.span transaction url user
    user.display user.email user.id user.ip user.username
"""
_OF_ISSUES = """
    activeSince age assigned assigned_or_suggested bookmarks date detector event.timestamp firstRelease firstSeen is
    issue.category issue.priority issue.seer_actionability issue.seer_last_run issue.type lastSeen subscribed
    timesSeen userCount
"""
_EVENT_KEYS = frozenset(_OF_EVENTS.split())
_ISSUE_KEYS = _EVENT_KEYS | frozenset(_OF_ISSUES.split())
_FAMILIES = ("browser.", "device.", "flags.", "geo.", "http.", "os.", "release.", "sdk.", "stack.", "tags.")
"""Beginnings of keys that Sentry has many of."""

_OTHER_NAMES: Mapping[str, str] = {
    "status": "is",
    "priority": "issue.priority",
    "category": "issue.category",
    "issueCategory": "issue.category",
    "type": "issue.type",
    "issueType": "issue.type",
    "assignee": "assigned",
    "assignedTo": "assigned",
    "assigned_to": "assigned",
    "owner": "assigned",
    "count": "timesSeen",
    "events": "timesSeen",
    "times_seen": "timesSeen",
    "users": "userCount",
    "user_count": "userCount",
    "first_seen": "firstSeen",
    "last_seen": "lastSeen",
    "first_release": "firstRelease",
}
"""What issues have in Sentry's answers or in plain words, and how a search calls it."""


def of_issues(ctx: Context, query: str, list_tags: Callable[[], Sequence[str]]) -> list[Doubt]:
    """What may be wrong with a search of issues. *list_tags* asks for the names of the tags there are."""
    example = wording.issues_example(query)
    return [*_general(ctx, query, example), *_unknown(ctx, query, _ISSUE_KEYS, _OTHER_NAMES, list_tags)]


def of_events(ctx: Context, query: str, example: str, list_tags: Callable[[], Sequence[str]]) -> list[Doubt]:
    """What may be wrong with a search of error events."""
    return [*_general(ctx, query, example), *_unknown(ctx, query, _EVENT_KEYS, {}, list_tags)]


def of_rows(ctx: Context, query: str, example: str) -> list[Doubt]:
    """What may be wrong with a search whose attributes Sentry has checked."""
    return list(_general(ctx, query, example))


def _general(ctx: Context, query: str, example: str) -> Iterator[Doubt]:
    way = opener(ctx.tools.ways(), "get_issue_details", "issue")
    if way and _ISSUE_ID.fullmatch(query.strip()):
        yield Doubt(f"An issue is opened by its ID with {way}.")
    if wording.may_mean_a_filter(query):
        yield Doubt(f"These words were searched as text. As a filter: {example}")
    for key in dict.fromkeys(_COMPARISON.findall(_unquoted(query))[:MOST]):
        if key in _ISSUE_KEYS or key in _OTHER_NAMES:
            yield Doubt("a filter has a colon, as in timesSeen:>10 or level:error.", key)
    for key, value in dict.fromkeys(_filters(query)[:MOST]):
        if key in _ARGUMENTS:
            yield Doubt(f"this is no filter, it goes into the argument {_ARGUMENTS[key]}.", key)
        elif key == "level" and not set(re.findall(r"\w+", value)) <= set(_LEVELS) and "*" not in value:
            yield Doubt(f"the levels are {', '.join(_LEVELS)}.", value)


def _unknown(
    ctx: Context, query: str, known: frozenset[str], others: Mapping[str, str], list_tags: Callable[[], Sequence[str]]
) -> Iterator[Doubt]:
    """Keys that are no field of Sentry's and no tag of anybody's, and what may be meant instead."""
    keys = [key for key, _ in _filters(query) if key not in known | _ARGUMENTS.keys()]
    keys = [key for key in dict.fromkeys(keys) if not key.startswith(_FAMILIES)]
    if not keys:
        return
    (tags,) = ctx.sentry.attempt(list_tags)
    names = None if isinstance(tags, Exception) else tags
    for key in keys[:MOST]:
        if key in (names or ()):
            continue
        if key in others:
            yield Doubt(f"a search calls this {others[key]}.", key)
        elif names is not None:
            near = difflib.get_close_matches(key, [*known, *names], 4, 0.6)
            yield Doubt("this is neither a field nor a tag of any event here.", key, near)


def _filters(query: str) -> list[tuple[str, str]]:
    """``level:error`` as ``("level", "error")``. What is quoted is text."""
    return [(found[1], found[2]) for found in _FILTER.finditer(_unquoted(query))]


def _unquoted(query: str) -> str:
    return _QUOTED.sub("*", query)
