"""What Seer found: its words are an AI's that has read the event, so they are marked like the event's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..security.untrusted import fence, quoted
from .pieces import Json, answer, as_map, as_maps, bullets, facts, identifier, section, word

PART_LIMIT = 8_000
WRITTEN_BY = "Seer, Sentry's AI, wrote this after reading the event:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A run of Seer and how it stands, in our words; *url* is the issue's page."""

    issue_id: str
    url: str
    run: Json
    state: str
    is_complete: bool = False
    next_step: str | None = None


def analysis(about: Analysis) -> str:
    """The state of the run, the latest root cause and solution, pull requests."""
    run, found = about.run, _artifacts(about.run)
    cause = _root_cause(found.get("root_cause")) or _old_steps(run)
    solution = _solution(found.get("solution"))
    lacking = [what for what, told in (("root cause", cause), ("solution", solution)) if not told]
    requests = [
        f"{quoted(name, 100)}: {quoted(as_map(one).get('pr_url') or 'no address')}"
        for name, one in as_map(run.get("repo_pr_states")).items()
    ]
    return answer(
        f"Seer on {word(about.issue_id)}",
        about.state,
        f"It came without a {' and a '.join(lacking)}." if about.is_complete and lacking else None,
        facts(("Run", identifier(run["run_id"]) if run.get("run_id") else None), ("Issue", about.url)),
        section("Root cause", cause),
        section("Proposed solution", solution),
        section("Pull requests", bullets(requests)),
        about.next_step,
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
    return _block(lines)


def _solution(data: Json | None) -> str:
    if not data:
        return ""
    lines = [str(data.get("one_line_summary") or "")]
    for position, step in enumerate(as_maps(data.get("steps")), 1):
        lines.append(f"{position}. {step.get('title') or ''}: {step.get('description') or ''}")
    return _block(lines)


def _old_steps(run: Json) -> str:
    """The shape of before: upper-case states and a list of steps."""
    lines = [
        str(cause.get("title") or cause.get("description") or "")
        for step in as_maps(run.get("steps"))
        for cause in as_maps(step.get("causes"))
    ]
    return _block(lines)


def _block(lines: list[str]) -> str:
    """Marked like the event's own words, for Seer may repeat them, and said to be an AI's."""
    told = "\n".join(line for line in lines if line)
    return f"{WRITTEN_BY}\n\n{fence(told, PART_LIMIT)}" if told else ""


def _numbered(heading: str, items: Any) -> list[str]:
    listed = [str(one) for one in items] if isinstance(items, list) else []
    return [f"{heading}:", *(f"{position}. {one}" for position, one in enumerate(listed, 1))] if listed else []
