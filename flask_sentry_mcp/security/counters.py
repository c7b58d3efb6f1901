"""Counters in this process, as a storage of flask-limiter's engine.

The engine's own storage in memory starts a thread every 10 ms under load, which looks through all counters there are:
with thousands of addresses that is a good part of a worker's time. This one looks through them when they have doubled.
"""

import threading
import time

from limits.storage import Storage

SCHEME = "sentry-mcp-memory"
FEWEST_TO_SWEEP = 1_024


class Counters(Storage):
    """One window per key: its count, and when it ends, in seconds since the epoch."""

    STORAGE_SCHEME = [SCHEME]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        self._windows: dict[str, list[float]] = {}
        self._sweep_at = FEWEST_TO_SWEEP
        self._lock = threading.Lock()
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may fail with: nothing else than a mistake."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count *amount* more; the first of a window begins it, for *expiry* seconds."""
        now = time.time()
        with self._lock:
            window = self._windows.get(key)
            if window is None or window[1] <= now:
                window = self._windows[key] = [0, now + expiry]
                if len(self._windows) > self._sweep_at:
                    self._sweep(now)
            window[0] += amount
            return int(window[0])

    def get(self, key: str) -> int:
        """The count of the window that is open, 0 if none is."""
        window = self._windows.get(key)
        return int(window[0]) if window is not None and window[1] > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends; now, if there is none."""
        window = self._windows.get(key)
        return window[1] if window is not None else time.time()

    def check(self) -> bool:
        """A process has its memory."""
        return True

    def reset(self) -> int | None:
        """Forget all windows; how many there were."""
        with self._lock:
            known = len(self._windows)
            self._windows.clear()
        return known

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _sweep(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        self._sweep_at = max(FEWEST_TO_SWEEP, 2 * len(self._windows))
