"""Waiting for what other threads and processes do, on a machine that has much else to do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T | None], within_s: float = 30) -> T:
    """What *look* finds, as soon as that is something. Raises AssertionError when it is not within *within_s*."""
    ends_at = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < ends_at, f"not within {within_s:g} s"
        time.sleep(0.02)
    return found
