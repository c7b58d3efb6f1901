"""Limits: how often, per grant and per address (RATE-1, RATE-2, RATE-3)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sentry_mcp.errors import TooManyRequests
from flask_sentry_mcp.security.limits import AtOnce, Limits, client_address, network_of
from tests.tour.server import free_port


@pytest.fixture
def limits() -> Limits:
    return Limits(secret="a key for the tests, 32 characters")


def test_refuses_what_is_over_the_limit_and_says_how_long_to_wait(limits: Limits) -> None:
    for _ in range(3):
        limits.hit("3/minute", "grant", "g1")

    with pytest.raises(TooManyRequests) as refused:
        limits.hit("3/minute", "grant", "g1")

    assert refused.value.http_status == 429
    assert 1 <= (refused.value.retry_after_s or 0) <= 60


def test_counts_each_key_by_itself(limits: Limits) -> None:
    limits.hit("1/minute", "grant", "g1")

    limits.hit("1/minute", "grant", "g2")

    with pytest.raises(TooManyRequests):
        limits.hit("1/minute", "grant", "g1")


def test_a_limit_ends_with_its_window(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    limits.hit("1/minute", "grant", "g1")
    over = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: over)

    limits.hit("1/minute", "grant", "g1")


def test_several_limits_hold_together(limits: Limits) -> None:
    limits.hit("5/minute;2/day", "register", "a")
    limits.hit("5/minute;2/day", "register", "a")

    with pytest.raises(TooManyRequests) as refused:
        limits.hit("5/minute;2/day", "register", "a")

    assert (refused.value.retry_after_s or 0) > 60


def test_no_rule_is_no_limit(limits: Limits) -> None:
    for _ in range(10):
        limits.hit("", "grant", "g1")


def test_two_applications_count_apart(limits: Limits) -> None:
    other = Limits(secret="a key for the tests, 32 characters")
    limits.hit("1/minute", "grant", "g1")

    other.hit("1/minute", "grant", "g1")


def test_a_dead_storage_means_the_same_limits_in_memory() -> None:
    """RATE-3: never unlimited."""
    limits = Limits(f"redis://127.0.0.1:{free_port()}/0", secret="k" * 32)
    limits.hit("1/minute", "grant", "g1")

    with pytest.raises(TooManyRequests):
        limits.hit("1/minute", "grant", "g1")


def test_one_caller_finds_out_whether_a_storage_that_hangs_is_back(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RATE-3: the others go on counting in memory meanwhile."""
    asked, answered, times = threading.Event(), threading.Event(), []

    def hang(*_: object) -> int:
        times.append(1)
        asked.set()
        answered.wait(10)
        return 1

    monkeypatch.setattr(limits._engine.storage, "incr", hang)
    monkeypatch.setattr(limits, "_failed_at", time.monotonic() - 60)
    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(limits.hit, "9/minute", "grant", "g1")
        asked.wait(10)
        for _ in range(3):
            limits.hit("9/minute", "grant", "g1")
        others_waited = probing.done()
        answered.set()

    limits.hit("9/minute", "grant", "g1")
    assert not others_waited
    assert len(times) == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "unknown"),
    ],
)
def test_an_address_is_counted_by_what_one_person_owns(address: str, network: str) -> None:
    assert network_of(address) == network


def test_an_address_is_stored_hashed(limits: Limits) -> None:
    assert "203" not in limits.address_key("203.0.113.9")
    assert limits.address_key("2001:db8::1") == limits.address_key("2001:db8::2")


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        (None, 0, "10.0.0.1"),
        ("6.6.6.6", 0, "10.0.0.1"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.7", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        ("6.6.6.6:1, 203.0.113.9:5123", 1, "203.0.113.9"),
        ("[2001:db8::1]:443", 1, "2001:db8::1"),
        ("[2001:db8::1]", 1, "2001:db8::1"),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("[]:1", 1, ""),
        ("unix:", 1, "unix:"),
    ],
)
def test_the_address_is_never_what_the_client_wrote(forwarded: str | None, hops: int, address: str) -> None:
    """RATE-1: only what our own proxies appended counts, from the right, without its port."""
    assert client_address("10.0.0.1", forwarded, hops) == address


def test_only_so_many_at_once_for_one_key() -> None:
    """A place is free again when its block ends, however that ends."""
    at_once = AtOnce(1)
    with at_once.place("a"), at_once.place("b"), pytest.raises(TooManyRequests), at_once.place("a"):
        pass

    with pytest.raises(ZeroDivisionError), at_once.place("a"):
        raise ZeroDivisionError
    with at_once.place("a"):
        pass
