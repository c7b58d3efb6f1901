"""Issues by the dozen: every project gets some from the stories of its language, with retained events."""

import random

from ..records import Event, Issue, Json, Project
from ..world import World
from .places import DAY
from .stories import BY_LANGUAGE, Story

PER_PROJECT = 30
HOUR = 3600.0
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of short ids: no I, L, O, U
STATES = (
    ("unresolved", "ongoing"),
    ("unresolved", "new"),
    ("unresolved", "escalating"),
    ("unresolved", "regressed"),
    ("unresolved", "ongoing"),
    ("resolved", None),
    ("ignored", "archived_until_escalating"),
)
PEOPLE = (
    {"id": "u-88", "email": "kai@shop.example", "username": None, "ip_address": "203.0.113.9"},
    {"id": "u-91", "email": "lena@shop.example", "username": "lena", "ip_address": "203.0.113.40"},
    {"id": "u-95", "email": None, "username": None, "ip_address": "198.51.100.7"},
    {"id": None, "email": "noor@shop.example", "username": None, "ip_address": None},
)
BROWSERS = ("Chrome 139", "Firefox 141", "Safari 19", "Edge 139")


def short_code(number: int) -> str:
    """143 is ``4F``."""
    text = ""
    while number:
        number, digit = divmod(number, 32)
        text = DIGITS[digit] + text
    return text


def version(project: Project, number: int) -> str:
    """``checkout-api@2.8.1``."""
    return f"{project.slug}@2.{number // 4}.{number % 4}"


def hex_id(chance: random.Random, digits: int = 32) -> str:
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def fill(world: World, chance: random.Random) -> None:
    """Thirty ordinary issues for each project."""
    for project in world.projects:
        for number in range(1, PER_PROJECT + 1):
            world.add_issue(ordinary(world, chance, project, number))


def ordinary(world: World, chance: random.Random, project: Project, number: int) -> Issue:
    stories = BY_LANGUAGE[project.language]
    story = stories[number % len(stories)]
    last_seen = world.epoch - chance.uniform(0.01, 1.0) ** 3 * 60 * DAY
    issue = raised(
        project,
        int(project.id) * 1000 % 9_000_000 + 10_000 + number * 7,
        number,
        story,
        first_seen=last_seen - chance.uniform(0.1, 200) * DAY,
        last_seen=last_seen,
        count=int(chance.paretovariate(0.7)) + number,
    )
    issue.status, issue.substatus = STATES[number % len(STATES)]
    issue.priority = ("high", "medium", "low")[number % 3]
    issue.level = "error" if number % 6 else ("warning", "fatal", "info")[number // 6 % 3]
    issue.fixability = (None, 0.82, 0.71, 0.5, 0.3, 0.1)[number % 6]
    if issue.status == "ignored":
        issue.status_details = {"ignoreUntilEscalating": True}
    assign(issue, project, number)
    retain(world, chance, issue, chance.randint(3, 8))
    return issue


def raised(
    project: Project, issue_id: int, number: int, story: Story, *, first_seen: float, last_seen: float, count: int
) -> Issue:
    """An error issue that tells *story*; threads for Java and native code."""
    value = story.value.format(n=number)
    return Issue(
        id=issue_id,
        short_id=f"{project.prefix}-{short_code(number)}",
        project=project,
        story="threads" if project.language in ("java", "native") else "exception",
        detail={"story": story, "n": number},
        title=f"{story.type}: {value}",
        culprit=f"{story.module} in {story.function}",
        metadata={"type": story.type, "value": value, "filename": story.filename, "function": story.function},
        first_seen=first_seen,
        last_seen=last_seen,
        count=count,
        user_count=count // 7,
        platform=project.language,
        is_unhandled=not story.handled,
        first_release=version(project, 20),
        last_release=version(project, 33),
    )


def assign(issue: Issue, project: Project, number: int) -> None:
    """A third to nobody, a third to the project's team, a third to people."""
    if number % 3 == 1:
        issue.assigned = ("team", project.teams[0])
    elif number % 3 == 2:
        issue.assigned = ("user", "jonas" if project.organization == "tidepool" else "mira")


def retain(world: World, chance: random.Random, issue: Issue, count: int) -> None:
    """Give the issue *count* retained events, the newest at its last sighting, none older than 89 days."""
    oldest = max(issue.first_seen, world.epoch - 89 * DAY)
    span = max(issue.last_seen - oldest, 0.0)
    offsets = [0.0, *sorted(chance.random() ** 2 * span for _ in range(count - 1))]
    issue.events = [event_of(chance, issue, issue.last_seen - offset, index) for index, offset in enumerate(offsets)]


def event_of(chance: random.Random, issue: Issue, at: float, index: int) -> Event:
    project = issue.project
    story = issue.detail.get("story")
    transaction = story.transaction if isinstance(story, Story) else issue.detail.get("transaction")
    environment = project.environments[index % len(project.environments)]
    release = version(project, 33 - index // 3)
    person = PEOPLE[(index + issue.id) % len(PEOPLE)]
    return Event(
        id=hex_id(chance),
        issue_id=issue.id,
        at=at,
        environment=environment,
        release=release,
        user=dict(person) | {"geo": {"country_code": "PT", "city": "Porto"}},
        tags=_tags(issue, environment, release, index, person, transaction),
        trace_id=hex_id(chance) if project.has_traces else None,
        span_id=hex_id(chance, 16) if project.has_traces else None,
        transaction=transaction,
    )


def _tags(
    issue: Issue, environment: str, release: str, index: int, person: Json, transaction: str | None
) -> list[Json]:
    pairs = [
        ("environment", environment),
        ("level", issue.level),
        ("release", release),
        ("server_name", f"web-{index % 3 + 1}"),
    ]
    if issue.project.language in ("javascript", "python", "php"):
        pairs += [("browser", BROWSERS[index % len(BROWSERS)]), ("url", f"https://shop.example/pay/{index % 4}")]
    if transaction is not None:
        pairs.append(("transaction", transaction))
    if person["id"] is not None:
        pairs.append(("user", f"id:{person['id']}"))
    return [{"key": key, "value": value} for key, value in pairs]
