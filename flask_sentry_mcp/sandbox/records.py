"""The records of the sandbox's world: people, organizations, projects, issues, events, spans.

They are what a Sentry would keep in its databases; how they look on the wire is decided in ``api``. Times are seconds
since the epoch.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in. ``key`` is how tests name them: ``mira``."""

    key: str
    id: str
    name: str
    email: str
    joined_at: float
    is_active: bool = True

    @property
    def username(self) -> str:
        return self.email


@dataclass(slots=True)
class Organization:
    """``roles`` says who is a member, and as what: ``{"mira": "owner"}``. Slugs compare exactly."""

    id: str
    slug: str
    name: str
    region: str
    created_at: float
    roles: dict[str, str]
    is_open: bool = True  # every member may enter every project
    has_seer_budget: bool = True
    has_validation: bool = True  # of queries, at events/validate


@dataclass(slots=True)
class Team:
    id: str
    slug: str
    name: str
    organization: str
    created_at: float
    members: frozenset[str]


@dataclass(slots=True)
class Project:
    """``prefix`` begins its short ids; it keeps the slug of the project's first day."""

    id: str
    slug: str
    name: str
    platform: str
    organization: str
    teams: tuple[str, ...]
    prefix: str
    created_at: float
    environments: tuple[str, ...] = ("production", "staging")
    former_slugs: tuple[str, ...] = ()
    has_replays: bool = False
    has_traces: bool = True
    has_profiles: bool = False
    has_logs: bool = True
    is_linked: bool = False  # to a source repository

    @property
    def language(self) -> str:
        """``python`` of ``python-flask``."""
        return self.platform.partition("-")[0]


@dataclass(slots=True)
class Event:
    """One occurrence of an issue that is still retained. ``kind`` and ``detail`` say how its entries are built."""

    id: str
    issue_id: int
    at: float
    environment: str
    release: str | None
    user: Json | None
    tags: list[Json]
    trace_id: str | None = None
    span_id: str | None = None
    replay_id: str | None = None
    transaction: str | None = None


@dataclass(slots=True)
class Issue:
    """``count`` and ``user_count`` are lifetime totals; only the newest ``events`` are retained."""

    id: int
    short_id: str
    project: Project
    story: str  # which recipe in ``seed.stories`` builds its events
    detail: Json  # what that recipe needs
    title: str
    culprit: str | None
    metadata: Json
    first_seen: float
    last_seen: float
    count: int
    user_count: int
    level: str = "error"
    platform: str | None = None
    type: str = "error"
    issue_type: str = "error"
    category: str = "error"
    status: str = "unresolved"
    substatus: str | None = "ongoing"
    status_details: Json = field(default_factory=dict)
    priority: str | None = "medium"
    fixability: float | None = None
    assigned: tuple[str, str] | None = None  # ("user", key) or ("team", slug)
    is_unhandled: bool = False
    first_release: str | None = None
    last_release: str | None = None
    events: list[Event] = field(default_factory=list)  # newest first
    notes: list[Json] = field(default_factory=list)  # newest first, as on the wire
    activity: list[Json] = field(default_factory=list)  # newest first, as on the wire
    reports: list[Json] = field(default_factory=list)
    external: list[Json] = field(default_factory=list)
    seen_by: set[str] = field(default_factory=set)
    bookmarked_by: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Span:
    """One span of a trace; durations in milliseconds."""

    id: str
    trace_id: str
    parent_id: str | None
    project: Project
    op: str
    description: str
    at: float
    duration_ms: float
    transaction: str
    transaction_id: str
    is_transaction: bool = False
    status: str = "ok"
    environment: str = "production"
    release: str | None = None
    attributes: Json = field(default_factory=dict)


@dataclass(slots=True)
class Trace:
    """``errors`` are events that belong to a span; ``loose_errors`` belong to none."""

    id: str
    organization: str
    spans: list[Span]
    errors: list[Event] = field(default_factory=list)
    loose_errors: list[Event] = field(default_factory=list)
    logs: int = 0
    snake_case: bool = False  # its meta answers with the names of earlier versions


@dataclass(slots=True)
class Release:
    version: str
    short_version: str
    organization: str
    projects: tuple[Project, ...]
    created_at: float
    released_at: float | None
    new_issues: int
    commits: list[Json]
    deploys: list[Json]


@dataclass(slots=True)
class AutofixRun:
    """A run of Seer. Its state follows the clock, unless ``ends_as`` was reached already when it was seeded."""

    id: int
    started_at: float
    ends_as: str = "completed"  # or error, awaiting_user_input
    takes_s: float = 6.0
    user_context: str = ""
