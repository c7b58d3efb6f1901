"""Recent: what was found out lately, in this process. Bounded, and nothing in it is good for long."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from .. import clock

REMEMBERED = 10_000

T = TypeVar("T")


class Recent(Generic[T]):
    """At most REMEMBERED answers by key, each good for *fresh_s* seconds; the oldest are forgotten first."""

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._known: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, key: Hashable) -> T | None:
        """The answer, if it is fresh; a clock that jumped back makes none so."""
        found = self._known.get(key)
        return found[1] if found and 0 <= clock.now() - found[0] < self._fresh_s else None

    def remember(self, key: Hashable, answer: T) -> None:
        """Note what has just been found out."""
        with self._lock:
            self._known[key] = clock.now(), answer
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
