"""The same dance, with Sentry: where to send the browser, and what a code or a refresh token gives there (CB-3..5).

One POST each: a form, ten seconds in all, no redirect followed, an answer of at most 64 KiB that is strict JSON.
Nothing that Sentry says goes further than the log.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.client import OAuth2Client

from .. import clock
from ..errors import BadJSON, SentryFailed, SentryRateLimited, SentrySignInRefused, UpstreamError
from ..security.strict_json import loads
from ..sentry.answers import rate_limit_wait
from ..sentry.connections import Answer
from .provider import Provider

TIMEOUT_S = 10.0
MAX_BYTES = 64 * 1024
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ERRORS = re.compile(r"[a-z_]{1,40}")
_TOKEN = re.compile(r"[!-~]{8,4096}")
_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What Sentry's token endpoint gave. ``expires_at`` None: it does not expire. ``name`` may be empty."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float | None
    scopes: frozenset[str]
    user_id: str | None
    name: str = field(repr=False, default="")
    email: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A sign-in by device code (RFC 8628) that waits for its person, who opens *address* and types *user_code*."""

    device_code: str = field(repr=False)
    user_code: str
    address: str
    address_with_code: str
    life_s: float
    interval_s: float


def authorize_url(provider: Provider, *, state: str, verifier: str, scopes: tuple[str, ...]) -> str:
    """Sentry's authorize page for these *scopes*, with PKCE (CB-4)."""
    settings = provider.settings
    client = OAuth2Client(
        None,
        settings.client_id,
        redirect_uri=provider.settings.callback_url,
        code_challenge_method="S256",
        scope=" ".join(scopes),
    )
    more = {"force_prompt": "1"} if settings.upstream_force_prompt else {}
    url, _ = client.create_authorization_url(
        f"{settings.upstream_url}/oauth/authorize/", state=state, code_verifier=verifier, **more
    )
    return str(url)


def exchange(provider: Provider, code: str, verifier: str) -> TokenPair:
    """The token pair for Sentry's authorization *code*.

    Raises: SentrySignInRefused, SentryRateLimited, SentryFailed, SentryUnreachable.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.settings.callback_url,
        "code_verifier": verifier,
    }
    return _pair(_post(provider, "token", form))


def invite(provider: Provider, scopes: tuple[str, ...]) -> Invitation:
    """Begin a sign-in by device code. Raises: as exchange. Source: RFC 8628 section 3.2."""
    found = _object(_post(provider, "device/code", {"scope": " ".join(scopes)}))
    texts = [found.get(name) for name in ("device_code", "user_code", "verification_uri")]
    if not all(isinstance(one, str) and _TOKEN.fullmatch(one) for one in texts):
        raise SentryFailed("device answer: not what RFC 8628 says")
    code, user_code, address = (str(one) for one in texts)
    complete = found.get("verification_uri_complete")
    has_complete = isinstance(complete, str) and _TOKEN.fullmatch(complete)
    life_s, interval_s = found.get("expires_in"), found.get("interval", 5)
    if not isinstance(life_s, int) or not isinstance(interval_s, int):
        raise SentryFailed("device answer: no times")
    return Invitation(code, user_code, address, str(complete) if has_complete else address, life_s, max(1, interval_s))


def redeem(provider: Provider, invitation: Invitation) -> TokenPair:
    """The token pair, once the person has approved. Raises: as exchange; until then SentrySignInRefused."""
    form = {"grant_type": _DEVICE_GRANT, "device_code": invitation.device_code}
    return _pair(_post(provider, "token", form))


def refresh(provider: Provider, refresh_token: str) -> TokenPair:
    """Another pair; at Sentry both old tokens die with this. No ``scope``: Sentry refuses it. Raises: as exchange."""
    return _pair(_post(provider, "token", {"grant_type": "refresh_token", "refresh_token": refresh_token}))


def revoke(provider: Provider, token: str) -> None:
    """Have Sentry forget the pair that *token* belongs to; best effort, and old servers cannot (REV-4)."""
    try:
        _post(provider, "revoke", {"token": token})
    except UpstreamError as error:
        log.info("Sentry did not confirm a revocation: %s", error)


def _post(provider: Provider, endpoint: str, form: Mapping[str, str]) -> Answer:
    settings = provider.settings
    credentials = {"client_id": settings.client_id, "client_secret": settings.client_secret}
    answer = provider.connections.send(
        "POST",
        f"{settings.upstream_url}/oauth/{endpoint}/",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        body=urlencode({**credentials, **form}).encode(),
        timeout_s=TIMEOUT_S,
    )
    if answer.status == 429:
        raise SentryRateLimited(rate_limit_wait(answer), f"oauth/{endpoint}")
    if len(answer.body) > MAX_BYTES or answer.status < 200 or 300 <= answer.status < 400 or answer.status >= 500:
        raise SentryFailed(f"oauth/{endpoint}: {answer.status} with {len(answer.body)} bytes")
    if answer.status >= 400:
        raise SentrySignInRefused(_error_code(answer), f"(oauth/{endpoint}: {answer.status})")
    return answer


def _error_code(answer: Answer) -> str:
    try:
        found = loads(answer.body)
    except BadJSON:
        return "unknown"
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, str) and _ERRORS.fullmatch(error) else "unknown"


def _pair(answer: Answer) -> TokenPair:
    """The answer, if it is one (C10). Raises: SentryFailed; what is malformed counts as a failure of Sentry's."""
    found = _object(answer)
    if str(found.get("token_type")).lower() != "bearer":
        raise SentryFailed("token answer: not a bearer token")
    user = found.get("user")
    user = user if isinstance(user, dict) else {}
    user_id = str(user.get("id", ""))
    return TokenPair(
        access_token=_token(found.get("access_token")),
        refresh_token=None if found.get("refresh_token") is None else _token(found["refresh_token"]),
        expires_at=_expires_at(found),
        scopes=frozenset(str(found.get("scope") or "").split()),
        user_id=user_id if _USER_ID.fullmatch(user_id) else None,
        name=str(user.get("name") or ""),
        email=user["email"] if isinstance(user.get("email"), str) else None,
    )


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = loads(answer.body)
    except BadJSON as error:
        raise SentryFailed(f"answer of the sign-in: {error}") from None
    if not isinstance(found, dict):
        raise SentryFailed("answer of the sign-in: no object")
    return found


def _token(value: Any) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise SentryFailed("token answer: no usable token")
    return value


def _expires_at(found: Mapping[str, Any]) -> float | None:
    """By ``expires_in``, which knows nothing of clocks that differ; ``expires_at`` says the same in words."""
    seconds = found.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return clock.now() + seconds
