"""Runs of Seer that exist from the start: one in each state that a run can end in, one that is still going."""

from ..records import AutofixRun
from ..world import World
from .places import DAY

STATES = {
    "chained": "completed",
    "nulls": "error",
    "unassigned": "awaiting_user_input",
}
LONG_S = 10 * 365 * DAY  # the run that a test finds still going


def fill(world: World) -> None:
    northwind = world.organizations["northwind"]
    for number, (name, state) in enumerate(STATES.items(), start=9001):
        issue = world.issue(northwind, world.landmarks[name])
        if issue is not None:
            world.runs[issue.id] = AutofixRun(number, world.epoch - DAY, ends_as=state)
    going = world.issue(northwind, world.landmarks["assigned_user"])
    if going is not None:
        world.runs[going.id] = AutofixRun(9010, world.epoch - 60, takes_s=LONG_S)
