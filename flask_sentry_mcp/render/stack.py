"""Stacks: exceptions cause first, the frame that matters with its code and variables, then every frame."""

from collections.abc import Iterator
from typing import Any

from ..security.untrusted import fence, quoted
from .pieces import Json, as_map, as_maps, identifier, number

VALUE_LIMIT = 80
AROUND = 3
FRAMES_SHOWN = 40
STACK_LIMIT, LATER_LIMIT = 8_000, 3_000
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


def exceptions(values: object, platform: str, *, more: str = "") -> str:
    """Exceptions as Sentry lists them, innermost cause first, and told in that order: cause before effect.

    The first one, the root cause, gets its most telling frame with code and local variables.
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
        told = "\n".join(_exception(one, platform, in_full=position == 0))
        blocks.append(fence(told, STACK_LIMIT if position == 0 else LATER_LIMIT, more=more))
    return "\n\n".join(blocks)


def thread_stack(thread: Json, platform: str, *, more: str = "", whole: bool = False) -> str:
    """The stack of one thread, "" when it has none."""
    stack = as_map(thread.get("stacktrace"))
    frames = as_maps(stack.get("frames"))
    if not frames:
        return ""
    lines = [*_telling(frames, platform), *_frames(stack, platform, whole=whole)]
    return fence("\n".join(lines), STACK_LIMIT * (3 if whole else 1), more=more)


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
    yield ": ".join(str(part) for part in (kind, said) if part) or "An exception without a name"
    if as_map(one.get("mechanism")).get("handled") is False:
        yield "(not handled)"
    stack = as_map(one.get("stacktrace"))
    frames = as_maps(stack.get("frames"))
    if not frames:
        yield "(no stack was sent with it)"
        return
    if in_full:
        yield from _telling(frames, platform)
    yield from _frames(stack, platform)


def _telling(frames: list[Json], platform: str) -> Iterator[str]:
    """The last frame of one's own code that has code or variables: where it is, the lines around it, the variables."""
    own = [one for one in frames if one.get("inApp") and (one.get("context") or one.get("vars"))]
    if not own:
        return
    frame = own[-1]
    yield f"At {_line(frame, platform).strip().removeprefix('at ')}"
    for at, code in _context(frame):
        if abs(at - _line_number(frame)) <= AROUND:
            yield f"{'->' if at == _line_number(frame) else '  '} {at} | {code}"
    variables = as_map(frame.get("vars"))
    if variables:
        yield "Variables:"
        for key, value in list(variables.items())[:30]:
            yield f"  {_short(key)} = {_short(value)}"
        if len(variables) > 30:
            yield f"  ({len(variables) - 30} more)"
    yield ""


def _frames(stack: Json, platform: str, *, whole: bool = False) -> Iterator[str]:
    """Frames in Sentry's order: the caller first, the crash point last. The middle of a very long stack is left out."""
    frames = as_maps(stack.get("frames"))
    omitted = stack.get("framesOmitted")
    yield "Stack (most recent call last):"
    if isinstance(omitted, list) and len(omitted) == 2:
        yield f"  (frames {number(omitted[0])} to {number(omitted[1])} were not sent)"
    skipped = 0 if whole else max(0, len(frames) - FRAMES_SHOWN)
    first = 5 if skipped else len(frames)
    for position, frame in enumerate(frames):
        if first <= position < first + skipped:
            if position == first:
                yield f"  ({number(skipped)} frames left out here)"
            continue
        own = "" if frame.get("inApp") else "  [library]"
        yield f"{_line(frame, platform)}{own}"
        code = dict(_context(frame)).get(_line_number(frame), "").strip()
        if code:
            yield f"    {code}"


def _line(frame: Json, platform: str) -> str:
    """One frame in the manner of its language."""
    path = frame.get("filename") or frame.get("absPath") or frame.get("module") or "<unknown>"
    function = frame.get("function") or "<unknown>"
    line, column = frame.get("lineNo"), frame.get("colNo")
    place = ":".join(str(part) for part in (path, line, column) if part is not None)
    match language_of(frame, platform):
        case "python":
            return f'  File "{path}", line {line}, in {function}'
        case "javascript":
            return f"  {place} ({function})"
        case "java":
            module = frame.get("module")
            return f"  at {f'{module}.' if module else ''}{function} ({path}{f':{line}' if line is not None else ''})"
        case "php":
            return f"  {path}({line}): {function}()"
        case "ruby":
            return f"  from {path}:{line}:in {function}"
        case _:
            return f"  at {function} ({place})"


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
    text = " ".join(str(value).split())
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}..."
