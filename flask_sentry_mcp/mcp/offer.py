"""What tools, resources and prompts have in common: a name, words, a function, and for whom they are."""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ..skills import SKILLS, Skill, implied
from .schema import is_keyword_name

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """One thing that a server offers.

    ``skills`` is None for what every grant may use; otherwise a grant needs one of them. ``scopes`` are all needed.
    ``hidden_by`` names what makes it pointless when fixed: ``organization``, ``project``.
    """

    name: str
    handler: Callable[..., Any]
    description: str
    title: str | None = None
    skills: frozenset[str] | None = None
    scopes: frozenset[str] = frozenset()
    hidden_by: frozenset[str] = frozenset()
    icons: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] | None = None

    def described(self, **members: Any) -> dict[str, Any]:
        """An entry of a list: *members* and what every offer may have; None is left out."""
        entry = {
            **members,
            "title": self.title,
            "icons": [dict(icon) for icon in self.icons] or None,
            "_meta": dict(self.meta) if self.meta else None,
        }
        return {name: value for name, value in entry.items() if value is not None}


class Told(TypedDict, total=False):
    """What an author may say of any offer; without *name* and *description*, they are those of the function."""

    name: str | None
    title: str | None
    description: str | None
    skills: Collection[str] | None
    scopes: Collection[str]
    hidden_by: Collection[str]
    icons: Sequence[Mapping[str, Any]] | None
    meta: Mapping[str, Any] | None


def members(handler: Callable[..., Any], told: Told) -> dict[str, Any]:
    """The members that every offer has. Raises TypeError for what cannot be one."""
    if unknown := sorted(told.keys() - Told.__annotations__.keys()):
        raise TypeError(f"{', '.join(unknown)}: there is no such argument")
    skills = told.get("skills")
    return {
        "name": told.get("name") or str(getattr(handler, "__name__", "")),
        "handler": handler,
        "description": words_for(handler, told.get("description")),
        "title": told.get("title"),
        "skills": None if skills is None else names(skills, "skills"),
        "scopes": names(told.get("scopes", ()), "scopes"),
        "hidden_by": names(told.get("hidden_by", ()), "hidden_by"),
        "icons": tuple(told.get("icons") or ()),
        "meta": told.get("meta"),
    }


def words_for(handler: Callable[..., Any], given: str | None) -> str:
    """The description: *given*, or the docstring. Raises TypeError when there is neither."""
    text = inspect.cleandoc(given or getattr(handler, "__doc__", None) or "")
    if not text:
        raise TypeError(f"{handler!r} needs a docstring: it is what the model reads")
    return text


def names(given: Collection[str], what: str) -> frozenset[str]:
    """*given* as a set. Raises TypeError for what is no text, and for one text, which would be taken by its letters."""
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise TypeError(f"{what} is a set of names: {{'a-name'}}, not 'a-name'")
    return frozenset(given)


def check_plain(handler: Callable[..., Any], name: str) -> None:
    """Raises TypeError unless calling *handler* gives its result at once."""
    for one in (handler, getattr(handler, "__call__", None)):  # noqa: B004 - a record with __call__ may be async, too
        if inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(
                f"{name} is async, and is called from a thread: write def, and use asyncio.run(...) inside it"
            )
        if inspect.isgeneratorfunction(one):
            raise TypeError(f"{name} is a generator: return a list, and use ctx.progress(...) to tell how far it is")


def check_reachable(offer: Offer, skills: Collection[Skill]) -> None:
    """Raises ValueError for what no sign-in could ever see: neither with *skills* nor with those of the catalogue."""
    known = (*SKILLS, *skills)
    if unknown := (offer.skills or frozenset()) - {skill.id for skill in known}:
        there_are = ", ".join(sorted({skill.id for skill in known}))
        raise ValueError(
            f"{offer.name} names a skill that is not offered: {', '.join(sorted(unknown))}; there are {there_are}"
        )
    reach = implied(scope for skill in known for scope in skill.scopes)
    if unknown := offer.scopes - reach:
        raise ValueError(f"{offer.name} needs a scope that no skill includes: {', '.join(sorted(unknown))}")


def check_offer(offer: Offer, keywords: Mapping[str, bool]) -> None:
    """Raises ValueError or TypeError for what can be known to fail before the first request.

    *keywords* are those the handler is called with, each with whether it may be left out.
    """
    if not _NAME.fullmatch(offer.name):
        raise ValueError(f"{offer.name!r} cannot be a name: 1 to 128 letters, digits, dots, dashes and underscores")
    if unknown := offer.hidden_by - {"organization", "project"}:
        raise ValueError(f"{offer.name} cannot be hidden by {', '.join(sorted(unknown))}")
    if offer.skills is not None and not offer.skills:
        raise ValueError(f"{offer.name} is for no skill, so nobody could use it; for every sign-in, leave skills out")
    check_plain(offer.handler, offer.name)
    parameters = inspect.signature(offer.handler).parameters
    first = next(iter(parameters.values()), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD, first.VAR_POSITIONAL):
        raise TypeError(f"{offer.name} must take the context as its first argument")
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for name, may_be_absent in keywords.items():
        if not is_keyword_name(name):
            raise TypeError(f"{offer.name}: {name!r} cannot be a keyword; name the field otherwise and set data_key")
        parameter = parameters.get(name)
        if parameter is first and first.kind is first.POSITIONAL_OR_KEYWORD:
            raise TypeError(
                f"{offer.name}: {name!r} is what its function calls the context; call one of them otherwise"
            )
        if parameter is None and not takes_all:
            raise TypeError(f"{offer.name} does not take {name!r}, which its schema declares")
        if parameter is not None and may_be_absent and parameter.default is parameter.empty:
            raise TypeError(f"{offer.name}: {name!r} is optional, so give it load_default or a default value")
    _check_nothing_is_missing(offer, list(parameters.values())[1:], keywords)


def _check_nothing_is_missing(offer: Offer, rest: Iterable[inspect.Parameter], keywords: Collection[str]) -> None:
    for parameter in rest:
        variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if not variadic and parameter.default is parameter.empty and parameter.name not in keywords:
            raise TypeError(f"{offer.name} needs {parameter.name!r}, which its schema does not declare")
