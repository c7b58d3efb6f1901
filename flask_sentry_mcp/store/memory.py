"""Records in this process alone: for tests and a first look. They end with it, and no other worker sees them."""

import heapq
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ..clock import now
from .base import STEP, Message, Record, Remark, Store, must_be_storable


@dataclass(frozen=True, slots=True)
class _Kept:
    record: Record
    owner: str


@dataclass(frozen=True, slots=True)
class _Left:
    message: Message
    expires_at: float


class MemoryStore(Store):
    """A dictionary per kind behind one lock, which also wakes those who wait."""

    def __init__(self) -> None:
        self._kinds: defaultdict[str, dict[str, _Kept]] = defaultdict(dict)
        self._ends: list[tuple[float, str, str]] = []  # a heap; an entry counts only while its record still ends then
        self._channels: defaultdict[str, list[_Left]] = defaultdict(list)
        self._sequence = 0
        self._changes = 0
        self._changed = threading.Condition()

    def get(self, kind: str, id: str) -> Record | None:
        kept = self._kinds.get(kind, {}).get(id)  # without the lock, so without making an entry
        return kept.record if kept is not None and kept.record.expires_at > now() else None

    def put(self, kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        must_be_storable(id)
        with self._changed:
            before = self.get(kind, id)
            self._write(kind, id, value, before.version + 1 if before else 1, ttl_s, owner)

    def take(self, kind: str, id: str) -> Record | None:
        with self._changed:
            record = self.get(kind, id)
            if record is not None:
                del self._kinds[kind][id]
                self._changes += 1
            return record

    def swap(self, kind: str, id: str, expected: int | None, value: bytes, *, ttl_s: float, owner: str = "") -> bool:
        must_be_storable(id)
        with self._changed:
            before = self.get(kind, id)
            if (before.version if before else None) != expected:
                return False
            self._write(kind, id, value, (expected or 0) + 1, ttl_s, owner)
            return True

    def delete(self, kind: str, id: str) -> bool:
        return self.take(kind, id) is not None

    def find(self, kind: str, *, owner: str | None = None) -> Iterator[Record]:
        with self._changed:
            ids = sorted(self._kinds[kind])
        for id in ids:
            kept = self._kinds[kind].get(id)
            if kept is not None and kept.record.expires_at > now() and (owner is None or owner == kept.owner != ""):
                yield kept.record

    def count(self, kind: str, *, is_over: bool = False) -> int:
        with self._changed:
            time_now = now()
            return sum((kept.record.expires_at <= time_now) == is_over for kept in self._kinds[kind].values())

    def purge(self, limit: int = STEP) -> int:
        removed = 0
        with self._changed:
            time_now = now()
            while self._ends and self._ends[0][0] <= time_now and removed < limit:
                expires_at, kind, id = heapq.heappop(self._ends)
                kept = self._kinds[kind].get(id)
                if kept is not None and kept.record.expires_at == expires_at:
                    del self._kinds[kind][id]
                    removed += 1
            for channel in list(self._channels):
                self._forget_messages(channel)
        return removed

    def stamp(self) -> int | None:
        return self._changes

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        with self._changed:
            self._sequence += 1
            self._forget_messages(channel)
            self._channels[channel].append(_Left(Message(self._sequence, body), now() + ttl_s))
            self._changed.notify_all()

    def wait(self, channel: str, after: int, *, timeout_s: float) -> list[Message]:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not (messages := self._messages(channel, after)):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            return messages

    def remarks(self) -> Iterator[Remark]:
        yield Remark(
            "The store is in memory: every sign-in ends with this process, and workers do not share it.",
            "Set SENTRY_MCP_STORE to a file, PostgreSQL or Redis.",
        )

    def close(self) -> None:
        """Nothing to let go of."""

    def _write(self, kind: str, id: str, value: bytes, version: int, ttl_s: float, owner: str) -> None:
        expires_at = now() + ttl_s
        self._kinds[kind][id] = _Kept(Record(id, value, version, expires_at), owner)
        self._changes += 1
        heapq.heappush(self._ends, (expires_at, kind, id))
        if len(self._ends) > 2 * sum(map(len, self._kinds.values())) + STEP:  # mostly ends of earlier writes
            self._ends = [
                (kept.record.expires_at, kind, id) for kind, kinds in self._kinds.items() for id, kept in kinds.items()
            ]
            heapq.heapify(self._ends)

    def _messages(self, channel: str, after: int) -> list[Message]:
        time_now = now()
        queue = self._channels.get(channel, [])
        return [left.message for left in queue if left.message.sequence > after and left.expires_at > time_now]

    def _forget_messages(self, channel: str) -> None:
        time_now = now()
        alive = [left for left in self._channels[channel] if left.expires_at > time_now]
        if alive:
            self._channels[channel] = alive
        else:
            del self._channels[channel]
