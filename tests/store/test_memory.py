"""The memory store's own promise: it does not grow with the writes, only with what is alive."""

import tracemalloc

from flask_sentry_mcp.clock import shifted
from flask_sentry_mcp.store.memory import MemoryStore


def test_to_read_a_kind_makes_no_entry_for_it() -> None:
    """Readers hold no lock: what they changed, a writer that goes through it would stumble over."""
    store = MemoryStore()

    store.get("grant", "g1")

    assert store.stamp() == 0
    assert not store._kinds


def test_it_stays_small_under_many_writes() -> None:
    store = MemoryStore()
    tracemalloc.start()
    for version in range(20_000):
        store.swap("grant", "g1", version or None, b"x" * 100, ttl_s=3_600)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 500_000
    with shifted(3_601):
        assert store.purge() == 1


def test_messages_that_are_over_are_forgotten() -> None:
    store = MemoryStore()
    tracemalloc.start()
    for number in range(2_000):
        store.publish(f"room{number % 7}", b"x" * 1_000, ttl_s=0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 100_000
