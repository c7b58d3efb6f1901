"""How long an issue is to be ignored: read from a call's arguments, read from an issue, written for Sentry.

There are three families, and an issue that is ignored in one of them cannot be moved to another: until it escalates,
forever, or until a condition is met (a time, a number of events, a number of users).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from ..render.pieces import as_map, iso

UNTIL_ESCALATING, FOREVER = "untilEscalating", "forever"
FOR_DURATION, UNTIL_COUNT, UNTIL_USERS = "forDuration", "untilOccurrenceCount", "untilUserCount"
IGNORE_MODES = (UNTIL_ESCALATING, FOREVER, FOR_DURATION, UNTIL_COUNT, UNTIL_USERS)
_SUBSTATUS = {UNTIL_ESCALATING: "archived_until_escalating", FOREVER: "archived_forever"}


@dataclass(frozen=True, slots=True)
class Ignoring:
    """One way to ignore. ``amount`` is minutes, events or users; ``window`` minutes in which they must fall.

    ``until`` is the date that an issue shows when it is ignored for a time.
    """

    mode: str
    amount: int | None = None
    window: int | None = None
    until: str | None = None

    @property
    def family(self) -> str:
        return self.mode if self.mode in _SUBSTATUS else "condition"

    def changes(self) -> dict[str, Any]:
        """What to send to Sentry besides the status."""
        body: dict[str, Any] = {"substatus": _SUBSTATUS.get(self.mode, "archived_until_condition_met")}
        match self.mode:
            case "forDuration":
                body["ignoreDuration"] = self.amount
            case "untilOccurrenceCount":
                body |= {"ignoreCount": self.amount, "ignoreWindow": self.window}
            case "untilUserCount":
                body |= {"ignoreUserCount": self.amount, "ignoreUserWindow": self.window}
        return {name: value for name, value in body.items() if value is not None}

    def __str__(self) -> str:
        within = f" within {self.window} minutes" if self.window else ""
        match self.mode:
            case "untilEscalating":
                return "until it escalates"
            case "forDuration":
                end = iso(self.until)
                return f"until {end}" if end else f"for {self.amount} minutes" if self.amount else "for a time"
            case "untilOccurrenceCount":
                return f"until it happens {self.amount} more times{within}"
            case "untilUserCount":
                return f"until {self.amount} more users are affected{within}"
        return "forever"


def asked(
    status: str | None,
    *,
    ignore_mode: str | None,
    ignore_duration_minutes: int | None,
    ignore_count: int | None,
    ignore_window_minutes: int | None,
    ignore_user_count: int | None,
    ignore_user_window_minutes: int | None,
) -> Ignoring | None:
    """What a call asks for; None when it says nothing about how to ignore. Raises InvalidInput for what cannot be."""
    given = {FOR_DURATION: ignore_duration_minutes, UNTIL_COUNT: ignore_count, UNTIL_USERS: ignore_user_count}
    windows = {UNTIL_COUNT: ignore_window_minutes, UNTIL_USERS: ignore_user_window_minutes}
    amounts = {mode: amount for mode, amount in given.items() if amount is not None}
    if ignore_mode is None and not amounts and not any(windows.values()):
        return None
    if status != "ignored":
        raise InvalidInput('The ignore options need status "ignored".')
    if ignore_window_minutes and ignore_count is None:
        raise InvalidInput("ignoreWindowMinutes needs ignoreCount: so many events within so many minutes.")
    if ignore_user_window_minutes and ignore_user_count is None:
        raise InvalidInput("ignoreUserWindowMinutes needs ignoreUserCount: so many users within so many minutes.")
    if len(amounts) > 1:
        raise InvalidInput("Give only one of ignoreDurationMinutes, ignoreCount and ignoreUserCount.")
    mode = ignore_mode or next(iter(amounts))
    if mode in _SUBSTATUS and amounts:
        raise InvalidInput("ignoreMode untilEscalating and forever take no duration or count.")
    if mode in given and given[mode] is None:
        raise InvalidInput(
            "This ignoreMode needs its number: forDuration ignoreDurationMinutes, untilOccurrenceCount ignoreCount, "
            "untilUserCount ignoreUserCount."
        )
    return Ignoring(mode, amounts.get(mode), windows.get(mode))


def shown(issue: Mapping[str, Any]) -> Ignoring | None:
    """How *issue* is ignored; None when it is not."""
    if issue.get("status") != "ignored":
        return None
    details, substatus = as_map(issue.get("statusDetails")), issue.get("substatus")
    if substatus == "archived_until_escalating" or details.get("ignoreUntilEscalating"):
        return Ignoring(UNTIL_ESCALATING)
    if substatus != "archived_forever":
        if details.get("ignoreUntil") or details.get("ignoreDuration"):
            return Ignoring(FOR_DURATION, details.get("ignoreDuration"), until=details.get("ignoreUntil"))
        if details.get("ignoreCount"):
            return Ignoring(UNTIL_COUNT, details["ignoreCount"], details.get("ignoreWindow"))
        if details.get("ignoreUserCount"):
            return Ignoring(UNTIL_USERS, details["ignoreUserCount"], details.get("ignoreUserWindow"))
    return Ignoring(FOREVER)
