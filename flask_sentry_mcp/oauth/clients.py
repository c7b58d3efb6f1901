"""Clients: who may ask. Registered ones live in the store; those that are documents live with the grant (CLI-1).

A registration that was never used is a record of its own kind, so that there can be a limit on how many there are
(DCR-7); its first token request moves it to the clients that are in use (DCR-6).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import clock
from ..security.redact import client_log_id
from .provider import Provider

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
IN_USE, NEVER_USED = "client", "registration"
_DAY_S = 86_400
NEVER_USED_TTL_S = 7 * _DAY_S
IN_USE_TTL_S = 90 * _DAY_S
MANUAL_TTL_S = 100 * 365 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An MCP program that wants access.

    ``kind`` is ``registered`` (by itself), ``document`` (its id is the URL of its metadata) or ``manual`` (by the
    operator). ``auth_method`` is ``none``, ``client_secret_basic``, ``client_secret_post``, or ``client_secret`` for
    one that named none and may use either of the two. ``scope`` None: whatever the server offers.
    ``uri`` is the site that a registered one says is its own.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    kind: str = "registered"
    auth_method: str = "none"
    secret_hash: str | None = field(repr=False, default=None)
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    scope: tuple[str, ...] | None = None
    uri: str | None = None
    issued_at: float = 0.0

    @property
    def is_public(self) -> bool:
        """Whether it keeps no secret."""
        return self.auth_method == "none"

    @property
    def log_id(self) -> str:
        """The id as it may stand in a log (LOG-2)."""
        return client_log_id(self.client_id)

    def may_use(self, method: str) -> bool:
        """Whether it may authenticate by *method*: exactly the one it registered (TOK-1)."""
        if self.auth_method == "client_secret":
            return method in ("client_secret_basic", "client_secret_post")
        return method == self.auth_method

    def to_dict(self) -> dict[str, Any]:
        """For the store; JSON keeps all of it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Client":
        """The inverse of ``to_dict``, also after a round trip through JSON."""
        lists = {name: tuple(value[name]) for name in ("redirect_uris", "grant_types")}
        scope = None if value["scope"] is None else tuple(value["scope"])
        return cls(**{**value, **lists, "scope": scope})


def get_client(provider: Provider, client_id: str) -> Client | None:
    """The client of that id in the store, or None. An id that is a URL is never looked up here (CLI-1)."""
    if not _ID.fullmatch(client_id):
        return None
    record = (
        provider.store.get(IN_USE, client_id)
        or provider.store.get(NEVER_USED, client_id)
        or provider.store.get(IN_USE, client_id)  # it was moved there between the two reads
    )
    return Client.from_dict(json.loads(record.value)) if record else None


def put_client(provider: Provider, client: Client, *, kind: str, ttl_s: float) -> None:
    """Remember *client* for *ttl_s* seconds, as ``IN_USE`` or ``NEVER_USED``."""
    provider.store.put(kind, client.client_id, json.dumps(client.to_dict()).encode(), ttl_s=ttl_s)


def touch_client(provider: Provider, client: Client) -> None:
    """Note a successful token request: the registration lives for 90 days from now, or as long as a grant may.

    Written at most once a day, for a refresh should not cost a write of this kind.
    """
    if client.kind != "registered":
        return
    ttl_s = max(IN_USE_TTL_S, provider.settings.grant_max_ttl_s) + _DAY_S
    record = provider.store.get(IN_USE, client.client_id)
    if record is None or record.expires_at < clock.now() + ttl_s - _DAY_S:
        put_client(provider, client, kind=IN_USE, ttl_s=ttl_s)
        provider.store.delete(NEVER_USED, client.client_id)


def forget_client(provider: Provider, client_id: str) -> bool:
    """Delete a registration; True if there was one. Its grants are ended by the caller (GRANT-2)."""
    in_use = provider.store.delete(IN_USE, client_id)
    return provider.store.delete(NEVER_USED, client_id) or in_use
