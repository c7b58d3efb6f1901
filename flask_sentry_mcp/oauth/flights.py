"""Flights: within this process, only one thread at a time works on a grant. Other processes are held off by swap."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Flights:
    """Locks by name, which exist only while somebody holds or awaits them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def only_one(self, name: str, wait_s: float) -> Iterator[bool]:
        """Wait until nobody else in this process is in a block of the same *name*, but for at most *wait_s* seconds.

        Gives whether that is so: after a time-out somebody else still is. Not reentrant.
        """
        with self._guard:
            lock, waiting = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = lock, waiting + 1
        is_alone = False
        try:
            is_alone = lock.acquire(timeout=wait_s)
            yield is_alone
        finally:
            if is_alone:
                lock.release()
            with self._guard:
                lock, waiting = self._locks.pop(name)
                if waiting > 1:
                    self._locks[name] = lock, waiting - 1
