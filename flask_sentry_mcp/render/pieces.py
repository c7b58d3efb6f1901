"""The pieces that answers are made of: facts, lists, times, and one limit on the whole."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from ..security.shapes import Json as Json
from ..security.shapes import as_list as as_list
from ..security.shapes import as_map as as_map
from ..security.shapes import as_maps as as_maps
from ..security.untrusted import LEGEND, clean, quoted

Ways: TypeAlias = Mapping[str, str]
"""How to name each tool that the caller has: ``{"get_span_details": "execute_sentry_tool with get_span_details"}``."""

ANSWER_LIMIT = 40_000
"""Characters of one answer, about 10,000 tokens. What is beyond it is named, not shown."""

LIST_LIMIT = 16_000
"""Characters of one list within an answer."""

ROWS_LIMIT = 30_000
"""Characters of what a search found."""

_RESERVE = 1_000
"""Characters of an answer that are kept for its legend and for naming what is left out."""

_IDENTIFIER = re.compile(r"[0-9a-fA-F-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+-]{0,99}")


def word(value: object) -> str:
    """What Sentry itself made (a slug, a status, a short ID), as it is; anything longer or stranger is quoted."""
    text = str(value)
    return text if _WORD.fullmatch(text) else quoted(text, 100)


def compact(value: object) -> str:
    """Text as it is, anything else as JSON without blanks; written by whoever wrote the value, so it needs a fence."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def identifier(value: object) -> str:
    """An ID of digits and hexadecimal letters, as it is; what senders have put in its place is quoted."""
    text = str(value)
    return text if _IDENTIFIER.fullmatch(text) else quoted(text, 100)


def name(value: object) -> str:
    """The name of a person, team or project: written by members of the organization, on one line and without tricks."""
    return " ".join(clean(value).split())[:100].replace("<", "(")


def number(value: object) -> str:
    """A count with separators: ``1,843``. Sentry gives some as text."""
    try:
        return f"{float(str(value)):,.0f}"
    except (ValueError, OverflowError):
        return word(value)


def plural(count: object, thing: str) -> str:
    """``1 user``, ``212 users``."""
    return f"{number(count)} {thing}{'' if str(count) == '1' else 's'}"


def moment(value: object) -> datetime | None:
    """A time of Sentry's: ISO with or without a zone (then UTC), or epoch seconds."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def iso(value: object) -> str | None:
    """A time to the second: ``2026-08-18T12:40:02Z``; None for what is no time."""
    found = moment(value)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found else None


def ago(value: object, now: float) -> str | None:
    """How long before *now* (epoch seconds): ``5 minutes ago``; the date when it is 30 days or more."""
    found = moment(value)
    if found is None:
        return None
    minutes = int((now - found.timestamp()) // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{plural(minutes, 'minute')} ago"
    if minutes < 24 * 60:
        return f"{plural(minutes // 60, 'hour')} ago"
    if minutes < 30 * 24 * 60:
        return f"{plural(minutes // (24 * 60), 'day')} ago"
    return found.astimezone(UTC).strftime("%Y-%m-%d")


def duration(ms: object) -> str:
    """``12ms``, ``1.2s``, ``3m 5s``; ``?`` for what is no number."""
    if not isinstance(ms, int | float) or isinstance(ms, bool):
        return "?"
    if ms < 1000:
        return f"{ms:.4g}ms" if ms < 10 else f"{ms:.0f}ms"
    if ms < 60_000:
        return f"{ms / 1000:.3g}s"
    return f"{int(ms // 60_000)}m {int(ms % 60_000 // 1000)}s"


def facts(*pairs: tuple[str, str | None]) -> str:
    """``**Label**: value`` lines, without those that have no value."""
    return "\n".join(f"**{label}**: {value}" for label, value in pairs if value)


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def listed(lines: Sequence[str], limit: int, *, more: str) -> str:
    """The first *limit* lines, fewer if they are long; then how many are left, and *more*: how to get them."""
    shown: list[str] = []
    size = 0
    for line in lines[:limit]:
        size += len(line)
        if size > LIST_LIMIT and shown:
            break
        shown.append(line)
    rest = len(lines) - len(shown)
    return bullets(shown) + (f"\n({number(rest)} more: {more})" if rest else "")


def fitting(entries: Sequence[str]) -> list[str]:
    """Those of *entries*, from the first, that an answer has room for; always one."""
    shown: list[str] = []
    size = 0
    for one in entries:
        size += len(one) + 2
        if size > ROWS_LIMIT and shown:
            break
        shown.append(one)
    return shown


def opener(ways: Ways, tool: str, kind: str) -> str | None:
    """How an answer names what opens things of a *kind*: the *tool* for them or, when that is not listed, the one that
    opens everything; None when the caller has no such tool.
    """
    if tool in ways and ways[tool] != tool and "get_sentry_resource" in ways:
        return f"get_sentry_resource (resourceType {kind})"
    return ways.get(tool)


def section(heading: str, body: str) -> str:
    """A ``##`` section; nothing when it has no body."""
    return f"## {heading}\n\n{body}" if body else ""


def actor(value: object, *, nobody: str = "Unassigned") -> str:
    """Who: ``payments (team)``. May be null, text, or an object that lost its name."""
    if not value:
        return nobody
    if isinstance(value, str):
        return name(value)
    who = as_map(value)
    kind = who.get("type")
    called = name(who.get("name") or who.get("email") or who.get("username") or "Unknown")
    return f"{called} ({kind})" if kind in ("user", "team") else called


def answer(title: str, *sections: str | None) -> str:
    """A whole answer: the title, what the quotation marks mean if there are any, the sections that say something.

    Sections that would take it beyond the limit are left out, whole, and named.
    """
    shown: list[str] = []
    left_out: list[str] = []
    size = len(title) + _RESERVE
    for one in sections:
        if not one:
            continue
        if size + len(one) > ANSWER_LIMIT:
            left_out.append(word(one.split("\n", 1)[0].lstrip("# ")[:60]))
        else:
            size += len(one) + 2
            shown.append(one)
    if left_out:
        more = f" and {number(len(left_out) - 5)} more" if len(left_out) > 5 else ""
        shown.append(f"(Left out because the answer would be too long: {'; '.join(left_out[:5])}{more}.)")
    if any("«" in one or "<untrusted>" in one for one in (title, *shown)):
        shown.insert(0, LEGEND)
    return "\n\n".join([f"# {title}", *shown])
