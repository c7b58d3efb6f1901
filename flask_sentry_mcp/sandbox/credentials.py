"""Applications, approvals, codes and tokens, with the lives and single uses that Sentry gives them."""

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .. import clock
from .records import User

SCOPES = frozenset(
    [
        "alerts:read",
        "alerts:write",
        "email",
        "event:admin",
        "event:read",
        "event:write",
        "member:admin",
        "member:invite",
        "member:read",
        "member:write",
        "openid",
        "org:admin",
        "org:billing",
        "org:ci",
        "org:integrations",
        "org:read",
        "org:write",
        "profile",
        "project:admin",
        "project:distribution",
        "project:read",
        "project:releases",
        "project:write",
        "team:admin",
        "team:read",
        "team:write",
    ]
)
CODE_LIFE_S = 600.0
TOKEN_LIFE_S = 30 * 86_400.0
DEVICE_LIFE_S, DEVICE_INTERVAL_S = 600, 5
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
LOOPBACKS = ("127.0.0.1", "localhost", "::1")

# The registered applications: the same in every sandbox, so that settings can be written down.
CLIENT_ID = "5a4db0c1" * 8
CLIENT_SECRET = "c0ffee5a4db0c1de" * 4
PUBLIC_CLIENT_ID = "9b1ec0de" * 8


@dataclass(frozen=True, slots=True)
class Application:
    """An OAuth application. Without a secret it is a public client."""

    client_id: str
    client_secret: str | None
    name: str
    redirect_uris: tuple[str, ...]
    is_active: bool = True

    def accepts(self, redirect_uri: str) -> bool:
        """Whether the address is registered: exactly, but a loopback one without a port takes any port."""
        return any(_same_address(registered, redirect_uri) for registered in self.redirect_uris)


@dataclass(slots=True)
class SandboxToken:
    """A pair of tokens. ``expires_at`` None: it does not expire. ``organization``: the only one that it is for."""

    access_token: str
    refresh_token: str | None
    user: User
    scopes: frozenset[str]
    expires_at: float | None
    client_id: str
    family: str = field(default_factory=lambda: secrets.token_hex(8))
    organization: str | None = None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and clock.now() >= self.expires_at

    @property
    def scope(self) -> str:
        return " ".join(sorted(self.scopes))


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, not yet exchanged."""

    client_id: str
    user: User
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    expires_at: float


@dataclass(slots=True)
class DeviceCode:
    """A device that waits for its person. ``state`` is pending, approved or denied."""

    user_code: str
    client_id: str
    scopes: frozenset[str]
    expires_at: float
    state: str = "pending"
    user: User | None = None
    polled_at: float = 0.0


class Credentials:
    """All of them. Methods are safe to call from any thread; each changes at most one thing."""

    def __init__(self, applications: Iterable[Application], token_life_s: float | None) -> None:
        self.applications = {one.client_id: one for one in applications}
        self.token_life_s = token_life_s
        self.devices: dict[str, DeviceCode] = {}
        self._lock = threading.RLock()
        self._codes: dict[str, Code] = {}
        self._by_access: dict[str, SandboxToken] = {}
        self._by_refresh: dict[str, SandboxToken] = {}
        self._retired: dict[str, str] = {}  # refresh tokens of public clients -> their family
        self._approvals: dict[tuple[str, str], frozenset[str]] = {}

    # -- approvals and codes --------------------------------------------------------------------------------------

    def approved(self, user: User, client_id: str) -> frozenset[str] | None:
        """The scopes that the person has allowed the application so far; None if it never was."""
        return self._approvals.get((user.key, client_id))

    def approve(self, user: User, client_id: str, scopes: frozenset[str]) -> None:
        with self._lock:
            key = user.key, client_id
            self._approvals[key] = self._approvals.get(key, frozenset()) | scopes

    def new_code(
        self, user: User, client_id: str, scopes: frozenset[str], redirect_uri: str, challenge: str | None
    ) -> str:
        code = secrets.token_hex(32)
        with self._lock:
            self._codes[code] = Code(client_id, user, scopes, redirect_uri, challenge, clock.now() + CODE_LIFE_S)
        return code

    def take_code(self, code: str) -> Code | None:
        """The code, once; None when it is unknown, used or too old."""
        with self._lock:
            found = self._codes.pop(code, None)
        return found if found is not None and clock.now() < found.expires_at else None

    # -- tokens ---------------------------------------------------------------------------------------------------

    def issue(
        self, user: User, scopes: frozenset[str], client_id: str, *, life_s: float | None = None, family: str = ""
    ) -> SandboxToken:
        expires_at = self._expiry(life_s)
        token = SandboxToken(secrets.token_hex(32), secrets.token_hex(32), user, scopes, expires_at, client_id)
        token.family = family or token.family
        with self._lock:
            self._keep(token)
        return token

    def by_access(self, access_token: str) -> SandboxToken | None:
        return self._by_access.get(access_token)

    def refresh(self, application: Application, refresh_token: str) -> SandboxToken | None:
        """New access and refresh token; both old ones are dead at once. None: not a live refresh token.

        A public client's reuse of a refresh token that was replaced ends its whole family.
        """
        with self._lock:
            token = self._by_refresh.get(refresh_token)
            if token is None or token.client_id != application.client_id:
                self._end_family(self._retired.get(refresh_token))
                return None
            self._forget(token)
            if application.client_secret is None:
                self._retired[refresh_token] = token.family
                return self.issue(token.user, token.scopes, token.client_id, family=token.family)
            token.access_token, token.refresh_token = secrets.token_hex(32), secrets.token_hex(32)
            token.expires_at = self._expiry(None)
            self._keep(token)
            return token

    def revoke(self, either_token: str, client_id: str) -> None:
        """End access and refresh token together. Unknown ones are no matter."""
        with self._lock:
            token = self._by_access.get(either_token) or self._by_refresh.get(either_token)
            if token is not None and token.client_id == client_id:
                self._forget(token)

    def revoke_all(self, user: User) -> None:
        """As when a person removes the application at Sentry: tokens and approvals are gone."""
        with self._lock:
            for token in [one for one in self._by_access.values() if one.user.key == user.key]:
                self._forget(token)
            self._approvals = {key: scopes for key, scopes in self._approvals.items() if key[0] != user.key}

    def _expiry(self, life_s: float | None) -> float | None:
        life = self.token_life_s if life_s is None else life_s
        return None if life is None else clock.now() + life

    def _keep(self, token: SandboxToken) -> None:
        self._by_access[token.access_token] = token
        if token.refresh_token is not None:
            self._by_refresh[token.refresh_token] = token

    def _forget(self, token: SandboxToken) -> None:
        self._by_access.pop(token.access_token, None)
        self._by_refresh.pop(token.refresh_token or "", None)

    def _end_family(self, family: str | None) -> None:
        for token in [one for one in self._by_access.values() if one.family == family]:
            self._forget(token)

    # -- devices --------------------------------------------------------------------------------------------------

    def new_device(self, client_id: str, scopes: frozenset[str]) -> tuple[str, DeviceCode]:
        """A device code (64 hex) and what is known of it."""
        letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(8))
        device = DeviceCode(f"{letters[:4]}-{letters[4:]}", client_id, scopes, clock.now() + DEVICE_LIFE_S)
        code = secrets.token_hex(32)
        with self._lock:
            self.devices[code] = device
        return code, device

    def device_by_user_code(self, user_code: str) -> DeviceCode | None:
        """A device still waiting, by what the person typed (case, blanks and hyphen do not matter)."""
        letters = re.sub(r"[^A-Z]", "", user_code.upper())
        waiting = (one for one in self.devices.values() if one.state == "pending" and one.expires_at > clock.now())
        return next((one for one in waiting if one.user_code.replace("-", "") == letters), None)


def matches_challenge(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, S256."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def scopes_of(text: str | None) -> frozenset[str] | None:
    """The scopes in *text*, split on single blanks; None when one of them is unknown. No text: no scopes."""
    if text is None:
        return frozenset()
    parts: Sequence[str] = text.split(" ")
    return frozenset(parts) if SCOPES.issuperset(parts) else None


def _same_address(registered: str, asked: str) -> bool:
    one, other = urlsplit(registered), urlsplit(asked)
    try:
        ports = one.port, other.port
    except ValueError:
        return False
    if (one.scheme, one.hostname, one.query) != (other.scheme, other.hostname, other.query) or other.fragment:
        return False
    if other.username is not None or (one.path or "/") != (other.path or "/"):
        return False
    any_port = one.scheme == "http" and one.hostname in LOOPBACKS and ports[0] is None
    return any_port or ports[0] == ports[1]
