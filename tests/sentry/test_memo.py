"""Memo: what hardly changes is asked once per person, and never told to another."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sentry_mcp.sentry import memo as module
from flask_sentry_mcp.sentry.memo import Memo


class Source:
    """Counts how often it is asked."""

    def __init__(self, value: object = "us") -> None:
        self.value, self.asked = value, 0

    def __call__(self) -> object:
        self.asked += 1
        return self.value


def test_asks_once() -> None:
    memo, source = Memo(), Source()

    assert [memo.recall("token", ("region", "acme"), source) for _ in range(3)] == ["us"] * 3
    assert source.asked == 1


def test_what_one_person_knows_is_not_told_to_another() -> None:
    """B14: the answer may depend on who asks."""
    memo, source = Memo(), Source()

    memo.recall("token of mira", ("region", "acme"), source)
    memo.recall("token of jonas", ("region", "acme"), source)

    assert source.asked == 2


def test_keeps_no_token() -> None:
    """B4, UP-6."""
    memo = Memo()

    memo.recall("a-secret-token", ("region", "acme"), Source())

    assert "a-secret-token" not in repr(memo.__dict__)


def test_nothing_is_not_remembered() -> None:
    memo, source = Memo(), Source(None)

    memo.recall("token", ("project", "web"), source)
    memo.recall("token", ("project", "web"), source)

    assert source.asked == 2


def test_forgets_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIFE_S", -1.0)
    memo, source = Memo(), Source()

    memo.recall("token", ("region", "acme"), source)
    memo.recall("token", ("region", "acme"), source)

    assert source.asked == 2


def test_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    memo, first = Memo(), Source()
    memo.recall("token", ("first",), first)

    for number in range(20):
        memo.recall("token", (str(number),), Source())
    memo.recall("token", ("first",), first)

    assert first.asked == 2


def test_a_failure_is_raised_and_not_remembered() -> None:
    memo = Memo()

    def fail() -> object:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            memo.recall("token", ("x",), fail)


def test_those_who_ask_at_the_same_time_share_one_answer() -> None:
    memo, source = Memo(), Source()
    all_here = threading.Barrier(8)

    def answer_late() -> object:
        time.sleep(0.2)
        return source()

    def ask() -> object:
        all_here.wait(5)
        return memo.recall("token", ("region", "acme"), answer_late)

    with ThreadPoolExecutor(8) as threads:
        answers = [one.result() for one in [threads.submit(ask) for _ in range(8)]]

    assert answers == ["us"] * 8
    assert source.asked == 1
