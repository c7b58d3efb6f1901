"""Seer's autofix: runs that make progress with the clock."""

from flask import Blueprint, Response

from ..access import at_issue
from ..records import Issue
from ..state import state
from ..wire import reply

blueprint = Blueprint("api_seer", __name__, url_prefix="/api/0/organizations/<organization>/issues/<issue>")


@blueprint.get("/autofix/")
@at_issue("event:read")
def read(issue: Issue) -> Response:
    """``{"autofix": null}`` when there was never a run."""
    run = state().world.runs.get(issue.id)
    return reply({"autofix": None if run is None else {"run_id": run.id}})
