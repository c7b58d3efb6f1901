"""What a grant looks like with new tokens in it: the first ones, and those after a refresh (STO-1..5, REF-1..7).

A refresh token that was rotated away still finds its way: in its grace it opens the token that came after it, and that
one the next, up to the present one, whose holder shares it then. Nobody but a holder can open that chain. What comes
too late is reuse.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from .. import clock
from ..config import Settings
from ..errors import OAuthError, SealBroken
from .grants import ACCESS, KEPT_AFTER_END_S, REFRESH, LookUp, Presented, put_look_up, token_hash
from .provider import Provider
from .records import AccessToken, Grant, Superseded
from .resources import Resource
from .seals import pack, unpack

LOST_ANSWER_S = 86_400.0
GENERATIONS, MOST = 10, 60


class Standing(Enum):
    """What a presented refresh token is to its grant (REF-4)."""

    CURRENT = "current"
    GRACE = "grace"
    REUSED = "reused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """New tokens for a client, in clear. ``refresh_token`` None: the grant keeps the one it has, or has none."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...]
    resource: Resource


def standing_of(settings: Settings, grant: Grant, presented: Presented) -> Standing:
    """Whether a refresh token is the current one, one in its grace, or one that comes too late."""
    if presented.hash == grant.refresh_hash:
        return Standing.CURRENT
    if presented.look_up.generation > grant.generation:
        return Standing.UNKNOWN  # its rotation never came to be, so nobody was ever handed it
    found = next((one for one in grant.superseded if one.hash == presented.hash), None)
    return Standing.GRACE if found and _is_in_grace(settings, grant, found) else Standing.REUSED


def tip_of(provider: Provider, grant: Grant, presented: Presented) -> str:
    """The current refresh token, by the chain of successors that *presented* opens. Raises: SealBroken."""
    text = presented.text
    for _ in range(len(grant.superseded) + 1):
        hash = token_hash(text)
        if hash == grant.refresh_hash:
            return text
        link = next((one for one in grant.superseded if one.hash == hash), None)
        if link is None:
            break
        text = provider.vault.open_successor(text, unpack(link.successor))
    raise SealBroken("the chain of successors is broken")


def life_s(provider: Provider, grant: Grant) -> int:
    """How long an access token of *grant* may live from now (TOK-5). Raises: OAuthError when no second is left."""
    now = clock.now()
    ends = [now + provider.settings.access_ttl_s, grant.ends_at]
    if grant.upstream and grant.upstream.expires_at is not None and not grant.upstream.can_refresh:
        ends.append(grant.upstream.expires_at)
    left = int(min(ends) - now)
    if left <= 0:
        raise OAuthError("invalid_grant", "The sign-in is over. Authorize again.")
    return left


def announce(provider: Provider, grant: Grant, issue: Issue, *, generation: int) -> None:
    """Write the look-ups of new tokens, before the swap by which *grant* names them (STORE-2).

    That of a refresh token stays as long as the grant's own record: reuse is recognised, and an end is explained.
    """
    put_look_up(provider, issue.access_token, LookUp(grant.id, ACCESS, generation), ttl_s=issue.expires_in)
    if issue.refresh_token is not None:
        kept_s = grant.ends_at - clock.now() + KEPT_AFTER_END_S
        put_look_up(provider, issue.refresh_token, LookUp(grant.id, REFRESH, generation), ttl_s=kept_s)


def with_first_tokens(provider: Provider, grant: Grant, data_key: bytes, issue: Issue) -> Grant:
    """*grant*, collected: its first access token, and its first refresh token if it gets one.

    Without a refresh token it is over when the access token is.
    """
    now = clock.now()
    grant = replace(grant, used_at=now, access=(_access(provider, grant, data_key, issue),))
    if issue.refresh_token is None:
        return replace(grant, ends_at=now + issue.expires_in)
    return _with_refresh(provider, grant, data_key, issue.refresh_token)


def with_rotation(provider: Provider, grant: Grant, data_key: bytes, issue: Issue, presented: Presented) -> Grant:
    """*grant* after its current refresh token was presented: the next generation."""
    if issue.refresh_token is None:
        raise ValueError("a rotation needs a new refresh token")
    now = clock.now()
    link = Superseded(
        hash=presented.hash,
        generation=grant.generation,
        superseded_at=now,
        successor=pack(provider.vault.seal_successor(presented.text, issue.refresh_token)),
    )
    kept = tuple(one for one in grant.superseded if now - one.superseded_at <= provider.settings.refresh_grace_s)
    grant = replace(grant, generation=grant.generation + 1, superseded=(*kept, link), is_tip_used=False)
    return with_access(provider, _with_refresh(provider, grant, data_key, issue.refresh_token), data_key, issue)


def with_access(provider: Provider, grant: Grant, data_key: bytes, issue: Issue) -> Grant:
    """*grant* with one more access token; those that are over or too many are dropped (REF-6).

    Ten generations keep theirs. Within one, callers that refreshed at the same time each have their own.
    """
    now = clock.now()
    live = [one for one in grant.access if one.expires_at > now and one.generation > grant.generation - GENERATIONS]
    live.append(_access(provider, grant, data_key, issue))
    return replace(grant, used_at=now, access=tuple(live[-MOST:]))


def without_lost_answers(settings: Settings, grant: Grant) -> Grant:
    """*grant* once its current tokens were used: nobody can have lost the answer that carried them (RS-3)."""
    used = replace(grant, is_tip_used=True, used_at=clock.now())
    return replace(used, superseded=tuple(one for one in used.superseded if _is_in_grace(settings, used, one)))


def _is_in_grace(settings: Settings, grant: Grant, one: Superseded) -> bool:
    age = clock.now() - one.superseded_at
    is_answer_lost = one.generation == grant.generation - 1 and not grant.is_tip_used and age < LOST_ANSWER_S
    return is_answer_lost or age <= settings.refresh_grace_s


def _with_refresh(provider: Provider, grant: Grant, data_key: bytes, token: str) -> Grant:
    return replace(
        grant,
        refresh_hash=token_hash(token),
        refresh_key=pack(provider.vault.wrap(REFRESH, grant.id, token, data_key)),
        idle_ends_at=clock.now() + provider.settings.refresh_idle_ttl_s,
    )


def _access(provider: Provider, grant: Grant, data_key: bytes, issue: Issue) -> AccessToken:
    return AccessToken(
        hash=token_hash(issue.access_token),
        expires_at=clock.now() + issue.expires_in,
        scopes=issue.scopes,
        resource=issue.resource,
        generation=grant.generation,
        wrapped_key=pack(provider.vault.wrap(ACCESS, grant.id, issue.access_token, data_key)),
    )
