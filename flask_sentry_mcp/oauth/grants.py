"""The grant in the store: found by a token's hash, changed by one swap, ended for one reason (STORE-1).

Look-up records lead from a token's hash to its grant. They are written before the grant names the token and mean
nothing until it does, so a crash in between leaves garbage, never a live token and never a lost grant.
"""

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .. import clock, signals
from ..errors import StoreUnavailable
from ..security.redact import client_log_id
from .provider import Provider
from .records import Grant, person_at

GRANT, TOKEN, CODE = "grant", "token", "code"
ACCESS, REFRESH = "access", "refresh"
KEPT_AFTER_END_S = 30 * 86_400
TOKEN_FORM = re.compile(r"mcp([arz])_[A-Za-z0-9_-]{43}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a token's hash leads to. ``kind`` is ``access`` or ``refresh``."""

    grant_id: str
    kind: str
    generation: int


@dataclass(frozen=True, slots=True)
class Held:
    """A grant as read, with the version that a swap has to find."""

    grant: Grant
    version: int


@dataclass(frozen=True, slots=True)
class Presented:
    """A token of ours that somebody showed, and the grant it leads to. ``text`` opens seals; it is never stored."""

    text: str = field(repr=False)
    hash: str
    look_up: LookUp
    held: Held


def new_token(letter: str) -> str:
    """A token of ours: ``mcpa_`` (access), ``mcpr_`` (refresh) or ``mcpz_`` (code) and 256 random bits (STO-1)."""
    return f"mcp{letter}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What the store knows of a token (STO-2)."""
    return hashlib.sha256(token.encode()).hexdigest()


def look_up(provider: Provider, hash: str) -> LookUp | None:
    """Where a token's hash leads, or None."""
    record = provider.store.get(TOKEN, hash)
    return LookUp(**json.loads(record.value)) if record else None


def put_look_up(provider: Provider, token: str, target: LookUp, *, ttl_s: float) -> None:
    """Write the way from *token* to its grant, before the grant names it."""
    value = {"grant_id": target.grant_id, "kind": target.kind, "generation": target.generation}
    provider.store.put(TOKEN, token_hash(token), json.dumps(value).encode(), ttl_s=ttl_s)


def present(provider: Provider, token: str) -> Presented | None:
    """The grant that *token* leads to, whatever state it is in; None for a token that leads nowhere."""
    form = TOKEN_FORM.fullmatch(token)
    if form is None or form[1] == "z":
        return None
    hash = token_hash(token)
    target = look_up(provider, hash)
    held = read(provider, target.grant_id) if target else None
    return Presented(token, hash, target, held) if target and held else None


def read(provider: Provider, grant_id: str) -> Held | None:
    """The grant of that id, live or ended."""
    record = provider.store.get(GRANT, grant_id)
    return Held(Grant.from_dict(json.loads(record.value)), record.version) if record else None


def create(provider: Provider, grant: Grant, *, ttl_s: float) -> None:
    """Put a new grant, which lives for *ttl_s* unless it is collected."""
    provider.store.put(GRANT, grant.id, _bytes(grant), ttl_s=ttl_s, owner=grant.person)


def forget(provider: Provider, grant_id: str) -> None:
    """Drop a grant that was never collected; one that was is ended instead."""
    provider.store.delete(GRANT, grant_id)


def swap(provider: Provider, held: Held, changed: Grant) -> bool:
    """Put *changed* in the place of what was read; False when somebody else was first."""
    ttl_s = max(changed.ends_at - clock.now(), 0) + KEPT_AFTER_END_S
    return provider.store.swap(GRANT, changed.id, held.version, _bytes(changed), ttl_s=ttl_s, owner=changed.person)


def change(provider: Provider, grant_id: str, how: Callable[[Grant], Grant | None]) -> Grant | None:
    """Change a grant by *how*, reading it again as often as somebody else is first.

    *how* returns None to leave it as it is. Returns what is in the store afterwards, None when it is gone.
    """
    while held := read(provider, grant_id):
        changed = how(held.grant)
        if changed is None:
            return held.grant
        if swap(provider, held, changed):
            return changed
    return None


def end(provider: Provider, grant_id: str, reason: str) -> bool:
    """End a grant and tell why; False when it was over or gone already. All its tokens are dead with it."""
    ended = False

    def how(grant: Grant) -> Grant | None:
        nonlocal ended
        ended = not grant.is_ended
        return grant.end(reason, clock.now()) if ended else None

    grant = change(provider, grant_id, how)
    if ended and grant:
        log.info("grant %s ended: %s", grant.id, reason)
        ids = {"grant_id": grant.id, "client_id": grant.client.log_id, "user_id": grant.user_id}
        signals.tell(signals.grant_ended, provider.app, **ids, reason=reason)
    return ended


def end_if_over(provider: Provider, grant: Grant) -> str | None:
    """The reason why *grant* is over, if it is; a life that has just run out is ended in the store."""
    if grant.is_ended:
        return grant.end_reason
    now = clock.now()
    reason = "expired_absolute" if grant.ends_at <= now else "expired_idle" if grant.idle_ends_at <= now else None
    if reason:
        end(provider, grant.id, reason)
    return reason


def is_of_our_sentry(provider: Provider, grant: Grant) -> bool:
    """Whether the Sentry that issued what *grant* keeps is the one of the settings. To no other may it ever be sent.

    Such a grant is refused, not ended: with its own Sentry back in the settings it is good again.
    """
    return grant.upstream_url == provider.settings.upstream_url


def of_user(provider: Provider, user_id: str) -> Iterator[Grant]:
    """The live grants of one person at our Sentry for our resource; another application may have the same store."""
    settings = provider.settings
    for record in provider.store.find(GRANT, owner=person_at(settings.upstream_url, user_id)):
        grant = Grant.from_dict(json.loads(record.value))
        if not grant.is_ended and grant.resource.root == settings.resource_url:
            yield grant


def suspect(provider: Provider, event: str, *, client_id: str = "", grant_id: str = "", reason: str = "") -> None:
    """Tell those who keep watch of something that an honest client does not do (LOG-5)."""
    ids = {"client_id": client_log_id(client_id), "grant_id": grant_id}
    told = ", ".join(f"{name} {value}" for name, value in {**ids, "reason": reason}.items() if value)
    log.warning("suspicious: %s (%s)", event, told)
    signals.tell(signals.suspicious, provider.app, event=event, **ids, reason=reason)


def contended() -> StoreUnavailable:
    """Too many others changed the same grant at the same time."""
    return StoreUnavailable("the grant changed too often to write it", retry_after_s=1)


def _bytes(grant: Grant) -> bytes:
    return json.dumps(grant.to_dict(), separators=(",", ":")).encode()
