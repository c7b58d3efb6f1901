"""Many processes at work on one store while some of them are killed.

``make stress`` runs 200,000 operations on each store; the suite as many in all.

Each worker writes down what was acknowledged to it, in memory that outlives it. Afterwards the books must agree with
the store, but for the one operation that each killed worker had under way:

- nothing was taken twice, and nothing is gone that nobody took;
- every swap that returned True is one step of its counter;
- what was deleted is never read again, by anyone;
- whoever keeps what it read while the stamp stays the same never misses an acknowledged change.
"""

import argparse
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from tests.store.servers import FAST, PostgreSQL, Redis, Server

WORKERS = 8
COUNTERS = 12
CODES = 12_000  # at most, for each worker
KILL_EVERY_S = 0.2
DAY_S = 86_400.0


def _shared_numbers(count: int) -> "memoryview[int]":
    return memoryview(mmap.mmap(-1, 8 * count)).cast("q")


@dataclass
class Books:
    """What each worker was told, in memory that they share and that outlives them. Each writes in rows of its own."""

    operations: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS))
    faults: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS))
    created: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS))
    broken: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS))  # promises not kept, as seen
    swaps: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS * COUNTERS))
    versions: "memoryview[int]" = field(default_factory=lambda: _shared_numbers(WORKERS * COUNTERS))
    exists: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, WORKERS * CODES))
    taken: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, WORKERS * WORKERS * CODES))
    deleted: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, WORKERS * CODES))

    def newest_version(self, counter: int) -> int:
        """The highest version of *counter* that any swap was told of so far."""
        return max(self.versions[worker * COUNTERS + counter] for worker in range(WORKERS))

    def acknowledged(self, counter: int) -> int:
        return sum(self.swaps[worker * COUNTERS + counter] for worker in range(WORKERS))

    def takers(self, code: int) -> int:
        return sum(self.taken[worker * WORKERS * CODES + code] for worker in range(WORKERS))


class Worker:
    """One process: does a little of everything, for ever, and keeps its books."""

    def __init__(self, number: int, books: Books, store: Store) -> None:
        self._number, self._books, self._store = number, books, store
        self._random = random.Random(os.getpid())
        self._kept: dict[tuple[str, int], tuple[int | None, int]] = {}

    def work(self) -> None:
        steps: list[Callable[[], int]] = [self._read, self._read_code, *3 * [self._step, self._create, self._end_code]]
        while True:
            try:
                self._books.operations[self._number] += self._random.choice(steps)()
            except StoreUnavailable:
                self._books.faults[self._number] += 1

    def _read(self) -> int:
        counter = self._random.randrange(COUNTERS)
        promised = self._books.newest_version(counter)
        self._expect(self._version("counter", counter) >= promised)
        return 2

    def _version(self, kind: str, number: int) -> int:
        """As the bearer check reads: what was read is kept while the stamp stays the same. 0: there is none."""
        stamp = self._store.stamp()
        kept = self._kept.get((kind, number))
        if kept is None or stamp is None or kept[0] != stamp:
            record = self._store.get(kind, str(number))
            kept = self._kept[kind, number] = (stamp, record.version if record else 0)
        return kept[1]

    def _step(self) -> int:
        counter = self._random.randrange(COUNTERS)
        record = self._store.get("counter", str(counter))
        version, value = (record.version, int(record.value)) if record else (None, 0)
        if self._store.swap("counter", str(counter), version, str(value + 1).encode(), ttl_s=DAY_S):
            row = self._number * COUNTERS + counter
            self._books.swaps[row] += 1
            self._books.versions[row] = (version or 0) + 1
        return 2

    def _create(self) -> int:
        number = self._books.created[self._number]
        if number == CODES:
            return self._read()
        self._books.created[self._number] += 1  # first, so that a successor never uses the number again
        code = self._number * CODES + number
        self._expect(self._store.swap("code", str(code), None, b"x" * 200, ttl_s=DAY_S, owner=str(code % 97)))
        self._books.exists[code] = 1
        return 1

    def _read_code(self) -> int:
        """What was revoked, by whomever, is never let in again."""
        code = self._some_code()
        was_deleted = self._books.deleted[code]
        self._expect(not (was_deleted and self._version("code", code)))
        return 2

    def _end_code(self) -> int:
        """Even codes are taken, odd ones deleted; several workers want the same few."""
        code = self._some_code()
        if code % 2:
            if self._store.delete("code", str(code)):
                self._books.deleted[code] = 1
        elif self._store.take("code", str(code)):
            self._books.taken[self._number * WORKERS * CODES + code] += 1
        return 1

    def _some_code(self) -> int:
        owner = self._random.randrange(WORKERS)
        return owner * CODES + max(0, self._books.created[owner] - self._random.randint(1, 8))

    def _expect(self, kept: bool) -> None:
        if not kept:
            self._books.broken[self._number] += 1


@dataclass
class Outcome:
    """What the run showed. ``kills`` fell in its middle; ``broken`` lists the promises that were not kept, in words."""

    operations: int
    kills: int
    faults: int
    seconds: float
    broken: list[str]

    def __str__(self) -> str:
        verdict = "; ".join(self.broken) or "every promise kept"
        rate = self.operations / self.seconds
        return (
            f"{self.operations} operations by {WORKERS} processes in {self.seconds:.1f} s ({rate:.0f}/s), "
            f"{self.kills} killed meanwhile, {self.faults} refused: {verdict}"
        )


def run(url: str, operations: int, kills: int) -> Outcome:
    """Let the workers do so many *operations* on the store at *url*, and kill one every now and then, *kills* at least.

    Forks, so the caller has one thread and no store open.
    """
    books = Books()
    started = time.monotonic()
    pids = {worker: _start(worker, books, url) for worker in range(WORKERS)}
    killed = 0
    try:
        while sum(books.operations) < operations or killed < kills:
            time.sleep(KILL_EVERY_S)
            worker = random.randrange(WORKERS)
            _kill(pids[worker])
            killed += 1
            pids[worker] = _start(worker, books, url)
    finally:
        seconds = time.monotonic() - started
        for pid in pids.values():
            _kill(pid)
    with closing(open_store(url)) as store:
        broken = list(find_broken(books, store, killed + WORKERS + sum(books.faults)))
    return Outcome(sum(books.operations), killed, sum(books.faults), seconds, broken)


def _start(worker: int, books: Books, url: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        Worker(worker, books, open_store(url)).work()
    finally:
        os._exit(1)  # nothing of the parent's is tidied up here, and a worker never ends well


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("a worker ended by itself")


def find_broken(books: Books, store: Store, unknown: int) -> Iterator[str]:
    """Compare the books with the store. The outcome of *unknown* operations was never told to anyone."""
    if any(books.broken):
        yield f"{sum(books.broken)} promises broken before the workers' eyes"
    drift = 0
    for counter in range(COUNTERS):
        record = store.get("counter", str(counter))
        value = int(record.value) if record else 0
        if record and record.version != value:
            yield f"counter {counter} stands at {value} after {record.version} writes"
        drift += value - books.acknowledged(counter)
        if value < books.acknowledged(counter):
            yield f"counter {counter} lost {books.acknowledged(counter) - value} swaps"
    left = {int(record.id) for record in store.find("code")}
    missing = 0
    for code in range(WORKERS * CODES):
        takers = books.takers(code)
        if takers > 1:
            yield f"code {code} was taken {takers} times"
        if code in left and (takers or books.deleted[code]):
            yield f"code {code} is alive after its end"
        missing += bool(books.exists[code]) and code not in left and not takers and not books.deleted[code]
    if drift + missing > unknown:
        yield f"{drift} steps and {missing} codes more than the {unknown} operations of unknown outcome explain"


@contextmanager
def _fresh(backend: str) -> Iterator[str]:
    """The URL of a new store on *backend*."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory(dir=FAST) as folder:
            yield f"sqlite:///{folder}/store.sqlite"
        return
    server: Server = PostgreSQL() if backend == "postgresql" else Redis()
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.store.stress")
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20, help="at least")
    parser.add_argument("--backend", choices=["sqlite", "postgresql", "redis"], action="append")
    chosen = parser.parse_args()
    broken = False
    for backend in chosen.backend or ["sqlite", "postgresql", "redis"]:
        with _fresh(backend) as url:
            outcome = run(url, chosen.operations, chosen.kills)
        print(f"{backend}: {outcome}", flush=True)
        broken = broken or bool(outcome.broken)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
