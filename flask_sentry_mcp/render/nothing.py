"""A search that found nothing: said, with what may be wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..security.untrusted import quoted
from .pieces import bullets


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may be meant otherwise. ``name`` is a word of the query, ``near`` are names that exist and resemble it."""

    advice: str
    name: str = ""
    near: Sequence[str] = ()


def nothing(sentence: str, doubts: Sequence[Doubt]) -> str:
    """The *sentence*, and the *doubts* about the search, one per line."""
    return "\n\n".join(one for one in (sentence, bullets(_told(doubt) for doubt in doubts)) if one)


def _told(doubt: Doubt) -> str:
    name = f"{quoted(doubt.name, 100)}: " if doubt.name else ""
    near = f" Existing ones like it: {', '.join(quoted(one, 80) for one in doubt.near)}." if doubt.near else ""
    return f"{name}{doubt.advice}{near}"
