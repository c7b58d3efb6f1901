"""Events of an issue: which one is chosen, and what each kind of issue shows."""

from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.sandbox.seed.web_landmarks import HOSTILE
from tests.sandbox.asking import Asker

ISSUES = "organizations/northwind/issues/"
CHAINED = f"{ISSUES}CHECKOUT-API-4F/events/"
NO_MATCH = "No matching event found, try changing the environments, date range, or query."


def entries(asker: Asker, sandbox: Sandbox, name: str) -> dict[str, Any]:
    """The newest event's entries, ``{"exception": {...}}``."""
    event = asker.get(f"{ISSUES}{sandbox.landmarks[name]}/events/latest/").json()
    return {entry["type"]: entry["data"] for entry in event["entries"]}


def test_latest_oldest_and_recommended(mira: Asker, sandbox: Sandbox) -> None:
    listed = [one["id"] for one in mira.get(CHAINED).json()]
    chosen = {name: mira.get(f"{CHAINED}{name}/").json() for name in ("latest", "oldest", "recommended")}

    assert chosen["latest"]["id"] == listed[0] == sandbox.landmarks["chained_event"]
    assert chosen["oldest"]["id"] == listed[-1]
    assert chosen["recommended"]["contexts"]["trace"]["trace_id"] == sandbox.landmarks["big_trace"]
    assert (chosen["latest"]["nextEventID"], chosen["latest"]["previousEventID"]) == (None, listed[1])


@pytest.mark.parametrize("params", [{"environment": "moon"}, {"query": "release:none"}, {"statsPeriod": "1m"}])
def test_latest_obeys_the_filters(mira: Asker, params: dict[str, str]) -> None:
    answer = mira.get(f"{CHAINED}latest/", params=params)

    assert (answer.status_code, answer.json()) == (404, {"detail": NO_MATCH})


def test_a_filter_that_cannot_be_read_is_refused(mira: Asker) -> None:
    answer = mira.get(f"{CHAINED}latest/", params={"query": "(("})

    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid event query"})


def test_an_issue_can_outlive_its_events(mira: Asker, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["no_event"]

    assert mira.get(f"{ISSUES}{issue}/").status_code == 200
    assert mira.get(f"{ISSUES}{issue}/events/latest/").json() == {"detail": NO_MATCH}


def test_events_are_retained_for_ninety_days(mira: Asker, sandbox: Sandbox) -> None:
    with clock.shifted(91 * 86_400):
        fresh = Asker(sandbox)
        answer = fresh.get(f"{CHAINED}{sandbox.landmarks['chained_event']}/")
        fresh.session.close()

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Event not found.")


def test_the_list_filters_and_knows_event_ids(mira: Asker, sandbox: Sandbox) -> None:
    event_id = sandbox.landmarks["chained_event"]
    staging = mira.get(CHAINED, params={"query": "environment:staging"}).json()

    assert 0 < len(staging) < 12
    assert {tag["value"] for one in staging for tag in one["tags"] if tag["key"] == "environment"} == {"staging"}
    assert [one["id"] for one in mira.get(CHAINED, params={"query": event_id}).json()] == [event_id]
    assert mira.get(CHAINED, params={"environment": "moon"}).json() == []
    assert "entries" not in staging[0]
    assert "entries" in mira.get(CHAINED, params={"full": "1", "per_page": "1"}).json()[0]


def test_the_list_takes_no_notice_of_sort(mira: Asker) -> None:
    dates = [one["dateCreated"] for one in mira.get(CHAINED, params={"sort": "timestamp"}).json()]

    assert dates == sorted(dates, reverse=True)


def test_chained_exceptions_come_innermost_cause_first(mira: Asker, sandbox: Sandbox) -> None:
    cause, effect = entries(mira, sandbox, "chained")["exception"]["values"]

    assert (cause["type"], effect["type"]) == ("KeyError", "ValueError")
    frames = effect["stacktrace"]["frames"]
    assert [frame["inApp"] for frame in frames] == [False, True, True]
    assert frames[-1]["lineNo"] == 41
    assert frames[-1]["context"][1] == [41, '    raise ValueError("cart total is negative")']
    assert frames[-1]["vars"]["discount"] == "120"


def test_breadcrumbs_request_and_odd_tags(mira: Asker, sandbox: Sandbox) -> None:
    event = mira.get(f"{CHAINED}latest/").json()
    data = {entry["type"]: entry["data"] for entry in event["entries"]}

    assert [crumb["category"] for crumb in data["breadcrumbs"]["values"]] == ["query", "httplib", "checkout"]
    assert data["request"]["method"] == "POST"
    assert {"key": None, "value": "lost"} in event["tags"]
    assert {"key": "voucher", "value": None} in event["tags"]


@pytest.mark.parametrize(
    ("name", "kinds", "type_"),
    [
        ("chained", {"exception", "breadcrumbs", "request"}, "error"),
        ("threads", {"exception", "threads", "breadcrumbs"}, "error"),
        ("stack_in_thread", {"threads"}, "error"),
        ("message", {"message", "request"}, "default"),
        ("n_plus_one", {"spans", "request"}, "transaction"),
        ("metric", set(), "generic"),
        ("feedback", set(), "generic"),
        ("cron", set(), "generic"),
        ("csp", {"csp"}, "csp"),
    ],
)
def test_each_kind_has_its_entries(mira: Asker, sandbox: Sandbox, name: str, kinds: set[str], type_: str) -> None:
    event = mira.get(f"{ISSUES}{sandbox.landmarks[name]}/events/latest/").json()

    assert {entry["type"] for entry in event["entries"]} == kinds
    assert event["type"] == type_


def test_the_stack_of_a_crashed_thread_is_where_it_is_said_to_be(mira: Asker, sandbox: Sandbox) -> None:
    only_thread = entries(mira, sandbox, "stack_in_thread")["threads"]["values"][0]
    in_exception = entries(mira, sandbox, "stack_in_exception")

    assert only_thread["crashed"] is True
    assert only_thread["stacktrace"]["frames"]
    assert in_exception["threads"]["values"][0]["stacktrace"] is None
    assert in_exception["exception"]["values"][0]["stacktrace"]["frames"]
    names = [thread["name"] for thread in in_exception["threads"]["values"]]
    assert names == ["main", "worker-1", "worker-2", "worker-2"]


def test_issues_that_are_no_errors_carry_evidence(mira: Asker, sandbox: Sandbox) -> None:
    def occurrence(name: str) -> dict[str, Any]:
        body = mira.get(f"{ISSUES}{sandbox.landmarks[name]}/events/latest/").json()
        assert isinstance(body["occurrence"], dict)
        return body["occurrence"]

    assert occurrence("metric")["type"] == 8001
    assert occurrence("n_plus_one")["evidenceData"]["numberRepeatingSpans"] == "12"
    important = [one["important"] for one in occurrence("cron")["evidenceDisplay"]]
    assert important == [True, False]


def test_strangers_words_are_planted_everywhere(mira: Asker, sandbox: Sandbox) -> None:
    """What a test over the catalogue needs: instructions in every field that an event can carry."""
    issue = f"{ISSUES}{sandbox.landmarks['hostile']}/"
    event = mira.get(f"{issue}events/latest/").json()
    data = {entry["type"]: entry["data"] for entry in event["entries"]}
    raised = data["exception"]["values"][0]
    crumb = data["breadcrumbs"]["values"][0]

    places = [
        event["title"],
        event["culprit"],
        raised["type"],
        raised["value"],
        raised["stacktrace"]["frames"][-1]["function"],
        raised["stacktrace"]["frames"][-1]["filename"],
        *raised["stacktrace"]["frames"][-1]["vars"],
        crumb["message"],
        crumb["category"],
        str(crumb["data"]),
        *event["user"].values(),
        str(event["contexts"]),
        data["request"]["url"],
        next(tag["value"] for tag in event["tags"] if tag["key"] == "note"),
        mira.get(f"{issue}notes/").json()[0]["data"]["text"],
        mira.get(f"{issue}user-reports/").json()[0]["comments"],
        mira.get(f"{issue}external-issues/").json()[0]["displayName"],
    ]
    assert [HOSTILE in place for place in places if place is not None] == [True] * (len(places) - 1)


def test_the_values_of_a_tag(mira: Asker) -> None:
    body = mira.get(f"{ISSUES}CHECKOUT-API-4F/tags/environment/").json()

    assert (body["key"], body["uniqueValues"]) == ("environment", 2)
    assert {one["value"] for one in body["topValues"]} == {"production", "staging"}
    assert sum(one["count"] for one in body["topValues"]) == body["totalValues"]
    null = mira.get(f"{ISSUES}CHECKOUT-API-4F/tags/voucher/").json()
    assert null["topValues"][0]["value"] is None


@pytest.mark.parametrize("path", ["tags/Environment/", "tags/environment/?environment=moon"])
def test_an_unknown_tag_or_environment_is_404(mira: Asker, path: str) -> None:
    assert mira.get(f"{ISSUES}CHECKOUT-API-4F/{path}").status_code == 404


def test_replays_of_issues_are_counted_by_number_only(mira: Asker, sandbox: Sandbox) -> None:
    base = "organizations/northwind/replay-count/"
    replay = sandbox.landmarks["replay"]

    def count(query: str, **more: str) -> Any:
        return mira.get(base, params={"query": query, "data_source": "discover", **more})

    assert count("issue.id:[6660001,6620113]", returnIds="true").json() == {"6660001": [replay]}
    assert count("issue.id:6660001").json() == {"6660001": 1}
    assert count(f"issue.id:[{sandbox.landmarks['with_replay']}]").status_code == 400
    assert mira.get(base, params={"query": "issue.id:[1]", "data_source": "stars"}).status_code == 400
