"""Issue details: what a single issue may carry beyond what the sandbox shows."""

from flask_sentry_mcp.render import issues as render

ISSUE = {"shortId": "WEB-1", "title": "T", "status": "unresolved", "project": {"slug": "web", "name": "Web"}}


def details(**issue: object) -> str:
    return render.issue_details(render.Details(organization="acme", issue=ISSUE | issue, url="https://x"))


def test_pull_requests_and_commits_are_linked() -> None:
    """Section 7.7."""
    activity = [
        {
            "type": "set_resolved_in_pull_request",
            "data": {"pullRequest": {"id": "7", "title": "fix: totals", "externalUrl": "https://git.example/7"}},
        },
        {"type": "set_resolved_in_commit", "data": {"commit": {"id": "9f8e7d6", "message": "fix\nmore"}}},
        {"type": "note", "data": {"text": "x"}},
        None,
    ]

    assert "## Linked\n\n- pull request «fix: totals» «https://git.example/7»\n- commit 9f8e7d6 «fix more»" in details(
        activity=activity
    )


def test_an_issue_without_a_short_id_is_closed_by_its_address() -> None:
    assert 'A commit message with "Fixes https://x" resolves' in details(shortId=None, id="77")


def test_an_empty_issue_is_still_an_answer() -> None:
    text = render.issue_details(render.Details(organization="acme", issue={}, url="https://x"))

    assert text.startswith("# Issue unknown in acme")
    assert "**Assigned to**: Unassigned" in text


def test_states_of_actionability() -> None:
    scores = [0.77, 0.67, 0.5, 0.3, 0.1, None, True]

    assert [render.actionability({"seerFixabilityScore": one}) for one in scores] == [
        "super_high",
        "high",
        "medium",
        "low",
        "super_low",
        None,
        None,
    ]
