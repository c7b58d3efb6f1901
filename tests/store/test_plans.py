"""The cost does not grow with the number of records: every statement finds its rows by an index."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from flask_sentry_mcp.clock import now
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.tables import Statement, Statements

KEY = ("sqlite_autoindex_sentry_mcp_records_1", "sentry_mcp_records_pkey")
INDEXES = {
    "get": KEY,
    "take": KEY,
    "swap": KEY,
    "find": KEY,
    "find_owned": ("sentry_mcp_records_owners",),
    "count": ("sentry_mcp_records_",),  # whichever of them serves
    "count_over": ("sentry_mcp_records_",),
    "purge": ("sentry_mcp_records_ends",),
}
KINDS = ("token", "grant")
Explain = Callable[[Statement], str]


@pytest.fixture
def explain(url: str) -> Iterator[Explain]:
    """How the database would run a statement, in its own words, over some thousand records."""
    engine = create_engine(url, poolclass=NullPool)
    with closing(open_store(url)), engine.connect() as connection:
        rows = [(KINDS[n % 10 == 0], f"g{n:05}", 1, now() + n, f"user{n % 50}", b"x" * 300) for n in range(4000)]
        marks = "?, ?, ?, ?, ?, ?" if engine.dialect.name == "sqlite" else "%s, %s, %s, %s, %s, %s"
        columns = "kind, id, version, expires_at, owner, value"
        connection.exec_driver_sql(f"INSERT INTO sentry_mcp_records ({columns}) VALUES ({marks})", rows)
        connection.exec_driver_sql("ANALYZE sentry_mcp_records")
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN (FORMAT JSON)"

        def run(statement: Statement) -> str:
            bound: Any = statement.bind(GIVEN)
            bound = tuple(bound) if isinstance(bound, list) else bound
            return json.dumps([list(row) for row in connection.exec_driver_sql(f"{explain} {statement.sql}", bound)])

        yield run
    engine.dispose()


GIVEN: dict[str, Any] = {
    "a_kind": "grant",
    "an_id": "g01000",
    "an_owner": "user0",
    "a_value": b"x",
    "now": now() - 10,
    "ends": now() + 60,
    "expected": 1,
    "at_most": 100,
}


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", INDEXES)
def test_no_statement_looks_at_every_record(name: str, backend: str, explain: Explain) -> None:
    statements = Statements(create_engine("sqlite://" if backend == "sqlite" else "postgresql+psycopg://").dialect)

    plan = explain(getattr(statements, name))

    assert "Seq Scan" not in plan
    assert "SCAN sentry_mcp_records" not in plan
    assert any(index in plan for index in INDEXES[name])


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_one_step_of_purge_looks_at_no_more_than_it_removes(backend: str, explain: Explain) -> None:
    """What is over is found by its end, a few at a time, and each of these by its key."""
    statements = Statements(create_engine("sqlite://" if backend == "sqlite" else "postgresql+psycopg://").dialect)

    plan = explain(statements.purge)

    assert plan.count("sentry_mcp_records_ends") == 1
    assert sum(plan.count(index) for index in KEY) == 1
