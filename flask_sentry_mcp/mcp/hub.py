"""One ear for many streams: a worker waits once on the channel of changes, however many streams it holds."""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

from ..errors import StoreUnavailable
from .call import log
from .era import CHANGES
from .sessions import Memory
from .streams import Ending

Change: TypeAlias = Mapping[str, Any]
_KEPT = 1000
_WAIT_S, _PAUSE_S, _LOOK_S = 15.0, 1.0, 1.0


class Heard(NamedTuple):
    """One change, and where it stands in the channel."""

    sequence: int
    change: Change


class Hub:
    """Hears what is told on the channel of changes from the first stream on, and keeps the latest for a while."""

    def __init__(self, memory: Memory, ending: Ending) -> None:
        self._memory, self._ending = memory, ending
        self._heard: deque[Heard] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._last: int | None = None
        self._process = 0

    def position(self) -> int:
        """Where the channel stands now: pass it to ``wait`` to hear what comes after. Raises StoreUnavailable."""
        with self._changed:
            if self._last is None or self._process != os.getpid():  # a fork has no ear of its own yet
                told = self._memory.wait(CHANGES, 0, timeout_s=0)
                self._last, self._process = told[-1].sequence if told else 0, os.getpid()
                for work in (self._listen, self._await_the_end):
                    threading.Thread(target=work, daemon=True, name="mcp-changes").start()
            return self._last

    def wait(self, after: int, timeout_s: float, wants: Callable[[Change], bool]) -> tuple[int, list[Change]]:
        """Where the channel stands, and what was told after *after* of what the stream *wants*, oldest first.

        Waits for something, and has nothing when time is over, or the server's end is near.
        """
        told: list[Change] = []

        def heard() -> bool:
            nonlocal after
            news = takewhile(lambda one: one.sequence > after, reversed(self._heard))
            told.extend(one.change for one in reversed([*news]) if wants(one.change))
            after = max(after, self._last or 0)
            return bool(told)

        with self._changed:
            self._changed.wait_for(lambda: heard() or self._ending.is_near, timeout_s)
        return after, told

    def _await_the_end(self) -> None:
        """Wake all streams for it: each would have to wake every second to see it alone."""
        while not self._ending.is_near:
            time.sleep(_LOOK_S)
        with self._changed:
            self._changed.notify_all()

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
