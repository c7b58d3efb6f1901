"""What an operator does to sign-ins from the command line (GRANT-2): look, end, purge, and retire a key.

Every function may be interrupted and run again: each grant changes by one swap of its own, and what is done stays done.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .. import clock
from .clients import IN_USE, NEVER_USED, Client, forget_client
from .grants import CODE, GRANT, end, end_if_over
from .provider import Provider
from .records import Code, Grant, person_at

PURGE_STEP = 100


def _nothing() -> None:
    """What is done for each grant that was looked at, unless the caller wants to know."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many live grants can only be opened with the key of this name, besides one of their tokens.

    Until ``tokens_end_at`` (seconds since the epoch; None: none does) tokens need it whose grants have moved on.
    """

    kid: str
    is_configured: bool
    is_newest: bool
    grants: int
    tokens_end_at: float | None


def list_grants(
    provider: Provider, *, client_id: str | None = None, user_id: str | None = None, with_ended: bool = False
) -> Iterator[Grant]:
    """The grants in the store, of one client, or person at our Sentry, if asked for; over ones only *with_ended*."""
    owner = None if user_id is None else person_at(provider.settings.upstream_url, user_id)
    for record in provider.store.find(GRANT, owner=owner):
        grant = Grant.from_dict(json.loads(record.value))
        if client_id in (None, grant.client.client_id, grant.client.log_id) and (with_ended or not grant.is_ended):
            yield grant


def end_grant(provider: Provider, grant_id: str) -> bool:
    """End one grant; True if it was alive."""
    return end(provider, grant_id, "admin")


def end_grants(provider: Provider, *, client_id: str | None = None, user_id: str | None = None) -> int:
    """End the grants of a client, of a person, or of a person with a client; returns how many were alive.

    Raises: ValueError when neither is named, for that would be everybody.
    """
    if client_id is None and user_id is None:
        raise ValueError("name a client or a person")
    return sum(end_grant(provider, grant.id) for grant in list_grants(provider, client_id=client_id, user_id=user_id))


def list_clients(provider: Provider) -> Iterator[tuple[Client, bool]]:
    """The registered clients, and of each whether it was ever used."""
    for kind in (IN_USE, NEVER_USED):
        for record in provider.store.find(kind):
            yield Client.from_dict(json.loads(record.value)), kind == IN_USE


def delete_client(provider: Provider, client_id: str) -> int | None:
    """Delete a client and end its grants; how many those were, None when there is no such client and no grant.

    The client goes first: between the two steps it can get no new grant.
    """
    existed = forget_client(provider, client_id)
    ended = end_grants(provider, client_id=client_id)
    return ended if existed or ended else None


def purge(provider: Provider) -> tuple[int, int]:
    """End what has run out, so that its secrets go and its reason is told; then remove what is over.

    Returns: how many grants were ended and how many records removed.
    """
    ended = sum(1 for grant in list_grants(provider) if end_if_over(provider, grant))
    removed = 0
    while step := _purge_step(provider):
        removed += step
    return ended, removed


def _purge_step(provider: Provider) -> int:
    """Remove a few, then leave the store to others for as long as that took."""
    started = time.monotonic()
    removed = provider.store.purge(PURGE_STEP)
    time.sleep(time.monotonic() - started)
    return removed


def key_use(provider: Provider, *, seen: Callable[[], object] = _nothing) -> tuple[KeyUse, ...]:
    """Which vault keys live grants still need (STO-5): one that nothing needs may be taken out of the settings.

    *seen* is called for every grant that was looked at, ended ones too: ``store.count(GRANT)`` times, about.

    A grant moves to the newest key when its client refreshes; its earlier access tokens stay with the old one. A key
    that is named by a grant but not configured any more is listed, too: those sign-ins cannot be opened.
    """
    configured = [kid for kid, _ in provider.settings.vault_keys]
    needed: Counter[str] = Counter()
    ends: dict[str, float] = {}
    for grant in _looked_at(provider, seen):
        needed.update(_kids_of(grant))
        for kid, end_at in _tokens_of(provider, grant):
            if end_at > clock.now():
                ends[kid] = max(end_at, ends.get(kid, 0.0))
    for grant_id, kid in _codes(provider):
        if grant_id:
            needed[kid] += 1
    names = [*configured, *(kid for kid in sorted(needed) if kid not in configured)]
    newest = provider.vault.newest
    return tuple(KeyUse(kid, kid in configured, kid == newest, needed[kid], ends.get(kid)) for kid in names)


def retire_key(provider: Provider, kid: str, *, seen: Callable[[], object] = _nothing) -> int:
    """End the grants that cannot be opened without the key *kid*, so that it may be taken out; returns how many.

    *seen* is called as by ``key_use``.

    Raises: ValueError for the newest key, which seals what comes, and for one that is neither configured nor needed.
    """
    if kid == provider.vault.newest:
        raise ValueError("the newest key cannot be retired; add a newer one first")
    waiting = {grant_id for grant_id, named in _codes(provider) if named == kid}
    ended = 0
    for grant in _looked_at(provider, seen):
        if grant.id in waiting or kid in _kids_of(grant):
            ended += end_grant(provider, grant.id)
    if not ended and kid not in dict(provider.settings.vault_keys):
        raise ValueError("there is no key by that name, and no grant needs one")
    return ended


def _looked_at(provider: Provider, seen: Callable[[], object]) -> Iterator[Grant]:
    """The live grants; *seen* is called for the others, too."""
    for grant in list_grants(provider, with_ended=True):
        seen()
        if not grant.is_ended:
            yield grant


def _kids_of(grant: Grant) -> set[str]:
    """The keys that the grant depends on: that of its refresh token, or without one those of its access tokens."""
    wrapped = [grant.refresh_key] if grant.refresh_key else [one.wrapped_key for one in grant.access]
    return {_kid(text) for text in wrapped}


def _tokens_of(provider: Provider, grant: Grant) -> Iterator[tuple[str, float]]:
    """The keys that the grant's earlier tokens need besides, each until when: access tokens, and refresh tokens in
    their grace."""
    for access in grant.access:
        yield _kid(access.wrapped_key), access.expires_at
    for link in grant.superseded:
        yield _kid(link.successor), link.superseded_at + provider.settings.refresh_grace_s


def _kid(packed: str) -> str:
    return packed.partition(":")[0]


def _codes(provider: Provider) -> Iterator[tuple[str, str]]:
    """Grant and key of every code that was not used yet."""
    for record in provider.store.find(CODE):
        code = Code.from_dict(json.loads(record.value))
        if code.used_at is None:
            yield code.grant_id, _kid(code.wrapped_key)
