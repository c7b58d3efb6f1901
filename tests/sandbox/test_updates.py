"""Changing issues: each way to resolve, ignore and assign, what is refused, and the traces it leaves."""

from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker

ISSUE = "organizations/northwind/issues/CHECKOUT-API-4F/"


def put(asker: Asker, body: Any, path: str = ISSUE) -> Any:
    answer = asker.ask("PUT", path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("body", "status", "substatus", "details"),
    [
        ({"status": "resolved"}, "resolved", None, {}),
        ({"status": "resolvedInNextRelease"}, "resolved", None, {"inNextRelease": True}),
        ({"status": "resolved", "statusDetails": {"inNextRelease": True}}, "resolved", None, {"inNextRelease": True}),
        (
            {"status": "resolved", "statusDetails": {"inRelease": "checkout-api@2.8.0"}},
            "resolved",
            None,
            {"inRelease": "checkout-api@2.8.0"},
        ),
        ({"status": "ignored"}, "ignored", "archived_until_escalating", {"ignoreUntilEscalating": True}),
        ({"status": "muted"}, "ignored", "archived_until_escalating", {"ignoreUntilEscalating": True}),
        ({"status": "ignored", "substatus": "archived_forever"}, "ignored", "archived_forever", {}),
        (
            {"status": "ignored", "ignoreCount": 100, "ignoreWindow": 60},
            "ignored",
            "archived_until_condition_met",
            {"ignoreCount": 100, "ignoreWindow": 60},
        ),
        (
            {"status": "ignored", "statusDetails": {"ignoreUserCount": 3}},
            "ignored",
            "archived_until_condition_met",
            {"ignoreUserCount": 3},
        ),
        ({"status": "unresolved"}, "unresolved", "ongoing", None),
    ],
)
def test_statuses_come_back_as_sentry_tells_them(
    writer: Asker, body: dict[str, Any], status: str, substatus: str | None, details: dict[str, Any] | None
) -> None:
    answer = put(writer, body)

    actor = {"id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example"}
    told = dict(answer["statusDetails"])
    if details is not None:
        assert actor.items() <= told.pop("actor").items()
    assert (answer["status"], answer["substatus"], told) == (status, substatus, details or {})
    assert "tags" not in answer
    assert writer.get(ISSUE).json()["status"] == status


def test_a_duration_comes_back_as_a_date(writer: Asker) -> None:
    details = put(writer, {"status": "ignored", "ignoreDuration": 30})["statusDetails"]

    assert details["ignoreUntil"].endswith("Z")
    assert "ignoreDuration" not in details


@pytest.mark.parametrize(
    ("value", "assigned"),
    [
        ("user:3104777", {"type": "user", "id": "3104777", "name": "Jonas Weber", "email": "jonas@northwind.example"}),
        ("3104522", {"type": "user", "id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example"}),
        (
            "ines@northwind.example",
            {"type": "user", "id": "3104801", "name": "Ines Duarte", "email": "ines@northwind.example"},
        ),
        ("team:77", {"type": "team", "id": "77", "name": "payments"}),
        ("", None),
    ],
)
def test_every_form_of_an_assignee(writer: Asker, value: str, assigned: dict[str, str] | None) -> None:
    assert put(writer, {"assignedTo": value})["assignedTo"] == assigned


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({"status": "gone"}, "status", "not a valid choice"),
        ({"substatus": "gone"}, "substatus", "not a valid choice"),
        ({"status": "ignored", "substatus": "new"}, "substatus", "not a valid choice"),
        ({"status": "ignored", "ignoreCount": 1, "ignoreWindow": 10_081}, "ignoreWindow", "10080"),
        ({"status": "ignored", "ignoreCount": 0}, "ignoreCount", "greater than or equal to 1"),
        ({"status": "ignored", "ignoreDuration": "soon"}, "ignoreDuration", "valid integer"),
        ({"status": "resolved", "statusDetails": "now"}, "statusDetails", "dictionary"),
        ({"status": "resolved", "statusDetails": {"inRelease": "9.9"}}, "statusDetails", "Unable to find a release"),
        ({"priority": "urgent"}, "priority", "not a valid choice"),
        ({"assignedTo": "me"}, "assignedTo", "Unknown actor"),
        ({"assignedTo": "user:1"}, "assignedTo", "Unknown actor"),
        ({"assignedTo": "team:payments"}, "assignedTo", "Unknown actor"),
        ({"assignedTo": "team:101"}, "assignedTo", "Unknown actor"),
        ({"assignedTo": "team:78"}, "assignedTo", "without access to the project"),
        ({"assignedTo": "user:3104900"}, "assignedTo", "deactivated"),
        ({"assignedTo": "robot:1"}, "assignedTo", "Could not parse actor"),
        ({"assignedTo": 7}, "assignedTo", "Could not parse actor"),
    ],
)
def test_refusals_are_lists_by_field_and_change_nothing(
    writer: Asker, body: dict[str, Any], field: str, part: str
) -> None:
    before = writer.get(ISSUE).json()

    answer = writer.ask("PUT", ISSUE, json=body | {"priority": body.get("priority", "low")})

    after = writer.get(ISSUE).json()
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert part in answer.json()[field][0]
    assert (after["status"], after["priority"]) == (before["status"], before["priority"])


def test_a_person_outside_the_closed_organization_cannot_be_assigned(writer: Asker) -> None:
    answer = writer.ask("PUT", "organizations/Aurora-Labs/issues/TELEMETRY-HUB-1/", json={"assignedTo": "user:3104777"})

    assert answer.json() == {"assignedTo": ["Cannot assign to non-team member"]}


def test_reading_scopes_do_not_write(own: Sandbox) -> None:
    asker = Asker(own, scopes="event:read")

    statuses = [
        asker.ask("PUT", ISSUE, json={"status": "resolved"}).status_code,
        asker.ask("POST", f"{ISSUE}notes/", json={"text": "hello"}).status_code,
    ]

    asker.session.close()
    assert statuses == [403, 403]


def test_a_body_that_is_no_json_is_refused(writer: Asker) -> None:
    answer = writer.ask("PUT", ISSUE, data="{", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "JSON parse error"})


def test_changes_leave_activity_newest_first(fresh: Asker) -> None:
    put(fresh, {"status": "resolved", "assignedTo": "team:77"})

    entries = fresh.get(f"{ISSUE}activities/").json()["activity"]

    assert [entry["type"] for entry in entries[:2]] == ["assigned", "set_resolved"]
    assert entries[0]["data"] == {"assignee": "77", "assigneeType": "team"}
    assert entries[0]["user"]["name"] == "Mira Okafor"
    assert (entries[-1]["type"], entries[-1]["id"], entries[-1]["user"]) == ("first_seen", "0", None)


def test_a_note_is_kept_and_the_same_words_are_refused_for_an_hour(fresh: Asker) -> None:
    notes = f"{ISSUE}notes/"

    made = fresh.ask("POST", notes, json={"text": "Fixed in main."})
    again = fresh.ask("POST", notes, json={"text": "Fixed in main."})
    with clock.shifted(3700):
        later = fresh.ask("POST", notes, json={"text": "Fixed in main."})

    assert (made.status_code, made.json()["data"]) == (201, {"text": "Fixed in main."})
    assert (again.status_code, again.json()) == (400, {"detail": "You have already posted that comment."})
    assert later.status_code == 201
    assert fresh.get(notes).json()[1] == made.json()
    assert fresh.get(ISSUE).json()["numComments"] == 4


@pytest.mark.parametrize(
    ("body", "text"), [({}, "This field is required."), ({"text": " "}, "This field may not be blank.")]
)
def test_a_note_needs_words(writer: Asker, body: dict[str, str], text: str) -> None:
    answer = writer.ask("POST", f"{ISSUE}notes/", json=body)

    assert (answer.status_code, answer.json()) == (400, {"text": [text]})


def test_reports_and_tickets(mira: Asker) -> None:
    (report,) = mira.get(f"{ISSUE}user-reports/").json()
    (ticket,) = mira.get(f"{ISSUE}external-issues/").json()

    assert (report["email"], report["comments"]) == ("kai@shop.example", "The total was below zero.")
    assert (ticket["displayName"], ticket["issueId"]) == ("SHOP#118", "6620113")
