"""Context: who calls, what they may do, and their way to Sentry. The first argument of every tool (B7).

A context is built from a grant when a request shows its access token, lives for that request and is frozen. There is no
other way to a token of Sentry's than ``context.token``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .sentry.client import SentryClient, TokenSource


@dataclass(frozen=True, slots=True)
class Constraint:
    """The organization or project that a connection is fixed to: the path, within what the grant allows (RES-5)."""

    organization_slug: str | None = None
    project_slug: str | None = None
    region_url: str | None = None


class Exchange(Protocol):
    """What a tool may say to its client, and ask of it, while it works."""

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is; grows with every call."""

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Send a log message (RFC 5424 level names) if the client asked for that level."""

    def ask(self, key: str, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client (``elicitation/create``, ``sampling/createMessage``, ``roots/list``) and return its answer."""

    def is_cancelled(self) -> bool:
        """Whether the client has given up on this call."""


class Silent:
    """The exchange of a call without a client that listens: says nothing, is never cancelled, cannot ask."""

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Nobody listens."""

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Nobody listens."""

    def ask(self, key: str, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Nobody answers."""
        raise LookupError("there is no client to ask")

    def is_cancelled(self) -> bool:
        """Never."""
        return False


class Tools(Protocol):
    """The tools that this caller has, listed or not, for a tool that names or runs others."""

    def names(self) -> Collection[str]:
        """What may be called."""

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Each as ``tools/list`` shows it to this caller: name, description, inputSchema, annotations."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run one through the same guard as any call, and return what it returned.

        Raises: InvalidInput when there is no such tool for this caller, or its arguments are wrong.
        """


class NoTools:
    """The tools of a context that was made outside of a call."""

    def names(self) -> Collection[str]:
        """None."""
        return ()

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """There is nothing to call."""
        raise LookupError("this context was made outside of a call")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request's caller. ``host`` is the Sentry server; ``scopes`` and ``skills`` are what was approved."""

    host: str
    token: TokenSource = field(repr=False)
    sentry: SentryClient = field(repr=False)
    constraint: Constraint = Constraint()
    skills: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    grant_id: str = ""
    client_id: str = ""
    user_id: str = ""
    exchange: Exchange = field(default_factory=Silent, repr=False)
    tools: Tools = field(default_factory=NoTools, repr=False, compare=False)

    @property
    def organization_slug(self) -> str | None:
        """The organization this connection is fixed to, if it is."""
        return self.constraint.organization_slug


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows at the door of the MCP endpoint.

    ``authorization`` is the raw header (servers join repeated ones by a comma) or None; the slugs are the path's,
    already checked; ``query`` is the raw query string; ``address`` the client's, by RATE-1.
    """

    authorization: str | None
    organization_slug: str | None
    project_slug: str | None
    address: str
    query: str = ""


Authenticate = Callable[[Presented], Context]
"""Turns what was presented into a context, or raises Unauthenticated, NoAccess, StoreUnavailable ..."""
