"""Around ``os.fork()``: whoever holds connections, threads or locks is told of it, for as long as they live."""

import os
import sys
import weakref
from collections.abc import Callable

Step = Callable[[], None]


def on_fork(*, in_child: Step, before: Step | None = None, in_parent: Step | None = None) -> None:
    """Call these bound methods at every fork: *before* it, and after it *in_parent* and *in_child*.

    Python knows no way to take this back, so only weak references to the methods' objects stay.
    """
    if sys.platform == "win32":
        return  # no fork there
    os.register_at_fork(before=_weakly(before), after_in_parent=_weakly(in_parent), after_in_child=_weakly(in_child))


def _weakly(step: Step | None) -> Step:
    reference = None if step is None else weakref.WeakMethod(step)

    def call_if_alive() -> None:
        alive = reference() if reference else None
        if alive is not None:
            alive()

    return call_if_alive
