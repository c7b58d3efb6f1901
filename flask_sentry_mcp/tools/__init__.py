"""The catalogue: every tool about Sentry, by noun."""

from ..mcp.tool import Toolbox
from . import account, issues, projects, triage


def catalogue() -> Toolbox:
    """Every toolbox, in the order in which a model should meet them. A new one each time."""
    return Toolbox().include(account.toolbox, projects.toolbox, issues.toolbox, triage.toolbox)
