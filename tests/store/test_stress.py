"""Many processes on one store, some of them killed: the books that they keep agree with what the store holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from flask_sentry_mcp.store.memory import MemoryStore
from tests.store.stress import CODES, COUNTERS, DAY_S, Books, find_broken

ROOT = Path(__file__).parents[2]


SHARES = {"sqlite": 150_000, "postgresql": 20_000, "redis": 30_000}
KILLS = 8


def test_the_shares_are_two_hundred_thousand_operations_and_twenty_kills() -> None:
    """As many as each backend does in some seconds; ``make stress`` runs as many on every one of them."""
    assert sum(SHARES.values()) == 200_000
    assert len(SHARES) * KILLS >= 20


@pytest.mark.parametrize("backend", SHARES)
def test_no_double_take_no_lost_swap_nothing_alive_that_was_deleted(backend: str) -> None:
    """Also: no stamp that hides a change, and not one operation refused ("database is locked")."""
    words = [sys.executable, "-m", "tests.store.stress", "--backend", backend]
    words += ["--operations", str(SHARES[backend]), "--kills", str(KILLS)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 refused: every promise kept" in done.stdout


class TestTheBooks:
    """The comparison itself: each broken promise would be seen."""

    @pytest.fixture
    def books(self) -> Books:
        return Books()

    @pytest.fixture
    def store(self) -> MemoryStore:
        """All counters at one, after one write."""
        store = MemoryStore()
        for counter in range(COUNTERS):
            store.put("counter", str(counter), b"1", ttl_s=DAY_S)
        return store

    def _compare(self, books: Books, store: MemoryStore) -> str:
        return "; ".join(find_broken(books, store, 0))

    def test_agree(self, books: Books, store: MemoryStore) -> None:
        for counter in range(COUNTERS):
            books.swaps[counter] = 1

        assert self._compare(books, store) == ""

    def test_a_lost_swap(self, books: Books, store: MemoryStore) -> None:
        for counter in range(COUNTERS):
            books.swaps[counter] = 1
        books.swaps[COUNTERS + 3] = 1  # a second worker was promised a second step

        assert "counter 3 lost 1 swaps" in self._compare(books, store)

    def test_a_write_over_another(self, books: Books, store: MemoryStore) -> None:
        store.put("counter", "3", b"1", ttl_s=DAY_S)

        assert "counter 3 stands at 1 after 2 writes" in self._compare(books, store)

    def test_a_double_take(self, books: Books, store: MemoryStore) -> None:
        books.taken[5] = books.taken[8 * CODES + 5] = 1

        assert "code 5 was taken 2 times" in self._compare(books, store)

    def test_alive_after_its_end(self, books: Books, store: MemoryStore) -> None:
        store.put("code", "7", b"x", ttl_s=DAY_S)
        books.exists[7] = books.deleted[7] = 1

        assert "code 7 is alive after its end" in self._compare(books, store)

    def test_gone_without_a_taker(self, books: Books, store: MemoryStore) -> None:
        books.exists[9] = 1

        assert "1 codes more than the 0 operations of unknown outcome explain" in self._compare(books, store)
