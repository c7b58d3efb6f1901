"""update_issue: what changes, what does not need to, what is refused before Sentry is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_sentry_mcp.errors import OutsideConstraint, SignInEnded
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from flask_sentry_mcp.sentry.activity import SAME_TEXT
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}


def puts(sandbox: Sandbox) -> list[Any]:
    """The bodies of the changes that Sentry was asked for."""
    return [one.body for one in sandbox.requests if one.method == "PUT"]


@pytest.fixture
def issue(sandbox: Sandbox, mira: Caller) -> str:
    """An unresolved issue of nobody's, reset after use."""
    short_id = sandbox.landmarks["unassigned"]
    mira.call("update_issue", **NORTHWIND, issueId=short_id, status="unresolved", assignedTo="")
    sandbox.requests.clear()
    return short_id


def test_resolves_and_assigns(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolved", assignedTo="me")

    assert puts(sandbox) == [{"status": "resolved", "assignedTo": "user:3104522"}]
    title = text.rpartition("«")[2].partition("»")[0]
    assert text == (
        f"# Issue {issue} in northwind\n\n{LEGEND}\n\n"
        "Changed:\n- Status: unresolved -> resolved\n- Assigned to: Unassigned -> Mira Okafor (user)\n\n"
        f"**Issue**: «{title}»\n"
        "**Status**: resolved\n"
        "**Assigned to**: Mira Okafor (user)\n"
        f"**URL**: http://sentry.test/organizations/northwind/issues/{issue}\n\n"
        "A new event reopens it as a regression."
    )


def test_what_is_so_already_is_not_sent(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="unresolved", assignedTo="")

    assert puts(sandbox) == []
    assert "Nothing to change: the issue already matches." in text


def test_a_change_that_does_not_show_yet_is_told_apart(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    """It was sent and accepted, so "nothing to change" would be wrong."""
    unresolved = {"status": "unresolved", "statusDetails": {}}
    sandbox.faults.add(path=f"*/issues/{issue}/", method="PUT", status=200, body=unresolved)

    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolved")

    assert "Sentry accepted the change, but what it answered shows no difference yet." in text
    assert "Nothing to change" not in text


def test_the_next_release_is_part_of_the_status(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    sandbox.faults.add(
        path=f"*/issues/{issue}/",
        method="PUT",
        status=200,
        body={"status": "resolved", "statusDetails": {"inNextRelease": True}, "substatus": None},
    )

    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolvedInNextRelease")

    assert "- Status: unresolved -> resolvedInNextRelease\n" in text
    assert "**Status**: resolvedInNextRelease\n" in text


def test_the_end_of_ignoring_is_told_to_the_second(mira: Caller, issue: str) -> None:
    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="ignored", ignoreDurationMinutes=30)

    assert text.endswith("It stays ignored until <time>.")


def test_only_what_changes_is_sent(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    mira.call("update_issue", **NORTHWIND, issueId=issue, status="unresolved", assignedTo="team:payments")
    mira.call("update_issue", **NORTHWIND, issueId=issue, status="unresolved", assignedTo="team:payments")

    assert [set(body) for body in puts(sandbox)] == [{"assignedTo"}]
    assert puts(sandbox)[0]["assignedTo"].removeprefix("team:").isdecimal()


def test_somebody_is_assigned_by_e_mail_once(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    for _ in range(2):
        mira.call("update_issue", **NORTHWIND, issueId=issue, assignedTo="mira@northwind.example")

    assert puts(sandbox) == [{"assignedTo": "mira@northwind.example"}]


def test_the_reason_becomes_a_comment(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolved", reason="Fixed by the new gateway.")

    assert sandbox.requests[-1].body == {"text": "Fixed by the new gateway."}
    assert text.endswith("The comment was posted.")


def test_a_comment_that_fails_does_not_undo_the_change(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    sandbox.faults.add(path="*/notes/", status=500, body={"detail": "Internal Error"})

    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolved", reason="Fixed.")

    assert "- Status: unresolved -> resolved" in text
    assert "The comment was not posted. Sentry had an internal problem." in text


def test_a_comment_that_sentry_refuses_does_not_undo_the_change(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    """sentry-tools 3.9: a failing note is reported in the answer, never fatal; also the same words twice."""
    mira.call("add_issue_note", **NORTHWIND, issueId=issue, text="Fixed twice.")

    text = mira.read("update_issue", **NORTHWIND, issueId=issue, status="resolved", reason="Fixed twice.")

    assert "- Status: unresolved -> resolved" in text
    assert text.endswith(f"The comment was not posted. {SAME_TEXT}")


def test_a_sign_in_that_ends_before_the_comment_reaches_the_door(mira: Caller, sandbox: Sandbox, issue: str) -> None:
    sandbox.faults.add(path="*/notes/", status=401, body={"detail": "Invalid token"})

    assert (
        mira.refused("update_issue", **NORTHWIND, issueId=issue, status="resolved", reason="Fixed.")
        == SignInEnded.public
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"substatus": "archived_until_escalating"}),
        ({"ignoreMode": "forever"}, {"substatus": "archived_forever"}),
        (
            {"ignoreDurationMinutes": 30},
            {"substatus": "archived_until_condition_met", "ignoreDuration": 30},
        ),
        (
            {"ignoreMode": "untilOccurrenceCount", "ignoreCount": 100, "ignoreWindowMinutes": 60},
            {"substatus": "archived_until_condition_met", "ignoreCount": 100, "ignoreWindow": 60},
        ),
        (
            {"ignoreUserCount": 5},
            {"substatus": "archived_until_condition_met", "ignoreUserCount": 5},
        ),
    ],
)
def test_ignores_in_every_way(
    mira: Caller, sandbox: Sandbox, issue: str, options: dict[str, object], sent: dict[str, object]
) -> None:
    mira.call("update_issue", **NORTHWIND, issueId=issue, status="ignored", **options)

    assert puts(sandbox) == [{"status": "ignored"} | sent]


@pytest.mark.parametrize(
    ("landmark", "options", "changes"),
    [
        ("ignored_until_escalating", {}, False),
        ("ignored_until_escalating", {"ignoreMode": "untilEscalating"}, False),
        ("ignored_forever", {"ignoreMode": "forever"}, False),
        ("ignored_until_count", {}, False),
        ("ignored_until_count", {"ignoreCount": 77}, True),
    ],
)
def test_ignoring_again_changes_only_what_differs(
    mira: Caller, sandbox: Sandbox, landmark: str, options: dict[str, object], changes: bool
) -> None:
    mira.call("update_issue", **NORTHWIND, issueId=sandbox.landmarks[landmark], status="ignored", **options)

    assert bool(puts(sandbox)) is changes


@pytest.mark.parametrize(
    ("landmark", "mode"),
    [("ignored_until_escalating", "forever"), ("ignored_forever", "untilEscalating")],
)
def test_another_family_of_ignoring_is_refused(mira: Caller, sandbox: Sandbox, landmark: str, mode: str) -> None:
    issue = sandbox.landmarks[landmark]

    refused = mira.refused("update_issue", **NORTHWIND, issueId=issue, status="ignored", ignoreMode=mode)

    assert refused == "The issue is ignored in another way already: set it to unresolved first."
    assert puts(sandbox) == []


def test_resolved_in_the_next_release_is_recognised(mira: Caller, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["resolved_next"]

    mira.call("update_issue", **NORTHWIND, issueId=issue, status="resolvedInNextRelease")

    assert puts(sandbox) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Nothing to do: give status, assignedTo, or both."),
        ({"reason": "because"}, "Nothing to do"),
        ({"status": "resolved", "ignoreMode": "forever"}, 'The ignore options need status "ignored".'),
        ({"assignedTo": "me", "ignoreCount": 3}, 'The ignore options need status "ignored".'),
        ({"status": "ignored", "ignoreWindowMinutes": 5}, "ignoreWindowMinutes needs ignoreCount"),
        ({"status": "ignored", "ignoreUserWindowMinutes": 5}, "ignoreUserWindowMinutes needs ignoreUserCount"),
        ({"status": "ignored", "ignoreCount": 5, "ignoreUserCount": 5}, "Give only one of"),
        ({"status": "ignored", "ignoreMode": "forever", "ignoreCount": 5}, "take no duration or count"),
        ({"status": "ignored", "ignoreMode": "forDuration"}, "This ignoreMode needs its number"),
        ({"status": "ignored", "ignoreMode": "forDuration", "ignoreCount": 5}, "This ignoreMode needs its number"),
        ({"status": "ignored", "ignoreCount": 1, "ignoreWindowMinutes": 10081}, "ignoreWindowMinutes: Must be"),
        ({"status": "ignored", "ignoreCount": 0}, "ignoreCount: Must be"),
        ({"status": "gone"}, "status: Must be one of: resolved, resolvedInNextRelease, unresolved, ignored."),
        ({"assignedTo": "somebody nice"}, "An assignee is user:<numeric id>, team:<id or slug>, me,"),
        ({"status": "resolved", "reason": ""}, "reason: Length must be between 1 and 4096."),
    ],
)
def test_what_cannot_be_is_refused_before_sentry_is_asked(
    mira: Caller, sandbox: Sandbox, given: dict[str, object], said: str
) -> None:
    assert said in mira.refused("update_issue", **NORTHWIND, issueId="INVOICES-1", **given)
    assert len(sandbox.requests) == 0


def test_an_assignee_that_sentry_refuses_is_explained(mira: Caller, issue: str) -> None:
    """Section 7.8: a bad assignee is told with the accepted forms."""
    assert (
        mira.refused("update_issue", **NORTHWIND, issueId=issue, assignedTo="user:999")
        == "assignedTo must be user:<numeric id>, team:<id or slug>, me, or an e-mail address; and it must be a member "
        "of the project."
    )


def test_an_issue_of_another_project_is_not_touched(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """RES-5, B14."""
    fixed = as_user("mira", organization="northwind", project="shop-web")

    refused = fixed.refused("update_issue", issueId=sandbox.landmarks["chained"], status="resolved")

    assert refused == OutsideConstraint("northwind/shop-web").public
    assert puts(sandbox) == []


def test_is_offered_only_to_those_who_triage(as_user: Callable[..., Caller]) -> None:
    assert "update_issue" in as_user("mira", skills={"triage"}).names()
    assert "update_issue" not in as_user("mira", skills={"inspect"}).names()


def test_an_unknown_team_names_what_lists_them(mira: Caller, issue: str) -> None:
    """Section 1.10: as this caller can run it."""
    refused = mira.refused("update_issue", **NORTHWIND, issueId=issue, assignedTo="team:nowhere")

    assert refused == (
        "There is no such team. execute_sentry_tool with find_teams lists the teams of the organization."
    )
