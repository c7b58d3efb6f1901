"""The catalogue: every tool about Sentry, by noun."""

from ..mcp.tool import Toolbox
from . import account, evidence, explore, gateway, issues, projects, releases, resources, seer, teams, traces, triage

_FIRST = (account.toolbox, projects.toolbox, teams.toolbox, issues.toolbox)
_THEN = (
    explore.toolbox,
    evidence.toolbox,
    traces.toolbox,
    releases.toolbox,
    triage.toolbox,
    seer.toolbox,
    gateway.toolbox,
)


def catalogue() -> Toolbox:
    """Every toolbox, in the order in which a model should meet them. A new one each time.

    Nine tools are listed; they find and run the others.
    """
    names = {name for toolbox in (*_FIRST, *_THEN) for name in toolbox.tools}
    return Toolbox().include(*_FIRST, resources.toolbox_for(names), *_THEN)
