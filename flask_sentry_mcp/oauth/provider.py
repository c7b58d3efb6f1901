"""Provider: what every function of this room needs, built once per application by the extension."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..config import Settings
from ..security.limits import AtOnce, Limits
from ..skills import Skill
from ..store.base import Store
from .fetching import Fetcher
from .flights import Flights

BODIES_AT_ONCE = 8
"""How many bodies of one address are read at the same time: each holds a thread of a threaded server."""

if TYPE_CHECKING:
    from ..sentry.connections import SentryConnections
    from ..store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The authorization server of one application. ``app`` is the sender of its signals."""

    app: object = field(repr=False)
    settings: Settings = field(repr=False)
    store: Store
    vault: "Vault" = field(repr=False)
    limits: Limits
    connections: "SentryConnections"
    skills: tuple[Skill, ...]
    flights: Flights = field(default_factory=Flights, repr=False)
    bodies: AtOnce = field(default_factory=lambda: AtOnce(BODIES_AT_ONCE), repr=False)
    fetcher: Fetcher = field(default_factory=Fetcher, repr=False)

    @property
    def issuer(self) -> str:
        """The issuer, in the one spelling that is used everywhere (META-2)."""
        return self.settings.public_url
