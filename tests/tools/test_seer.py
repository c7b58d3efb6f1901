"""analyze_issue_with_seer: bounded in time, with progress, and honest about how far it is."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.context import Silent
from flask_sentry_mcp.errors import SentryFailed, SentryRefused
from flask_sentry_mcp.render.seer import WRITTEN_BY
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from flask_sentry_mcp.tools import seer
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}
AGAIN = "Call analyze_issue_with_seer again for the rest"


class Listening(Silent):
    """A client that listens, and hangs up after *patience* messages."""

    def __init__(self, patience: int = 1_000) -> None:
        self.heard: list[tuple[float, float | None, str | None]] = []
        self.tasks = 0
        self._patience = patience

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        self.heard.append((progress, total, message))

    def continue_as_task(self) -> None:
        self.tasks += 1

    def is_cancelled(self) -> bool:
        return len(self.heard) >= self._patience


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes become tenths of a second."""
    monkeypatch.setattr(seer, "POLL_S", 0.02)
    monkeypatch.setattr(seer, "PATIENCE_S", 0.3)


@pytest.fixture
def fresh(sandbox: Sandbox) -> Iterator[str]:
    """An issue that Seer has not seen yet."""
    northwind = sandbox.world.organizations["northwind"]
    short_id = sandbox.landmarks["slow_query"]
    issue = sandbox.world.issue(northwind, short_id)
    assert issue is not None
    sandbox.world.runs.pop(issue.id, None)
    yield short_id
    sandbox.world.runs.pop(issue.id, None)


def test_a_finished_analysis_is_shown_at_once(mira: Caller, sandbox: Sandbox) -> None:
    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=sandbox.landmarks["chained"])

    assert [one.method for one in sandbox.requests] == ["GET", "GET"]
    head, _, rest = text.partition("## Root cause\n\n")
    assert head == (
        f"# Seer on CHECKOUT-API-4F\n\n{LEGEND}\n\nThe analysis is complete.\n\n"
        "**Run**: 9001\n**Issue**: http://sentry.test/organizations/northwind/issues/CHECKOUT-API-4F\n\n"
    )
    assert rest.startswith(f"{WRITTEN_BY}\n\n<untrusted>\nThe discount is applied twice.\n")
    assert f"\n## Proposed solution\n\n{WRITTEN_BY}\n\n<untrusted>\n" in rest


def test_starts_one_and_says_how_to_come_back(mira: Caller, sandbox: Sandbox, fresh: str) -> None:
    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=fresh, instruction="Look at the index.")

    (start,) = [one for one in sandbox.requests if one.method == "POST"]
    assert start.body == {"step": "root_cause", "stopping_point": "solution", "user_context": "Look at the index."}
    assert "The analysis is still running." in text
    assert AGAIN in text
    (run,) = re.findall(r"\*\*Run\*\*: (\d+)", text)
    issue = sandbox.world.issue(sandbox.world.organizations["northwind"], fresh)
    assert issue is not None
    assert run == str(sandbox.world.runs[issue.id].id)


def test_the_second_call_finds_the_end(mira: Caller, sandbox: Sandbox, fresh: str) -> None:
    mira.call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    with clock.shifted(60):
        text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert "The analysis is complete." in text
    assert sum(one.method == "POST" for one in sandbox.requests) == 1


def test_watches_until_the_end(mira: Caller, fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's runs take 6 seconds; this one began most of them ago."""
    with clock.shifted(-5.7):
        mira.call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)
    monkeypatch.setattr(seer, "PATIENCE_S", 5.0)

    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert "The analysis is complete." in text


def test_tells_how_far_it_is(as_user: Callable[..., Caller], fresh: str) -> None:
    """Long work reports progress, which grows."""
    client = Listening()

    as_user("mira", exchange=client).call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert len(client.heard) > 3
    times = [progress for progress, _, _ in client.heard]
    assert times == sorted(times)
    assert client.heard[0][2] == "Seer is reading the issue"


def test_ends_when_the_client_has_gone(as_user: Callable[..., Caller], sandbox: Sandbox, fresh: str) -> None:
    client = Listening(patience=1)

    as_user("mira", exchange=client).call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert sum(one.path.endswith("/autofix/") and one.method == "GET" for one in sandbox.requests) == 1


def test_only_what_takes_long_becomes_a_task(as_user: Callable[..., Caller], sandbox: Sandbox, fresh: str) -> None:
    """A client that knows tasks gets one; before anything is started, since a task begins anew."""
    client = Listening()
    mira = as_user("mira", exchange=client)

    mira.call("analyze_issue_with_seer", **NORTHWIND, issueId=sandbox.landmarks["chained"])
    assert client.tasks == 0
    mira.call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert client.tasks == 1


def test_a_state_that_cannot_be_read_is_told(mira: Caller, sandbox: Sandbox, fresh: str) -> None:
    mira.call("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)
    seen = len(sandbox.requests)
    sandbox.faults.add(path="*/autofix/", method="GET", status=200, body={"autofix": {"status": "PROCESSING"}}, times=1)
    sandbox.faults.add(path="*/autofix/", method="GET", status=500, body={"detail": "Internal Error"})

    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert f"The analysis is still running. Its state could not be read: {SentryFailed.public}" in text
    assert AGAIN in text
    assert len(sandbox.requests) - seen <= 2 + seer.FAILURES


@pytest.mark.parametrize(
    ("landmark", "said"),
    [
        ("nulls", "The analysis ended with an error."),
        ("unassigned", "Seer waits for an answer by a person"),
    ],
)
def test_other_ends_are_explained(mira: Caller, sandbox: Sandbox, landmark: str, said: str) -> None:
    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=sandbox.landmarks[landmark])

    assert said in text


def test_the_shape_of_before_is_understood(mira: Caller, sandbox: Sandbox) -> None:
    """sentry-upstream 9.13: upper-case states and steps."""
    run = {"status": "COMPLETED", "steps": [{"causes": [{"title": "The index is missing."}]}, None]}
    sandbox.faults.add(path="*/autofix/", status=200, body={"autofix": run})

    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId="CHECKOUT-API-4F")

    assert f"## Root cause\n\n{WRITTEN_BY}\n\n<untrusted>\nThe index is missing.\n</untrusted>" in text


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([], "It came without a root cause and a solution."),
        (
            [{"artifacts": [{"key": "root_cause", "data": {"one_line_description": "x"}}]}],
            "It came without a solution.",
        ),
        (
            [{"artifacts": [{"key": "root_cause", "data": {}}, {"key": "solution", "data": {}}]}],
            "It came without a root cause and a solution.",
        ),
    ],
)
def test_a_complete_run_says_what_it_lacks(
    mira: Caller, sandbox: Sandbox, blocks: list[dict[str, Any]], said: str
) -> None:
    """Otherwise two lines would be all, and a reader would look for the rest."""
    sandbox.faults.add(path="*/autofix/", status=200, body={"autofix": {"status": "completed", "blocks": blocks}})

    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId="CHECKOUT-API-4F")

    assert f"The analysis is complete.\n\n{said}\n\n" in text


def test_a_metric_issue_is_answered_with_what_helps(mira: Caller, sandbox: Sandbox) -> None:
    text = mira.read("analyze_issue_with_seer", **NORTHWIND, issueId=sandbox.landmarks["metric"])

    assert text.startswith("# Seer cannot analyse metric issues\n")
    assert "search_events" in text
    assert {one.method for one in sandbox.requests} == {"GET"}


def test_an_empty_budget_is_said(mira: Caller, sandbox: Sandbox, fresh: str) -> None:
    sandbox.faults.add(path="*/autofix/", method="POST", status=402, body="No budget for Seer Autofix.")

    refused = mira.refused("analyze_issue_with_seer", **NORTHWIND, issueId=fresh)

    assert refused == SentryRefused(402).public


def test_is_offered_only_to_those_who_ask_seer(as_user: Callable[..., Caller]) -> None:
    assert "analyze_issue_with_seer" in as_user("mira", skills={"seer"}).names()
    assert "analyze_issue_with_seer" not in as_user("mira", skills={"inspect", "triage"}).names()
