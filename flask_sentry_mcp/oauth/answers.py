"""What the OAuth functions give back: plain records, which the views turn into HTTP answers.

Cookie names are bare here (``mcp_csrf``). The views write and read them as ``__Host-mcp_csrf`` on an https issuer, and
without the prefix on a loopback one (APP-5), so that nothing else has to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set for the whole host, HttpOnly and SameSite=Lax. ``max_age_s`` 0 deletes it."""

    name: str
    value: str = field(repr=False)
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Redirection:
    """Send the browser to *location* (303). ``set_cookies`` and the names in ``delete_cookies`` go along."""

    location: str = field(repr=False)
    set_cookies: tuple[Cookie, ...] = ()
    delete_cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page: *template* below ``sentry_mcp/``, rendered with *values* (autoescaped)."""

    template: str
    values: Mapping[str, Any]
    status: int = 200
    set_cookies: tuple[Cookie, ...] = ()
    delete_cookies: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON answer of a machine endpoint; a document made at start is given as bytes."""

    status: int
    body: Mapping[str, Any] | bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Redirection | Page | Json
