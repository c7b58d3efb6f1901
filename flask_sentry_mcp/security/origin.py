"""Which Host and which Origin may speak to the MCP endpoint (RS-5): the guard against DNS rebinding.

A page that a browser loaded from elsewhere may reach a server on a person's own machine by pointing its own name at
127.0.0.1. The Host header then still says that name, and the Origin header the page's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import ForbiddenOrigin

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class OriginRule:
    """The hosts and origins of one application. Built by ``origin_rule``."""

    hosts: frozenset[str]
    origins: frozenset[str]
    loopback: bool = field(default=False)

    def check(self, host: str | None, origin: str | None) -> None:
        """Raises ForbiddenOrigin unless both are ours; an absent Origin (no browser) is fine, an absent Host is not."""
        if (host or "").lower() not in self.hosts and not (self.loopback and _is_loopback_host(host or "")):
            raise ForbiddenOrigin("host")
        if origin is None or origin in self.origins:
            return
        scheme, separator, rest = origin.lower().partition("://")
        if not (self.loopback and separator and scheme in ("http", "https") and _is_loopback_host(rest)):
            raise ForbiddenOrigin("origin")


def origin_rule(public_origin: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> OriginRule:
    """The rule for a server whose public address is *public_origin*, with further *hosts* and *origins* by name.

    A server whose own address is a loopback one also serves the other loopback names, on any port: its clients and the
    person's tools are on the same machine.
    """
    own = urlsplit(public_origin)
    default = f":{443 if own.scheme == 'https' else 80}"
    names = {own.netloc, *hosts}
    names |= {name + default for name in names if ":" not in name.rpartition("]")[2]}
    return OriginRule(
        hosts=frozenset(name.lower() for name in names),
        origins=frozenset((public_origin, *origins)),
        loopback=_is_loopback_host(own.netloc),
    )


def _is_loopback_host(host: str) -> bool:
    """``127.0.0.1:5000``, ``localhost``, ``[::1]:80``; the port is of no matter, but must be one."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host.lower(), "0"
    return name in _LOOPBACK and port.isascii() and port.isdigit()
