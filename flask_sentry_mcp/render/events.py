"""One event: what happened, as far as it was sent. Everything in it was written by whoever sent it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..security.untrusted import fence, quoted
from . import stack
from .evidence import evidence
from .pieces import Json, as_map, as_maps, compact, facts, identifier, iso, section, word

TAGS_SHOWN = 60
KNOWN_TYPES = frozenset({"error", "default", "transaction", "generic", "csp"})


@dataclass(frozen=True, slots=True)
class EventParts:
    """What an answer about an issue needs to know of its event besides the text."""

    trace_id: str | None
    threads: int
    replay_ids: tuple[str, ...]


def parts_of(event: Json) -> EventParts:
    """The references that an event carries."""
    trace = as_map(as_map(event.get("contexts")).get("trace")).get("trace_id")
    replay = as_map(as_map(event.get("contexts")).get("replay")).get("replay_id") or _tag(event, "replayId")
    return EventParts(
        trace_id=trace if isinstance(trace, str) and trace else None,
        threads=len(as_maps(entry_of(event, "threads").get("values"))),
        replay_ids=(str(replay).replace("-", ""),) if replay else (),
    )


def event_sections(event: Json, *, trace: Iterable[Any] = (), thread_hint: str = "") -> list[str]:
    """The sections of an event: facts, stack or evidence, request, tags, extra data."""
    platform = str(event.get("platform") or "")
    kind = str(event.get("type") or "unknown")
    head = section(
        "Event",
        facts(
            ("Event ID", identifier(event.get("eventID") or event.get("id") or "unknown")),
            ("Type", word(kind)),
            ("Occurred", iso(event.get("dateCreated"))),
            ("Message", _message(event)),
            ("Request", _request(event)),
            ("User", _user(event)),
        ),
    )
    if kind not in KNOWN_TYPES:
        return [head, "(Events of this type have no further view here; these are their facts.)", _tags(event)]
    return [
        head,
        section("Exceptions" if exceptions_of(event) else "Stack", _stack(event, platform, thread_hint)),
        section("Threads", stack.thread_table(entry_of(event, "threads").get("values"))),
        section("Evidence", evidence(event, trace)),
        section("Tags", _tags(event)),
        section("Extra data", _values(as_map(event.get("context")))),
        section("Contexts", _values(_contexts(event))),
    ]


def entry_of(event: Json, kind: str) -> Json:
    """The data of the entry of this *kind*, empty when there is none."""
    for entry in as_maps(event.get("entries")):
        if entry.get("type") == kind:
            return as_map(entry.get("data"))
    return {}


def exceptions_of(event: Json) -> list[Json]:
    """The exceptions, innermost cause first; older senders have a single one."""
    data = entry_of(event, "exception")
    single = data.get("value")
    return as_maps(data.get("values")) or as_maps([single])


def _stack(event: Json, platform: str, more: str) -> str:
    """The exceptions; the crashed thread where they brought no frames."""
    raised = exceptions_of(event)
    told = stack.exceptions(raised, platform, more=more)
    if any(as_maps(as_map(one.get("stacktrace")).get("frames")) for one in raised):
        return told
    crashed = next((one for one in as_maps(entry_of(event, "threads").get("values")) if one.get("crashed")), None)
    frames = stack.thread_stack(crashed, platform, more=more) if crashed else ""
    return "\n\n".join(
        part
        for part in (told, frames and f"Thread {identifier((crashed or {}).get('id'))}, which crashed:\n{frames}")
        if part
    )


def _message(event: Json) -> str | None:
    data = entry_of(event, "message")
    text = data.get("formatted") or data.get("message") or event.get("message")
    return quoted(text, 1_000) if text else None


def _request(event: Json) -> str | None:
    """Method and address only: headers and bodies hold what nobody needs to read again."""
    data = entry_of(event, "request")
    if not data.get("url"):
        return None
    return quoted(f"{data.get('method') or 'GET'} {data['url']}")


def _user(event: Json) -> str | None:
    user = as_map(event.get("user"))
    geo = as_map(user.get("geo"))
    known = [f"{key}={user[key]}" for key in ("id", "email", "username", "ip_address") if user.get(key)]
    place = ", ".join(str(geo[key]) for key in ("city", "country_code") if geo.get(key))
    text = ", ".join([*known, *([place] if place else [])])
    return quoted(text) if text else None


def _tags(event: Json) -> str:
    """One per line; those that became facts above are left out, as are malformed ones."""
    tags = [one for one in as_maps(event.get("tags")) if one.get("key") and one["key"] != "replayId"]
    lines = [f"{one['key']}: {_line(one.get('value'))}" for one in tags[:TAGS_SHOWN]]
    if len(tags) > TAGS_SHOWN:
        lines.append(f"({len(tags) - TAGS_SHOWN} more tags)")
    return fence("\n".join(lines)) if lines else ""


def _tag(event: Json, key: str) -> Any:
    return next((one.get("value") for one in as_maps(event.get("tags")) if one.get("key") == key), None)


def _contexts(event: Json) -> Json:
    """Without the replay (shown as such) and the parts of a trace that say nothing to a reader."""
    kept = {}
    for key, value in as_map(event.get("contexts")).items():
        if key == "replay":
            continue
        kept[key] = {name: one for name, one in as_map(value).items() if name != "type"} or value
    return kept


def _values(values: Json) -> str:
    lines = [f"{key}: {_line(value)}" for key, value in values.items() if value not in (None, "", [], {})]
    return fence("\n".join(lines)) if lines else ""


def _line(value: Any, limit: int = 400) -> str:
    text = " ".join(compact(value).split())
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more)"
