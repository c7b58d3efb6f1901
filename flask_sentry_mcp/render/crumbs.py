"""The trail before an event, and the stack of one of its threads."""

from ..security.untrusted import fence, quoted
from . import stack
from .events import entry_of, exceptions_of
from .pieces import Json, answer, as_map, as_maps, compact, facts, identifier, iso, section, word

MESSAGE_LIMIT, DATA_LIMIT = 120, 200
TRAIL_LIMIT = 24_000


def breadcrumbs(issue_id: str, event: Json) -> str:
    """One line per crumb, oldest first, as it was recorded."""
    crumbs = as_maps(entry_of(event, "breadcrumbs").get("values"))
    title = f"Breadcrumbs of {word(issue_id)}"
    head = facts(("Event ID", event_id(event)), ("Crumbs", str(len(crumbs))))
    if not crumbs:
        return answer(title, head, "This event has no breadcrumbs.")
    lines = [_crumb(one) for one in crumbs]
    dropped = 0
    while sum(map(len, lines)) > TRAIL_LIMIT:
        lines.pop(0)
        dropped += 1
    note = f"(The {dropped} oldest are left out.)" if dropped else None
    return answer(title, head, note, fence("\n".join(lines), TRAIL_LIMIT * 2))


def thread(issue_id: str, event: Json, wanted: int | str | None) -> str:
    """The stack of one thread: the one asked for by number or name, else the crashed one."""
    platform = str(event.get("platform") or "")
    threads = as_maps(entry_of(event, "threads").get("values"))
    raised = exceptions_of(event)
    title = f"Stack of {word(issue_id)}"
    head = facts(("Event ID", event_id(event)))
    if not threads:
        told = stack.exceptions(raised, platform, whole=True)
        return answer(title, head, "This event has no threads.", section("Exceptions", told))
    chosen, reason = _choose(threads, wanted)
    table = section("Threads", stack.thread_table(threads))
    if chosen is None:
        return answer(title, head, reason, table)
    selected = facts(
        ("Thread", f"{identifier(chosen.get('id'))} {stack.thread_name(chosen)}: {reason}"),
        ("State", quoted(chosen["state"], 40) if chosen.get("state") else None),
        ("Flags", ", ".join(flag for flag in ("crashed", "current") if chosen.get(flag)) or None),
    )
    frames = stack.thread_stack(chosen, platform, whole=True)
    if not frames:
        frames = _of_exception(chosen, raised, platform)
    return answer(title, head, selected, section("Stack", frames), table)


def event_id(event: Json) -> str:
    return identifier(event.get("eventID") or event.get("id") or "unknown")


def _of_exception(thread: Json, raised: list[Json], platform: str) -> str:
    """A crashed thread may have left its frames with the exceptions (7.2)."""
    own = [one for one in raised if one.get("threadId") in (thread.get("id"), None)]
    if own and (thread.get("crashed") or any(one.get("threadId") is not None for one in own)):
        return "The frames of this thread came with its exception.\n\n" + stack.exceptions(own, platform, whole=True)
    return "No frames were sent for this thread."


def _choose(threads: list[Json], wanted: int | str | None) -> tuple[Json | None, str]:
    if wanted is None:
        for reason, test in (("the one that crashed", "crashed"), ("the first with frames", "stacktrace")):
            for one in threads:
                if one.get(test) and (test != "stacktrace" or as_map(one[test]).get("frames")):
                    return one, reason
        return threads[0], "the first"
    named = [one for one in threads if one.get("name") == wanted]
    numbered = [one for one in threads if str(one.get("id")) == str(wanted)]
    found = numbered if isinstance(wanted, int) else named or numbered
    if len(found) == 1:
        return found[0], "as asked"
    if found:
        return None, "Several threads have that name: choose one by its number."
    return None, "There is no such thread. These are the threads of this event:"


def _crumb(one: Json) -> str:
    message = _cut(" ".join(str(one.get("message") or "").split()), MESSAGE_LIMIT)
    data = as_map(one.get("data"))
    shown = _cut(compact(data), DATA_LIMIT) if data else ""
    kind = one.get("category") or one.get("type") or "default"
    told = f"{iso(one.get('timestamp')) or '?'} {one.get('level') or 'info'!s:7} [{kind}] {message} {shown}"
    return " ".join(told.split("\n")).rstrip()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
