"""The skills, in words for people. A skill is a bundle of tools that a person ticks on the approval page.

Skills are data: a tool names the skills that include it, and a grant names the skills that were ticked. Which scopes of
Sentry's each needs is written here, so that no more than these are asked of Sentry.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skill:
    """One line of the approval page. ``scopes`` are Sentry's; ``writes`` marks what a read-only server leaves out."""

    id: str
    label: str
    sentence: str
    scopes: frozenset[str]
    writes: bool = False
    preselected: bool = False


INSPECT, SEER, TRIAGE, PROJECTS = "inspect", "seer", "triage", "project-management"
_READ = frozenset({"org:read", "project:read", "team:read", "event:read"})

SKILLS: tuple[Skill, ...] = (
    Skill(
        INSPECT,
        "Look at issues and events",
        "Read issues, events, traces and releases, and what they contain.",
        _READ,
        preselected=True,
    ),
    Skill(
        SEER,
        "Ask Seer",
        "Let Sentry's AI analyse an issue; this starts runs that count against your plan.",
        _READ | {"event:write"},
        writes=True,
    ),
    Skill(
        TRIAGE,
        "Triage issues",
        "Resolve, ignore and assign issues, and comment on them in your name.",
        _READ | {"event:write"},
        writes=True,
    ),
    Skill(
        PROJECTS,
        "Manage projects and teams",
        "Create and change projects, teams and client keys.",
        _READ | {"project:write", "team:write"},
        writes=True,
    ),
)

ALIASES = {"issue:read": "event:read", "issue:write": "event:write"}
"""Names that clients may use for Sentry's own scopes (B6)."""

_LEVELS = ("read", "write", "admin")

SCOPE_WORDS = {
    "org:read": "Read your organizations",
    "project:read": "Read projects",
    "project:write": "Create and change projects",
    "team:read": "Read teams",
    "team:write": "Create and change teams",
    "event:read": "Read issues and events",
    "event:write": "Change and comment on issues",
}
"""Every scope we may ask Sentry for, in words; the keys are ``scopes_supported``."""


def implied(scopes: Iterable[str]) -> frozenset[str]:
    """*scopes* and what they include: a higher level includes the lower ones of its family.

    >>> sorted(implied(["event:write"]))
    ['event:read', 'event:write']
    """
    reach = set(scopes)
    for scope in tuple(reach):
        family, _, level = scope.partition(":")
        if level in _LEVELS:
            reach.update(f"{family}:{lower}" for lower in _LEVELS[: _LEVELS.index(level)])
    return frozenset(reach)


def offered(skills: Iterable[Skill], scopes: Collection[str], *, read_only: bool = False) -> tuple[Skill, ...]:
    """The skills that a request for *scopes* can be given, on a server that is *read_only* or not.

    Every scope that lets a skill change something must be asked for. Of those that let it read, one is enough: tools
    that need another stay hidden, so that a client that asks for little can still sign in (B6 names no team:read).
    """
    reach = implied(scopes)
    return tuple(
        skill
        for skill in skills
        if {scope for scope in skill.scopes if not scope.endswith(":read")} <= reach
        and (not skill.scopes or skill.scopes & reach)
        and not (read_only and skill.writes)
    )


def scopes_of(skills: Iterable[Skill], chosen: Collection[str]) -> tuple[str, ...]:
    """What the *chosen* skill ids need of Sentry, sorted, without those that another one includes.

    >>> scopes_of(SKILLS, {"triage"})
    ('event:write', 'org:read', 'project:read', 'team:read')
    """
    needed = frozenset[str]().union(*(skill.scopes for skill in skills if skill.id in chosen))
    included = {lower for scope in needed for lower in implied([scope]) if lower != scope}
    return tuple(sorted(needed - included))
