"""How Sentry's API looks on the wire: error bodies, times, windows, pages with their ``Link`` header."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from .. import clock
from .query import UNIT_S

Json = dict[str, Any]
Row = TypeVar("Row")
NOT_FOUND = "The requested resource does not exist"
FORBIDDEN = "You do not have permission to perform this action."
MAX_PAGE = 100


class ApiError(Exception):
    """An answer other than success. ``body`` None means an empty body."""

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def response(self) -> Response:
        answer = Response(status=self.status) if self.body is None else reply(self.body, self.status)
        answer.headers.update(self.headers)
        return answer


def refuse(status: int, detail: str) -> ApiError:
    """An error whose body is ``{"detail": "..."}``."""
    return ApiError(status, {"detail": detail})


def missing(detail: str = NOT_FOUND) -> ApiError:
    return refuse(404, detail)


def wrong_field(name: str, *texts: str) -> ApiError:
    """A field error: ``{"name": ["This field is required."]}``, without ``detail``."""
    return ApiError(400, {name: list(texts)})


def reply(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, separators=(",", ":")), status=status, content_type="application/json")


# -- times ----------------------------------------------------------------------------------------------------------


def iso(at: float, *, micro: bool = True) -> str:
    """``2026-08-18T12:40:02.000000Z``."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at: float | None) -> str | None:
    return None if at is None else iso(at)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, seconds since the epoch."""

    start: float
    end: float

    def holds(self, at: float | None) -> bool:
        return at is not None and self.start <= at <= self.end


def period_s(text: str) -> int:
    """``24h`` in seconds. Raises ApiError 400."""
    found = re.fullmatch(r"(\d{1,5})([smhdw])", text)
    if found is None:
        raise refuse(400, f"Invalid statsPeriod: {text!r}")
    return int(found[1]) * UNIT_S[found[2]]


def window(default: str = "90d") -> Window:
    """The window that the request asks for. ``statsPeriod`` wins over ``start`` and ``end``. Raises ApiError 400."""
    end = clock.now() + 60  # clocks differ; what is being written now counts
    period, first, last = (request.args.get(name) for name in ("statsPeriod", "start", "end"))
    if period is None and (first or last):
        if not (first and last):
            raise refuse(400, "start and end are both required")
        start_at, end_at = _moment(first), _moment(last)
        if start_at >= end_at:
            raise refuse(400, "start must be before end")
        return Window(start_at, end_at)
    return Window(clock.now() - period_s(period or default), end)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, f"{text} is not a valid ISO8601 date query") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# -- pages ----------------------------------------------------------------------------------------------------------


def page_size(name: str = "per_page", default: int = MAX_PAGE) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,6}", text):
        raise refuse(400, f"Invalid {name} parameter.")
    if not 1 <= int(text) <= MAX_PAGE:
        raise refuse(400, f"Invalid {name} value. Must be between 1 and {MAX_PAGE}.")
    return int(text)


def page_of(rows: Sequence[Row], size: int) -> tuple[Sequence[Row], str]:
    """The rows that the request's cursor points to, and the ``Link`` header for the rows around them.

    Cursors are ``value:offset:is_prev`` (value is always 0 here): opaque to clients, who must not compute them.
    """
    offset = _offset()
    before = f"0:{max(offset - size, 0)}:1"
    after = f"0:{offset + size}:0"
    links = (("previous", offset > 0, before), ("next", offset + size < len(rows), after))
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    address = f"{request.base_url}?{urlencode(kept)}"
    header = ", ".join(
        f'<{address}&cursor={cursor}>; rel="{rel}"; results="{str(there).lower()}"; cursor="{cursor}"'
        for rel, there, cursor in links
    )
    return rows[offset : offset + size], header


def _offset() -> int:
    cursor = request.args.get("cursor")
    if not cursor:
        return 0
    found = re.fullmatch(r"\d{1,15}:(\d{1,9}):[01]", cursor)
    if found is None:
        raise refuse(400, "Invalid cursor parameter.")
    return int(found[1])


def paged(rows: Sequence[Any], *, size_name: str = "per_page", default: int = MAX_PAGE) -> Response:
    """A JSON list, one page of it, with ``Link``."""
    page, link = page_of(rows, page_size(size_name, default))
    answer = reply(list(page))
    answer.headers["Link"] = link
    return answer
