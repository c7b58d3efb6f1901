"""Redirect URIs: which may be registered, which match, and how an answer is put behind one (REDIR-1..6, ISS-1).

Registration and authorization ask the same function. The raw text is judged first and parsed by our own pattern:
``urlsplit`` drops tabs and newlines, and finds the host ``127.0.0.1`` in ``http://evil.com\\@127.0.0.1/``.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from ..security.addresses import is_loopback
from ..security.schemes import may_be_private

if TYPE_CHECKING:
    from .records import AuthorizationRequest

MAX_LENGTH = 2048
_PRINTABLE = re.compile(r"[!-~]+")
_FORBIDDEN = frozenset('"<>\\^`{|}#')
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?]*))?([^?]*)(?:\?(.*))?")
_AUTHORITY = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_ANSWER_NAMES = frozenset({"code", "state", "iss", "error", "error_description"})


@dataclass(frozen=True, slots=True)
class RedirectURI:
    """The parts of one, as written but for scheme and host, which are in lower case. ``query`` None: no ``?``."""

    scheme: str
    host: str
    port: str | None
    path: str
    query: str | None

    @property
    def is_loopback(self) -> bool:
        """Whether the answer stays on the person's own machine, where any program may wait for it."""
        return self.scheme == "http" and is_loopback(self.host.strip("[]"))

    @property
    def is_private_scheme(self) -> bool:
        """Whether the answer goes to a program that claims this scheme; any program can."""
        return self.scheme not in ("http", "https")


def parse(uri: str) -> RedirectURI | None:
    """The parts of *uri*, or None when it breaks rules 1 to 4, 6 or 8 of REDIR-1."""
    if len(uri) > MAX_LENGTH or not _PRINTABLE.fullmatch(uri) or _FORBIDDEN & set(uri) or _BAD_PERCENT.search(uri):
        return None
    found = _URI.fullmatch(uri)
    if not found or "@" in (found[2] or "") or _has_dot_segment(found[3]):
        return None
    scheme, authority, path, query = found[1].lower(), found[2], found[3], found[4]
    host, port = "", None
    if authority:
        named = _AUTHORITY.fullmatch(authority)
        if not named or not _is_host(named[1]) or (named[2] is not None and not 1 <= int(named[2]) <= 65535):
            return None
        host, port = named[1].lower(), named[2]
    return RedirectURI(scheme, host, port, path, query)


def is_acceptable(uri: str, private_schemes: Collection[str]) -> bool:
    """Whether *uri* may be registered and redirected to (REDIR-1): https, http on loopback, or a private scheme."""
    parts = parse(uri)
    if parts is None or _names_an_answer(parts.query):
        return False
    if parts.scheme == "https":
        return parts.host != ""
    return parts.is_loopback or _is_private_scheme(parts.scheme, private_schemes)


def matches(presented: str, registered: str) -> bool:
    """Whether *presented* is *registered*: equal, or the same loopback address on any port (REDIR-4)."""
    if presented == registered:
        return True
    one, other = parse(presented), parse(registered)
    return (
        one is not None
        and other is not None
        and one.is_loopback
        and other.is_loopback
        and (one.host, one.path or "/", one.query) == (other.host, other.path or "/", other.query)
    )


def with_params(uri: str, params: Mapping[str, str]) -> str:
    """*uri* with *params* in its query; the bytes that are there already stay as they are (REDIR-6)."""
    _, mark, query = uri.partition("?")
    joint = "?" if not mark else "" if not query or query.endswith("&") else "&"
    return uri + joint + "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())


def client_redirect(request: "AuthorizationRequest", issuer: str, **params: str) -> str:
    """The address that carries an answer to the client: *params*, its ``state`` if it sent one, and ``iss`` (ISS-1)."""
    return answer_url(request.redirect_uri, request.state, issuer, **params)


def answer_url(redirect_uri: str, state: str | None, issuer: str, **params: str) -> str:
    """As ``client_redirect``, for a request that is not read to its end."""
    own = {"iss": issuer} if state is None else {"state": state, "iss": issuer}
    return with_params(redirect_uri, {**params, **own})


def _is_private_scheme(scheme: str, listed: Collection[str]) -> bool:
    return may_be_private(scheme) and ("." in scheme or scheme in listed)


def _is_host(host: str) -> bool:
    """Whether what stands in brackets, if anything does, is an IPv6 address (RFC 3986 section 3.2.2)."""
    if not host.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _has_dot_segment(path: str) -> bool:
    plain = re.sub("(?i)%2f", "/", re.sub("(?i)%5c", "/", re.sub("(?i)%2e", ".", path)))
    return any(segment in (".", "..") for segment in plain.split("/"))


def _names_an_answer(query: str | None) -> bool:
    pairs = re.split("[&;]", query or "")
    return any(unquote_plus(pair.partition("=")[0]) in _ANSWER_NAMES for pair in pairs)
