"""Rows of a search over events, dataset by dataset. Every value in them was written by whoever sent the event."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..security.untrusted import clean, fence, quoted
from .nothing import Doubt, nothing
from .pieces import (
    ROWS_LIMIT,
    Json,
    Ways,
    answer,
    as_list,
    as_map,
    as_maps,
    bullets,
    compact,
    duration,
    fitting,
    identifier,
    iso,
    number,
    opener,
    plural,
    section,
    word,
)

VALUE_LIMIT, ITEMS = 200, 20
_FIRST = {
    "errors": (
        "title",
        "issue",
        "project",
        "level",
        "error.type",
        "message",
        "culprit",
        "timestamp",
        "last_seen()",
        "count()",
    ),
    "logs": ("timestamp", "severity", "message", "project", "trace"),
    "spans": ("span.op", "span.description", "span.duration", "transaction", "timestamp", "project", "trace"),
}
_MORE = "There are more: raise limit (up to 100) or narrow the search."
_LEFT_OUT = {"errors": {"id"}}
"""What Sentry adds to rows unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A search and its rows. ``executed`` is how it was carried out, in one line, or empty; ``chosen`` are columns that
    the caller named.
    """

    organization: str
    dataset: str
    rows: Sequence[Any]
    url: str
    is_aggregate: bool = False
    more: bool = False
    executed: str = ""
    tools: Ways = field(default_factory=dict)
    subject: str = ""
    chosen: Collection[str] = ()
    doubts: Sequence[Doubt] = ()


def rows(found: Rows) -> str:
    """Aggregates as compact JSON, one row per line; single events as ``key: value`` lines, one block per event."""
    shown = as_maps(list(found.rows))
    title = f"{found.subject or found.dataset.capitalize()} in {word(found.organization)}"
    if not shown:
        sentence = "Nothing matches. Widen the period, loosen the query, or check the project."
        return answer(title, found.executed, nothing(sentence, found.doubts))
    head = f"{plural(len(shown), 'row' if found.is_aggregate else 'result')}. Same search in Sentry: {found.url}"
    if found.is_aggregate:
        body = "\n".join(json.dumps(_plain(one), ensure_ascii=False, separators=(",", ":")) for one in shown)
    elif found.dataset == "logs":
        body = "\n".join(_log(one, found.chosen) for one in shown)
    else:
        body = "\n\n".join(_block(one, found) for one in shown)
    return answer(
        title,
        found.executed,
        head,
        fence(body, ROWS_LIMIT, more="Ask for fewer rows or fields."),
        _MORE if found.more else None,
        _next(found, shown),
    )


def replays(found: Rows, link: Callable[[str], str]) -> str:
    """Session replays, numbered."""
    shown = as_maps(list(found.rows))
    title = f"Replays in {word(found.organization)}"
    if not shown:
        sentence = "Nothing matches. Widen the period or loosen the query."
        return answer(title, found.executed, nothing(sentence, found.doubts))
    told = fitting([_replay(position, one, link) for position, one in enumerate(shown, 1)])
    more = _MORE if found.more else None
    if len(told) < len(shown):
        more = "There are more than one answer has room for: narrow the search or the period."
    head = f"{plural(len(told), 'replay')}. Same search in Sentry: {found.url}"
    return answer(title, found.executed, head, *told, more)


def _replay(position: int, one: Json, link: Callable[[str], str]) -> str:
    number_ = str(one.get("id") or "").replace("-", "")
    user, browser = as_map(one.get("user")), as_map(one.get("browser"))
    who = user.get("display_name") or user.get("email") or user.get("username") or user.get("id")
    seconds = one.get("duration")
    traces, releases = as_list(one.get("trace_ids")), as_list(one.get("releases"))
    urls = [quoted(url, 120) for url in as_list(one.get("urls"))[:2]]
    parts = [
        iso(one.get("started_at")),
        duration(seconds * 1000) if isinstance(seconds, int | float) else None,
        f"user {quoted(who, 80)}" if who else "anonymous",
        plural(one.get("count_errors") or 0, "error"),
        plural(one.get("count_rage_clicks") or 0, "rage click"),
        plural(one.get("count_dead_clicks") or 0, "dead click"),
        quoted(one["environment"], 60) if one.get("environment") else None,
        quoted(f"{browser.get('name')} {browser.get('version') or ''}", 60) if browser.get("name") else None,
        f"pages {', '.join(urls)}" if urls else None,
        f"release {quoted(releases[0], 80)}" if releases else None,
        f"trace {identifier(traces[0])}" + (f" (+{len(traces) - 1})" if len(traces) > 1 else "") if traces else None,
        "archived" if one.get("is_archived") else None,
    ]
    return f"{position}. [{identifier(number_)}]({link(number_)}) {' · '.join(part for part in parts if part)}"


# -- one row --------------------------------------------------------------------------------------------------------


def _block(row: Json, found: Rows) -> str:
    first = _FIRST.get(found.dataset, ())
    keys = [key for key in first if key in row] + [key for key in row if key not in first]
    skip = _LEFT_OUT.get(found.dataset, set()) | {"project.name"}
    if row.get("message") == row.get("title"):
        skip |= {"message"}
    skip -= set(found.chosen)
    scale = 1_000_000 if found.dataset == "profiles" else 1  # nanoseconds there, milliseconds elsewhere
    shown = {key: row[key] for key in keys if key not in skip and row[key] not in (None, "")}
    for key, one in shown.items():
        if key.endswith("duration") and isinstance(one, int | float):
            shown[key] = one / scale
    return "\n".join(f"{key}: {value(one, key)}" for key, one in shown.items())


def _log(row: Json, chosen: Collection[str]) -> str:
    told = {"timestamp", "severity", "message", "project"} | ({"id", "project.name"} - set(chosen))
    rest = {key: one for key, one in row.items() if key not in told}
    extra = " ".join(f"{key}={value(one, key)}" for key, one in rest.items() if one not in (None, ""))
    head = f"{iso(row.get('timestamp')) or row.get('timestamp') or '?'} [{str(row.get('severity') or 'info').upper()}]"
    project = f" {row['project']}:" if row.get("project") else ""
    return " ".join(f"{head}{project} {value(row.get('message') or '', '')} {extra}".split("\n")).rstrip()


def value(given: Any, key: str = "") -> str:
    """A value on one line: times and durations readable, members and tags as ``k=v``, what is null left out."""
    if key.endswith("duration") and isinstance(given, int | float):
        return duration(given)
    if isinstance(given, list):
        pairs = as_maps(given)
        if pairs and all("key" in one for one in pairs):
            told = [
                f"{one['key']}={compact(one['value'])}" for one in pairs if one["key"] and one.get("value") is not None
            ]
        else:
            told = [compact(one) for one in given if one is not None]
        text = ", ".join(told[:ITEMS]) + (f", ({len(told) - ITEMS} more)" if len(told) > ITEMS else "")
    elif isinstance(given, Mapping):
        text = ", ".join(f"{name_}={compact(one)}" for name_, one in _filled(given).items())
    else:
        text = (iso(given) or str(given)) if key == "timestamp" else compact(given)
    line = " ".join(clean(text).split())
    return line if len(line) <= VALUE_LIMIT else f"{line[:VALUE_LIMIT]}..."


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """*given* without the members that say nothing."""
    inner = {name_: _filled(one) if isinstance(one, Mapping) else one for name_, one in given.items()}
    return {name_: one for name_, one in inner.items() if one not in (None, "", {}, [])}


def _plain(row: Json) -> dict[str, Any]:
    return {key: value(one, "") if isinstance(one, str | list | Mapping) else one for key, one in row.items()}


def _next(found: Rows, shown: list[Json]) -> str | None:
    if found.dataset in ("errors", "issue") and not found.is_aggregate:
        has_ids = found.dataset == "issue" or "id" in found.chosen
        way = opener(found.tools, "get_issue_details", "issue or event" if has_ids else "issue")
        return f"{way} shows {'one of them whole' if has_ids else 'an issue'}." if way else None
    way = opener(found.tools, "get_trace_details", "trace")
    return f"{way} shows a whole trace." if way and any(one.get("trace") for one in shown) else None


# -- a search that cannot be run ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that Sentry does not accept. ``near`` are existing names that resemble it; of a sort, all it may be."""

    where: str
    name: str
    reason: str
    near: Sequence[str] = ()


def mistakes(dataset: str, found: Sequence[Mistake], known: Sequence[str], rules: str) -> str:
    """Why a search was not run, and what would be valid."""
    lines = []
    for one in found:
        what = f" {quoted(one.name, 100)}" if one.name else ""
        label = "It may be one of" if one.where == "sort" else "Existing ones like it"
        near = f" {label}: {', '.join(quoted(name_, 80) for name_ in one.near)}." if one.near else ""
        lines.append(f"{one.where}{what}: {quoted(one.reason, 500)}.{near}")
    if not any(one.near or one.name for one in found):
        known = ()
    some = ", ".join(known[:40])
    more = f" and {number(len(known) - 40)} more" if len(known) > 40 else ""
    return answer(
        f"This search of {word(dataset)} cannot be run as it is",
        bullets(lines),
        section("Attributes there are", fence(some + more, 2_500) if known else ""),
        rules,
    )
