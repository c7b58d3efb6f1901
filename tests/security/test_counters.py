"""Counters: windows that end, are forgotten, and are counted exactly by many threads."""

import threading
import time

import pytest
from limits import parse
from limits.strategies import FixedWindowRateLimiter

from flask_sentry_mcp.security.counters import FEWEST_TO_SWEEP, Counters


def test_counts_to_the_limit_and_no_further() -> None:
    engine, rule, before = FixedWindowRateLimiter(Counters()), parse("3/minute"), time.time()

    assert [engine.hit(rule, "a") for _ in range(4)] == [True, True, True, False]
    assert engine.hit(rule, "b") is True
    assert before + 60 <= engine.get_window_stats(rule, "a").reset_time <= time.time() + 60


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    counters, now = Counters(), time.time()
    counters.incr("a", 60)
    assert counters.get("a") == 1

    monkeypatch.setattr(time, "time", lambda: now + 61)

    assert counters.get("a") == 0
    assert counters.incr("a", 60) == 1


def test_many_threads_count_exactly() -> None:
    counters = Counters()

    def count() -> None:
        for _ in range(2_000):
            counters.incr("a", 60)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counters.get("a") == 16_000


def test_what_is_over_does_not_pile_up_and_what_is_not_is_kept() -> None:
    counters = Counters()
    counters.incr("kept", 60)
    for number in range(FEWEST_TO_SWEEP):
        counters.incr(f"over-{number}", -1)

    counters.incr("one more", 60)

    assert (counters.get("kept"), counters.get("one more")) == (1, 1)
    assert counters.reset() == 2


def test_a_window_can_be_forgotten() -> None:
    counters = Counters()
    counters.incr("a", 60)

    counters.clear("a")

    assert counters.get("a") == 0
    assert counters.check() is True


def test_it_starts_no_thread() -> None:
    """The engine's own storage in memory does, every 10 ms."""
    before = threading.active_count()
    counters = Counters()
    for number in range(100):
        counters.incr(str(number), 60)

    assert threading.active_count() == before
