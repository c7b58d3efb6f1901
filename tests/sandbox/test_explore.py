"""Search over events: rows, functions, order, and every mistake told as Sentry tells it."""

from typing import Any

import pytest
import requests

from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.sandbox.api.replays import SORTS
from flask_sentry_mcp.tools.datasets import REPLAY_ORDERS
from tests.sandbox.asking import Asker

EVENTS = "organizations/northwind/events/"


def search(asker: Asker, dataset: str, *fields: str, path: str = EVENTS, **params: str) -> requests.Response:
    return asker.get(path, params={"dataset": dataset, "field": list(fields), **params})


def rows(asker: Asker, dataset: str, *fields: str, **params: str) -> list[dict[str, Any]]:
    answer = search(asker, dataset, *fields, **params)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert isinstance(data, list)
    return data


def test_row_keys_are_the_fields_with_id_and_project(mira: Asker) -> None:
    answer = search(mira, "errors", "title", "issue", "timestamp", sort="-timestamp", per_page="3").json()

    assert [set(row) for row in answer["data"]] == [{"title", "issue", "timestamp", "id", "project.name"}] * 3
    assert answer["meta"]["fields"] == {"title": "string", "issue": "string", "timestamp": "date"}
    times = [row["timestamp"] for row in answer["data"]]
    assert times == sorted(times, reverse=True)


def test_aggregates_group_by_the_plain_fields(mira: Asker) -> None:
    answer = search(mira, "errors", "issue", "count()", sort="-count()", query="issue:CHECKOUT-API-4F").json()

    assert answer["data"] == [{"issue": "CHECKOUT-API-4F", "count()": 12}]
    assert answer["meta"]["fields"]["count()"] == "integer"


def test_an_aggregate_over_nothing_is_one_row_of_zero(mira: Asker) -> None:
    assert rows(mira, "errors", "count()", query="level:nothing") == [{"count()": 0}]


def test_numbers_of_a_trace(mira: Asker, sandbox: Sandbox) -> None:
    """Forty queries of 11 to 15 ms: the functions can be worked out by hand."""
    query = f"trace:{sandbox.landmarks['big_trace']} span.op:db"
    fields = ["count()", "min(span.duration)", "max(span.duration)", "avg(span.duration)", "sum(span.duration)"]
    fields += ["p50(span.duration)", "p95(span.duration)", "count_unique(span.description)", "failure_rate()"]

    (row,) = rows(mira, "spans", *fields, query=query)

    assert list(row.values()) == [40, 11.0, 15.0, 13.0, 520.0, 13.0, 15.0, 1, 0.0]


def test_units_are_told(mira: Asker) -> None:
    meta = search(mira, "spans", "span.op", "p95(span.duration)").json()["meta"]

    assert meta["fields"] == {"span.op": "string", "p95(span.duration)": "duration"}
    assert meta["units"] == {"span.op": None, "p95(span.duration)": "millisecond"}


def test_conditions_on_aggregates(mira: Asker) -> None:
    found = rows(mira, "spans", "span.op", "count()", query="count():>100")
    rest = rows(mira, "spans", "span.op", "count()", query="!count():>100")

    assert found
    assert all(row["count()"] > 100 for row in found)
    assert all(row["count()"] <= 100 for row in rest)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("span.duration:>500ms", lambda row: row["span.duration"] > 500),
        ("span.duration:<0.02s", lambda row: row["span.duration"] < 20),
        ("!span.op:db", lambda row: row["span.op"] != "db"),
        ("span.op:[db,http.client]", lambda row: row["span.op"] in ("db", "http.client")),
        ("span.op:http*", lambda row: row["span.op"].startswith("http")),
        ("span.op:db OR span.op:pageload", lambda row: row["span.op"] in ("db", "pageload")),
        ("has:db.system", lambda row: row["db.system"] is not None),
        ("!has:db.system", lambda row: row["db.system"] is None),
        ("is_transaction:true", lambda row: row["is_transaction"] is True),
        ("timestamp:-24h", lambda row: row["timestamp"] > ""),
        ("SELECT", lambda row: "SELECT" in row["span.description"]),
    ],
)
def test_filters(mira: Asker, query: str, holds: Any) -> None:
    fields = ["span.op", "span.duration", "span.description", "db.system", "is_transaction", "timestamp"]
    whole = mira.get(EVENTS, params={"dataset": "spans", "field": "count()", "statsPeriod": "30d"}).json()["data"]

    found = rows(mira, "spans", *fields, query=query, per_page="100", statsPeriod="30d")
    (count,) = rows(mira, "spans", "count()", query=query, statsPeriod="30d")

    assert found
    assert all(holds(row) for row in found)
    assert 0 < count["count()"] < whole[0]["count()"]


def test_logs_metrics_and_profiles(mira: Asker, sandbox: Sandbox) -> None:
    logs = rows(mira, "logs", "message", "severity", "trace", query=f"trace:{sandbox.landmarks['big_trace']}")
    (total,) = rows(mira, "tracemetrics", "sum(value,orders.placed,counter,-)", "count(value,orders.placed,counter,-)")
    profiles = rows(mira, "profiles", "transaction", "p95()", sort="-p95()")

    assert len(logs) == 4
    assert total["count(value,orders.placed,counter,-)"] == 40
    assert total["sum(value,orders.placed,counter,-)"] > 0
    assert [row["transaction"] for row in profiles] != []
    assert profiles[0]["p95()"] >= profiles[-1]["p95()"]


def test_project_and_environment_narrow(mira: Asker) -> None:
    here = rows(mira, "errors", "project", "environment", project="4509101", environment="staging", per_page="50")

    assert {(row["project"], row["environment"]) for row in here} == {("shop-web", "staging")}


def test_the_window_narrows(mira: Asker) -> None:
    counts = [rows(mira, "errors", "count()", statsPeriod=period)[0]["count()"] for period in ("1h", "24h", "30d")]

    assert counts == sorted(counts)
    assert len(set(counts)) == 3


@pytest.mark.parametrize(
    ("dataset", "fields", "params", "detail"),
    [
        ("errors", [], {}, "No columns selected"),
        ("errors", [f"tag{number}" for number in range(21)], {}, "You can view up to 20 fields at a time"),
        ("stars", ["title"], {}, "dataset must be one of: errors, spans, logs"),
        ("errors", ["title"], {"sort": "-timestamp"}, "Cannot sort by a field that is not selected."),
        ("spans", ["span.op", "count()"], {"sort": "-timestamp"}, "Cannot sort by a field that is not selected."),
        ("errors", ["avg(title)"], {}, "The function avg is not allowed"),
        ("spans", ["avg(span.op)"], {}, "span.op is not a numeric column"),
        ("spans", ["count_unique()"], {}, "expected 1 argument(s)"),
        ("spans", ["nothing()"], {}, "The function nothing is not allowed"),
        ("spans", ["count("], {}, "not a valid field or function"),
        ("spans", ["banana"], {}, "Unknown attribute: banana"),
        ("tracemetrics", ["avg(value,checkout.total)"], {}, "expected 4 argument(s)"),
        ("spans", ["id"], {"query": "banana:1"}, "Unknown attribute: banana"),
        ("spans", ["id"], {"query": "span.duration:>soon"}, "Invalid duration: soon"),
        ("spans", ["id"], {"query": "http.status_code:many"}, "Invalid number: many"),
        ("spans", ["id"], {"query": "timestamp:>soon"}, "Invalid date: soon"),
        ("errors", ["id"], {"query": "(a"}, "unmatched parentheses"),
        ("errors", ["id"], {"statsPeriod": "7x"}, "Invalid statsPeriod: '7x'"),
        ("errors", ["id"], {"per_page": "101"}, "between 1 and 100"),
    ],
)
def test_mistakes_are_400_with_the_reason(
    mira: Asker, dataset: str, fields: list[str], params: dict[str, str], detail: str
) -> None:
    answer = search(mira, dataset, *fields, **params)

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]


def test_without_a_project_meta_has_no_fields(sandbox: Sandbox) -> None:
    """A member of an organization who is in no team of it."""
    asker = Asker(sandbox, "otto")
    active = Asker(sandbox, "ines")
    inactive = asker.get(EVENTS, params={"field": "title"})
    fine = active.get(EVENTS, params={"field": "title"})
    asker.session.close()
    active.session.close()

    assert inactive.json() == {"detail": "User inactive or deleted"}
    assert "fields" in fine.json()["meta"]


# -- validate -------------------------------------------------------------------------------------------------------

VALIDATE = f"{EVENTS}validate/"


def test_a_valid_search_is_200(mira: Asker) -> None:
    answer = search(mira, "spans", "span.op", "count()", path=VALIDATE, query="span.op:db", orderby="-count()")

    assert answer.status_code == 200
    assert answer.json()["valid"] is True
    assert answer.json()["query"] == [{"valid": True, "error": None, "name": "span.op", "attrType": "string"}]


def test_an_invalid_search_is_400_with_the_same_body(mira: Asker) -> None:
    answer = search(mira, "spans", "span.op", "cart.id", path=VALIDATE, query="foo:1", orderby="-timestamp")

    body = answer.json()
    assert answer.status_code == 400
    assert body["valid"] is False
    assert body["field"][1] == {"valid": False, "error": "Unknown attribute", "name": "cart.id", "attrType": None}
    assert body["query"][0]["error"] == "Unknown attribute"
    assert body["orderby"][0]["error"] == "Orderby must also be a selected field"


def test_a_query_that_cannot_be_read_is_an_item_without_a_name(mira: Asker) -> None:
    (item,) = search(mira, "logs", "message", path=VALIDATE, query="((x").json()["query"]

    assert item["valid"] is False
    assert "name" not in item


def test_datasets_without_the_check_are_valid_with_a_note(mira: Asker) -> None:
    body = search(mira, "errors", "title", path=VALIDATE, orderby="-timestamp").json()

    assert body["valid"] is True
    assert body["dataset"][0]["name"] == "errors"


def test_where_it_is_off_the_answer_is_an_empty_400(jonas: Asker) -> None:
    answer = search(jonas, "spans", "nothing", path="organizations/tidepool/events/validate/")

    assert (answer.status_code, answer.content) == (400, b"")


# -- what there is --------------------------------------------------------------------------------------------------


def test_attributes_by_kind_and_part_of_their_name(mira: Asker) -> None:
    base = "organizations/northwind/trace-items/attributes/"
    numbers = mira.get(base, params={"itemType": "logs", "attributeType": "number"}).json()
    ops = mira.get(base, params={"dataset": "spans", "substringMatch": "span.o"}).json()

    own = next(one for one in numbers if one["name"] == "cart.size")
    assert (own["key"], own["attributeSource"]) == ("tags[cart.size,number]", {"source_type": "user"})
    assert [one["name"] for one in ops] == ["span.op"]
    assert mira.get(base, params={"itemType": "stars"}).status_code == 400
    assert mira.get(base, params={"itemType": "spans", "attributeType": "colour"}).status_code == 400


def test_tag_keys_most_common_first(mira: Asker) -> None:
    found = mira.get("organizations/northwind/tags/", params={"dataset": "events"}).json()

    totals = [one["totalValues"] for one in found]
    assert totals == sorted(totals, reverse=True)
    assert {"environment", "release", "browser"} <= {one["key"] for one in found}


@pytest.mark.parametrize(
    ("params", "check"),
    [
        ({"query": "count_errors:>0"}, lambda one: one["count_errors"] > 0),
        ({"query": "browser.name:Firefox"}, lambda one: one["browser"]["name"] == "Firefox"),
        ({"query": "url:*cart*"}, lambda one: "https://shop.example/cart" in one["urls"]),
        ({"environment": "staging"}, lambda one: one["environment"] == "staging"),
    ],
)
def test_replays_are_filtered(mira: Asker, params: dict[str, str], check: Any) -> None:
    found = mira.get("organizations/northwind/replays/", params=params | {"per_page": "100"}).json()["data"]

    assert 0 < len(found) <= 12
    assert all(check(one) for one in found)


def test_replays_newest_first_with_their_kind_of_times(mira: Asker, sandbox: Sandbox) -> None:
    found = mira.get("organizations/northwind/replays/", params={"per_page": "100"}).json()["data"]
    starts = [one["started_at"] for one in found]

    assert starts == sorted(starts, reverse=True)
    assert starts[0].endswith("+00:00")
    assert mira.get("organizations/northwind/replays/", params={"sort": "colour"}).status_code == 400
    durations = mira.get("organizations/northwind/replays/", params={"sort": "duration", "per_page": "100"}).json()
    assert [one["duration"] for one in durations["data"]] == sorted(one["duration"] for one in found)


def test_one_replay_with_and_without_dashes(mira: Asker, sandbox: Sandbox) -> None:
    replay = sandbox.landmarks["replay"]
    dashed = f"{replay[:8]}-{replay[8:12]}-{replay[12:16]}-{replay[16:20]}-{replay[20:]}"
    archived = mira.get(f"organizations/northwind/replays/{sandbox.landmarks['archived_replay']}/").json()["data"]

    for name in (replay, dashed):
        assert mira.get(f"organizations/northwind/replays/{name}/").json()["data"]["id"] == replay
    assert (archived["is_archived"], archived["urls"], archived["tags"]) == (True, None, [])
    nothing = mira.get("organizations/northwind/replays/none/")
    assert (nothing.status_code, nothing.content) == (404, b"")


def test_replays_have_the_orders_that_the_tools_know() -> None:
    """Neither reads the other's table."""
    assert set(REPLAY_ORDERS) == SORTS
