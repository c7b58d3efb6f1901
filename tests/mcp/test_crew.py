"""The crew: threads that are used again, clocks that pass, work that goes on although it was given up; forks."""

import contextvars
import logging
import os
import threading
from typing import Any

import pytest

from flask_sentry_mcp.errors import TooManyRequests
from flask_sentry_mcp.mcp import crew
from flask_sentry_mcp.mcp.crew import Crew, Job
from flask_sentry_mcp.mcp.hub import Hub
from flask_sentry_mcp.mcp.outbox import Outbox
from flask_sentry_mcp.mcp.places import CALLS, Places
from flask_sentry_mcp.mcp.presence import Presence
from flask_sentry_mcp.mcp.streams import Ending
from flask_sentry_mcp.store.memory import MemoryStore
from tests.waiting import until

LEFT_BEHIND: contextvars.ContextVar[str] = contextvars.ContextVar("left_behind", default="")


@pytest.fixture
def places() -> Places:
    """Two in all, one of a grant."""
    return Places(1, 2, CALLS)


@pytest.fixture
def workers(places: Places) -> Crew:
    """A crew of two."""
    return Crew(places, "test")


def _do(workers: Crew, work: Any, *, timeout_s: float = 30.0, too_late: Any = lambda: None) -> Job:
    job = Job("The work", timeout_s)
    workers.start(job, work, too_late, workers.place("g"))
    return job


def test_a_thread_is_used_again_and_finds_nothing_of_the_work_before(workers: Crew, places: Places) -> None:
    seen: list[tuple[int | None, str]] = []

    def work() -> None:
        seen.append((threading.current_thread().ident, LEFT_BEHIND.get()))
        LEFT_BEHIND.set("something")

    for number in (1, 2):
        _do(workers, work)
        until(lambda number=number: len(seen) == number and not places.open)  # type: ignore[misc]  # mypy infers no lambda with a default

    assert seen[0] == seen[1] == (seen[0][0], "")


def test_work_that_fails_leaves_its_place_and_the_thread_lives_on(workers: Crew, places: Places) -> None:
    def fail() -> None:
        raise SystemExit

    for _ in (1, 2):
        _do(workers, fail)
        until(lambda: not places.open)


def test_one_too_many_is_refused_until_a_place_is_left(workers: Crew, places: Places) -> None:
    go = threading.Event()
    _do(workers, lambda: bool(go.wait(10)))

    with pytest.raises(TooManyRequests):
        workers.place("g")

    go.set()
    until(lambda: not places.open)
    workers.place("g")


def test_when_time_is_over_it_is_told_once(workers: Crew) -> None:
    go, told = threading.Event(), list[str]()

    job = _do(workers, lambda: bool(go.wait(10)), timeout_s=0.05, too_late=lambda: told.append("over"))
    until(lambda: job.is_given_up)

    go.wait(0.3)
    assert told == ["over"]
    go.set()


def test_time_stands_still_while_somebody_is_asked() -> None:
    job = Job("The work", 0.05)

    with job.paused():
        threading.Event().wait(0.1)
        assert not job.is_over

    until(lambda: job.is_over)


def test_work_that_goes_on_after_it_was_given_up_is_named_in_the_log(
    workers: Crew, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It holds a place, so whoever keeps watch has to know."""
    monkeypatch.setattr(crew, "PATIENCE_S", 0.01)
    go = threading.Event()

    with caplog.at_level(logging.WARNING):
        _do(workers, lambda: bool(go.wait(10))).give_up()
        until(lambda: caplog.messages)
        go.set()

    assert caplog.messages[0] == "The work goes on 0 s after it was given up, and holds a place"


# -- the outbox -----------------------------------------------------------------------------------------------------


def _forget(number: int, message: bytes, is_last: bool) -> None:
    """Nothing is kept."""


def test_there_is_one_end_and_nothing_after_it() -> None:
    kept: list[tuple[int, bytes, bool]] = []
    outbox = Outbox(lambda *one: kept.append(one))

    outbox.say(b"first")
    outbox.end(b"too late", result=b"{}")
    outbox.end(b"the result", result=b"{}")
    outbox.say(b"something")

    assert kept == [(0, b"", False), (1, b"first", False), (2, b"too late", True)]
    assert [outbox.next(0), outbox.next(0), outbox.next(0)][2] is None


def test_numbers_are_in_order_whoever_speaks() -> None:
    """Of each message once, and as they are kept so they are read."""
    kept: list[tuple[int, bytes, bool]] = []
    outbox = Outbox(lambda *one: kept.append(one))

    def speak() -> None:
        for number in range(200):
            outbox.say(b"%d" % number)

    speakers = [threading.Thread(target=speak) for _ in range(4)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()

    read = [item for _ in range(800) if (item := outbox.next(0))]
    assert [item.number for item in read] == list(range(1, 801))
    assert [(item.number, item.message, False) for item in read] == kept[1:]


def test_who_talks_too_much_waits_for_its_reader() -> None:
    """Log messages are not lost to a slow reader; to one who has gone only the first thousand are kept."""
    outbox = Outbox(_forget)

    def talk() -> None:
        for _ in range(1500):
            outbox.say(b"x", courtesy=True)

    talker = threading.Thread(target=talk)
    talker.start()
    talker.join(0.3)
    assert talker.is_alive()
    for _ in range(700):
        assert outbox.next(5) is not None
    talker.join(10)
    assert not talker.is_alive()

    outbox.left()
    talk()

    assert len([1 for _ in range(3000) if outbox.next(0)]) == 1000


def test_a_question_is_never_left_out() -> None:
    outbox = Outbox(_forget)
    outbox.left()
    for _ in range(1500):
        outbox.say(b"x", courtesy=True)

    outbox.say(b"?")

    assert [item.message for _ in range(1500) if (item := outbox.next(0))][-1] == b"?"


# -- forks ----------------------------------------------------------------------------------------------------------


def test_a_fork_has_a_name_and_a_sign_of_life_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tasks of a worker that died would seem to live on as long as any other that was forked with it."""
    presence = Presence(MemoryStore())
    before = presence.hold(lambda: None).worker

    monkeypatch.setattr(os, "getpid", lambda: -1)
    after = presence.hold(lambda: None).worker

    assert before != after
    assert not presence.is_gone(before)
    assert not presence.is_gone(after)


def test_a_fork_has_threads_and_clocks_of_its_own(
    workers: Crew, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[int | None] = []
    _do(workers, lambda: names.append(threading.current_thread().ident))
    until(lambda: names and not places.open)

    monkeypatch.setattr(os, "getpid", lambda: -1)
    told: list[str] = []
    go = threading.Event()
    _do(workers, lambda: bool(go.wait(10)), timeout_s=0.05, too_late=lambda: told.append("over"))

    until(lambda: told)
    go.set()


def test_a_fork_has_an_ear_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.active_count()
    hub = Hub(MemoryStore(), Ending())
    hub.position()
    in_one = threading.active_count() - heard

    monkeypatch.setattr(os, "getpid", lambda: -1)
    hub.position()

    assert threading.active_count() - heard == 2 * in_one
