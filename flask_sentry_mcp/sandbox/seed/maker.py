"""How a landmark is made: an issue with events, and the small parts around it."""

import random
from dataclasses import replace

from ..records import Issue, Json, Project
from ..wire import iso
from ..world import World
from .issues import HOUR, raised, retain, short_code
from .places import DAY
from .stories import Story


class Maker:
    """Adds landmarks to one project, numbering them."""

    def __init__(self, world: World, chance: random.Random, slug: str) -> None:
        self.world, self.chance = world, chance
        self.project: Project = next(one for one in world.projects if one.slug == slug)

    def raised(
        self, name: str, issue_id: int, number: int, story: Story, *, events: int = 6, age_h: float = 3
    ) -> Issue:
        """An error, last seen *age_h* hours ago."""
        last_seen = self.world.epoch - age_h * HOUR
        issue = raised(
            self.project,
            issue_id,
            number,
            story,
            first_seen=last_seen - 45 * DAY,
            last_seen=last_seen,
            count=events * 40,
        )
        return self.add(name, issue, events)

    def shown(
        self, name: str, issue_id: int, number: int, title: str, *, story: str = "occurrence", **more: object
    ) -> Issue:
        """An issue of another kind, with *more* fields of ``Issue``."""
        last_seen = self.world.epoch - 5 * HOUR
        issue = Issue(
            id=issue_id,
            short_id=f"{self.project.prefix}-{short_code(number)}",
            project=self.project,
            story=story,
            detail={},
            title=title,
            culprit="POST /pay",
            metadata={"title": title},
            first_seen=last_seen - 20 * DAY,
            last_seen=last_seen,
            count=310,
            user_count=42,
            platform=self.project.language,
        )
        return self.add(name, replace(issue, **more), 4)  # type: ignore[arg-type]  # names are checked by replace

    def add(self, name: str, issue: Issue, events: int) -> Issue:
        if events:
            retain(self.world, self.chance, issue, events)
        self.world.add_issue(issue)
        self.world.landmarks[name] = issue.short_id
        return issue


def evidence(kind: int, name: str, value: str, transaction: str | None) -> Json:
    return {
        "occurrence_type": kind,
        "evidence": [(name, value, True), ("Detected by", "the sandbox", False)],
        "transaction": transaction,
    }


def done(world: World, number: str, kind: str, user: str | None, at: float, data: Json) -> Json:
    person = world.users[user] if user else None
    return {
        "id": number,
        "type": kind,
        "dateCreated": iso(at),
        "user": person and {"id": person.id, "name": person.name, "email": person.email, "username": person.username},
        "sentry_app": None,
        "data": data,
    }


def note(world: World, number: str, user: str, text: str, at: float) -> Json:
    return done(world, number, "note", user, at, {"text": text})


def report(number: str, event_id: str, name: str, email: str, comments: str, at: float) -> Json:
    return {
        "id": number,
        "eventID": event_id,
        "name": name,
        "email": email,
        "comments": comments,
        "dateCreated": iso(at),
        "user": None,
        "event": {"id": event_id, "eventID": event_id},
    }
