"""Landmarks that are no errors but slowness: repeated and slow queries, calls in a row, a metric out of bounds."""

import random

from ..records import Json
from ..world import World
from .maker import Maker, evidence

QUERY = "SELECT price FROM lines WHERE cart_id = %s"
SLOW = "SELECT * FROM orders ORDER BY total"
PARENT_SPAN = "a1b2c3d4e5f60718"
REPEATS = 12
REPEATED_QUERIES: Json = {
    "transaction": "POST /pay",
    "query": QUERY,
    "parent": "POST /pay",
    "repeats": REPEATS,
    "occurrence_type": 1006,
    "evidence": [
        ("Offending Spans", f"db - {QUERY}", True),
        ("Parent Span", "http.server - POST /pay", False),
        ("Transaction", "POST /pay", False),
    ],
    "evidence_data": {
        "transactionName": "POST /pay",
        "op": "db",
        "parentSpan": "http.server - POST /pay",
        "parentSpanIds": [PARENT_SPAN],
        "offenderSpanIds": [f"{0xB0000000 + number:016x}" for number in range(REPEATS)],
        "repeatingSpans": f"db - {QUERY}",
        "repeatingSpansCompact": QUERY,
        "numberRepeatingSpans": str(REPEATS),
    },
}
SLOW_PAYMENTS: Json = {
    "value": 912.4,
    "conditions": [{"type": "gt", "comparison": 800, "conditionResult": 75}],
    "dataSources": [
        {"queryObj": {"snubaQuery": {"aggregate": "p95(span.duration)", "query": 'transaction:"POST /pay"'}}}
    ],
}


def fill(world: World, chance: random.Random) -> None:
    make = Maker(world, chance, "checkout-api")
    _repeated(make)
    _slow(make)
    _metric(make)


def _repeated(make: Maker) -> None:
    issue = make.shown(
        "n_plus_one",
        6620201,
        160,
        "N+1 Query",
        story="n_plus_one",
        type="transaction",
        level="info",
        issue_type="performance_n_plus_one_db_queries",
        category="db_query",
        metadata={"title": "N+1 Query", "value": QUERY, "location": "POST /pay"},
        detail=dict(REPEATED_QUERIES),
    )
    for event in issue.events:
        event.span_id = PARENT_SPAN


def _slow(make: Maker) -> None:
    make.shown(
        "slow_query",
        6620202,
        161,
        "Slow DB Query",
        type="transaction",
        level="info",
        issue_type="performance_slow_db_query",
        category="db_query",
        metadata={"title": "Slow DB Query", "value": SLOW, "location": "GET /orders"},
        detail=evidence(1001, "Slow Span", f"db - {SLOW}", "GET /orders"),
    )
    make.shown(
        "http_client",
        6620203,
        162,
        "Consecutive HTTP",
        type="transaction",
        level="info",
        issue_type="performance_consecutive_http",
        category="http_client",
        detail=evidence(1009, "Offending Spans", "http.client - GET https://rates.example/eur", "POST /pay"),
    )


def _metric(make: Maker) -> None:
    make.shown(
        "metric",
        6620204,
        163,
        "p95 of POST /pay is above 800 ms",
        type="generic",
        issue_type="metric_issue",
        category="metric",
        culprit=None,
        detail={
            **evidence(8001, "Condition", "p95(span.duration) > 800ms", None),
            "evidence_data": SLOW_PAYMENTS,
        },
    )
