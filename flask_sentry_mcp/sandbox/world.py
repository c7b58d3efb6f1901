"""The world: everything that the sandbox's Sentry knows, and how it is looked up.

``seed`` fills it; ``api`` reads it and, under ``lock``, changes it.
"""

import itertools
import threading
from collections.abc import Iterable

from .records import AutofixRun, Event, Issue, Json, Organization, Project, Release, Team, Trace, User


class World:
    """``epoch`` is when it was seeded: all seeded times lie before it."""

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.organizations: dict[str, Organization] = {}
        self.teams: list[Team] = []
        self.projects: list[Project] = []
        self.issues: dict[int, Issue] = {}
        self.merged: dict[int, int] = {}  # id that was asked for -> id of the issue that survived
        self.releases: list[Release] = []
        self.traces: dict[str, Trace] = {}
        self.replays: list[Json] = []
        self.logs: list[Json] = []
        self.metrics: list[Json] = []
        self.profiles: list[Json] = []
        self.runs: dict[int, AutofixRun] = {}  # by issue id
        self.rows: dict[tuple[str, str], list[Json]] = {}  # what searches look through, made when first asked
        self.landmarks: dict[str, str] = {}  # name -> short id or id of something that tests look for
        self._short_ids: dict[tuple[str, str], int] = {}
        self._events: dict[str, Event] = {}
        self._numbers = itertools.count(700_001)

    def next_number(self) -> int:
        """A number for something made after the seed: a note, an activity, a run."""
        return next(self._numbers)

    # -- filling --------------------------------------------------------------------------------------------------

    def add_issue(self, issue: Issue) -> None:
        self.issues[issue.id] = issue
        self._short_ids[issue.project.organization, issue.short_id] = issue.id
        self._events.update((event.id, event) for event in issue.events)

    # -- looking up -----------------------------------------------------------------------------------------------

    def user_by_id(self, user_id: str) -> User | None:
        return next((user for user in self.users.values() if user.id == user_id), None)

    def organization(self, slug_or_id: str) -> Organization | None:
        """By slug, exactly as written, or by id."""
        found = self.organizations.get(slug_or_id)
        return found or next((one for one in self.organizations.values() if one.id == slug_or_id), None)

    def memberships(self, user: User) -> list[Organization]:
        """Newest organization first."""
        found = [one for one in self.organizations.values() if user.key in one.roles]
        return sorted(found, key=lambda one: -one.created_at)

    def teams_of(self, organization: Organization) -> list[Team]:
        return [team for team in self.teams if team.organization == organization.slug]

    def projects_of(self, organization: Organization) -> list[Project]:
        return [project for project in self.projects if project.organization == organization.slug]

    def project(self, organization: Organization, slug_or_id: str) -> Project | None:
        return next((one for one in self.projects_of(organization) if slug_or_id in (one.slug, one.id)), None)

    def renamed_project(self, organization: Organization, former_slug: str) -> Project | None:
        return next((one for one in self.projects_of(organization) if former_slug in one.former_slugs), None)

    def is_member_of(self, user: User, project: Project) -> bool:
        return any(team.slug in project.teams and user.key in team.members for team in self._teams_at(project))

    def may_enter(self, user: User, organization: Organization, project: Project) -> bool:
        """Owners and managers everywhere; others where a team of theirs is, or everywhere if the house is open."""
        role = organization.roles.get(user.key)
        return role is not None and (
            role in ("owner", "manager") or organization.is_open or self.is_member_of(user, project)
        )

    def issue(self, organization: Organization, id_or_short_id: str) -> Issue | None:
        """By number or short id (in any case). A merged issue resolves to the one that survived."""
        if id_or_short_id.isdecimal():
            number = int(id_or_short_id)
        else:
            number = self._short_ids.get((organization.slug, id_or_short_id.upper()), 0)
        issue = self.issues.get(self.merged.get(number, number))
        return issue if issue is not None and issue.project.organization == organization.slug else None

    def issues_of(self, organization: Organization) -> Iterable[Issue]:
        return (issue for issue in self.issues.values() if issue.project.organization == organization.slug)

    def event(self, event_id: str) -> Event | None:
        """By id: 32 hex digits, any case, with or without dashes."""
        return self._events.get(event_id.replace("-", "").lower())

    def _teams_at(self, project: Project) -> Iterable[Team]:
        return (team for team in self.teams if team.organization == project.organization)
