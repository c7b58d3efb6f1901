"""Releases: fourteen for each project, and two with awkward names."""

from ..records import Json, Project, Release
from ..wire import iso
from ..world import World
from .issues import HOUR, version
from .places import DAY

PER_PROJECT = 14
NEWEST = 33  # version(project, 33) is 2.8.1
AWKWARD = ("feature/new-pay@1.0.0+build.7", "checkout 3.0 (beta)")


def fill(world: World) -> None:
    for project in world.projects:
        world.releases += [_ordinary(world, project, NEWEST - back, back) for back in range(PER_PROJECT)]
    checkout = next(project for project in world.projects if project.slug == "checkout-api")
    for index, name in enumerate(AWKWARD):
        world.releases.append(_release(world, (checkout,), name, (5 + index) * DAY, index))
    web = next(project for project in world.projects if project.slug == "shop-web")
    world.releases.append(_release(world, (checkout, web), "platform@2026.11", 4 * DAY, 3))
    world.landmarks["slash_release"] = AWKWARD[0]


def _ordinary(world: World, project: Project, number: int, back: int) -> Release:
    return _release(world, (project,), version(project, number), (back * 3 + 1) * DAY, back)


def _release(world: World, projects: tuple[Project, ...], name: str, age_s: float, back: int) -> Release:
    created_at = world.epoch - age_s
    return Release(
        version=name,
        short_version=name.rpartition("@")[2],
        organization=projects[0].organization,
        projects=projects,
        created_at=created_at,
        released_at=created_at + HOUR if back else None,  # the newest is not released yet
        new_issues=back % 5,
        commits=[_commit(world, projects[0], name, number, created_at) for number in range(2 + back % 3)],
        deploys=[] if back % 4 == 3 else [_deploy(name, created_at)],
    )


def _commit(world: World, project: Project, name: str, number: int, at: float) -> Json:
    author = world.users["mira" if number % 2 == 0 else "jonas"]
    messages = ("fix: round totals\n\nThe sum was off by a cent.", "feat: vouchers", "chore: update the lock file")
    return {
        "id": f"{hash_of(name) + number:040x}",
        "message": messages[number % len(messages)],
        "dateCreated": iso(at - HOUR * (number + 1)),
        "author": {"name": author.name, "email": author.email},
        "repository": {"name": f"{project.organization}/{project.slug}"},
        "pullRequest": None,
    }


def _deploy(name: str, at: float) -> Json:
    return {
        "id": str(300 + hash_of(name) % 700),
        "environment": "production",
        "dateStarted": None,
        "dateFinished": iso(at + HOUR),
        "name": "blue",
        "url": None,
    }


def hash_of(text: str) -> int:
    """A number that follows from *text* alone; Python's own hash changes with every process."""
    return int.from_bytes(text.encode()) % (2**150 - 3)
