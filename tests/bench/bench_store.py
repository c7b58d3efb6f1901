"""What the store costs beside its driver: ``python -m tests.bench.bench_store [--records N] [--quick]``.

Every operation is timed one by one, on records chosen at random, in turns with the driver doing the same statement on
the same server. One thread; what is measured is the time a request waits. PostgreSQL and Redis sync every write to the
disk, as SQLite does. Then: how much room a signed-in client takes. Prints the tables of docs/performance.md.
"""

import argparse
import hashlib
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import create_engine

from flask_sentry_mcp import SentryMCP, state_of
from flask_sentry_mcp.clock import now
from flask_sentry_mcp.store.base import Record, Store
from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.redis import CHANGES, ENDS, IDS, KINDS, OWNERS, RECORDS
from flask_sentry_mcp.store.redis_scripts import TAKE, WRITE
from flask_sentry_mcp.store.tables import Statement, Statements
from flask_sentry_mcp.testing import settings_for, sign_in, start_sandbox
from tests.store.servers import PostgreSQL, Redis

VALUE = random.Random(1).randbytes(600)
DAY_S = 86_400.0
GRANTS = 3_000
OPERATIONS = ("get", "put", "swap", "take")
Call = Callable[[], object]


class Bench(ABC):
    """One backend: a store, and its driver on the same data."""

    name: str
    store: Store

    @abstractmethod
    def fill(self, records: int) -> None:
        """Write so many records, ids ``_id(0)``, ``_id(1)``, ..., by the shortest way there is."""

    @abstractmethod
    def driver(self, operation: str, id: str) -> Call | None:
        """*operation* by the driver alone, its parameters ready; None if there is no driver."""

    @abstractmethod
    def size(self) -> int:
        """Bytes that the store takes: on the disk, or in memory if it has no disk."""

    def ours(self, operation: str, id: str) -> Call:
        """*operation* by the store."""
        store, owner = self.store, _owner(id)
        calls: dict[str, Call] = {
            "get": lambda: store.get("grant", id),
            "put": lambda: store.put("grant", id, VALUE, ttl_s=DAY_S, owner=owner),
            "swap": lambda: store.swap("grant", id, 1, VALUE, ttl_s=DAY_S, owner=owner),
            "take": lambda: store.take("grant", id),
        }
        return calls[operation]


def _id(number: int) -> str:
    """As a token's look-up or a grant's id: nothing about its neighbours, so no page is hot by luck."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:43]


def _owner(id: str) -> str:
    return f"user-{id[:3]}"


def _given(id: str) -> dict[str, Any]:
    """What the SQL statements take."""
    time_now = now()
    times = {"now": time_now, "ends": time_now + DAY_S}
    return {"a_kind": "grant", "an_id": id, "a_value": VALUE, "an_owner": _owner(id), "expected": 1, **times}


class MemoryBench(Bench):
    name = "memory"

    def __init__(self, _stack: ExitStack) -> None:
        self.store = MemoryStore()

    def fill(self, records: int) -> None:
        for number in range(records):
            self.ours("put", _id(number))()

    def driver(self, operation: str, id: str) -> None:
        return None

    def size(self) -> int:
        return 0


class SQLiteBench(Bench):
    name = "SQLite"

    def __init__(self, stack: ExitStack) -> None:
        self._path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "store.sqlite"
        self.store = stack.enter_context(closing(open_store(f"sqlite:///{self._path}")))
        self._statements = Statements(create_engine("sqlite://").dialect)
        self._connection = stack.enter_context(closing(sqlite3.connect(self._path, isolation_level=None)))
        self._connection.execute("PRAGMA synchronous = FULL")

    def fill(self, records: int) -> None:
        put = self._statements.put
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("PRAGMA cache_size = -1000000")  # ids come in no order
            connection.execute("BEGIN")
            connection.executemany(put.sql, (put.bind(_given(_id(number))) for number in range(records)))
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def driver(self, operation: str, id: str) -> Call:
        statement: Statement = getattr(self._statements, operation)
        bound = statement.bind(_given(id))
        return lambda: self._connection.execute(statement.sql, bound).fetchall()

    def size(self) -> int:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self._path.stat().st_size


class PostgreSQLBench(Bench):
    name = "PostgreSQL"

    def __init__(self, stack: ExitStack) -> None:
        server = PostgreSQL(where=None)
        stack.callback(server.remove)
        server.start()
        self.store = stack.enter_context(closing(open_store(server.url)))
        self._statements = Statements(create_engine(server.url).dialect)
        self._connection = stack.enter_context(closing(server.connect()))

    def fill(self, records: int) -> None:
        copy = "COPY sentry_mcp_records (kind, id, version, expires_at, owner, value) FROM STDIN WITH (FORMAT BINARY)"
        with self._connection.cursor().copy(copy) as rows:
            rows.set_types(["text", "text", "int8", "float8", "text", "bytea"])
            for number in range(records):
                given = _given(_id(number))
                rows.write_row(("grant", given["an_id"], 1, given["ends"], given["an_owner"], VALUE))
        self._connection.execute("VACUUM ANALYZE sentry_mcp_records")

    def driver(self, operation: str, id: str) -> Call:
        statement: Statement = getattr(self._statements, operation)
        bound = statement.bind(_given(id))

        def run() -> object:
            cursor = self._connection.execute(statement.sql.encode(), bound, prepare=True, binary=True)
            return cursor.fetchall() if cursor.description else None

        return run

    def size(self) -> int:
        row = self._connection.execute("SELECT pg_total_relation_size('sentry_mcp_records')").fetchone()
        return int(str(row[0])) if row else 0


class RedisBench(Bench):
    name = "Redis"

    def __init__(self, stack: ExitStack) -> None:
        server = Redis(where=None)
        stack.callback(server.remove)
        server.start()
        self.store = stack.enter_context(closing(open_store(server.url)))
        self._client = stack.enter_context(closing(server.connect()))
        self._empty = self._used()

    def fill(self, records: int) -> None:
        for first in range(0, records, 1000):
            pipeline = self._client.pipeline(transaction=False)
            for number in range(first, min(first + 1000, records)):
                keys, given = self._write(_id(number), "any")
                pipeline.eval(WRITE.text, len(keys), *keys, *given)
            pipeline.execute()

    def driver(self, operation: str, id: str) -> Call:
        client = self._client
        if operation == "get":
            return lambda: client.hmget(f"{RECORDS}grant:{id}", "b", "v", "e")
        if operation == "take":
            taken = (f"{RECORDS}grant:{id}", f"{IDS}grant", f"{ENDS}grant", CHANGES, repr(now()), id, f"{OWNERS}grant:")
            return lambda: client.evalsha(TAKE.digest, 4, *taken)
        keys, given = self._write(id, "any" if operation == "put" else "1")
        return lambda: client.evalsha(WRITE.digest, len(keys), *keys, *given)

    def size(self) -> int:
        return self._used() - self._empty

    def _used(self) -> int:
        return int(self._client.info("memory")["used_memory"])

    @staticmethod
    def _write(id: str, expected: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        keys = (f"{RECORDS}grant:{id}", f"{IDS}grant", f"{ENDS}grant", CHANGES, KINDS)
        time_now = now()
        times = repr(time_now), repr(time_now + DAY_S)
        return keys, (times[0], "grant", id, f"{OWNERS}grant:", expected, VALUE, times[1], _owner(id))


@dataclass(frozen=True)
class Line:
    """One row of the table; microseconds."""

    store: str
    records: int
    operation: str
    ours: list[float]
    driver: list[float]

    def cells(self) -> tuple[str, ...]:
        median, p99 = _median_and_p99(self.ours)
        start = (self.store, f"{self.records:,}", self.operation, f"{1e6 / median:,.0f}", f"{median:.0f}", f"{p99:.0f}")
        if not self.driver:
            return (*start, "", "", "")
        median_of_driver, p99_of_driver = _median_and_p99(self.driver)
        return (*start, f"{median_of_driver:.0f}", f"{p99_of_driver:.0f}", f"{median / median_of_driver:.2f}")


HEAD = ("store", "records", "operation", "per second", "median us", "p99 us", "driver: median us", "p99 us", "ratio")


def _median_and_p99(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def measure(bench: Bench, records: int, calls: int) -> Iterator[Line]:
    """Fill the store, then time so many *calls* of each operation, ours and the driver's in turns."""
    bench.fill(records)
    ids = [_id(number) for number in random.Random(2).sample(range(records), 2 * calls * len(OPERATIONS))]
    for operation in OPERATIONS:
        mine, theirs = [ids.pop() for _ in range(calls)], [ids.pop() for _ in range(calls)]
        bench.ours(operation, mine[0])()  # connections and prepared statements are there before the clock starts
        if (warm := bench.driver(operation, theirs[0])) is not None:
            warm()
        ours, driver = [], []
        for own, other in zip(mine[1:], theirs[1:], strict=True):
            ours.append(_microseconds(bench.ours(operation, own)))
            call = bench.driver(operation, other)
            if call is not None:
                driver.append(_microseconds(call))
        yield Line(bench.name, records, operation, ours, driver)


def _microseconds(call: Call) -> float:
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1000


def signed_in() -> list[tuple[str, Record, str]]:
    """What a sign-in leaves in the store: the kind, the record and its owner of its grant and the two that find it."""
    app = Flask("bench")
    with start_sandbox("https://bench.test") as sandbox:
        app.config.update(settings_for(sandbox, "https://bench.test"))
        SentryMCP(app)
        sign_in(app, sandbox)
    store = state_of(app).store
    [grant] = store.find("grant")
    owner = str(json.loads(grant.value)["user_id"])
    return [("grant", grant, owner), *(("token", record, "") for record in store.find("token"))]


def room_for(bench: Bench, left: list[tuple[str, Record, str]]) -> float:
    """Bytes that one client takes whose sign-in *left* these records, among GRANTS of them."""
    empty = bench.size()
    for number in range(GRANTS):
        for place, (kind, record, owner) in enumerate(left):
            id = 2 * _id(number * len(left) + place)
            bench.store.put(kind, id[: len(record.id)], record.value, ttl_s=DAY_S, owner=owner and f"{owner}-{number}")
    return (bench.size() - empty) / GRANTS


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_store")
    parser.add_argument("--records", type=int, action="append", help="how many records there are (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="10,000 records, few calls")
    chosen = parser.parse_args()
    calls = 200 if chosen.quick else 1_000
    rows: list[tuple[str, ...]] = []
    sizes: list[tuple[str, ...]] = []
    for kind in (MemoryBench, SQLiteBench, PostgreSQLBench, RedisBench):
        for records in chosen.records or ([10_000] if chosen.quick else [10_000, 1_000_000]):
            with ExitStack() as stack:
                bench: Bench = kind(stack)
                rows += [line.cells() for line in measure(bench, records, calls)]
                print(f"{bench.name}, {records:,} records: done", file=sys.stderr, flush=True)
                if bench.size():
                    sizes.append((bench.name, f"{records:,}", f"{bench.size() / records:,.0f}"))
    print(table(HEAD, rows))
    print(f"Bytes per record with a value of {len(VALUE)} bytes (Redis: in memory, the others: on the disk):\n")
    print(table(("store", "records", "bytes per record"), sizes))
    print(_room_table())


def _room_table() -> str:
    left = signed_in()
    rows: list[tuple[str, ...]] = []
    for kind in (SQLiteBench, PostgreSQLBench, RedisBench):
        with ExitStack() as stack:
            bench: Bench = kind(stack)
            rows.append((bench.name, f"{room_for(bench, left):,.0f}"))
    return "A signed-in client, its grant and the records that find it:\n\n" + table(("store", "bytes"), rows)


if __name__ == "__main__":
    main()
