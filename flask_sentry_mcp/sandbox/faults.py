"""Things that go wrong on order: statuses, slow answers, HTML where JSON was due, dropped connections, lost fields."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

API_ROOT = "/api/0/"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order. It applies to requests whose path, method and region match, ``times`` times (None: always).

    ``path`` is below ``/api/0/``, or from the root when it begins with a slash; ``*`` matches anything. ``region`` is
    ``control``, ``us`` or ``de``. Without ``status``, ``html`` or ``drop`` the true answer is given, after ``delay_s``
    and without the members named in ``without``.
    """

    path: str = "*"
    method: str | None = None
    region: str | None = None
    times: int | None = None
    delay_s: float = 0.0
    drop: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    html: bool = False
    without: Sequence[str] = ()
    seen: int = 0

    def matches(self, method: str, path: str, region: str) -> bool:
        if self.method not in (None, method) or self.region not in (None, region):
            return False
        below = path if self.path.startswith("/") else path.removeprefix(API_ROOT)
        return fnmatchcase(below, self.path)

    @property
    def replaces(self) -> bool:
        """Whether the true answer is not given at all."""
        return self.status is not None or self.html


class Faults:
    """The orders in force. The first that matches is taken; one that is used up is gone."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, **order: Any) -> Fault:
        """Give an order; the arguments are the fields of ``Fault``."""
        fault = Fault(**order)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, region: str) -> Fault | None:
        """The fault for this request, counted."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path, region):
                    fault.seen += 1
                    if fault.times is not None and fault.seen >= fault.times:
                        self._faults.remove(fault)
                    return fault
        return None


def lose(value: Any, names: Sequence[str]) -> Any:
    """*value* without the members *names*, at any depth."""
    if isinstance(value, dict):
        return {key: lose(member, names) for key, member in value.items() if key not in names}
    if isinstance(value, list):
        return [lose(item, names) for item in value]
    return value
