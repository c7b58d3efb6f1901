"""PostgreSQL alone: how many connections, at which isolation, and how long on an engine of the application's own."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, text

from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.postgresql import CONNECTIONS
from tests.store.servers import PostgreSQL

LONG = 3_600.0


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The application's own, as most have it."""
    engine = create_engine(url, pool_pre_ping=True)
    yield engine
    engine.dispose()


def test_more_threads_than_connections_wait_for_their_turn(running: PostgreSQL) -> None:
    """A process has so many connections and no more, whatever the number of its threads."""
    with running.connect() as connection:
        connection.execute(f"CREATE ROLE few LOGIN CONNECTION LIMIT {CONNECTIONS}".encode())
        connection.execute("GRANT ALL ON SCHEMA public TO few")
    store = open_store(running.url.replace("postgres@", "few@"))
    store.put("grant", "g1", b"x", ttl_s=LONG)
    threads = 5 * CONNECTIONS
    gate = threading.Barrier(threads)

    def read(_: int) -> bool:
        gate.wait(20)
        return all(store.get("grant", "g1") for _ in range(5))

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(read, range(threads)))

    assert found == [True] * threads
    store.close()
    with running.connect() as connection:
        connection.execute("DROP OWNED BY few")
        connection.execute("DROP ROLE few")


class TestIsolation:
    """A swap that somebody overtook is refused, not an error, whatever the default of the database or the engine."""

    def _contend(self, store: Store) -> int:
        """How many swaps six threads made of one record; each of them a step up."""
        store.put("grant", "g1", b"x", ttl_s=LONG)

        def work(_: int) -> int:
            done = 0
            for _ in range(30):
                record = store.get("grant", "g1")
                assert record is not None
                done += store.swap("grant", "g1", record.version, b"y", ttl_s=LONG)
            return done

        with ThreadPoolExecutor(6) as pool:
            return sum(pool.map(work, range(6)))

    def test_of_the_database(self, running: PostgreSQL) -> None:
        setting = "default_transaction_isolation"
        with running.connect() as connection:
            connection.execute(f"ALTER DATABASE postgres SET {setting} = 'repeatable read'".encode())
        store = open_store(running.url)

        steps = self._contend(store)

        record = store.get("grant", "g1")
        assert record is not None
        assert record.version == 1 + steps
        store.close()
        with running.connect() as connection:
            connection.execute(f"ALTER DATABASE postgres RESET {setting}".encode())

    def test_of_the_engine(self, running: PostgreSQL) -> None:
        engine = create_engine(running.url, isolation_level="SERIALIZABLE")
        store = open_store("", engine=engine)

        steps = self._contend(store)
        store.publish("room", b"hello")

        record = store.get("grant", "g1")
        assert record is not None
        assert record.version == 1 + steps
        store.close()
        with engine.connect() as connection:
            assert connection.execute(text("SHOW transaction_isolation")).scalar() == "serializable"
        engine.dispose()


class TestTheApplicationsEngine:
    @pytest.mark.usefixtures("impatient")
    def test_a_server_that_hangs_holds_nobody_up(self, running: PostgreSQL, engine: Engine) -> None:
        """On a connection that is open, and on one that is about to be made."""
        store = open_store("", engine=engine)
        store.put("grant", "g1", b"x", ttl_s=LONG)
        running.freeze()

        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.get("grant", "g1")

        assert time.monotonic() - started < 10
        running.thaw()
        assert store.get("grant", "g1") is not None
        store.close()

    def test_the_application_waits_as_long_as_it_likes(self, engine: Engine) -> None:
        """No time limit of ours is on its connections."""
        open_store("", engine=engine).close()

        with engine.connect() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"

    def test_a_full_pool_is_not_in_our_way(self, url: str) -> None:
        engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=30)
        started = time.monotonic()
        with engine.connect():
            store = open_store("", engine=engine)
            store.put("grant", "g1", b"x", ttl_s=LONG)

        assert time.monotonic() - started < 10
        store.close()
        engine.dispose()
