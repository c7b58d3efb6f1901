"""Machines without a browser: a Sentry token of their own, as ``Authorization: Sentry-Bearer <token>`` (RS-4).

Off unless ``SENTRY_MCP_DIRECT_TOKENS`` is set. A scheme of its own, so that a Sentry token under ``Bearer`` stays 401.
The token lives for the request: it is not stored, logged or remembered but as a keyed hash, for limits and membership.
"""

import re
from dataclasses import dataclass, field

from ..errors import SignInEnded
from . import keys
from .provider import Provider

SCHEME = "sentry-bearer"
_HEADER = re.compile(r"[^ ]+ +([A-Za-z0-9._~+/=-]{16,1024})")


class DirectTokenRefused(SignInEnded):
    """A Sentry token that cannot be used: malformed, or not accepted by Sentry. It has a challenge of its own."""

    public = "Sentry does not accept this token, or the header is not: Sentry-Bearer, one blank, the token."


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token of Sentry's that nothing here can renew."""

    token: str = field(repr=False)

    def current(self) -> str:
        """The token."""
        return self.token

    def renew(self, rejected: str) -> str:
        """Raises DirectTokenRefused: there is no other."""
        raise DirectTokenRefused("Sentry answered 401")


def is_direct(provider: Provider, header: str | None) -> bool:
    """Whether the Authorization header is of this scheme, on a server that takes it."""
    return provider.settings.direct_tokens and (header or "").partition(" ")[0].lower() == SCHEME


def read_token(header: str) -> FixedToken:
    """The token in a header of this scheme. Raises: DirectTokenRefused; there is no other way in then."""
    found = _HEADER.fullmatch(header)
    if found is None:
        raise DirectTokenRefused("malformed Sentry-Bearer header")
    return FixedToken(found[1])


def name_of(provider: Provider, token: FixedToken) -> str:
    """What the caller is counted and remembered under: a keyed hash, the same in every process."""
    return f"direct-{keys.mac(provider.settings, 'direct-token', token.token)[:32]}"
