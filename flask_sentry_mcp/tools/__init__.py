"""The catalogue: every tool about Sentry, by noun."""

from dataclasses import replace

from ..mcp.tool import Toolbox
from . import account, evidence, explore, gateway, issues, projects, releases, resources, seer, teams, traces, triage


def catalogue(*, full: bool = False) -> Toolbox:
    """Every toolbox, in the order in which a model should meet them. A new one each time.

    ``tools/list`` shows nine, which find and run the others. With *full* it shows them all, and needs no search.
    """
    everything = Toolbox().include(
        account.toolbox,
        projects.toolbox,
        teams.toolbox,
        issues.toolbox,
        resources.toolbox,
        explore.toolbox,
        evidence.toolbox,
        traces.toolbox,
        releases.toolbox,
        triage.toolbox,
        seer.toolbox,
        gateway.toolbox,
    )
    if not full:
        return everything
    listed = Toolbox()
    for tool in everything.tools.values():
        if tool.name not in gateway.ITSELF:
            listed.add(replace(tool, listed=True))
    return listed
