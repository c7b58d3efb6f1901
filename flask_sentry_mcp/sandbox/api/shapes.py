"""How teams, projects and actors look wherever they appear."""

from ..access import any_of, may_enter, me
from ..credentials import SCOPES
from ..records import Issue, Json, Project, Team
from ..state import state
from ..wire import iso


def team_brief(team: Team) -> Json:
    return {"id": team.id, "slug": team.slug, "name": team.name}


def team_shape(team: Team) -> Json:
    is_member = me().key in team.members
    return team_brief(team) | {
        "dateCreated": iso(team.created_at),
        "isMember": is_member,
        "memberCount": len(team.members),
        "teamRole": "contributor" if is_member else None,
        "hasAccess": True,
    }


def project_brief(project: Project) -> Json:
    return {"id": project.id, "name": project.name, "slug": project.slug, "platform": project.platform}


def project_shape(project: Project) -> Json:
    """A project as lists and detail show it."""
    world = state().world
    organization = world.organizations[project.organization]
    teams = [team_brief(team) for team in world.teams_of(organization) if team.slug in project.teams]
    allowed = may_enter(organization, project)
    return project_brief(project) | {
        "dateCreated": iso(project.created_at),
        "firstEvent": iso(project.created_at + 311),
        "firstTransactionEvent": project.has_traces,
        "hasProfiles": project.has_profiles,
        "hasReplays": project.has_replays,
        "hasLogs": project.has_logs,
        "hasMonitors": project.slug == "warehouse-jobs",
        "hasMinifiedStackTrace": False,
        "isMember": world.is_member_of(me(), project),
        "hasAccess": allowed,
        "access": sorted(any_of("event:read", "project:read") & SCOPES) if allowed else [],
        "features": ["releases"],
        "team": teams[0] if teams else None,
        "teams": teams,
        "platforms": [project.language],
        "environments": list(project.environments),
        "latestRelease": {"version": f"{project.slug}@2.8.1"},
    }


def assignee(issue: Issue) -> Json | None:
    """``{"type": "team", "id": "77", "name": "payments"}``, or None."""
    if issue.assigned is None:
        return None
    kind, key = issue.assigned
    world = state().world
    if kind == "user":
        user = world.users[key]
        return {"type": "user", "id": user.id, "name": user.name, "email": user.email}
    teams = world.teams_of(world.organizations[issue.project.organization])
    team = next(one for one in teams if one.slug == key)
    return {"type": "team", "id": team.id, "name": team.slug}
