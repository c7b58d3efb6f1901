"""The same search in Sentry: a link that shows what the answer shows (section 1.9)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.events import Search
from flask_sentry_mcp.sentry.links import WebLinks
from flask_sentry_mcp.tools import datasets, explorer

LINKS = WebLinks(Regions("sentry.io", ()), "acme")


def page(
    dataset: str, fields: list[str] | None = None, environments: tuple[str, ...] = (), **more: Any
) -> tuple[str, Any]:
    """The path of the link and its query."""
    defaults: dict[str, Any] = {"query": "", "sort": "-timestamp", "period": "7d", "limit": 10}
    chosen = datasets.defaults(dataset) if fields is None else fields
    search = Search(organization_slug="acme", dataset=dataset, fields=chosen, **defaults | more)
    parts = urlsplit(explorer.page(LINKS, search, environments))
    assert parts.netloc == "acme.sentry.io"
    return parts.path, parse_qs(parts.query)


@pytest.mark.parametrize(
    ("dataset", "path", "expected"),
    [
        (
            "errors",
            "/explore/discover/homepage/",
            {"dataset": ["errors"], "queryDataset": ["error-events"], "query": ["x"], "sort": ["-timestamp"]},
        ),
        ("spans", "/explore/traces/", {"query": ["x"], "sort": ["-timestamp"], "table": ["span"]}),
        ("logs", "/explore/logs/", {"logsQuery": ["x"], "mode": ["samples"], "logsSortBys": ["-timestamp"]}),
        ("metrics", "/explore/metrics/", {}),
        ("profiles", "/explore/profiling/", {"query": ["x"], "sort": ["-timestamp"]}),
    ],
)
def test_single_events(dataset: str, path: str, expected: dict[str, list[str]]) -> None:
    """The usual columns are left out of the address."""
    found = page(dataset, query="x", project="7")

    assert found == (path, {"project": ["7"], "statsPeriod": ["7d"]} | expected)


@pytest.mark.parametrize(
    ("dataset", "name"), [("errors", "field"), ("spans", "field"), ("logs", "logsFields"), ("profiles", "field")]
)
def test_chosen_columns(dataset: str, name: str) -> None:
    _, query = page(dataset, ["project", "timestamp"])

    assert query[name] == ["project", "timestamp"]


GROUPED = ["transaction", "p95(span.duration)", "count()"]
COLUMNS = ['{"groupBy":"transaction"}', '{"yAxes":["p95(span.duration)","count()"]}']


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("spans", {"aggregateField": COLUMNS, "sort": ["-count()"], "table": ["span"]}),
        ("logs", {"aggregateField": COLUMNS, "logsAggregateSortBys": ["-count()"]}),
        (
            "errors",
            {
                "dataset": ["errors"],
                "queryDataset": ["error-events"],
                "field": GROUPED,
                "yAxis": GROUPED[1:],
                "sort": ["-count()"],
            },
        ),
    ],
)
def test_groups(dataset: str, expected: dict[str, list[str]]) -> None:
    _, query = page(dataset, GROUPED, sort="-count()")

    assert query == {"statsPeriod": ["7d"], "mode": ["aggregate"]} | expected


def test_metrics_in_groups() -> None:
    functions = [
        "sum(value,cart.size,distribution,-)",
        "p95(value,cart.size,distribution,-)",
        "sum(value,t,counter,ms)",
    ]

    _, query = page("metrics", ["project", *functions], sort="-sum(value,t,counter,ms)", query="env:x")

    assert query["metric"] == [
        '{"metric":{"name":"cart.size","type":"distribution"},"query":"env:x","aggregateFields":'
        '[{"yAxes":["sum(value,cart.size,distribution,-)"]},{"yAxes":["p95(value,cart.size,distribution,-)"]},'
        '{"groupBy":"project"}],"aggregateSortBys":[],"mode":"aggregate"}',
        '{"metric":{"name":"t","type":"counter","unit":"ms"},"query":"env:x","aggregateFields":'
        '[{"yAxes":["sum(value,t,counter,ms)"]},{"groupBy":"project"}],'
        '"aggregateSortBys":[{"field":"sum(value,t,counter,ms)","kind":"desc"}],"mode":"aggregate"}',
    ]


def test_samples_of_a_metric_that_the_query_names() -> None:
    _, query = page("metrics", query='metric.name:"cart size" metric.type:counter')

    (metric,) = query["metric"]
    assert '"metric":{"name":"cart size","type":"counter"}' in metric
    assert metric.endswith('"aggregateSortBys":[{"field":"sum(value)","kind":"desc"}],"mode":"samples"}')


def test_replays() -> None:
    found = page("replays", [], ("production", "staging"), query="count_errors:>0", sort="-started_at")

    assert found == (
        "/explore/replays/",
        {
            "statsPeriod": ["7d"],
            "query": ["count_errors:>0"],
            "environment": ["production", "staging"],
            "sort": ["-started_at"],
        },
    )
