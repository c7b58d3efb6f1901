"""What hardly ever changes for a caller: where an organization lives, which number a project has."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

LIFE_S = 900.0
MOST = 4_096


class Memo:
    """Remembers answers for 15 minutes, for one caller each; one per application, and bounded."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, caller: str, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """The answer of *ask*, asked when it is not known. *caller* is a secret of theirs; only its hash is kept.

        None is an answer that is not remembered.
        """
        whose = (hashlib.sha256(caller.encode()).hexdigest(), *key)
        with self._lock:
            until, value = self._known.get(whose, (0.0, None))
        if time.monotonic() < until:
            return value
        value = ask()
        if value is not None:
            with self._lock:
                self._known[whose] = (time.monotonic() + LIFE_S, value)
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return value
