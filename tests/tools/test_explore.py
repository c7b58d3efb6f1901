"""search_events and search_issue_events: what is asked, what is shown, and how a wrong search is explained."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_sentry_mcp.mcp.content import Result
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from flask_sentry_mcp.tools import datasets
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}
ROOT = "http://sentry.test/organizations/northwind"
SLOW: dict[str, Any] = {
    "dataset": "spans",
    "fields": ["transaction", "p95(span.duration)", "count()"],
    "sort": "-p95(span.duration)",
}


@pytest.fixture
def answer(sandbox: Sandbox) -> Callable[[list[dict[str, Any]]], None]:
    """Let the next search find these rows."""

    def give(rows: list[dict[str, Any]]) -> None:
        body = {"data": rows, "meta": {"fields": {}}}
        sandbox.faults.add(path="organizations/northwind/events/", status=200, body=body)

    return give


def failed(caller: Caller, tool: str, **arguments: Any) -> str:
    """The text of a result that says that the call failed."""
    result = caller.call(tool, **NORTHWIND, **arguments)
    assert isinstance(result, Result)
    assert result.is_error
    return str(result.content)


# -- what is shown --------------------------------------------------------------------------------------------------


def test_shows_errors_one_by_one(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    answer(
        [
            {
                "id": "7b1d",
                "issue": "CHECKOUT-API-4F",
                "title": "ValueError: cart total is negative",
                "message": "ValueError: cart total is negative",
                "project": "checkout-api",
                "project.name": "checkout-api",
                "timestamp": "2026-08-18T12:40:02+00:00",
                "level": "error",
                "error.type": ["KeyError", "ValueError"],
                "user.email": None,
                "user.id": "u-88",
            }
        ]
    )

    assert mira.read("search_events", **NORTHWIND) == (
        f"# Errors in northwind\n\n{LEGEND}\n\n"
        f"1 result. Same search in Sentry: {ROOT}/explore/discover/homepage/?statsPeriod=14d&dataset=errors"
        "&queryDataset=error-events&sort=-timestamp\n\n"
        "<untrusted>\n"
        "title: ValueError: cart total is negative\n"
        "issue: CHECKOUT-API-4F\n"
        "project: checkout-api\n"
        "level: error\n"
        "error.type: KeyError, ValueError\n"
        "timestamp: <time>\n"
        "user.id: u-88\n"
        "</untrusted>\n\n"
        "get_sentry_resource (resourceType issue) shows an issue."
    )


@pytest.mark.parametrize("dataset", ["errors", "logs"])
def test_an_id_is_shown_when_it_was_asked_for(
    mira: Caller, answer: Callable[[list[dict[str, Any]]], None], dataset: str
) -> None:
    """Section 4.4 leaves it out of what nobody chose; events are named where there is an ID to give."""
    answer([{"id": "7b1d", "title": "T", "message": "T", "timestamp": "2026-08-18T12:40:02Z"}])

    text = mira.read("search_events", **NORTHWIND, dataset=dataset, fields=["id", "message"])

    assert "7b1d" in text
    assert ("(resourceType issue or event)" in text) == (dataset == "errors")


def test_shows_aggregates_as_compact_rows(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    """Section 7: structured answers compact."""
    answer([{"transaction": "POST /pay", "p95(span.duration)": 812.4, "count()": 1843}])

    text = mira.read("search_events", **NORTHWIND, **SLOW)

    assert '\n{"transaction":"POST /pay","p95(span.duration)":812.4,"count()":1843}\n' in text
    assert text.startswith("# Spans in northwind\n")
    assert "1 row." in text


def test_shows_logs_as_lines(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    row = {"timestamp": "2026-08-18T12:40:02Z", "severity": "error", "message": "no\nrate", "trace": "0f", "id": "1"}
    answer([row | {"project": "shop", "project.name": "shop"}])

    text = mira.read("search_events", **NORTHWIND, dataset="logs")

    assert "<untrusted>\n<time> [ERROR] shop: no rate trace=0f\n</untrusted>" in text
    assert text.endswith("get_sentry_resource (resourceType trace) shows a whole trace.")


def test_shows_times_of_profiles_in_readable_units(
    mira: Caller, answer: Callable[[list[dict[str, Any]]], None]
) -> None:
    answer([{"profile.id": "7c5e", "transaction": "POST /pay", "transaction.duration": 812_000_000}])

    assert "transaction.duration: 812ms" in mira.read("search_events", **NORTHWIND, dataset="profiles")


def test_shows_replays(mira: Caller, sandbox: Sandbox) -> None:
    replay = {
        "id": "7e07485f-12f9-416b-8b14-26260799b51f",
        "started_at": "2026-08-18T10:00:00+00:00",
        "duration": 576,
        "user": {"email": "kai@shop.example"},
        "count_errors": 1,
        "count_rage_clicks": 2,
        "count_dead_clicks": None,
        "environment": "production",
        "browser": {"name": "Firefox", "version": "141"},
        "urls": ["https://shop.example/cart", "https://shop.example/pay", "https://shop.example/x"],
        "releases": ["shop-web@5.2.0"],
        "trace_ids": ["0f1e", "1f2e"],
        "is_archived": True,
    }
    sandbox.faults.add(path="*/replays/", status=200, body={"data": [replay, {"id": "aa"}]})

    assert mira.read("search_events", **NORTHWIND, dataset="replays", query="count_errors:>0") == (
        f"# Replays in northwind\n\n{LEGEND}\n\n"
        f"2 replays. Same search in Sentry: {ROOT}/explore/replays/?statsPeriod=14d&query=count_errors%3A%3E0"
        "&sort=-started_at\n\n"
        f"1. [7e07485f12f9416b8b1426260799b51f]({ROOT}/explore/replays/7e07485f12f9416b8b1426260799b51f/) <time> · "
        "9m 36s · user «kai@shop.example» · 1 error · 2 rage clicks · 0 dead clicks · «production» · «Firefox 141» · "
        "pages «https://shop.example/cart», «https://shop.example/pay» · release «shop-web@5.2.0» · "
        "trace 0f1e (+1) · archived\n\n"
        f"2. [aa]({ROOT}/explore/replays/aa/) anonymous · 0 errors · 0 rage clicks · 0 dead clicks"
    )


def test_nothing_found_is_an_answer(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    answer([])

    assert mira.read("search_events", **NORTHWIND) == (
        "# Errors in northwind\n\nNothing matches. Widen the period, loosen the query, or check the project."
    )


def test_long_values_are_cut(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    answer([{"title": "x" * 1_000, "tags": [{"key": f"k{n}", "value": n} for n in range(30)]}])

    text = mira.read("search_events", **NORTHWIND)

    assert f"title: {'x' * 200}...\n" in text
    assert "k19=19, (10 more)\n" in text


def test_a_huge_answer_has_an_end(mira: Caller, answer: Callable[[list[dict[str, Any]]], None]) -> None:
    """Section 7.4: one limit on size, with an honest "there is more"."""
    answer([{f"field{n}": "x" * 200 for n in range(20)} for _ in range(100)])

    text = mira.read("search_events", **NORTHWIND, limit=100)

    assert len(text) < 32_000
    assert re.search(r"\(30,000 of [\d,]+ characters shown. Ask for fewer rows or fields.\)", text)


# -- what is asked --------------------------------------------------------------------------------------------------


def test_asks_for_the_fields_and_the_order(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("search_events", **NORTHWIND, **SLOW, query="span.op:http.server", period="24h", limit=3)

    check, search = sandbox.requests
    assert check.path.endswith("/events/validate/")
    assert search.query == {
        "dataset": ["spans"],
        "query": ["span.op:http.server"],
        "field": ["transaction", "p95(span.duration)", "count()"],
        "statsPeriod": ["24h"],
        "sort": ["-p95(span.duration)"],
        "per_page": ["3"],
        "referrer": ["api.mcp.search-events"],
        "sampling": ["NORMAL"],
    }


def test_metrics_are_called_otherwise_upstream_and_keep_their_identity(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("search_events", **NORTHWIND, dataset="metrics", fields=["value"])

    assert sandbox.requests[-1].query["dataset"] == ["tracemetrics"]
    assert sandbox.requests[-1].query["field"] == ["value", "timestamp", "metric.name", "metric.type", "metric.unit"]


@pytest.mark.parametrize(
    ("fields", "sort", "asked", "order"),
    [
        (["title", "count()"], "", ["title", "count()"], "-count()"),
        (["title"], "-user.id", ["title", "user.id"], "-user.id"),
        (["title", "count()"], "-last_seen()", ["title", "count()", "last_seen()"], "-last_seen()"),
        (["title", "count()"], "title", ["title", "count()"], "title"),
        (["title"], "", ["title", "timestamp"], "-timestamp"),
        (["title"], "-", ["title", "timestamp"], "-timestamp"),
    ],
)
def test_a_sort_column_is_chosen_as_well(fields: list[str], sort: str, asked: list[str], order: str) -> None:
    """Sentry sorts only by what is selected; but a plain column would change the groups of an aggregate."""
    assert datasets.columns("errors", fields, sort) == (asked, order)


@pytest.mark.parametrize("dataset", ["errors", "replays"])
def test_an_empty_sort_is_the_usual_order(mira: Caller, sandbox: Sandbox, dataset: str) -> None:
    mira.call("search_events", **NORTHWIND, dataset=dataset, sort="")

    assert sandbox.requests[-1].param("sort") == ("-timestamp" if dataset == "errors" else "-started_at")
    assert "" not in sandbox.requests[-1].query.get("field", [])


@pytest.mark.parametrize(
    ("environment", "query"),
    [
        ("production", "level:error environment:production"),
        (["production", "staging"], "level:error environment:[production,staging]"),
        ('two "words"', 'level:error environment:"two \\"words\\""'),
    ],
)
def test_an_environment_becomes_part_of_the_query(
    mira: Caller, sandbox: Sandbox, environment: str | list[str], query: str
) -> None:
    mira.call("search_events", **NORTHWIND, query="level:error", environment=environment)

    assert sandbox.requests[-1].param("query") == query


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("environment:production", "environment:production"),
        ('level:error environment:"production"', 'level:error environment:"production"'),
        ("environment:[staging,production]", "environment:[staging,production] environment:production"),
        ("environment:prod*", "environment:prod* environment:production"),
        ("environment:[]", "environment:[] environment:production"),
        (r'environment:["production"]', r'environment:["production"]'),
        (r'!environment:"\x"', r'!environment:"\x" environment:production'),
        ("!environment:dev", "!environment:dev environment:production"),
        ('"environment:staging"', '"environment:staging" environment:production'),
        ("tags.environment:dev", "tags.environment:dev environment:production"),
        ("environment:dev OR level:fatal", "(environment:dev OR level:fatal) environment:production"),
    ],
)
def test_an_environment_is_neither_lost_nor_said_twice(query: str, asked: str) -> None:
    assert datasets.in_environments(query, ["production"]) == asked


@pytest.mark.parametrize("query", ["environment:staging", "environment:[dev,staging]", "!environment:production"])
def test_environments_that_exclude_each_other_are_refused(mira: Caller, sandbox: Sandbox, query: str) -> None:
    refused = mira.refused("search_events", **NORTHWIND, query=query, environment="production")

    assert refused == "environment and the environment: filter of the query contradict each other; give one."
    assert not any("/events/" in one.path for one in sandbox.requests)


def test_replays_take_environments_natively(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("search_events", **NORTHWIND, dataset="replays", environment=["production", "staging"])

    (search,) = sandbox.requests
    assert search.query["environment"] == ["production", "staging"]
    assert search.param("sort") == "-started_at"


def test_a_project_is_asked_by_its_number(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("search_events", **NORTHWIND, projectSlug="checkout-api")
    mira.call("search_events", **NORTHWIND, projectSlug="checkout-api")

    assert sandbox.requests[-1].param("project") == "4509100"
    assert [one.path for one in sandbox.requests].count("/api/0/projects/northwind/checkout-api/") == 1


def test_explains_how_it_searched_when_asked(mira: Caller) -> None:
    text = mira.read("search_events", **NORTHWIND, **SLOW, includeExplanation=True)

    assert 'Executed on spans: {"query":"","fields":["transaction",' in text


# -- what is wrong, explained ---------------------------------------------------------------------------------------


def test_unknown_fields_are_explained_with_those_there_are(mira: Caller, sandbox: Sandbox) -> None:
    text = failed(
        mira, "search_events", dataset="spans", fields=["transction", "p95(span.duratoin)"], query="cart.id:7"
    )

    assert text.startswith(f"# This search of spans cannot be run as it is\n\n{LEGEND}\n\n")
    assert "- field «transction»: «Unknown attribute». Existing ones like it: «transaction»," in text
    assert "Existing ones like it: «span.duration»," in text
    assert "- query «cart.id»: «Unknown attribute»." in text
    assert "## Attributes there are\n\n<untrusted>\ndb.operation," in text
    assert text.endswith(datasets.RULES["spans"])
    assert not any(one.path.endswith("/northwind/events/") for one in sandbox.requests)


def test_a_wrong_sort_is_explained_with_what_is_chosen(mira: Caller, sandbox: Sandbox) -> None:
    """Other attributes would not help: Sentry sorts by a column that is selected."""
    text = failed(mira, "search_events", dataset="spans", fields=["transaction", "count()"], sort="span.op")

    assert (
        "- sort «span.op»: «Orderby must also be a selected field». It may be one of: «transaction», «count()»." in text
    )
    assert "Attributes there are" not in text
    assert not any(one.path.endswith("/attributes/") for one in sandbox.requests)


@pytest.mark.parametrize("dataset", ["errors", "spans", "logs"])
def test_a_query_that_cannot_be_read_is_explained(mira: Caller, dataset: str) -> None:
    text = failed(mira, "search_events", dataset=dataset, query="level:(")

    assert "- query: «Empty string after 'level:'»." in text
    assert text.endswith(datasets.RULES[dataset])


def test_a_verdict_of_another_shape_is_understood(mira: Caller, sandbox: Sandbox) -> None:
    """sentry-upstream 9.6: ``query`` may be an object instead of a list."""
    verdict = {"valid": False, "query": {"valid": False, "error": "bad"}, "field": None, "projects": [None]}
    sandbox.faults.add(path="*/events/validate/", status=400, body=verdict)

    assert "- query: «bad»." in failed(mira, "search_events", dataset="spans")


@pytest.mark.parametrize(
    "order",
    [
        {"status": 400},
        {"status": 403, "body": {"detail": "You do not have permission to perform this action."}},
        {"status": 404},
        {"status": 405, "body": {"detail": "Method not allowed"}},
        {"status": 429, "headers": {"Retry-After": "60"}},
        {"status": 500, "body": {"detail": "Internal Error"}},
        {"status": 200, "body": {"valid": True}},
        {"status": 200, "body": ["odd"]},
        {"html": True},
    ],
)
def test_without_a_verdict_the_search_goes_on(mira: Caller, sandbox: Sandbox, order: dict[str, Any]) -> None:
    """sentry-upstream 9.6: the check is experimental; a 400 without a body means that it is off."""
    sandbox.faults.add(path="*/events/validate/", **order)

    assert mira.read("search_events", **NORTHWIND).startswith("# Errors in northwind")


def test_an_issue_query_that_cannot_be_read_is_explained(mira: Caller) -> None:
    text = failed(mira, "search_issues", query="level:(")

    assert "- query: «Error parsing search query: Empty string after 'level:'»." in text
    assert "is:unresolved|resolved" in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dataset": "transactions"}, "dataset: Must be one of: errors, logs, spans, metrics, profiles, replays."),
        ({"period": "7x"}, "period: A period is a number with h, d or w, as in 24h."),
        ({"fields": [f"f{n}" for n in range(21)]}, "fields may name at most 20 columns."),
        ({"dataset": "replays", "sort": "-size"}, "Replays can be sorted by: activity,"),
        ({"dataset": "replays", "fields": ["count()"]}, "Replays cannot be counted or grouped"),
        ({"environment": [""]}, "environment"),
    ],
)
def test_wrong_input_is_told_by_name(mira: Caller, sandbox: Sandbox, wrong: dict[str, Any], said: str) -> None:
    assert said in mira.refused("search_events", **NORTHWIND, **wrong)
    assert len(sandbox.requests) == 0


# -- search_issue_events --------------------------------------------------------------------------------------------


def test_shows_the_events_of_an_issue(mira: Caller, sandbox: Sandbox) -> None:
    event = {
        "eventID": "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80",
        "dateCreated": "2026-08-18T12:40:02Z",
        "title": "ValueError",
        "location": "checkout/totals.py",
        "user": {"id": "u-88", "is_staff": True, "geo": {"country_code": "PT", "city": None}, "data": {"x": {}}},
        "tags": [
            {"key": "environment", "value": "production"},
            {"key": None, "value": "lost"},
            {"key": "voucher", "value": None},
        ],
    }
    sandbox.faults.add(path="*/issues/CHECKOUT-API-4F/events/", status=200, body=[event, None])

    assert mira.read("search_issue_events", **NORTHWIND, issueId="checkout-api-4f", query="environment:production") == (
        f"# Events of CHECKOUT-API-4F in northwind\n\n{LEGEND}\n\n"
        f"1 result. Same search in Sentry: {ROOT}/issues/CHECKOUT-API-4F/events/?query=environment%3Aproduction"
        "&statsPeriod=14d\n\n<untrusted>\n"
        "eventID: 7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80\n"
        "dateCreated: <time>\n"
        "location: checkout/totals.py\n"
        'user: id=u-88, is_staff=true, geo={"country_code":"PT"}\n'
        "tags: environment=production\n"
        "</untrusted>\n\n"
        "get_sentry_resource (resourceType issue or event) shows one of them whole."
    )


def test_events_of_an_issue_are_asked_by_query_and_period(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("search_issue_events", **NORTHWIND, issueId="CHECKOUT-API-4F", query="release:x", period="7d", limit=5)

    assert sandbox.requests[-1].query == {"query": ["release:x"], "per_page": ["5"], "statsPeriod": ["7d"]}


def test_another_order_than_newest_first_is_refused(mira: Caller) -> None:
    """Quirk 5: Sentry ignores it, so it is not promised."""
    refused = mira.refused("search_issue_events", **NORTHWIND, issueId="A-1", sort="timestamp")

    assert refused == "Events of an issue come newest first; leave sort out."


def test_a_wrong_query_within_an_issue_is_explained(mira: Caller) -> None:
    text = failed(mira, "search_issue_events", issueId="CHECKOUT-API-4F", query="environment:(")

    assert "- query: «Empty string after 'environment:'»." in text
