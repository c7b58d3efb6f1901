"""Machines without a browser: a Sentry token of their own, as ``Authorization: Sentry-Bearer <token>`` (RS-4).

Off unless ``SENTRY_MCP_DIRECT_TOKENS`` is set. A scheme of its own, so that a Sentry token under ``Bearer`` stays 401.
The token lives for the request: it is not stored, logged or remembered but as a keyed hash, for limits and membership.
Sentry says whose it is before anybody is let in, whatever the request is for. Tokens of an organization are not taken:
they have no person, and Sentry makes them for uploads alone.
"""

import re
from dataclasses import dataclass, field

from ..errors import MembershipUnknown, SentryRefused, SignInEnded, UpstreamError
from ..sentry.account import get_user
from ..sentry.client import SentryClient
from . import keys
from .provider import Provider
from .recent import Recent

SCHEME = "sentry-bearer"
FRESH_S = 900.0
CHECKS = "60/minute"
"""How many tokens one address may have us show to Sentry."""

_OF_ORGANIZATION = "sntrys_"
_REFUSALS = frozenset({400, 401, 403})
_HEADER = re.compile(r"[^ ]+ +([A-Za-z0-9._~+/=-]{16,1024})")


class DirectTokenRefused(SignInEnded):
    """A Sentry token that cannot be used: malformed, or not accepted by Sentry. It has a challenge of its own."""

    public = "Sentry does not accept this token, it is not a user's, or the header is not: Sentry-Bearer, blank, token."


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
    if found[1].startswith(_OF_ORGANIZATION):
        raise DirectTokenRefused("a token of an organization")
    return FixedToken(found[1])


def name_of(provider: Provider, token: FixedToken) -> str:
    """What the caller is counted and remembered under: a keyed hash, the same in every process."""
    return f"direct-{keys.mac(provider.settings, 'direct-token', token.token)[:32]}"


class Owners:
    """Whose the tokens are that Sentry accepted lately, of one application; by the name of a token."""

    def __init__(self) -> None:
        self._known: Recent[str] = Recent(FRESH_S)

    def owner(self, provider: Provider, token: FixedToken, address: str) -> str:
        """The id at Sentry of the person whose *token* it is; asked at most every 15 minutes (RS-4).

        Raises: DirectTokenRefused; MembershipUnknown when Sentry cannot be asked; TooManyRequests for an *address* that
        shows too many tokens.
        """
        name = name_of(provider, token)
        known = self._known.recall(name)
        if known is None:
            provider.limits.hit(CHECKS, "direct-token", provider.limits.address_key(address))
            known = _ask(SentryClient(provider.connections, token, time_s=20))
            self._known.remember(name, known)
        return known


def _ask(sentry: SentryClient) -> str:
    try:
        user_id = str(get_user(sentry).get("id") or "")
    except SentryRefused as error:
        if error.status in _REFUSALS:
            raise DirectTokenRefused(str(error)) from error
        raise MembershipUnknown(str(error)) from error
    except UpstreamError as error:
        raise MembershipUnknown(str(error), retry_after_s=error.retry_after_s) from error
    if not user_id:
        raise MembershipUnknown("Sentry's answer names no user")
    return user_id
