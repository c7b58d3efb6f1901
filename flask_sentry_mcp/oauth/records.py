"""What is remembered of a sign-in, from the request to the grant.

A request becomes an approval when a person says yes, a transaction while they are at Sentry, a code when they come
back, and a grant that lives until it ends. Each record survives a round trip through JSON.

The grant is the one unit of truth (STORE-1): whatever must change together lives in it and changes by one swap.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .clients import Client
from .resources import Resource


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A client's request, validated (section 9).

    ``redirect_uri`` is exactly what was presented, or the registered one when it was omitted. ``state`` is the
    client's, returned byte for byte. ``scopes`` are those requested, with aliases resolved (SCOPE-1).
    """

    client: Client
    redirect_uri: str
    redirect_uri_was_sent: bool
    state: str | None = field(repr=False)
    code_challenge: str
    resource: Resource
    scopes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For a signed form or the store; JSON keeps all of it."""
        return {
            "client": self.client.to_dict(),
            "redirect_uri": self.redirect_uri,
            "redirect_uri_was_sent": self.redirect_uri_was_sent,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "resource": self.resource.to_dict(),
            "scopes": list(self.scopes),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "AuthorizationRequest":
        """The inverse of ``to_dict``."""
        return cls(
            client=Client.from_dict(value["client"]),
            redirect_uri=value["redirect_uri"],
            redirect_uri_was_sent=value["redirect_uri_was_sent"],
            state=value["state"],
            code_challenge=value["code_challenge"],
            resource=Resource.from_dict(value["resource"]),
            scopes=tuple(value["scopes"]),
        )


@dataclass(frozen=True, slots=True)
class Approved:
    """A request that a person said yes to: with which skills, and the scopes that those need of Sentry."""

    request: AuthorizationRequest
    skills: tuple[str, ...]
    scopes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For the store."""
        return {"request": self.request.to_dict(), "skills": list(self.skills), "scopes": list(self.scopes)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Approved":
        """The inverse of ``to_dict``."""
        request = AuthorizationRequest.from_dict(value["request"])
        return cls(request, tuple(value["skills"]), tuple(value["scopes"]))


@dataclass(frozen=True, slots=True)
class Transaction:
    """An approval on its way through Sentry. ``bind_hash`` is the SHA-256 of the cookie of the browser that approved.

    Neither that cookie's value nor the PKCE verifier for Sentry is kept: the first comes back with the browser, and
    the second is derived from it.
    """

    approved: Approved
    bind_hash: str
    created_at: float
    is_claimed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For the store."""
        return {
            "approved": self.approved.to_dict(),
            "bind_hash": self.bind_hash,
            "created_at": self.created_at,
            "is_claimed": self.is_claimed,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Transaction":
        """The inverse of ``to_dict``."""
        return cls(**{**value, "approved": Approved.from_dict(value["approved"])})


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, found by its hash. ``redirect_uri`` is where it was sent to.

    ``wrapped_key`` is the grant's data key, which only the code itself can unwrap (STO-3).
    """

    client_id: str
    redirect_uri: str
    code_challenge: str
    resource: Resource
    scopes: tuple[str, ...]
    grant_id: str
    wrapped_key: str = field(repr=False)
    expires_at: float
    used_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For the store."""
        return {**asdict(self), "resource": self.resource.to_dict(), "scopes": list(self.scopes)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Code":
        """The inverse of ``to_dict``."""
        parsed = {"resource": Resource.from_dict(value["resource"]), "scopes": tuple(value["scopes"])}
        return cls(**{**value, **parsed})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One live access token of a grant. ``generation`` is that of the refresh token it was issued with."""

    hash: str
    expires_at: float
    scopes: tuple[str, ...]
    resource: Resource
    generation: int
    wrapped_key: str = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For the store."""
        return {**asdict(self), "resource": self.resource.to_dict(), "scopes": list(self.scopes)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "AccessToken":
        """The inverse of ``to_dict``."""
        parsed = {"resource": Resource.from_dict(value["resource"]), "scopes": tuple(value["scopes"])}
        return cls(**{**value, **parsed})


@dataclass(frozen=True, slots=True)
class Superseded:
    """A refresh token that was rotated away. Its holder, and nobody else, can open ``successor`` (REF-5)."""

    hash: str
    generation: int
    superseded_at: float
    successor: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Sentry's token pair of one grant, sealed, and what must be known without opening it.

    ``version`` grows with every refresh there. ``expires_at`` None: never.
    ``lease_until``: somebody is refreshing. ``retry_at``: Sentry could not be asked; not before then, unless need be.
    """

    sealed: str = field(repr=False)
    version: int
    issued_at: float
    expires_at: float | None
    can_refresh: bool
    lease_until: float = 0.0
    retry_at: float = 0.0

    def is_due(self, now: float) -> bool:
        """Whether it should be refreshed: less than 10 minutes, or a quarter of its life, is left (UP-2).

        Of a short life not before its half, or it would be refreshed at every call.
        """
        if self.expires_at is None or not self.can_refresh or now < self.retry_at:
            return False
        life_s = self.expires_at - self.issued_at
        return self.expires_at - now < min(max(600.0, 0.25 * life_s), 0.5 * life_s)

    def is_over(self, now: float) -> bool:
        """Whether Sentry no longer takes it."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was approved, its tokens and how it ended.

    ``generation`` counts the rotations; ``refresh_hash`` and ``refresh_key`` belong to the current refresh token (None:
    the client has none), ``is_tip_used`` says whether it, or an access token issued with it, was ever used.
    ``idle_ends_at`` slides, ``ends_at`` does not. A grant without tokens has not been collected yet. An ended grant
    keeps no secrets, only the reason. ``upstream_url`` is the Sentry that issued them, and that knows the ``user_id``.
    """

    id: str
    client: Client
    user_id: str
    upstream_url: str
    resource: Resource
    scopes: tuple[str, ...]
    skills: tuple[str, ...]
    started_at: float
    used_at: float
    idle_ends_at: float
    ends_at: float
    upstream: Upstream | None
    generation: int = 0
    refresh_hash: str | None = None
    refresh_key: str | None = field(repr=False, default=None)
    is_tip_used: bool = False
    superseded: tuple[Superseded, ...] = ()
    access: tuple[AccessToken, ...] = ()
    ended_at: float | None = None
    end_reason: str | None = None

    @property
    def person(self) -> str:
        """Whose it is, in the store."""
        return person_at(self.upstream_url, self.user_id)

    @property
    def is_ended(self) -> bool:
        """Whether it was revoked or is over, and says so itself."""
        return self.ended_at is not None

    def access_token(self, hash: str) -> AccessToken | None:
        """The access token of that hash, if the grant still names it."""
        return next((token for token in self.access if token.hash == hash), None)

    def end(self, reason: str, now: float) -> "Grant":
        """The grant when it is over: no secrets, no tokens, the reason."""
        return replace(
            self,
            ended_at=now,
            end_reason=reason,
            upstream=None,
            refresh_hash=None,
            refresh_key=None,
            superseded=(),
            access=(),
        )

    def to_dict(self) -> dict[str, Any]:
        """For the store."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "client": self.client.to_dict(),
            "resource": self.resource.to_dict(),
            "upstream": asdict(self.upstream) if self.upstream else None,
            "superseded": [asdict(one) for one in self.superseded],
            "access": [one.to_dict() for one in self.access],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Grant":
        """The inverse of ``to_dict``."""
        parsed = {
            "client": Client.from_dict(value["client"]),
            "resource": Resource.from_dict(value["resource"]),
            "scopes": tuple(value["scopes"]),
            "skills": tuple(value["skills"]),
            "upstream": Upstream(**value["upstream"]) if value["upstream"] else None,
            "superseded": tuple(Superseded(**one) for one in value["superseded"]),
            "access": tuple(AccessToken.from_dict(one) for one in value["access"]),
        }
        return cls(**{**value, **parsed})


def person_at(upstream_url: str, user_id: str) -> str:
    """Who somebody is: an id at Sentry says so at one Sentry, and nowhere else (CB-5)."""
    return f"{user_id}@{upstream_url}"


_PLAIN = (
    *("id", "user_id", "upstream_url", "scopes", "skills", "started_at", "used_at", "idle_ends_at", "ends_at"),
    *("generation", "refresh_hash", "refresh_key", "is_tip_used", "ended_at", "end_reason"),
)
