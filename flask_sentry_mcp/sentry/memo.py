"""What hardly ever changes for a caller: where an organization lives, which number a project has."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias

LIFE_S = 900.0
MOST = 4_096

Key: TypeAlias = tuple[str, ...]


class Memo:
    """Remembers answers for 15 minutes, for one caller each; one per application, and bounded."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[float, Any]] = OrderedDict()
        self._flying: dict[Key, Future[Any]] = {}
        self._lock = threading.Lock()

    def recall(self, caller: str, key: Key, ask: Callable[[], Any]) -> Any:
        """The answer of *ask*, asked when it is not known; all who want it meanwhile share that one answer, or failure.

        *caller* is a secret of theirs; only its hash is kept. None is an answer that is not remembered.
        """
        whose = (hashlib.sha256(caller.encode()).hexdigest(), *key)
        with self._lock:
            until, value = self._known.get(whose, (0.0, None))
            if time.monotonic() < until:
                return value
            flight = self._flying.get(whose)
            if flight is None:
                own = self._flying[whose] = Future()
        return self._ask(whose, ask, own) if flight is None else flight.result()

    def _ask(self, whose: Key, ask: Callable[[], Any], flight: "Future[Any]") -> Any:
        try:
            flight.set_result(ask())
        except BaseException as error:  # noqa: BLE001  raised again below, and where it is waited for
            flight.set_exception(error)
        with self._lock:
            del self._flying[whose]
            if flight.exception() is None and flight.result() is not None:
                self._known[whose] = (time.monotonic() + LIFE_S, flight.result())
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return flight.result()
