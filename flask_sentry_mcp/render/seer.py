"""What Seer found: its words are an AI's that has read the event, so they are marked like the event's."""

from collections.abc import Mapping
from typing import Any

from ..security.untrusted import fence
from .pieces import Json, answer, as_map, as_maps, bullets, section, word

PART_LIMIT = 8_000


def analysis(issue_id: str, run: Json, *, state: str, next_step: str | None) -> str:
    """The run: its state in our words, the latest root cause and solution, pull requests."""
    found = _artifacts(run)
    requests = [
        f"{word(name)}: {word(as_map(one).get('pr_url') or 'no address')}"
        for name, one in as_map(run.get("repo_pr_states")).items()
    ]
    return answer(
        f"Seer on {word(issue_id)}",
        state,
        section("Root cause", _root_cause(found.get("root_cause")) or _old_steps(run)),
        section("Proposed solution", _solution(found.get("solution"))),
        section("Pull requests", bullets(requests)),
        next_step,
    )


def parts_done(run: Json) -> int:
    """How many parts of an analysis there are: 0, 1 (the cause) or 2 (and the solution)."""
    found = _artifacts(run)
    return ("root_cause" in found) + ("solution" in found)


def _artifacts(run: Json) -> dict[str, Json]:
    """The latest artifact by key, over all blocks."""
    found: dict[str, Json] = {}
    for block in as_maps(run.get("blocks")):
        for artifact in as_maps(block.get("artifacts")):
            if isinstance(artifact.get("key"), str) and isinstance(artifact.get("data"), Mapping):
                found[artifact["key"]] = artifact["data"]
    return found


def _root_cause(data: Json | None) -> str:
    if not data:
        return ""
    lines = [str(data.get("one_line_description") or "")]
    lines += _numbered("Why", data.get("five_whys"))
    lines += _numbered("To reproduce", data.get("reproduction_steps"))
    return fence("\n".join(line for line in lines if line), PART_LIMIT)


def _solution(data: Json | None) -> str:
    if not data:
        return ""
    lines = [str(data.get("one_line_summary") or "")]
    for position, step in enumerate(as_maps(data.get("steps")), 1):
        lines.append(f"{position}. {step.get('title') or ''}: {step.get('description') or ''}")
    return fence("\n".join(line for line in lines if line), PART_LIMIT)


def _old_steps(run: Json) -> str:
    """The shape of before: upper-case states and a list of steps."""
    lines = [
        str(cause.get("title") or cause.get("description") or "")
        for step in as_maps(run.get("steps"))
        for cause in as_maps(step.get("causes"))
    ]
    return fence("\n".join(lines), PART_LIMIT) if lines else ""


def _numbered(heading: str, items: Any) -> list[str]:
    listed = [str(one) for one in items] if isinstance(items, list) else []
    return [f"{heading}:", *(f"{position}. {one}" for position, one in enumerate(listed, 1))] if listed else []
