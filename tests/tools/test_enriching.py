"""What only enriches the details of an issue: it may fail, it may not hold up, and it is not silently absent."""

from typing import Any

import pytest

from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.sentry import issues
from tests.tools.callers import Caller

CHAINED = {"organizationSlug": "northwind", "issueId": "CHECKOUT-API-4F"}


@pytest.mark.parametrize("fault", [{"status": 429, "headers": {"Retry-After": "60"}}, {"status": 403}, {"drop": True}])
def test_what_could_not_be_loaded_is_not_silently_absent(mira: Caller, sandbox: Sandbox, fault: dict[str, Any]) -> None:
    """Nobody should conclude that there is no analysis, or no ticket."""
    sandbox.faults.add(path="*/autofix/", **fault)

    text = mira.read("get_issue_details", **CHAINED)

    assert "- Could not be loaded, so nothing is known about it: what Seer found.\n" in text


def test_what_sentry_does_not_have_is_not_missing(mira: Caller, sandbox: Sandbox) -> None:
    for path in ("*/autofix/", "*/external-issues/", "*/replay-count/", "*/stacktrace-link/"):
        sandbox.faults.add(path=path, status=404)

    text = mira.read("get_issue_details", **CHAINED)

    assert "Could not be loaded" not in text


def test_what_only_enriches_has_little_time(mira: Caller, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issues, "OPTIONAL_S", 0.3)
    sandbox.faults.add(path="*/external-issues/", delay_s=0.8)

    text = mira.read("get_issue_details", **CHAINED)

    assert "nothing is known about it: linked tickets" in text


def test_an_unknown_issue_is_told_without_waiting_for_the_rest(mira: Caller, sandbox: Sandbox) -> None:
    """What is on its way to enrich the answer is of no interest any more."""
    sandbox.faults.add(path="*/autofix/", delay_s=0.5)

    refused = mira.refused("get_issue_details", **CHAINED | {"issueId": "CHECKOUT-API-ZZZ"})

    assert refused.startswith("Sentry has no such issue")
    assert not any(one.path.endswith("/autofix/") for one in sandbox.requests)
