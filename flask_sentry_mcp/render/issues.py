"""Issues in words: the list, the whole of one, and what a change did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..security.untrusted import quoted
from .events import event_sections, parts_of
from .nothing import Doubt, nothing
from .pieces import (
    Json,
    Ways,
    actor,
    ago,
    answer,
    as_map,
    as_maps,
    bullets,
    facts,
    fitting,
    identifier,
    iso,
    name,
    number,
    opener,
    plural,
    section,
    word,
)

_LABELS = ((0.76, "super_high"), (0.66, "high"), (0.4, "medium"), (0.25, "low"))
CONVERSATION = "gen_ai.conversation.id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A search and what it found. ``total`` is Sentry's count, which may be an estimate, or None."""

    organization: str
    issues: Sequence[Any]
    now: float
    search_url: str
    issue_url: Callable[[str], str]
    total: int | None = None
    more: bool = False
    explanation: str = ""
    tools: Ways = field(default_factory=dict)
    doubts: Sequence[Doubt] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Everything that was gathered about one issue. ``missing`` says what could not be had, in our own words."""

    organization: str
    issue: Json
    url: str
    event: Json | None = None
    missing: Sequence[str] = ()
    autofix: Json | None = None
    external: Sequence[Any] = ()
    replays: Sequence[str] = ()
    trace: Sequence[Any] = ()
    conversations: Sequence[Any] = ()
    code_url: str | None = None
    tools: Ways = field(default_factory=dict)


# -- the list -------------------------------------------------------------------------------------------------------


def issue_list(found: Found) -> str:
    """The issues of a search, one paragraph each."""
    issues = as_maps(list(found.issues))
    title = f"Issues in {word(found.organization)}"
    if not issues:
        return answer(
            title, found.explanation, nothing("Nothing matches. Widen the period, or change the query.", found.doubts)
        )
    listed = fitting([_entry(position, one, found) for position, one in enumerate(issues, 1)])
    known = max(found.total or 0, len(issues))
    total = f" of {number(known)}" if known > len(listed) else ""
    head = f"{plural(len(listed), 'issue')}{total}. Search in Sentry: {found.search_url}"
    return answer(title, found.explanation, head, *listed, _after(found, issues, is_cut=len(listed) < len(issues)))


def _entry(position: int, issue: Json, found: Found) -> str:
    short_id = issue_id(issue)
    kind = issue.get("issueCategory")
    seen = [
        f"{label} {when}"
        for label, key in (("first", "firstSeen"), ("last", "lastSeen"))
        if (when := ago(issue.get(key), found.now))
    ]
    facts_ = [
        state(issue),
        f"priority {word(issue['priority'])}" if issue.get("priority") else None,
        f"category {word(kind)}" if kind and kind != "error" else None,
        plural(issue.get("count") or 0, "event"),
        plural(issue.get("userCount") or 0, "user"),
        f"seen {', '.join(seen)}" if seen else None,
        f"assigned to {actor(issue.get('assignedTo'))}" if issue.get("assignedTo") else "unassigned",
        f"actionability {label}" if (label := actionability(issue)) else None,
        f"in {quoted(issue['culprit'], 120)}" if issue.get("culprit") else None,
    ]
    heading = f"{position}. [{short_id}]({found.issue_url(short_id)}) {quoted(issue.get('title') or 'no title')}"
    return f"{heading}\n   {' · '.join(one for one in facts_ if one)}"


def _after(found: Found, issues: list[Json], *, is_cut: bool) -> str:
    lines = []
    if is_cut:
        lines.append("There are more than one answer has room for: narrow the query or the period.")
    elif found.more:
        lines.append("There are more: raise limit (up to 100) or narrow the query.")
    way = opener(found.tools, "get_issue_details", "issue")
    if way:
        lines.append(f"{way} shows one of them with its stack trace.")
    if way and any(one.get("issueCategory") == "feedback" for one in issues):
        lines.append("What people wrote in feedback is in its details.")
    return "\n".join(lines)


# -- one issue ------------------------------------------------------------------------------------------------------


def issue_details(about: Details) -> str:
    """One issue: its facts, one event of it, what is linked to it, and what can be done next."""
    parts = parts_of(about.event or {})
    stack = about.tools.get("get_event_stacktrace")
    more = f"{stack} has all frames." if stack else ""
    body = event_sections(about.event, trace=about.trace, thread_hint=more) if about.event else []
    return answer(
        f"Issue {issue_id(about.issue)} in {word(about.organization)}",
        _facts(about),
        bullets(about.missing),
        *body,
        section("Session replays", _replays((*parts.replay_ids, *about.replays))),
        section("Seer", _seer(about.autofix)),
        section("Linked", "\n".join(one for one in (_pulls(about.issue), _external(about.external)) if one)),
        section("Notes", bullets(_notes(about, parts.trace_id, parts.threads))),
    )


def _facts(about: Details) -> str:
    issue = about.issue
    metadata, project = as_map(issue.get("metadata")), as_map(issue.get("project"))
    slow = str(issue.get("issueType", "")).startswith("performance_") or issue.get("issueCategory") == "performance"
    if slow:
        what: tuple[tuple[str, Any], ...] = (
            ("Description", metadata.get("title") or issue.get("title")),
            ("Location", metadata.get("location") or issue.get("culprit")),
            ("Query pattern", metadata.get("value")),
        )
    else:
        what = (("Description", issue.get("title")), ("Culprit", issue.get("culprit")))
    return facts(
        *((label, quoted(value) if value else None) for label, value in what),
        ("Status", state(issue)),
        ("Priority", word(issue["priority"]) if issue.get("priority") else None),
        ("Level", word(issue["level"]) if issue.get("level") else None),
        ("First seen", _seen(issue, "firstSeen", "firstRelease")),
        ("Last seen", _seen(issue, "lastSeen", "lastRelease")),
        ("Occurrences", number(issue.get("count") or 0)),
        ("Users", number(issue.get("userCount") or 0)),
        ("Assigned to", actor(issue.get("assignedTo"))),
        ("Type", " / ".join(word(issue[key]) for key in ("issueCategory", "issueType") if issue.get(key))),
        ("Seer actionability", actionability(issue)),
        ("Platform", quoted(issue["platform"], 40) if issue.get("platform") else None),
        (
            "Project",
            f"{name(project.get('name') or '')} ({word(project.get('slug'))})" if project.get("slug") else None,
        ),
        ("User reports", number(issue["userReportCount"]) if issue.get("userReportCount") else None),
        ("Comments", number(issue["numComments"]) if issue.get("numComments") else None),
        ("URL", about.url),
        ("Code", quoted(about.code_url) if about.code_url else None),
    )


def _seen(issue: Json, when: str, release: str) -> str | None:
    time = iso(issue.get(when))
    version = as_map(issue.get(release)).get("version")
    return f"{time} (release {quoted(version, 100)})" if time and version else time


def _replays(ids: Sequence[str]) -> str:
    known = list(dict.fromkeys(one.replace("-", "") for one in ids))
    return bullets(identifier(one) for one in known[:6])


def _seer(run: Json | None) -> str:
    """One line of what Seer found, marked: it has read the event, so it may repeat what stands there."""
    if run is None:
        return ""
    status = word(str(run.get("status") or "unknown").lower())
    found = root_cause(run)
    return f"Analysis {status}." + (f" Root cause: {quoted(found)}" if found else "")


def root_cause(run: Json) -> str | None:
    """The latest one-line root cause of a run, in the shape of today or of before."""
    said = None
    for block in as_maps(run.get("blocks")):
        for artifact in as_maps(block.get("artifacts")):
            if artifact.get("key") == "root_cause":
                said = as_map(artifact.get("data")).get("one_line_description") or said
    for step in as_maps(run.get("steps")):
        for cause in as_maps(step.get("causes")):
            said = cause.get("description") or cause.get("title") or said
    return str(said) if said else None


def _external(links: Sequence[Any]) -> str:
    return bullets(
        f"{quoted(one.get('serviceType') or 'link', 40)} "
        f"{quoted(one.get('displayName') or '', 80)} {quoted(one.get('webUrl') or '')}"
        for one in as_maps(list(links))[:20]
    )


def _pulls(issue: Json) -> str:
    """Pull requests and commits that Sentry knows to be about the issue, from its activity."""
    lines = []
    for one in as_maps(issue.get("activity")):
        data = as_map(one.get("data"))
        request, commit = as_map(data.get("pullRequest")), as_map(data.get("commit"))
        if request:
            lines.append(
                f"pull request {quoted(request.get('title') or request.get('id') or '?', 120)} "
                f"{quoted(request.get('externalUrl') or '')}"
            )
        elif commit:
            lines.append(f"commit {identifier(commit.get('id') or '?')} {quoted(commit.get('message') or '', 120)}")
    return bullets(list(dict.fromkeys(lines))[:10])


def _notes(about: Details, trace_id: str | None, threads: int) -> list[str]:
    short_id = issue_id(about.issue)
    closing = about.url if short_id.isdecimal() else short_id
    notes = [f'A commit message with "Fixes {closing}" resolves this issue when it is released.']
    if threads > 1 and "get_event_stacktrace" in about.tools:
        notes.append(f"{about.tools['get_event_stacktrace']} shows the stack of another thread.")
    if trace_id and (way := opener(about.tools, "get_trace_details", "trace")):
        notes.append(f"{way} shows the whole request: trace {identifier(trace_id)}.")
    ids = [quoted(one[CONVERSATION], 100) for one in as_maps(list(about.conversations)) if one.get(CONVERSATION)]
    if ids:
        notes.append(f"AI conversations in this trace: {', '.join(dict.fromkeys(ids))}.")
    return notes


# -- states ---------------------------------------------------------------------------------------------------------


def issue_id(issue: Json) -> str:
    """The short ID, else the number."""
    return word(issue.get("shortId") or issue.get("id") or "unknown")


def state(issue: Json) -> str:
    """``unresolved (regressed)``."""
    substatus = issue.get("substatus")
    return word(shown_status(issue)) + (f" ({word(substatus)})" if substatus else "")


def shown_status(issue: Json) -> str:
    """The status in the words of update_issue: Sentry tells "resolved in the next release" in two members."""
    if issue.get("status") == "resolved" and as_map(issue.get("statusDetails")).get("inNextRelease"):
        return "resolvedInNextRelease"
    return str(issue.get("status") or "unknown")


def actionability(issue: Json) -> str | None:
    """How well Seer thinks it could mend this, in words."""
    score = issue.get("seerFixabilityScore")
    if not isinstance(score, int | float) or isinstance(score, bool):
        return None
    return next((label for least, label in _LABELS if score > least), "super_low")


# -- a change -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an update did: ``changes`` are ``(what, before, after)`` as Sentry answered, if anything was ``sent``."""

    organization: str
    issue: Mapping[str, Any]
    url: str
    sent: bool
    changes: Sequence[tuple[str, str, str]] = ()
    meaning: str | None = None
    note: str | None = None


def update(change: Change) -> str:
    """What was changed from what to what, and how the issue stands now."""
    title = f"Issue {issue_id(change.issue)} in {word(change.organization)}"
    if change.changes:
        done = "Changed:\n" + bullets(f"{what}: {before} -> {after}" for what, before, after in change.changes)
    elif change.sent:
        done = "Sentry accepted the change, but what it answered shows no difference yet."
    else:
        done = "Nothing to change: the issue already matches."
    now = facts(
        ("Issue", quoted(change.issue.get("title") or "no title")),
        ("Status", state(change.issue)),
        ("Assigned to", actor(change.issue.get("assignedTo"))),
        ("URL", change.url),
    )
    return answer(title, done, now, "\n".join(one for one in (change.meaning, change.note) if one))
