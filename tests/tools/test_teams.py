"""find_teams: the slugs and IDs that assignment needs."""

from flask_sentry_mcp.sandbox import Sandbox
from tests.tools.callers import Caller


def test_lists_slug_and_id(mira: Caller) -> None:
    assert mira.call("find_teams", organizationSlug="northwind") == {
        "teams": [
            {"slug": "payments", "id": "77"},
            {"slug": "platform", "id": "79"},
            {"slug": "storefront", "id": "78"},
        ],
        "hasMore": False,
    }


def test_narrows_by_words(mira: Caller) -> None:
    found = mira.call("find_teams", organizationSlug="northwind", query="pay")

    assert found["teams"] == [{"slug": "payments", "id": "77"}]


def test_an_unknown_organization_is_refused(mira: Caller) -> None:
    assert "Check organizationSlug." in mira.refused("find_teams", organizationSlug="nowhere")


def test_a_team_that_nothing_can_be_assigned_to_is_left_out(mira: Caller, sandbox: Sandbox) -> None:
    rows = [{"slug": None, "id": None}, {"slug": "web"}, {"slug": "x" * 1_000_000, "id": "1"}, None, {"id": "2"}]
    sandbox.faults.add(path="*/teams/", status=200, body=[*rows, {"slug": "payments", "id": 77}])

    assert mira.call("find_teams", organizationSlug="northwind")["teams"] == [{"slug": "payments", "id": "77"}]
