"""The audit log: one line per security event, on the logger ``flask_sentry_mcp.audit``, as text or as JSON.

>>> grant_ended client_id="mcpc_x1" grant_id="9f3c" reason="reuse" user_id="3104522"
>>> {"at":"2026-08-18T12:40:02Z","signal":"grant_ended","client_id":"mcpc_x1","grant_id":"9f3c","reason":"reuse", ...}

Its level is INFO, so configure logging to see it. The events are the signals of ``signals.py`` but for ``tool_called``,
which is traffic: connect to that one yourself.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from blinker import NamedSignal

from . import clock, signals

log = logging.getLogger(__name__)
EVENTS = tuple(signal for signal in signals.ALL if signal is not signals.tool_called)


class Audit:
    """Listens to the signals of one application for as long as it is referenced."""

    def __init__(self, app: object, form: str) -> None:
        self._form = form
        self._receivers = {signal: self._receiver(signal) for signal in EVENTS if form != "off"}
        for signal, receiver in self._receivers.items():
            signal.connect(receiver, sender=app, weak=True)

    def _receiver(self, signal: NamedSignal) -> Any:
        name = signal.name.replace("-", "_")

        def receive(_: object, **payload: Any) -> None:
            log.info("%s", line(self._form, name, payload))

        return receive


def line(form: str, signal: str, payload: Mapping[str, Any]) -> str:
    """One event on one line: the *signal* and its payload; members by name, control characters escaped."""
    members = {name: payload[name] for name in sorted(payload)}
    if form == "json":
        at = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps({"at": at, "signal": signal, **members}, separators=(",", ":"), default=_plain)
    told = (f"{name}={json.dumps(value, separators=(',', ':'), default=_plain)}" for name, value in members.items())
    return " ".join((signal, *told))


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
