"""Several processes on one store: they start together, fork, see each other's changes and wake each other."""

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import Dialect, create_engine, text
from sqlalchemy.pool import NullPool

from flask_sentry_mcp.clock import now
from flask_sentry_mcp.errors import ConfigurationError
from flask_sentry_mcp.store import schema
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from tests.store.processes import forked, in_processes

LONG = 3_600.0
SHARED = pytest.mark.parametrize("backend", ["sqlite", "postgresql", "redis"])
SIDES = ("child0", "child1", "child2", "parent")
SQL = pytest.mark.parametrize("backend", ["sqlite", "postgresql"])


def _write_and_count(url: str, number: int) -> int:
    with closing(open_store(url)) as store:
        store.put("grant", f"g{number}", b"x", ttl_s=LONG)
        return store.count("grant")


@SHARED
def test_eight_workers_may_start_at_once_on_nothing(url: str) -> None:
    """None fails, none loses a write, and the schema is there once."""
    counts = in_processes(_write_and_count, [(url, number) for number in range(8)])

    assert max(counts) == 8
    with closing(open_store(url)) as store:
        assert store.count("grant") == 8


class TestAcrossProcesses:
    def test_a_change_by_another_is_in_the_next_stamp(self, url: str) -> None:
        """REV-3: what another worker revoked is seen at the very next call."""
        with closing(open_store(url)) as store:
            store.put("grant", "g1", b"x", ttl_s=LONG)
            stamp = store.stamp()
            assert store.stamp() == stamp

            in_processes(_delete, [(url,)])

            assert store.stamp() != stamp
            assert store.get("grant", "g1") is None

    def test_a_message_from_another_arrives_quickly(self, url: str) -> None:
        with closing(open_store(url)) as store:
            waiting: list[float] = []

            def wait() -> None:
                [message] = store.wait("room", 0, timeout_s=60)
                waiting.append(now() - float(message.body))

            thread = threading.Thread(target=wait)
            thread.start()
            in_processes(_publish_the_time, [(url,)])
            thread.join()

        [took_s] = waiting
        assert took_s < 15

    pytestmark = [SHARED]


def _delete(url: str) -> None:
    with closing(open_store(url)) as store:
        assert store.delete("grant", "g1")


def _publish_the_time(url: str) -> None:
    time.sleep(0.2)
    with closing(open_store(url)) as store:
        store.publish("room", str(now()).encode())


class TestFork:
    """A store that was used and then forked, as a server does that loads the application first."""

    def test_both_sides_go_on(self, url: str) -> None:
        in_processes(_use_then_fork, [(url,)])

        with closing(open_store(url)) as store:
            ids = [record.id for record in store.find("grant")]
        assert ids == ["before", *(f"{side}-{k:02}" for side in SIDES for k in range(20))]

    def test_even_while_threads_are_at_work(self, url: str) -> None:
        """A fork waits until no connection is in use; none is half-way through a statement on both sides."""
        in_processes(_fork_under_load, [(url,)])

    pytestmark = [SHARED]


def _use_all(store: Store) -> None:
    store.put("grant", "before", b"x", ttl_s=LONG)
    store.get("grant", "before")
    store.stamp()
    store.publish("room", b"x")
    store.wait("room", 0, timeout_s=1)


def _use_then_fork(url: str) -> None:
    store = open_store(url)
    _use_all(store)
    stamp = store.stamp()

    def child(number: int) -> Callable[[], None]:
        def work() -> None:
            assert store.get("grant", "before") is not None
            for k in range(20):
                store.put("grant", f"child{number}-{k:02}", b"x", ttl_s=LONG)
            assert store.stamp() != stamp
            store.publish(f"from{number}", b"x")
            assert store.wait("room", 0, timeout_s=1)

        return work

    for number in range(3):
        assert forked(child(number))
    for k in range(20):
        store.put("grant", f"parent-{k:02}", b"x", ttl_s=LONG)
    assert store.stamp() != stamp
    for number in range(3):
        assert store.wait(f"from{number}", 0, timeout_s=1)
    store.close()


def _fork_under_load(url: str) -> None:
    store = open_store(url)
    _use_all(store)
    stop = threading.Event()
    faults: list[Exception] = []

    def load() -> None:
        while not stop.is_set():
            try:
                store.put("grant", "before", b"x", ttl_s=LONG)
                assert store.get("grant", "before")
                store.stamp()
            except Exception as error:  # noqa: BLE001 - none is expected; whichever it is fails the test
                faults.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    went_well = [forked(lambda: _use_all(store)) for _ in range(10)]
    stop.set()
    for thread in threads:
        thread.join()
    store.close()
    assert went_well == [True] * 10
    assert faults == []


class TestSchema:
    """Created once, brought up to date once, and never touched by an older release."""

    pytestmark = [SQL]

    def test_eight_workers_may_migrate_at_once(self, url: str) -> None:
        """From version 1, with records in it, to a version 2 of the test's own that can run only once."""
        with closing(open_store(url)) as store:
            store.put("grant", "g1", b"x", ttl_s=LONG)

        in_processes(_migrate, [(url,) for _ in range(8)])

        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version FROM sentry_mcp_schema")).all() == [(2,)]
            assert connection.execute(text("SELECT id, added FROM sentry_mcp_records")).all() == [("g1", "yes")]

    def test_a_newer_schema_is_refused(self, url: str) -> None:
        open_store(url).close()
        _set_version(url, 99)

        with pytest.raises(ConfigurationError, match="SENTRY_MCP_STORE holds schema 99"):
            open_store(url)


def _second_version(_dialect: Dialect) -> list[str]:
    return ["ALTER TABLE sentry_mcp_records ADD COLUMN added VARCHAR NOT NULL DEFAULT 'yes'"]


def _migrate(url: str) -> None:
    schema.MIGRATIONS = (schema.initial, _second_version)  # in this process of its own
    with closing(open_store(url)) as store:
        assert store.get("grant", "g1") is not None


def _set_version(url: str, version: int) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sentry_mcp_schema SET version = :version"), {"version": version})
