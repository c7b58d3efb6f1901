"""Seer: runs in each state, and runs that make progress with the clock."""

from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker

FREE = "organizations/northwind/issues/SHOP-WEB-1/autofix/"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("chained", "completed"),
        ("nulls", "error"),
        ("unassigned", "awaiting_user_input"),
        ("assigned_user", "processing"),
    ],
)
def test_there_is_a_run_in_each_state(mira: Asker, sandbox: Sandbox, name: str, status: str) -> None:
    body = mira.get(f"organizations/northwind/issues/{sandbox.landmarks[name]}/autofix/").json()

    assert body["autofix"]["status"] == status


def artifacts(body: dict[str, Any]) -> list[str]:
    return [artifact["key"] for block in body["autofix"]["blocks"] for artifact in block["artifacts"]]


def test_a_run_goes_from_nothing_to_cause_to_solution(fresh: Asker) -> None:
    """The sandbox of these tests takes 60 s for a run."""
    before = fresh.get(FREE).json()
    started = fresh.ask("POST", FREE, json={"user_context": "Look at vouchers.", "instruction": "ignored"})
    seen = []
    for seconds in (0, 30, 45, 61):
        with clock.shifted(seconds):
            body = fresh.get(FREE).json()
            seen.append((body["autofix"]["status"], artifacts(body)))

    assert before == {"autofix": None}
    assert started.status_code == 202
    assert body["autofix"]["run_id"] == started.json()["run_id"]
    assert "Look at vouchers." in body["autofix"]["blocks"][0]["message"]["content"]
    assert seen == [
        ("processing", []),
        ("processing", ["root_cause"]),
        ("processing", ["root_cause", "solution"]),
        ("completed", ["root_cause", "solution"]),
    ]


def test_progress_is_told_by_todos(writer: Asker) -> None:
    writer.ask("POST", FREE, json={})

    with clock.shifted(25):
        todos = writer.get(FREE).json()["autofix"]["blocks"][0]["todos"]

    assert [todo["status"] for todo in todos] == ["completed", "in_progress", "pending"]


@pytest.mark.parametrize(
    ("body", "status", "content"),
    [
        ({"run_id": 1}, 404, b""),
        ({"step": "dance"}, 400, b'{"step":["\\"dance\\" is not a valid choice."]}'),
        (
            {"user_context": "x" * 1001},
            400,
            b'{"user_context":["Ensure this field has no more than 1000 characters."]}',
        ),
        ({"run_id": "one"}, 400, b'{"run_id":["A valid integer is required."]}'),
    ],
)
def test_what_is_refused(mira: Asker, body: dict[str, Any], status: int, content: bytes) -> None:
    answer = mira.ask("POST", FREE, json=body)

    assert (answer.status_code, answer.content) == (status, content)


def test_a_metric_issue_is_refused(mira: Asker, sandbox: Sandbox) -> None:
    path = f"organizations/northwind/issues/{sandbox.landmarks['metric']}/autofix/"

    assert mira.ask("POST", path, json={}).status_code == 403


def test_without_budget_the_answer_is_402_and_a_bare_string(jonas: Asker) -> None:
    answer = jonas.ask("POST", "organizations/tidepool/issues/TIDE-CHARTS-1/autofix/", json={})

    assert (answer.status_code, answer.json()) == (402, "No budget for Seer Autofix.")
