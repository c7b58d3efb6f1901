"""Stacks: exceptions cause first, the frame that matters with its code and variables, then every frame."""

from collections.abc import Iterator
from typing import Any

from ..security.untrusted import fence, quoted
from .pieces import Json, as_map, as_maps, compact, identifier, number

VALUE_LIMIT, LINE_LIMIT, SAID_LIMIT = 80, 200, 2_000
AROUND = 3
FRAMES_SHOWN, FIRST_SHOWN = 40, 5
STACK_LIMIT, LATER_LIMIT, WHOLE_LIMIT = 8_000, 3_000, 24_000
LEAST_ROOM = 2_000
"""Characters that frames have however long the rest is."""

CHAIN_SHOWN = 6

_LANGUAGES = {
    "py": "python",
    "js": "javascript",
    "jsx": "javascript",
    "ts": "javascript",
    "tsx": "javascript",
    "mjs": "javascript",
    "java": "java",
    "kt": "java",
    "php": "php",
    "rb": "ruby",
}


def exceptions(values: object, platform: str, *, more: str = "", whole: bool = False) -> str:
    """Exceptions as Sentry lists them, innermost cause first, and told in that order: cause before effect.

    The first one, the root cause, gets its most telling frame with code and local variables. *more* says how to get the
    frames that are left out; with *whole*, only those are that have no room.
    """
    chain = as_maps(values)
    blocks = []
    for position, one in enumerate(chain):
        if CHAIN_SHOWN - 2 <= position < len(chain) - 2:
            if position == CHAIN_SHOWN - 2:
                blocks.append(f"({number(len(chain) - CHAIN_SHOWN)} exceptions left out here)")
            continue
        if len(chain) > 1:
            blocks.append(f"### {_place(position, len(chain))}")
        limit = WHOLE_LIMIT // min(len(chain), CHAIN_SHOWN) if whole else LATER_LIMIT if position else STACK_LIMIT
        told = list(_exception(one, platform, in_full=position == 0))
        blocks.append(_block(told, as_map(one.get("stacktrace")), platform, limit, more=more, whole=whole))
    return "\n\n".join(blocks)


def thread_stack(thread: Json, platform: str, *, more: str = "", whole: bool = False) -> str:
    """The stack of one thread, "" when it has none."""
    stack = as_map(thread.get("stacktrace"))
    frames = as_maps(stack.get("frames"))
    if not frames:
        return ""
    told = list(_telling(frames, platform))
    return _block(told, stack, platform, WHOLE_LIMIT if whole else STACK_LIMIT, more=more, whole=whole)


def thread_table(threads: object) -> str:
    """Which threads there are; "" for one or none."""
    listed = as_maps(threads)
    if len(listed) < 2:
        return ""
    rows = ["id | name | state | flags | frames", "--- | --- | --- | --- | ---"]
    for one in listed[:50]:
        flags = " ".join(flag for flag in ("crashed", "current") if one.get(flag)) or "-"
        frames = len(as_maps(as_map(one.get("stacktrace")).get("frames")))
        rows.append(
            " | ".join(
                (
                    identifier(one.get("id")),
                    thread_name(one),
                    quoted(one["state"], 40).replace("|", "/") if one.get("state") else "-",
                    flags,
                    str(frames),
                )
            )
        )
    if len(listed) > 50:
        rows.append(f"({number(len(listed) - 50)} more threads)")
    return "\n".join(rows)


def thread_name(thread: Json) -> str:
    """Its name, marked, for a cell of a table."""
    return quoted(thread["name"], 60).replace("|", "/") if thread.get("name") else "-"


def _place(position: int, length: int) -> str:
    if position == 0:
        return f"Exception 1 of {length}: the root cause"
    return f"Exception {position + 1} of {length}: raised because of the one before"


def _exception(one: Json, platform: str, *, in_full: bool) -> Iterator[str]:
    kind, said = one.get("type"), one.get("value")
    told = ": ".join(compact(part) for part in (kind, said) if part) or "An exception without a name"
    yield _cut(told, SAID_LIMIT)
    if as_map(one.get("mechanism")).get("handled") is False:
        yield "(not handled)"
    frames = as_maps(as_map(one.get("stacktrace")).get("frames"))
    if not frames:
        yield "(no stack was sent with it)"
    elif in_full:
        yield from _telling(frames, platform)


def _telling(frames: list[Json], platform: str) -> Iterator[str]:
    """The last frame of one's own code that has code or variables: where it is, the lines around it, the variables."""
    own = [one for one in frames if one.get("inApp") and (one.get("context") or one.get("vars"))]
    if not own:
        return
    frame = own[-1]
    yield f"At {_line(frame, platform).removeprefix('at ')}"
    for at, code in _context(frame):
        if abs(at - _line_number(frame)) <= AROUND:
            yield f"{'->' if at == _line_number(frame) else '  '} {at} | {_cut(code, LINE_LIMIT)}"
    variables = as_map(frame.get("vars"))
    if variables:
        yield "Variables:"
        for key, value in list(variables.items())[:30]:
            yield f"  {_short(key)} = {_short(value)}"
        if len(variables) > 30:
            yield f"  ({len(variables) - 30} more)"
    yield ""


def _block(told: list[str], stack: Json, platform: str, limit: int, *, more: str, whole: bool) -> str:
    """What was *told* and the frames after it in one fence, of about *limit* characters.

    What has no room is left out here, of the middle: the fence would cut the end, where the crash point is.
    """
    frames = [_frame(one, platform) for one in as_maps(stack.get("frames"))]
    room = max(limit - sum(map(len, told)), LEAST_ROOM)
    first, last = _fitting(frames, room, len(frames) if whole else FRAMES_SHOWN)
    left_out = len(frames) - len(first) - len(last)
    lines = [*told, *(_heading(stack) if frames else ()), *first]
    lines += [f"  ({number(left_out)} frames left out here)"] if left_out else []
    text = "\n".join([*lines, *last])
    block = fence(text, len(text))
    if not left_out:
        return block
    return f"{block}\n({number(left_out)} of {number(len(frames))} frames are left out.{' ' + more if more else ''})"


def _fitting(frames: list[str], room: int, most: int) -> tuple[list[str], list[str]]:
    """The frames to show, of the caller's side and of the crash point's: all of them, or a few and what has *room*."""
    if len(frames) <= most and sum(map(len, frames)) <= room:
        return frames, []
    first, others = frames[:FIRST_SHOWN], frames[FIRST_SHOWN:]
    room -= sum(map(len, first))
    shown = 0
    for one in reversed(others[FIRST_SHOWN - most :]):
        room -= len(one)
        if room < 0 and shown:
            break
        shown += 1
    return first, others[len(others) - shown :]


def _heading(stack: Json) -> Iterator[str]:
    """Frames come in Sentry's order: the caller first, the crash point last."""
    omitted = stack.get("framesOmitted")
    yield "Stack (most recent call last):"
    if isinstance(omitted, list) and len(omitted) == 2:
        yield f"  (frames {number(omitted[0])} to {number(omitted[1])} were not sent)"


def _frame(frame: Json, platform: str) -> str:
    """A frame and, below it, its line of code."""
    code = dict(_context(frame)).get(_line_number(frame), "").strip()
    place = f"  {_line(frame, platform)}{'' if frame.get('inApp') else '  [library]'}"
    return f"{place}\n    {_cut(code, LINE_LIMIT)}" if code else place


def _line(frame: Json, platform: str) -> str:
    """One frame in the manner of its language."""
    path = _cut(frame.get("filename") or frame.get("absPath") or frame.get("module") or "<unknown>", LINE_LIMIT)
    function = _cut(frame.get("function") or "<unknown>", LINE_LIMIT)
    line, column = frame.get("lineNo"), frame.get("colNo")
    place = ":".join(str(part) for part in (path, line, column) if part is not None)
    match language_of(frame, platform):
        case "python":
            return f'File "{path}", line {line}, in {function}'
        case "javascript":
            return f"{place} ({function})"
        case "java":
            module = f"{_cut(frame['module'], LINE_LIMIT)}." if frame.get("module") else ""
            return f"at {module}{function} ({path}{f':{line}' if line is not None else ''})"
        case "php":
            return f"{path}({line}): {function}()"
        case "ruby":
            return f"from {path}:{line}:in {function}"
        case _:
            return f"at {function} ({place})"


def language_of(frame: Json, platform: str) -> str:
    """By the extension of the file, else by the platform of the frame or the event."""
    extension = str(frame.get("filename") or "").rpartition(".")[2].lower()
    if extension in _LANGUAGES:
        return _LANGUAGES[extension]
    family = str(frame.get("platform") or platform or "").partition("-")[0]
    return {"node": "javascript", "kotlin": "java", "android": "java"}.get(family, family)


def _context(frame: Json) -> list[tuple[int, str]]:
    """``[[40, "code"], ...]`` with whatever is malformed left out."""
    lines = frame.get("context")
    if not isinstance(lines, list):
        return []
    return [(one[0], str(one[1] or "")) for one in lines if isinstance(one, list) and len(one) == 2 and _is_int(one[0])]


def _line_number(frame: Json) -> int:
    line = frame.get("lineNo")
    return line if isinstance(line, int) else -1


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return _cut(" ".join(compact(value).split()), VALUE_LIMIT)


def _cut(value: object, limit: int) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
