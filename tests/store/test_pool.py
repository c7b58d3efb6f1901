"""The pool of connections: lent to one thread at a time, never trusted after a fault, never more than allowed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.store.pool import Pool


class Connections:
    """Makes numbered connections and remembers which were closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: list[int] = []
        self.unfit: set[int] = set()

    def pool(self, *, limit: int | None = None, keep: int = 8) -> Pool[int]:
        return Pool(self._connect, self.closed.append, is_fit=self._is_fit, limit=limit, keep=keep)

    def _connect(self) -> int:
        self.made += 1
        return self.made

    def _is_fit(self, connection: int) -> bool:
        return connection not in self.unfit


@pytest.fixture
def connections() -> Connections:
    return Connections()


def _itself(connection: int) -> int:
    return connection


def _held_by_all(pool: Pool[int], threads: int) -> list[int]:
    """The connections that so many threads had at the same moment."""
    gate = threading.Barrier(threads)

    def hold(connection: int) -> int:
        gate.wait(5)
        return connection

    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(lambda _: pool.run(hold), range(threads)))


def test_a_connection_is_used_again(connections: Connections) -> None:
    pool = connections.pool()

    assert [pool.run(_itself) for _ in range(3)] == [1, 1, 1]


def test_no_two_threads_have_the_same(connections: Connections) -> None:
    assert sorted(_held_by_all(connections.pool(), 4)) == [1, 2, 3, 4]


def test_only_a_few_stay_open(connections: Connections) -> None:
    _held_by_all(connections.pool(keep=3), 5)

    assert len(connections.closed) == 2


def test_a_fault_closes_every_idle_connection(connections: Connections) -> None:
    """What broke one, a restart of the server say, broke the others too."""
    pool = connections.pool()
    _held_by_all(pool, 3)

    with pytest.raises(ZeroDivisionError):
        pool.run(lambda _: 1 // 0)

    assert sorted(connections.closed) == [1, 2, 3]
    assert pool.run(_itself) == 4


def test_an_unfit_connection_is_replaced_before_it_is_used(connections: Connections) -> None:
    pool = connections.pool()
    _held_by_all(pool, 2)
    connections.unfit = {1, 2}

    assert pool.run(_itself) == 3
    assert sorted(connections.closed) == [1, 2]


class TestLimit:
    def test_the_next_waits_for_its_turn(self, connections: Connections) -> None:
        pool = connections.pool(limit=1)
        inside: list[int] = []

        def count(connection: int) -> None:
            inside.append(connection)
            assert len(inside) == 1
            inside.remove(connection)

        with ThreadPoolExecutor(8) as executor:
            list(executor.map(lambda _: pool.run(count), range(200)))

        assert connections.made == 1

    @pytest.mark.usefixtures("impatient")
    def test_but_not_for_ever(self, connections: Connections) -> None:
        pool = connections.pool(limit=1)

        def meanwhile(_: int) -> None:
            with ThreadPoolExecutor(1) as executor, pytest.raises(StoreUnavailable):
                executor.submit(pool.run, _itself).result()

        pool.run(meanwhile)
        assert pool.run(_itself) == 1

    def test_a_place_is_free_again_after_any_fault(self) -> None:
        faults: list[Callable[[], int]] = [lambda: 1 // 0, lambda: 7]
        pool = Pool(lambda: faults.pop(0)(), lambda _: None, limit=1)

        with pytest.raises(ZeroDivisionError):
            pool.run(_itself)

        assert pool.run(_itself) == 7
