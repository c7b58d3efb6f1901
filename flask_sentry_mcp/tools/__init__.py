"""The catalogue: every tool about Sentry, by noun."""

from ..mcp.tool import Toolbox
from . import account, evidence, explore, issues, projects, releases, seer, teams, traces, triage


def catalogue() -> Toolbox:
    """Every toolbox, in the order in which a model should meet them. A new one each time."""
    return Toolbox().include(
        account.toolbox,
        projects.toolbox,
        teams.toolbox,
        issues.toolbox,
        explore.toolbox,
        evidence.toolbox,
        traces.toolbox,
        releases.toolbox,
        triage.toolbox,
        seer.toolbox,
    )
