"""Seer's autofix: runs that make progress with the clock, from nothing to a root cause, a solution, an end."""

import uuid
from typing import Any

from flask import Blueprint, Response, request

from ... import clock
from ..access import at_issue
from ..records import AutofixRun, Issue, Json
from ..state import state
from ..wire import ApiError, iso, refuse, reply, wrong_field

blueprint = Blueprint("api_seer", __name__, url_prefix="/api/0/organizations/<organization>/issues/<issue>")
STEPS = ("root_cause", "solution", "code_changes", "open_pr", "coding_agent_handoff")
MAX_CONTEXT = 1000
TODOS = ("Read the stack trace", "Find the cause", "Plan the fix")


@blueprint.get("/autofix/")
@at_issue("event:read")
def read(issue: Issue) -> Response:
    """``{"autofix": null}`` when there was never a run."""
    run = state().world.runs.get(issue.id)
    return reply({"autofix": None if run is None else run_shape(run, issue)})


@blueprint.post("/autofix/")
@at_issue("event:write", "event:read")
def start(issue: Issue) -> Response:
    """Begin a run, or go on with ``run_id``. Unknown members such as ``instruction`` are ignored."""
    asked = request.get_json(silent=True)
    asked = asked if isinstance(asked, dict) else {}
    organization = state().world.organizations[issue.project.organization]
    if not organization.has_seer_budget:
        raise ApiError(402, "No budget for Seer Autofix.")
    if issue.category == "metric":
        raise refuse(403, "AI Autofix is not enabled for this issue.")
    _check(asked)
    with state().world.lock:
        known = state().world.runs.get(issue.id)
        if asked.get("run_id") is not None and (known is None or known.id != asked["run_id"]):
            raise ApiError(404)
        number = known.id if known is not None and asked.get("run_id") else state().world.next_number()
        run = AutofixRun(number, clock.now(), takes_s=state().seer_takes_s)
        run.user_context = asked.get("user_context") or ""
        state().world.runs[issue.id] = run
    return reply({"run_id": run.id, "sentry_run_id": str(uuid.UUID(int=run.id))}, 202)


def run_shape(run: AutofixRun, issue: Issue) -> Json:
    """A run as it is now: a third for the root cause, a third for the solution, then its end."""
    done = min((clock.now() - run.started_at) / run.takes_s, 1.0)
    status = run.ends_as if done >= 1 else "processing"
    blocks = [_block(run, "b1", done, [_cause(issue)] if done >= 1 / 3 else [])]
    if done >= 2 / 3 and run.ends_as == "completed":
        blocks.append(_block(run, "b2", done, [_solution(issue)]))
    return {
        "run_id": run.id,
        "status": status,
        "updated_at": iso(min(run.started_at + run.takes_s, clock.now())).removesuffix("Z"),
        "pending_user_input": {"question": "Which voucher do you mean?"} if status == "awaiting_user_input" else None,
        "repo_pr_states": {},
        "coding_agents": {},
        "blocks": blocks,
    }


def _check(asked: dict[str, Any]) -> None:
    if asked.get("step", "root_cause") not in STEPS:
        raise wrong_field("step", f'"{asked["step"]}" is not a valid choice.')
    words = asked.get("user_context")
    if words is not None and (not isinstance(words, str) or len(words) > MAX_CONTEXT):
        raise wrong_field("user_context", f"Ensure this field has no more than {MAX_CONTEXT} characters.")
    number = asked.get("run_id")
    if number is not None and not isinstance(number, int):
        raise wrong_field("run_id", "A valid integer is required.")


def _block(run: AutofixRun, name: str, done: float, artifacts: list[Json]) -> Json:
    reached = int(done * len(TODOS))
    states = [
        "completed" if index < reached else "in_progress" if index == reached else "pending" for index in range(3)
    ]
    return {
        "id": name,
        "message": {"role": "assistant", "content": f"I am looking at it. {run.user_context}".strip()},
        "timestamp": iso(run.started_at).removesuffix("Z"),
        "todos": [{"content": todo, "status": status} for todo, status in zip(TODOS, states, strict=True)],
        "artifacts": artifacts,
    }


def _cause(issue: Issue) -> Json:
    return {
        "key": "root_cause",
        "reason": "done",
        "data": {
            "one_line_description": "The discount is applied twice.",
            "five_whys": [
                "The total is below zero.",
                "The discount exceeds the sum of the lines.",
                "It is subtracted once per line and once per cart.",
            ],
            "reproduction_steps": ["Put two lines into a cart", "Use the voucher SPRING", f"See {issue.short_id}"],
        },
    }


def _solution(issue: Issue) -> Json:
    return {
        "key": "solution",
        "reason": "done",
        "data": {
            "one_line_summary": "Apply the discount once.",
            "steps": [
                {"title": "Guard the total", "description": f"Refuse negative totals in {issue.project.slug}."},
                {"title": "Test", "description": "Add a test with two lines and one voucher."},
            ],
        },
    }
