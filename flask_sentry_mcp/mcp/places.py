"""How many of a kind at once: per grant, so that nobody takes all there is, and in this worker."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from ..errors import TooManyRequests


class Words(NamedTuple):
    """What is said to one too many. The sentences are for the caller, the noun for the log."""

    noun: str
    of_grant: str
    of_worker: str
    retry_after_s: int


STREAMS = Words(
    "streams",
    "This sign-in holds as many open streams as are served. Close one, then try again.",
    "The server holds as many open streams as it can. Try again shortly.",
    5,
)
CALLS = Words(
    "calls beside their requests",
    "This sign-in has as many calls at work as are served. Wait for one to end, then try again.",
    "The server is busy. Try again shortly.",
    2,
)
TASKS = Words(
    "tasks",
    "This sign-in has as many tasks at work as are served. Wait for one to end, then try again.",
    "The server is busy. Try again shortly.",
    5,
)


class Places:
    """So many of a kind at once."""

    def __init__(self, per_grant: int, per_worker: int, words: Words = STREAMS) -> None:
        self._per_grant, self._per_worker, self._words = per_grant, per_worker, words
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, grant_id: str) -> Callable[[], None]:
        """Take a place; call what comes back to leave it. Raises: TooManyRequests when there is none."""
        noun, of_grant, of_worker, retry_after_s = self._words
        with self._lock:
            if self._taken[grant_id] >= self._per_grant:
                detail = f"{self._per_grant} {noun} of one grant"
                raise TooManyRequests(detail, public=of_grant, retry_after_s=retry_after_s)
            if self._taken.total() >= self._per_worker:
                detail = f"{self._per_worker} {noun} in this worker"
                raise TooManyRequests(detail, public=of_worker, retry_after_s=retry_after_s)
            self._taken[grant_id] += 1
        return lambda: self._leave(grant_id)

    def _leave(self, grant_id: str) -> None:
        with self._lock:
            self._taken[grant_id] -= 1
            if not self._taken[grant_id]:
                del self._taken[grant_id]

    @property
    def open(self) -> int:
        """How many are taken now."""
        return self._taken.total()
