"""What an operator does to sign-ins from the command line (GRANT-2): look, end, purge, and retire a key.

Every function may be interrupted and run again: each grant changes by one swap of its own, and what is done stays done.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .clients import IN_USE, NEVER_USED, Client, forget_client
from .grants import CODE, GRANT, end, end_if_over
from .provider import Provider
from .records import Code, Grant


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many live grants can only be opened with the key of this name, besides one of their tokens."""

    kid: str
    is_configured: bool
    is_newest: bool
    grants: int


def list_grants(
    provider: Provider, *, client_id: str | None = None, user_id: str | None = None, with_ended: bool = False
) -> Iterator[Grant]:
    """The grants in the store, of one client or person if asked for; those that are over only *with_ended*."""
    for record in provider.store.find(GRANT, owner=user_id):
        grant = Grant.from_dict(json.loads(record.value))
        if client_id in (None, grant.client.client_id) and (with_ended or not grant.is_ended):
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
    found = list(list_grants(provider, client_id=client_id, user_id=user_id))
    return sum(end_grant(provider, grant.id) for grant in found)


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
    ended = sum(1 for grant in list(list_grants(provider)) if end_if_over(provider, grant))
    removed = 0
    while step := provider.store.purge():
        removed += step
    return ended, removed


def key_use(provider: Provider, *, seen: Callable[[], object] = lambda: None) -> tuple[KeyUse, ...]:
    """Which vault keys live grants still need (STO-5): a key with no grants may be taken out of the settings.

    *seen* is called for every grant that was looked at, ended ones too: ``store.count(GRANT)`` times, about.

    A grant moves to the newest key when its client refreshes. A key that is named by a grant but not configured any
    more is listed, too: those sign-ins cannot be opened.
    """
    configured = [kid for kid, _ in provider.settings.vault_keys]
    needed: Counter[str] = Counter()
    for grant in list_grants(provider, with_ended=True):
        seen()
        if not grant.is_ended:
            needed.update(_kids_of(grant))
    for grant_id, kid in _codes(provider):
        if grant_id:
            needed[kid] += 1
    names = [*configured, *(kid for kid in sorted(needed) if kid not in configured)]
    return tuple(KeyUse(kid, kid in configured, kid == provider.vault.newest, needed[kid]) for kid in names)


def retire_key(provider: Provider, kid: str) -> int:
    """End the grants that cannot be opened without the key *kid*, so that it may be taken out; returns how many.

    Raises: ValueError for the newest key, which seals what comes.
    """
    if kid == provider.vault.newest:
        raise ValueError("the newest key cannot be retired; add a newer one first")
    waiting = {grant_id for grant_id, named in _codes(provider) if named == kid}
    found = [one for one in list_grants(provider) if one.id in waiting or kid in _kids_of(one)]
    return sum(end_grant(provider, grant.id) for grant in found)


def _kids_of(grant: Grant) -> set[str]:
    """The keys that the grant depends on: that of its refresh token, or without one those of its access tokens.

    Access tokens live for an hour; those wrapped with an older key than the refresh token do not hold a key back.
    """
    wrapped = [grant.refresh_key] if grant.refresh_key else [one.wrapped_key for one in grant.access]
    return {text.partition(":")[0] for text in wrapped}


def _codes(provider: Provider) -> Iterator[tuple[str, str]]:
    """Grant and key of every code that was not used yet."""
    for record in provider.store.find(CODE):
        code = Code.from_dict(json.loads(record.value))
        if code.used_at is None:
            yield code.grant_id, code.wrapped_key.partition(":")[0]
