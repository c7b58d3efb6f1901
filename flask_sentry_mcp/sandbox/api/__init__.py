"""Sentry's REST API under ``/api/0/``, a file for each noun."""

from . import account, events, explore, issues, organizations, projects, releases, replays, seer, teams, traces, updates

BLUEPRINTS = (
    account.blueprint,
    organizations.blueprint,
    projects.blueprint,
    teams.blueprint,
    issues.blueprint,
    updates.blueprint,
    events.blueprint,
    traces.blueprint,
    explore.blueprint,
    releases.blueprint,
    replays.blueprint,
    seer.blueprint,
)
