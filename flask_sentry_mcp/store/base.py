"""The contract that every store keeps: memory, SQLite, PostgreSQL and Redis behave alike.

A record has a *kind* (``"grant"``), an *id*, a value of bytes, a version and an end of life. There is no lock and no
transaction over several records: whatever must change together lives in one record and changes by one ``swap``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

MAX_ID = 512
STEP = 500  # how many records one step of find or purge touches


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read. ``version`` grows by one with every write; ``expires_at`` is seconds since the epoch."""

    id: str
    value: bytes
    version: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a channel. ``sequence`` grows along the channel; pass the last one seen to ``wait``."""

    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about how a store is set up that its operator should know, and what to do about it."""

    sentence: str
    advice: str


def is_storable(id: str) -> bool:
    """Whether *id* can name a record on every backend: printable, not empty, at most 512 characters.

    Ids may come from strangers (a ``state``, a ``client_id``), and what no backend could have stored is simply absent.
    """
    return 0 < len(id) <= MAX_ID and id.isprintable()


def must_be_storable(id: str) -> None:
    """Raises ValueError when no backend could keep a record of that *id*."""
    if not is_storable(id):
        raise ValueError(f"an id is 1 to {MAX_ID} printable characters")


class Store(ABC):
    """Remembers records until their time is over. Safe to use from many threads and, but for memory, processes.

    Every method raises ``StoreUnavailable`` when the store cannot be reached, and never blocks for longer than a few
    seconds. Nothing is readable after its time, purged or not. A process reads its own writes. After
    ``StoreUnavailable`` a write may or may not have happened: read again before trusting either.

    A record that is absent, taken, deleted or over starts again at version 1. An id that cannot exist (see
    ``is_storable``) is absent when read and a ``ValueError`` when written.
    """

    @abstractmethod
    def get(self, kind: str, id: str) -> Record | None:
        """The record, or None when it is absent or its time is over."""

    @abstractmethod
    def put(self, kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        """Write the record, whatever was there. *owner* is what ``find`` looks it up by (a grant's user, say).

        Value, end and owner are all replaced: a write without an owner takes it away.
        """

    @abstractmethod
    def take(self, kind: str, id: str) -> Record | None:
        """Read and delete in one step: of many callers at once, exactly one gets the record."""

    @abstractmethod
    def swap(self, kind: str, id: str, expected: int | None, value: bytes, *, ttl_s: float, owner: str = "") -> bool:
        """Write if unchanged: only if the live record has version *expected* (None: only if there is none).

        Returns False, and changes nothing, when somebody else was first.
        """

    @abstractmethod
    def delete(self, kind: str, id: str) -> bool:
        """Forget the record; True if it was there and alive."""

    @abstractmethod
    def find(self, kind: str, *, owner: str | None = None) -> Iterator[Record]:
        """The live records of *kind* (of one *owner*, not ""), by id, read in steps without holding the store."""

    @abstractmethod
    def count(self, kind: str, *, is_over: bool = False) -> int:
        """How many live records of *kind* there are; or how many are over and await ``purge``."""

    @abstractmethod
    def purge(self, limit: int = STEP) -> int:
        """Remove at most *limit* records and messages whose time is over; returns how many. Call until it returns 0.

        What a backend drops by itself (Redis: messages) is not counted.
        """

    @abstractmethod
    def stamp(self) -> int | None:
        """A number that differs from an earlier one if any record may have changed in between, by whomever.

        A reader may keep what it has read while the stamp stays the same, and still see a revocation by another worker
        at the very next call. Take the stamp *before* the read it shall vouch for; the passing of ``expires_at`` is no
        change, so look at that too. It costs a few microseconds in memory and in SQLite, and one short round trip
        (less than a ``get``) in PostgreSQL and Redis. None: this store cannot tell; do not keep anything.
        """

    @abstractmethod
    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        """Leave a message for whoever waits on *channel*, in this process or another, now or until *ttl_s* is over."""

    @abstractmethod
    def wait(self, channel: str, after: int, *, timeout_s: float) -> list[Message]:
        """The messages of *channel* after sequence *after* (0: from the start), oldest first; waits for one to come.

        Returns an empty list when *timeout_s* is over first. Delivery within about 100 ms, across processes.
        """

    def remarks(self) -> Iterator[Remark]:
        """What an operator should know. It asks the server, so it is nothing for every request."""
        yield from ()

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and threads. The store is not used afterwards."""
