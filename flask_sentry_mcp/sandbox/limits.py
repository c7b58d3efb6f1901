"""How much one person may ask: counted before a request is looked at, so that what is refused has not happened."""

import threading
from collections import defaultdict

from .. import clock

SHOWN = 1_000_000  # where nothing is refused
SHOWN_CONCURRENT = 1_000


class Limits:
    """*per_second* requests of one person at one endpoint, *at_once* of one person; None: counted, never refused."""

    def __init__(self, per_second: int | None = None, at_once: int | None = None) -> None:
        self.per_second, self.at_once = per_second, at_once
        self._lock = threading.Lock()
        self._seconds: dict[tuple[str, str], tuple[int, int]] = {}  # by person and endpoint: second, requests in it
        self._open: defaultdict[str, int] = defaultdict(int)

    def enter(self, person: str) -> int:
        """A request of *person* begins; how many of theirs are open now. Each is followed by ``leave``."""
        with self._lock:
            self._open[person] += 1
            return self._open[person]

    def leave(self, person: str) -> None:
        with self._lock:
            self._open[person] -= 1

    def count(self, person: str, endpoint: str, open_now: int) -> tuple[dict[str, str], str | None]:
        """Count a request: its headers, and in Sentry's words what is too much."""
        now = int(clock.now())
        with self._lock:
            second, used = self._seconds.get((person, endpoint), (0, 0))
            used = used + 1 if second == now else 1
            self._seconds[person, endpoint] = now, used
        limit, at_once = self.per_second or SHOWN, self.at_once or SHOWN_CONCURRENT
        headers = {
            "Limit": limit,
            "Remaining": max(limit - used, 0),
            "Reset": now + 1,
            "ConcurrentLimit": at_once,
            "ConcurrentRemaining": max(at_once - open_now, 0),
        }
        words = None
        if used > limit:
            words = f"You are attempting to use this endpoint too frequently. Limit is {limit} requests in 1 seconds"
        elif open_now > at_once:
            words = (
                "You are attempting to go above the allowed concurrency for this endpoint. "
                f"Concurrency limit is {at_once}"
            )
        return {f"X-Sentry-Rate-Limit-{name}": str(value) for name, value in headers.items()}, words
