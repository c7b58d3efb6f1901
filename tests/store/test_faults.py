"""A store that is stopped, killed, frozen, cut off or failed over: 503 with Retry-After, then back by itself.

Nothing that was acknowledged is lost, and nothing is repeated behind the caller's back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.testing import settings_for, sign_in
from tests.store.proxy import Fault, Proxy
from tests.store.servers import PostgreSQL, Redis, Server
from tests.waiting import until

LONG = 3_600.0
OPERATIONS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get("grant", "g1"),
    "put": lambda store: store.put("grant", "g2", b"x", ttl_s=LONG),
    "take": lambda store: store.take("grant", "g1"),
    "swap": lambda store: store.swap("grant", "g1", 1, b"y", ttl_s=LONG),
    "create": lambda store: store.swap("grant", "g3", None, b"y", ttl_s=LONG),
    "delete": lambda store: store.delete("grant", "g1"),
    "find": lambda store: list(store.find("grant")),
    "count": lambda store: store.count("grant"),
    "purge": lambda store: store.purge(),
    "stamp": lambda store: store.stamp(),
    "publish": lambda store: store.publish("room", b"x"),
    "wait": lambda store: store.wait("room", 0, timeout_s=1),
}
WRITES = ("put", "take", "swap", "create", "delete")

pytestmark = pytest.mark.parametrize("backend", ["postgresql", "redis"])


class TestStopped:
    def test_every_operation_says_so_at_once_and_all_recover(self, running: Server, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=LONG)
        running.stop()

        started = time.monotonic()
        for operation in OPERATIONS.values():
            with pytest.raises(StoreUnavailable) as caught:
                operation(store)
            assert (caught.value.http_status, caught.value.retry_after_s) == (503, 5)
        assert time.monotonic() - started < 15

        running.start()
        assert store.get("grant", "g1") is not None
        for operation in OPERATIONS.values():
            operation(store)

    def test_a_restart_between_two_calls_is_not_noticed(self, running: Server, store: Store) -> None:
        """Idle connections that a restart ended are seen before they are used."""
        store.put("grant", "g1", b"x", ttl_s=LONG)
        stamp = store.stamp()
        running.stop()
        running.start()

        assert store.get("grant", "g1") is not None
        store.put("grant", "g2", b"x", ttl_s=LONG)
        assert store.stamp() != stamp

    def test_a_server_that_is_not_up_yet_keeps_nobody_from_starting(
        self, running: Server, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        running.stop()

        with closing(open_store(url)) as store:
            with pytest.raises(StoreUnavailable):
                store.put("grant", "g1", b"x", ttl_s=LONG)
            running.start()
            store.put("grant", "g1", b"x", ttl_s=LONG)
            assert store.count("grant") == 1

    def test_whoever_waits_for_a_message_gets_it_after_the_restart(self, running: Server, store: Store) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_wait_patiently, store)
            time.sleep(0.3)
            running.stop()
            running.start()
            store.publish("room", b"hello")

            assert waiting.result() == [b"hello"]


class TestKilled:
    def test_nothing_acknowledged_is_lost(self, running: Server, store: Store) -> None:
        """kill -9 under load: every write that returned is there afterwards, and no version went back."""
        acknowledged: dict[str, int] = {}
        stop = threading.Event()

        def write(thread: int) -> None:
            number = 0
            while not stop.is_set():
                id = f"t{thread}-{number}"
                try:
                    store.put("grant", id, b"x", ttl_s=LONG)
                    acknowledged[id] = 1
                    if store.swap("grant", id, 1, b"y", ttl_s=LONG):
                        acknowledged[id] = 2
                except StoreUnavailable:
                    time.sleep(0.01)
                number += 1

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, thread) for thread in range(4)]
            for _ in range(2):
                _until_more_are_in(acknowledged)
                running.kill()
                running.start()
            _until_more_are_in(acknowledged)
            stop.set()
            for writer in writers:
                writer.result()

        kept = {record.id: record.version for record in store.find("grant")}
        assert {id: version for id, version in acknowledged.items() if kept.get(id, 0) < version} == {}


class TestFrozen:
    @pytest.mark.usefixtures("impatient")
    def test_no_operation_hangs(self, running: Server, url: str) -> None:
        """A server that takes the request and never answers costs a few seconds (here: one), not a worker."""
        store = open_store(url)
        for operation in OPERATIONS.values():
            operation(store)
        store.put("grant", "g1", b"x", ttl_s=LONG)
        running.freeze()

        started = time.monotonic()
        with ThreadPoolExecutor(len(OPERATIONS)) as pool:
            faults = list(pool.map(lambda operation: _fault_of(operation, store), OPERATIONS.values()))
        took_s = time.monotonic() - started
        running.thaw()

        assert [type(fault) for fault in faults] == [StoreUnavailable] * len(OPERATIONS)
        assert 0.9 < took_s < 15  # on a connection, and then perhaps on a new one
        assert store.count("grant") > 0
        store.close()


class TestFailedOver:
    def test_a_server_that_may_only_read_is_no_store(self, running: Server, store: Store) -> None:
        """What a demoted primary answers: writes are refused, so they are not acknowledged."""
        store.put("grant", "g1", b"x", ttl_s=LONG)
        demote, promote = _roles(running)

        demote()
        for name in WRITES:
            with pytest.raises(StoreUnavailable):
                OPERATIONS[name](store)
        promote()

        record = store.get("grant", "g1")
        assert record is not None
        assert record.version == 1
        assert OPERATIONS["swap"](store) is True


class TestTheProduct:
    @pytest.mark.usefixtures("impatient")
    def test_a_store_that_hangs_is_a_503_that_says_when_to_come_back(
        self, running: Server, url: str, sandbox: Sandbox
    ) -> None:
        """STORE-2: at the MCP endpoint and at the token endpoint, within seconds; then nobody is signed out."""
        app = Flask("app")
        app.config.update(settings_for(sandbox, SENTRY_MCP_STORE=url))
        SentryMCP(app)
        mcp = sign_in(app, sandbox)
        running.freeze()
        started = time.monotonic()

        refused = [mcp.post("tools/list", {}), mcp.refresh()]

        assert time.monotonic() - started < 15
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(503, "5")] * 2
        running.thaw()
        assert mcp.post("tools/list", {}).status_code == 200
        assert mcp.refresh().status_code == 200
        state_of(app).store.close()


class TestRelayed:
    """Something between us and the server is slow, or breaks in the middle of one operation."""

    @pytest.fixture
    def proxy(self, running: Server, tmp_path: Path) -> Iterator[Proxy]:
        if isinstance(running, PostgreSQL):
            proxy = Proxy(str(tmp_path / ".s.PGSQL.5432"), str(running.folder / ".s.PGSQL.5432"))
        else:
            assert isinstance(running, Redis)
            proxy = Proxy(("127.0.0.1", 0), ("127.0.0.1", running.port))
        yield proxy
        proxy.close()

    @pytest.fixture
    def relayed(self, proxy: Proxy, running: Server, tmp_path: Path) -> Iterator[Store]:
        """A store behind the proxy that has used every statement once."""
        store = self._open(proxy, running, tmp_path)
        for operation in OPERATIONS.values():
            operation(store)
        store.delete("grant", "g3")
        store.put("grant", "g1", b"x", ttl_s=LONG)
        yield store
        store.close()

    @staticmethod
    def _open(proxy: Proxy, running: Server, folder: Path) -> Store:
        url = running.url_at(folder) if isinstance(running, PostgreSQL) else f"redis://127.0.0.1:{proxy.port}/0"
        return open_store(url)

    @pytest.mark.parametrize("name", OPERATIONS)
    @pytest.mark.parametrize("fault", ["request", "answer"])
    def test_the_caller_is_told_and_the_next_call_works(
        self, proxy: Proxy, relayed: Store, fault: Fault, name: str
    ) -> None:
        """A lost answer is never turned into a second try: ``take`` and ``swap`` would deny what they had done."""
        proxy.fault = fault
        with pytest.raises(StoreUnavailable):
            OPERATIONS[name](relayed)
        proxy.fault = None

        assert relayed.count("grant") in (1, 2, 3)

    def test_a_slow_answer_is_an_answer(self, proxy: Proxy, relayed: Store) -> None:
        proxy.delay_s = 0.1

        for operation in OPERATIONS.values():
            operation(relayed)

        record = relayed.get("grant", "g2")
        assert record is not None
        assert record.value == b"x"

    @pytest.mark.usefixtures("impatient")
    def test_an_answer_that_comes_too_late_is_nobody_elses(self, proxy: Proxy, running: Server, tmp_path: Path) -> None:
        """The next call does not read what the one before it was meant to have."""
        store = self._open(proxy, running, tmp_path)
        store.put("grant", "g1", b"late", ttl_s=LONG)
        store.put("grant", "g2", b"x", ttl_s=LONG)
        proxy.delay_s = 1.4
        with pytest.raises(StoreUnavailable):
            store.get("grant", "g1")
        proxy.delay_s = 0.0

        found = [store.get("grant", "g2") for _ in range(5)]

        assert [record and record.value for record in found] == [b"x"] * 5
        store.close()

    def test_a_write_whose_request_was_lost_did_not_happen(self, proxy: Proxy, relayed: Store) -> None:
        proxy.fault = "request"
        for name in ("swap", "take", "delete"):
            with pytest.raises(StoreUnavailable):
                OPERATIONS[name](relayed)
        proxy.fault = None

        record = relayed.get("grant", "g1")
        assert record is not None
        assert record.version == 1

    def test_a_write_whose_answer_was_lost_happened_once(self, proxy: Proxy, relayed: Store) -> None:
        proxy.fault = "answer"
        with pytest.raises(StoreUnavailable):
            OPERATIONS["swap"](relayed)
        proxy.fault = None

        record = relayed.get("grant", "g1")
        assert record is not None
        assert (record.value, record.version) == (b"y", 2)


def _fault_of(operation: Callable[[Store], object], store: Store) -> BaseException | None:
    try:
        operation(store)
    except StoreUnavailable as fault:
        return fault
    return None


def _until_more_are_in(acknowledged: Sized) -> None:
    """A hundred more writes are acknowledged."""
    wanted = len(acknowledged) + 100
    until(lambda: len(acknowledged) >= wanted)


def _wait_patiently(store: Store) -> list[bytes]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            messages = store.wait("room", 0, timeout_s=5)
        except StoreUnavailable:
            time.sleep(0.05)
            continue
        if messages:
            return [message.body for message in messages]
    return []


def _roles(server: Server) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to make the server refuse writes, and how to end that."""
    if isinstance(server, PostgreSQL):

        def become(setting: str) -> None:
            with server.connect() as connection:
                connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {setting}".encode())
                connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.1)  # until every process of the server has read it

        return lambda: become("on"), lambda: become("off")

    assert isinstance(server, Redis)
    with server.connect() as client:
        return lambda: client.replicaof("127.0.0.1", "1"), lambda: client.replicaof("NO", "ONE")
