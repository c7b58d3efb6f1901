"""Signing keys by purpose (CFG-3): what was signed for one purpose never verifies for another.

All are derived from ``COOKIE_SECRET``; the fallbacks verify only. Nothing here can open the vault. Times are those of
our clock, so that a test can move them.
"""

import hashlib
import hmac

from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from .. import clock
from ..config import Settings

STATE, APPROVAL_FORM, APPROVALS, CSRF = "state", "approval-form", "approvals", "csrf"
PERSON_STATE, PERSON = "person-state", "person"


class _Signer(TimestampSigner):
    at: float | None = None

    def get_timestamp(self) -> int:
        return int(clock.now() if self.at is None else self.at)


def signer(settings: Settings, purpose: str, *, at: float | None = None) -> TimestampSigner:
    """Signs short texts for *purpose*, with the time: now, or *at*, so that the same text can be signed again."""
    made = _Signer(_secrets(settings), salt=_salt(purpose), digest_method=hashlib.sha256, key_derivation="hmac")
    made.at = at
    return made


def serializer(settings: Settings, purpose: str) -> URLSafeTimedSerializer:
    """Signs JSON values for *purpose*, with the time, in characters that are safe in cookies and forms."""
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(_secrets(settings), salt=_salt(purpose), signer=_Signer, signer_kwargs=options)


def mac(settings: Settings, purpose: str, message: str) -> str:
    """HMAC-SHA256 of *message* under a key for *purpose*, as 64 hex digits."""
    return macs(settings, purpose, message)[0]


def macs(settings: Settings, purpose: str, message: str) -> list[str]:
    """As ``mac``, under every secret, newest first: to recognize what was made before the secret changed."""
    return [_mac(secret, purpose, message) for secret in reversed(_secrets(settings))]


def is_mac(settings: Settings, purpose: str, message: str, value: str) -> bool:
    """Whether *value* is ``mac`` of the rest, now or under an earlier secret."""
    return any(hmac.compare_digest(value.encode(), known.encode()) for known in macs(settings, purpose, message))


def _mac(secret: str, purpose: str, message: str) -> str:
    key = hmac.digest(secret.encode(), _salt(purpose).encode(), "sha256")
    return hmac.new(key, message.encode(), "sha256").hexdigest()


def _secrets(settings: Settings) -> list[str]:
    return [*settings.cookie_secret_fallbacks, settings.cookie_secret]


def _salt(purpose: str) -> str:
    return f"flask-sentry-mcp/{purpose}"
