"""What was done with an issue, what was said about it, and how one of its tags is distributed."""

from collections.abc import Sequence
from typing import Any

from ..security.untrusted import quoted
from .pieces import (
    Json,
    Ways,
    answer,
    as_map,
    as_maps,
    bullets,
    compact,
    iso,
    listed,
    name,
    number,
    plural,
    section,
    word,
)

NOTE_LIMIT = 1_000
MORE = "raise limit, or see the issue in Sentry"


def activity(
    organization: str,
    issue_id: str,
    entries: Sequence[Any],
    notes: Sequence[Any],
    *,
    limit: int,
    more_notes: bool = False,
    tools: Ways,
) -> str:
    """Entries and comments, newest first, at most *limit* of each. Comments have a section of their own, or none."""
    done = [one for one in as_maps(list(entries)) if one.get("type") != "note"]
    said = listed([_note(one) for one in as_maps(list(notes))], limit, more=MORE)
    older = f"\n(There are older ones: {MORE})" if more_notes else ""
    hint = f"{tools['add_issue_note']} leaves a comment." if "add_issue_note" in tools else None
    return answer(
        f"Activity of {word(issue_id)} in {word(organization)}",
        section("Activity", listed([_entry(one) for one in done], limit, more=MORE)) or "Nothing has been done yet.",
        section("Comments", said + older),
        hint,
    )


def note_added(organization: str, issue_id: str, note: Json, url: str) -> str:
    """A comment was posted."""
    who = _who(note)
    return answer(
        f"Commented on {word(issue_id)} in {word(organization)}",
        f"Comment {word(note.get('id') or 'posted')} by {who}, {iso(note.get('dateCreated')) or 'now'}.\n{url}",
    )


def tag_values(organization: str, issue_id: str, tag: Json, *, asked: str) -> str:
    """The most common values of a tag with their share."""
    counts = [tag.get("totalValues"), tag.get("uniqueValues"), 0]
    total = next(one for one in counts if isinstance(one, int))
    values = as_maps(tag.get("topValues"))
    lines = []
    for one in values:
        value = one.get("value")
        last = iso(one.get("lastSeen"))
        share = f" ({one['count'] / total:.0%})" if isinstance(one.get("count"), int) and total else ""
        shown = quoted(value, 200) if value not in (None, "") else "(empty)"
        lines.append(f"{number(one.get('count') or 0)}{share} {shown}" + (f", last {last}" if last else ""))
    unique = tag.get("uniqueValues")
    rest = isinstance(unique, int) and unique > len(values)
    return answer(
        f"Tag {word(tag.get('key') or asked)} of {word(issue_id)} in {word(organization)}",
        f"{plural(total, 'event')} with this tag" + (f", {plural(unique, 'value')}" if unique else "") + ":",
        bullets(lines) or "No values.",
        "(Sentry lists only the most common values.)" if rest else None,
    )


def _entry(one: Json) -> str:
    told = f"{iso(one.get('dateCreated')) or '?'}: {word(one.get('type') or 'something')} by {_who(one)}"
    known = {key: value for key, value in as_map(one.get("data")).items() if value not in (None, "", [], {})}
    if not known:
        return told
    return f"{told}: {quoted(compact(known))}"


def _note(one: Json) -> str:
    text = as_map(one.get("data")).get("text") or ""
    return f"{iso(one.get('dateCreated')) or '?'} by {_who(one)}: {quoted(text, NOTE_LIMIT)}"


def _who(one: Json) -> str:
    """``Mira Okafor (3104522)``; Sentry's own doings are by ``system``."""
    user = as_map(one.get("user"))
    if not user:
        app = as_map(one.get("sentry_app"))
        return name(app["name"]) if app.get("name") else "system"
    return f"{name(user.get('name') or user.get('email') or 'somebody')} ({word(user.get('id'))})"
