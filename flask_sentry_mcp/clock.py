"""The one clock. Everything that asks what time it is asks here, so that a test can answer.

Times are seconds since the epoch, UTC, as a float.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_shift_s = 0.0


def now() -> float:
    """The time by the server's clock."""
    return time.time() + _shift_s


@contextmanager
def shifted(seconds: float) -> Iterator[None]:
    """For tests: inside the block the clock is *seconds* ahead (or behind, when negative). Nests."""
    global _shift_s
    _shift_s += seconds
    try:
        yield
    finally:
        _shift_s -= seconds
