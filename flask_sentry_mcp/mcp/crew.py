"""Work beside requests: threads that are used again, so many at once, and a clock that belongs to the work.

A thread cannot be stopped from outside. So work that is out of time, or that nobody waits for any more, is *given up*:
it is told so, what it still says goes nowhere, and the log names it for as long as it holds its place all the same.
"""

import contextvars
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .call import log
from .places import Places

TICK_S, IDLE_S = 0.1, 10.0
PATIENCE_S = 30.0
"""How long work may go on after it was given up before the log tells of it."""

Do = Callable[[], None]


class Job:
    """One piece of work: what the log calls it, and its clock."""

    def __init__(self, name: str, timeout_s: float) -> None:
        self.name = name
        self._left_s, self._since = timeout_s, time.monotonic()
        self._pauses = 0
        self._given_up: float | None = None
        self._told_after_s = PATIENCE_S
        self._lock = threading.Lock()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that does not count: a person thinks about a question."""
        with self._lock:
            self._left_s, self._since = self._left(), time.monotonic()
            self._pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._left_s, self._since = self._left(), time.monotonic()
                self._pauses -= 1

    def _left(self) -> float:
        return self._left_s if self._pauses else self._left_s - (time.monotonic() - self._since)

    @property
    def is_over(self) -> bool:
        """Whether its time has passed."""
        with self._lock:
            return self._left() <= 0

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._given_up is not None

    def give_up(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            if self._given_up is None:
                self._given_up = time.monotonic()

    def tell_if_held(self) -> None:
        """Name it in the log, now and then, if it goes on although it was given up."""
        if self._given_up is None:
            return
        for_s = time.monotonic() - self._given_up
        if for_s > self._told_after_s:
            self._told_after_s *= 2
            log.warning("%s goes on %d s after it was given up, and holds a place", self.name, for_s)


class Crew:
    """Those who work beside requests, in this worker. *places* are as many as there are threads at most."""

    def __init__(self, places: Places, name: str) -> None:
        self._places = places
        self._threads = _Threads(name)
        self._watch = _Watch(name)

    def place(self, grant_id: str) -> Do:
        """A place, to be handed to ``start`` or else to be left, by calling it. Raises: TooManyRequests."""
        return self._places.take(grant_id)

    def start(self, job: Job, work: Do, too_late: Do, leave: Do) -> None:
        """Do *work* in a thread. *too_late* is called, once and in another, when the time of *job* has passed."""

        def watched() -> None:
            try:
                work()
            finally:
                self._watch.forget(job)
                leave()

        try:
            self._watch.add(job, too_late)
            self._threads.run(watched)
        except BaseException:  # whatever it was, the place is free again
            self._watch.forget(job)
            leave()
            raise


class _Threads:
    """Threads that wait a while for more to do. They begin in the process that needs them: a fork has none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._process = 0
        self._idle = 0
        self._work: queue.SimpleQueue[Do] = queue.SimpleQueue()

    def run(self, work: Do) -> None:
        """Do *work* in a thread that has nothing else to do."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._idle, self._work = os.getpid(), 0, queue.SimpleQueue()
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._serve, args=(self._work,), daemon=True, name=self._name).start()
            self._work.put(work)

    def _serve(self, waiting: "queue.SimpleQueue[Do]") -> None:
        while True:
            try:
                work = waiting.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return
                continue  # there is something to do after all
            try:
                contextvars.Context().run(work)  # nothing that one leaves behind is found by the next
            except BaseException:  # noqa: BLE001 - whatever it was, the next may have this thread
                log.exception("Work beside a request failed")
            del work
            with self._lock:
                self._idle += 1


class _Watch:
    """Looks at the clocks, while there are any."""

    def __init__(self, name: str) -> None:
        self._name = f"{name}-watch"
        self._lock = threading.Lock()
        self._process = 0
        self._jobs: dict[Job, Do | None] = {}  # with what to do when the time is over, until it is done

    def add(self, job: Job, too_late: Do) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._jobs = {}
                threading.Thread(target=self._look, daemon=True, name=self._name).start()
                self._process = os.getpid()
            self._jobs[job] = too_late

    def forget(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job, None)

    def _look(self) -> None:
        busy = time.monotonic()
        while True:
            time.sleep(TICK_S)
            with self._lock:
                jobs = list(self._jobs.items())
                if not jobs and time.monotonic() - busy > IDLE_S:
                    self._process = 0
                    return
            if jobs:
                busy = time.monotonic()
            for job, too_late in jobs:
                if too_late is not None and job.is_over and not job.is_given_up:
                    self._begin_the_end(job, too_late)
                job.tell_if_held()

    def _begin_the_end(self, job: Job, too_late: Do) -> None:
        """Elsewhere, for it may have to wait for the store, while other clocks go on."""
        with self._lock:
            if job not in self._jobs:
                return  # it has ended just now
            self._jobs[job] = None
        try:
            threading.Thread(target=_give_up, args=(job, too_late), daemon=True, name=self._name).start()
        except RuntimeError:  # the machine has no more threads, and the end has to come all the same
            _give_up(job, too_late)


def _give_up(job: Job, too_late: Do) -> None:
    """The end comes first, for work that hears of it may have something to say in its place."""
    try:
        too_late()
    finally:
        job.give_up()
