"""What the issue list's search terms mean. The syntax is in ``query``."""

import re

from .query import DATE_FORMS, QuerySyntaxError, Term, compares, dated, equals, free_text, holds, is_date, parse, terms
from .records import Issue, User

STATES = {
    "unresolved": ("status", "unresolved"),
    "resolved": ("status", "resolved"),
    "ignored": ("status", "ignored"),
    "archived": ("status", "ignored"),
    "muted": ("status", "ignored"),
    "escalating": ("substatus", "escalating"),
    "new": ("substatus", "new"),
    "ongoing": ("substatus", "ongoing"),
    "regressed": ("substatus", "regressed"),
}
FLAGS = ("assigned", "unassigned", "for_review", "linked", "unlinked")
NUMBERS = ("timesSeen", "userCount", "issue.id", "issue.seer_actionability")
DATES = ("firstSeen", "lastSeen")


class IssueSearch:
    """One query, as one person asks it. Raises QuerySyntaxError when it is made."""

    def __init__(self, query: str, user: User) -> None:
        self.tree = parse(query)
        self.user = user
        for term in terms(self.tree):
            _check(term)
        self.text = free_text(self.tree)

    def finds(self, issue: Issue) -> bool:
        return holds(self.tree, lambda term: self._term(issue, term), lambda words: _mentions(issue, words))

    def _term(self, issue: Issue, term: Term) -> bool:
        if term.key == "is":
            return any(_is(issue, value) for value in term.values)
        if term.key in ("assigned", "assigned_or_suggested"):
            return any(self._assigned(issue, value) for value in term.values)
        if term.key == "bookmarks":
            return self.user.key in issue.bookmarked_by
        if term.key == "has":
            return any(bool(_values(issue, value)) for value in term.values)
        if term.key in NUMBERS:
            numbers = (float(value) for value in _values(issue, term.key))
            return any(compares(number, term.op, float(term.value)) for number in numbers)
        if term.key in DATES:
            at = issue.first_seen if term.key == "firstSeen" else issue.last_seen
            return dated(at, term)
        if term.value == "latest" and term.key in ("release", "firstRelease"):
            return f"{issue.project.slug}@2.8.1" in _values(issue, term.key)
        return any(equals(have, value) for have in _values(issue, term.key) for value in term.values)

    def _assigned(self, issue: Issue, value: str) -> bool:
        if value == "none":
            return issue.assigned is None
        if issue.assigned is None:
            return value == "me_or_none"
        kind, key = issue.assigned
        if value in ("me", "me_or_none", self.user.email):
            return (kind, key) == ("user", self.user.key)
        return value == f"#{key}" if kind == "team" else value.partition("@")[0] == key


def _check(term: Term) -> None:
    """Raises: QuerySyntaxError for values that the key cannot have."""
    for value in term.values:
        if term.key == "is" and value not in STATES and value not in FLAGS:
            known = ", ".join(sorted({*STATES, *FLAGS}))
            raise QuerySyntaxError(f'Invalid value for "is" search, valid values are [{known}]')
        if term.key in NUMBERS and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise QuerySyntaxError(
                f"{term.key}: Invalid number: {value}. Expected number then optional k, m, or b suffix."
            )
        if term.key in DATES and not is_date(value):
            raise QuerySyntaxError(f"{term.key}: Invalid date: {value}. {DATE_FORMS}")


def _is(issue: Issue, value: str) -> bool:
    if value in STATES:
        attribute, wanted = STATES[value]
        return bool(getattr(issue, attribute) == wanted)
    return {
        "assigned": issue.assigned is not None,
        "unassigned": issue.assigned is None,
        "for_review": issue.status == "unresolved" and issue.assigned is None,
        "linked": bool(issue.external),
        "unlinked": not issue.external,
    }[value]


def _mentions(issue: Issue, words: str) -> bool:
    text = " ".join(str(part) for part in (issue.title, issue.culprit, *issue.metadata.values()))
    return words.lower() in text.lower()


def _values(issue: Issue, key: str) -> list[str]:
    """What the issue has under a search name; unknown names are tags of its events."""
    plain = {
        "level": issue.level,
        "issue.category": issue.category,
        "issue.type": issue.issue_type,
        "issue.priority": issue.priority,
        "issue": issue.short_id,
        "issue.id": str(issue.id),
        "project": issue.project.slug,
        "project.id": issue.project.id,
        "platform": issue.platform,
        "title": issue.title,
        "message": issue.title,
        "culprit": issue.culprit,
        "error.type": issue.metadata.get("type"),
        "error.value": issue.metadata.get("value"),
        "error.unhandled": str(issue.is_unhandled).lower(),
        "firstRelease": issue.first_release,
        "timesSeen": str(issue.count),
        "userCount": str(issue.user_count),
        "issue.seer_actionability": None if issue.fixability is None else str(issue.fixability),
    }
    if key in plain:
        found = plain[key]
        return [] if found is None else [found]
    if key.startswith("user."):
        people = (event.user or {} for event in issue.events)
        return [str(person[key[5:]]) for person in people if person.get(key[5:]) is not None]
    name = key.removeprefix("tags[").removesuffix("]")
    return [tag["value"] for event in issue.events for tag in event.tags if tag["key"] == name and tag["value"]]
