"""Releases in words. Versions, commit messages and their authors' names are written by whoever builds and commits."""

from collections.abc import Sequence
from typing import Any

from ..security.untrusted import quoted
from .pieces import Json, answer, as_map, as_maps, bullets, facts, identifier, iso, plural, word


def release_list(organization: str, releases: Sequence[Any], *, more: bool) -> str:
    """One line per release, newest first."""
    shown = as_maps(list(releases))
    if not shown:
        return answer(f"Releases in {word(organization)}", "There are none that match.")
    rest = "There are more: narrow by query or project." if more else None
    return answer(f"Releases in {word(organization)}", bullets(_line(one) for one in shown), rest)


def release(organization: str, one: Json, url: str) -> str:
    """One release."""
    return answer(f"Release in {word(organization)}", _line(one), facts(("URL", url)))


def _line(one: Json) -> str:
    deploy, commit = as_map(one.get("lastDeploy")), as_map(one.get("lastCommit"))
    author = as_map(commit.get("author"))
    projects = [word(project["slug"]) for project in as_maps(one.get("projects")) if project.get("slug")]
    parts = [
        quoted(one.get("version") or "no version", 200),
        _when(one),
        plural(one["newGroups"], "new issue") if one.get("newGroups") else None,
        f"last event {iso(one.get('lastEvent'))}" if iso(one.get("lastEvent")) else "no events",
        f"in {', '.join(projects[:10])}" if projects else None,
        f"deployed to {quoted(deploy.get('environment') or '?', 60)} {iso(deploy.get('dateFinished')) or ''}".strip()
        if deploy
        else None,
        _commit(commit) if commit.get("id") else None,
        f"by {quoted(author.get('name') or author.get('email') or '?', 80)}" if author else None,
    ]
    return " · ".join(part for part in parts if part)


def _commit(commit: Json) -> str:
    """The first line of its message."""
    told = str(commit.get("message") or "").partition("\n")[0]
    return f"last commit {identifier(str(commit['id'])[:12])} {quoted(told, 120)}"


def _when(one: Json) -> str | None:
    """When it was released; without that date it is not finalized, though it may well be deployed."""
    released, created = iso(one.get("dateReleased")), iso(one.get("dateCreated"))
    if released:
        return f"released {released}"
    return f"created {created}, not finalized" if created else None
