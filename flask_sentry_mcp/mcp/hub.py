"""One ear for many streams: a worker waits once on the channel of changes, however many streams it holds."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

from ..errors import StoreUnavailable
from .call import log
from .era import CHANGES
from .sessions import Memory

Change: TypeAlias = Mapping[str, Any]
_KEPT = 1000
_WAIT_S, _PAUSE_S = 15.0, 1.0


class Heard(NamedTuple):
    """One change, and where it stands in the channel."""

    sequence: int
    change: Change


class Hub:
    """Hears what is told on the channel of changes from the first stream on, and keeps the latest for a while."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._heard: deque[Heard] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._last: int | None = None

    def position(self) -> int:
        """Where the channel stands now: pass it to ``wait`` to hear what comes after. Raises StoreUnavailable."""
        with self._changed:
            if self._last is None:
                told = self._memory.wait(CHANGES, 0, timeout_s=0)
                self._last = told[-1].sequence if told else 0
                threading.Thread(target=self._listen, daemon=True, name="mcp-changes").start()
            return self._last

    def wait(self, after: int, timeout_s: float, wants: Callable[[Change], bool]) -> tuple[int, list[Change]]:
        """Where the channel stands, and what was told after *after* of what the stream *wants*, oldest first.

        Waits for something, and has nothing when time is over.
        """
        told: list[Change] = []

        def heard() -> bool:
            nonlocal after
            news = takewhile(lambda one: one.sequence > after, reversed(self._heard))
            told.extend(one.change for one in reversed([*news]) if wants(one.change))
            after = max(after, self._last or 0)
            return bool(told)

        with self._changed:
            self._changed.wait_for(heard, timeout_s)
        return after, told

    def _listen(self) -> None:
        pause = threading.Event()
        while True:
            try:
                told = self._memory.wait(CHANGES, self._last or 0, timeout_s=_WAIT_S)
            except StoreUnavailable:
                log.warning("Changes cannot be heard at the moment", exc_info=True)
                pause.wait(_PAUSE_S)
                continue
            if told:
                with self._changed:
                    self._heard.extend(Heard(one.sequence, json.loads(one.body)) for one in told)
                    self._last = told[-1].sequence
                    self._changed.notify_all()
