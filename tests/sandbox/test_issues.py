"""The issue list and one issue: what is found, in which order, and how each kind looks."""

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker

LIST = "organizations/northwind/issues/"


def found(asker: Asker, query: str | None = None, **params: str) -> list[str]:
    """Short ids of all projects' issues that a query finds."""
    whole = {"project": "-1", "limit": "100", **params} | ({} if query is None else {"query": query})
    answer = asker.get(LIST, params=whole)
    assert answer.status_code == 200, answer.text
    return [one["shortId"] for one in answer.json()]


def test_without_a_query_only_unresolved_ones_and_with_an_empty_one_all(mira: Asker) -> None:
    def statuses(**params: str) -> set[str]:
        return {one["status"] for one in mira.get(LIST, params={"limit": "100", **params}).json()}

    assert statuses() == {"unresolved"}
    assert statuses(query="") == {"unresolved", "resolved", "ignored"}


@pytest.mark.parametrize(
    ("query", "name", "other"),
    [
        ("is:unresolved is:unassigned", "unassigned", "chained"),
        ("is:ignored", "ignored_forever", "chained"),
        ("is:archived", "ignored_until_escalating", "resolved"),
        ("is:resolved", "resolved_next", "chained"),
        ("is:regressed", "chained", "n_plus_one"),
        ("is:linked", "chained", "n_plus_one"),
        ("assigned:#payments", "chained", "assigned_user"),
        ("assigned:me", "assigned_user", "chained"),
        ("assigned:mira@northwind.example", "assigned_user", "unassigned"),
        ("assigned:none", "unassigned", "chained"),
        ("issue.category:feedback", "feedback", "csp"),
        ("issue.type:performance_n_plus_one_db_queries", "n_plus_one", "slow_query"),
        ("issue.priority:high", "chained", "nulls"),
        ("issue:CHECKOUT-API-4F", "chained", "metric"),
        ("error.type:ValueError", "chained", "metric"),
        ("timesSeen:>20000", "chained", "metric"),
        ("firstSeen:-60d lastSeen:-1h", "chained", "metric"),
        ("release:checkout-api@2.8.1", "chained", "csp"),
        ("environment:staging", "chained", "cron"),
        ("user.email:kai@shop.example", "chained", "hostile"),
        ("has:transaction", "chained", "metric"),
        ("cart total", "chained", "metric"),
        ('"cart total is negative"', "chained", "metric"),
        ("title:*negative*", "chained", "metric"),
        ("!level:info cart", "chained", "n_plus_one"),
        ("level:[error,fatal]", "chained", "n_plus_one"),
        ("(level:fatal OR level:error) negative", "chained", "metric"),
    ],
)
def test_each_search_term_finds_what_it_names_and_not_the_rest(
    mira: Asker, sandbox: Sandbox, query: str, name: str, other: str
) -> None:
    wanted, unwanted = sandbox.landmarks[name], sandbox.landmarks[other]

    assert found(mira, f"{query} issue:[{wanted},{unwanted}]") == [wanted]


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("is:banana", 'Invalid value for "is" search'),
        ("timesSeen:many", "Invalid number: many"),
        ("firstSeen:soon", "Invalid date: soon"),
        ("level:", "Empty string after 'level:'"),
        ("(level:error", "unmatched parentheses"),
        ('"open', "unmatched parentheses"),
        ("level:error)", "unmatched parentheses"),
    ],
)
def test_a_query_that_cannot_be_read_is_explained(mira: Asker, query: str, part: str) -> None:
    answer = mira.get(LIST, params={"query": query})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Error parsing search query: ")
    assert part in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sort", "key"), [("date", "lastSeen"), ("new", "firstSeen"), ("freq", "count"), ("user", "userCount")]
)
def test_sorts(mira: Asker, sort: str, key: str) -> None:
    rows = mira.get(LIST, params={"sort": sort, "limit": "40", "query": "", "statsPeriod": "9000d"}).json()
    values = [int(one[key]) if key == "count" else one[key] for one in rows]

    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"sort": "banana"}, "Invalid sort: 'banana'"),
        ({"sort": "inbox"}, "Sort key 'inbox' only supported for inbox search"),
        ({"statsPeriod": "7x"}, "Invalid statsPeriod: '7x'"),
        ({"start": "2026-01-02T00:00:00", "end": "2026-01-01T00:00:00"}, "start must be before end"),
        ({"start": "2026-01-02T00:00:00"}, "start and end are both required"),
    ],
)
def test_bad_options_are_refused(mira: Asker, params: dict[str, str], detail: str) -> None:
    answer = mira.get(LIST, params=params)

    assert (answer.status_code, answer.json()) == (400, {"detail": detail})


def test_the_window_filters_by_activity_and_shapes_the_counts(mira: Asker, sandbox: Sandbox) -> None:
    month, day = found(mira, "", statsPeriod="30d"), found(mira, "", statsPeriod="24h")
    one = mira.get(LIST, params={"query": "issue:CHECKOUT-API-4F", "statsPeriod": "24h", "project": "-1"}).json()[0]

    assert sandbox.landmarks["no_event"] not in found(mira, "", statsPeriod="90d")
    assert 0 < len(day) < len(month)
    assert isinstance(one["count"], str)
    assert 0 < int(one["count"]) < int(one["lifetime"]["count"]) == 20_411


def test_an_event_id_is_a_direct_hit_whatever_else_is_asked(mira: Asker, sandbox: Sandbox) -> None:
    event_id = sandbox.landmarks["chained_event"]
    dashed = f"{event_id[:8]}-{event_id[8:12]}-{event_id[12:16]}-{event_id[16:20]}-{event_id[20:]}"

    for query in (event_id, event_id.upper(), dashed):
        answer = mira.get(LIST, params={"query": query, "statsPeriod": "1m", "project": "4509101"})

        assert answer.headers["X-Sentry-Direct-Hit"] == "1"
        assert [one["matchingEventId"] for one in answer.json()] == [event_id]


def test_an_unknown_event_id_is_an_ordinary_empty_search(mira: Asker) -> None:
    answer = mira.get(LIST, params={"query": "0" * 32})

    assert answer.json() == []
    assert "X-Sentry-Direct-Hit" not in answer.headers


def test_a_short_id_can_be_looked_up_whatever_its_state(mira: Asker, sandbox: Sandbox) -> None:
    short_id = sandbox.landmarks["ignored_forever"]

    assert found(mira, short_id.lower(), shortIdLookup="1") == [short_id]
    assert found(mira, short_id.lower()) == []


def test_projects_are_those_of_ones_teams_unless_all_are_asked_for(jonas: Asker) -> None:
    def projects(**params: str) -> set[str]:
        rows = jonas.get(LIST, params={"query": "", "limit": "100", **params}).json()
        return {one["project"]["slug"] for one in rows}

    assert projects() == {"shop-web", "mobile-app"}
    assert "checkout-api" in projects(project="-1")
    assert projects(project="4509100") == {"checkout-api"}
    assert jonas.get(LIST, params={"project": "1"}).status_code == 403


def test_the_total_is_told(mira: Asker) -> None:
    answer = mira.get(LIST, params={"query": "is:ignored", "limit": "2"})

    assert len(answer.json()) == 2
    assert int(answer.headers["X-Hits"]) > 10


def test_one_issue_by_number_or_short_id_in_any_case(mira: Asker) -> None:
    bodies = [mira.get(f"{LIST}{name}/").json() for name in ("6620113", "CHECKOUT-API-4F", "checkout-api-4f")]

    assert {body["id"] for body in bodies} == {"6620113"}
    assert bodies[0]["count"] == "20411"
    assert bodies[0]["firstRelease"]["version"] == "checkout-api@2.5.0"
    assert {"key": "environment", "name": "Environment", "totalValues": 12} in bodies[0]["tags"]
    assert bodies[0]["assignedTo"] == {"type": "team", "id": "77", "name": "payments"}


def test_a_merged_issue_answers_with_the_one_that_survived(mira: Asker, sandbox: Sandbox) -> None:
    assert mira.get(f"{LIST}{sandbox.landmarks['merged_id']}/").json()["id"] == "6620113"


@pytest.mark.parametrize("issue", ["1", "NOPE-1", "pending_deletion", "TIDE-CHARTS-1"])
def test_what_is_not_there_is_404(mira: Asker, sandbox: Sandbox, issue: str) -> None:
    answer = mira.get(f"{LIST}{sandbox.landmarks.get(issue, issue)}/")

    assert (answer.status_code, answer.json()) == (404, {"detail": "The requested resource does not exist"})


def test_null_fields_are_there_and_null(mira: Asker, sandbox: Sandbox) -> None:
    body = mira.get(f"{LIST}{sandbox.landmarks['nulls']}/").json()

    for name in ("culprit", "platform", "substatus", "priority", "firstRelease", "lastRelease"):
        assert body[name] is None


def test_short_ids_and_event_ids_have_lookups_of_their_own(mira: Asker, sandbox: Sandbox) -> None:
    event_id = sandbox.landmarks["chained_event"]

    by_short_id = mira.get("organizations/northwind/shortids/CHECKOUT-API-4F/").json()
    by_event_id = mira.get(f"organizations/northwind/eventids/{event_id}/").json()

    assert (by_short_id["groupId"], by_short_id["projectSlug"]) == ("6620113", "checkout-api")
    assert (by_event_id["groupId"], by_event_id["event"]["id"]) == ("6620113", event_id)
    assert mira.get("organizations/northwind/shortids/6620113/").status_code == 404
    assert mira.get(f"organizations/northwind/eventids/{'0' * 32}/").status_code == 404


def test_seeded_times_follow_the_clock_and_nothing_else_does() -> None:
    with Sandbox() as now:
        first = {issue.id: (issue.short_id, issue.title, issue.count) for issue in now.world.issues.values()}
        events = [event.id for issue in now.world.issues.values() for event in issue.events]
        seen = now.world.issues[6620113].last_seen
    with clock.shifted(86_400), Sandbox() as later:
        second = {issue.id: (issue.short_id, issue.title, issue.count) for issue in later.world.issues.values()}
        assert [event.id for issue in later.world.issues.values() for event in issue.events] == events
        assert later.world.issues[6620113].last_seen - seen > 86_000

    assert first == second
    assert len(first) > 300
