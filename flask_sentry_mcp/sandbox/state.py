"""What one sandbox holds, and how a request finds it. Two sandboxes in one process share nothing."""

import threading
from dataclasses import dataclass, field

from flask import current_app

from .credentials import Credentials
from .faults import Faults
from .limits import Limits
from .requestlog import RequestLog
from .world import World


@dataclass(slots=True)
class Addresses:
    """Where the listeners are: ``http://127.0.0.1:40001``. Self-hosted: one address and no regions."""

    control: str = ""
    regions: dict[str, str] = field(default_factory=dict)  # "us" -> URL

    @property
    def is_self_hosted(self) -> bool:
        return not self.regions


@dataclass(slots=True)
class State:
    """One sandbox. ``seer_takes_s`` is how long a run of Seer takes. ``forwards``: the control host passes on what is
    asked about an organization to its region; otherwise it knows the organization and nothing in it.
    """

    world: World
    credentials: Credentials
    addresses: Addresses
    seed: int
    seer_takes_s: float = 6.0
    forwards: bool = True
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)
    stopping: threading.Event = field(default_factory=threading.Event)
    sessions: dict[str, dict[str, object]] = field(default_factory=dict)  # browsers at the OAuth pages
    device_attempts: dict[str, list[float]] = field(default_factory=dict)  # by address


def state() -> State:
    """The sandbox that the current request came to."""
    found = current_app.extensions["sentry_sandbox"]
    assert isinstance(found, State)  # noqa: S101 - tells mypy what app.py put there
    return found
