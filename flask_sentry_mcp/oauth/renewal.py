"""Sentry's token during the life of a grant: opened when it is needed, renewed by one caller at a time (UP-1..6).

Sentry kills both old tokens the moment it hands out new ones. So of all threads and processes exactly one asks, under a
lease in the grant, and what it gets is written before anything else. Everybody else goes on with the present token if
it is still good, and otherwise waits for the new version.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .. import clock
from ..errors import (
    SealBroken,
    SentryFailed,
    SentryRateLimited,
    SentrySignInRefused,
    SentryUnreachable,
    SignInEnded,
    StoreUnavailable,
    UpstreamError,
)
from . import upstream
from .grants import Held, change, end, is_of_our_sentry, read, suspect, swap
from .provider import Provider
from .records import Grant
from .seals import Secrets, open_sealed, seal

WAIT_S = 10.0
POLL_S = 0.1
RETRY_S = 15.0
LEASE_S = 2 * upstream.TIMEOUT_S + WAIT_S + 5.0
"""Longer than two requests to Sentry and the write may take: who came sooner would ask with a token that is spent."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GrantToken:
    """The TokenSource of one request by one grant. ``open_key`` gives the grant's data key; nothing is opened before.

    ``grant`` is as it was read when the request was let in.
    """

    provider: Provider = field(repr=False)
    grant: Grant
    open_key: Callable[[], bytes] = field(repr=False)

    def current(self) -> str:
        """Sentry's access token, renewed first if that was due."""
        found = self.grant.upstream
        if found is None or found.is_due(clock.now()) or found.is_over(clock.now()):
            return renewed(self.provider, self.grant.id, self.open_key()).access_token
        return opened(self.provider, self.grant, self.open_key()).access_token

    def renew(self, rejected: str) -> str:
        """Another token after a 401: somebody else's new one, or one refresh (UP-5)."""
        held = read(self.provider, self.grant.id)
        if held is None or held.grant.upstream is None:
            raise SignInEnded("the grant has ended meanwhile")
        data_key = self.open_key()
        token = opened(self.provider, held.grant, data_key).access_token
        if token != rejected:
            return token
        return renewed(self.provider, self.grant.id, data_key, rejected=held.grant.upstream.version).access_token


def opened(provider: Provider, grant: Grant, data_key: bytes) -> Secrets:
    """What *grant* keeps sealed. Raises: SealBroken, and tells those who keep watch (STO-4)."""
    try:
        return open_sealed(data_key, grant)
    except SealBroken as error:
        suspect(provider, error.event, client_id=grant.client.client_id, grant_id=grant.id)
        raise


def give_back(provider: Provider, grant: Grant, open_key: Callable[[], bytes]) -> None:
    """Have Sentry forget what *grant* kept, as it was before it ended; best effort (REV-4)."""
    if grant.upstream is None or not is_of_our_sentry(provider, grant):
        return
    try:
        secrets = opened(provider, grant, open_key())
    except SealBroken:
        log.info("grant %s: Sentry's token ages out, the seal is broken", grant.id)
        return
    upstream.revoke(provider, secrets.access_token)


def renewed(provider: Provider, grant_id: str, data_key: bytes, *, rejected: int | None = None) -> Secrets:
    """The grant's secrets, refreshed at Sentry if that is due or if version *rejected* is still the current one.

    Raises: SignInEnded when Sentry has ended the sign-in (the grant is ended, too); UpstreamError when Sentry cannot be
    asked and the present token is of no use; StoreUnavailable.
    """
    held = _live(provider, grant_id)
    wait_s = 0.0 if _serves(held.grant, rejected) else WAIT_S
    deadline = time.monotonic() + wait_s
    with provider.flights.only_one(f"upstream:{grant_id}", wait_s) as is_alone:
        while True:
            held = _live(provider, grant_id)
            if not _needs_renewal(held.grant, rejected):
                return opened(provider, held.grant, data_key)
            if _was_tried(held.grant):
                return _present_one(
                    provider, held.grant, data_key, rejected, SentryUnreachable("refused", "asked a moment ago")
                )
            if is_alone and not _is_leased(held.grant):
                secrets = opened(provider, held.grant, data_key)
                if leased := _lease(provider, held):
                    return _renew(provider, leased, data_key, secrets, rejected)
            elif time.monotonic() >= deadline:
                return _present_one(
                    provider, held.grant, data_key, rejected, SentryUnreachable("timeout", "somebody renews")
                )
            else:
                time.sleep(POLL_S)


def _live(provider: Provider, grant_id: str) -> Held:
    held = read(provider, grant_id)
    if held is None or held.grant.upstream is None:
        raise SignInEnded("the grant has ended")
    return held


def _serves(grant: Grant, rejected: int | None) -> bool:
    """Whether the present token may still be used."""
    found = grant.upstream
    return found is not None and found.version != rejected and not found.is_over(clock.now())


def _was_tried(grant: Grant) -> bool:
    return grant.upstream is not None and grant.upstream.retry_at > clock.now()


def _is_leased(grant: Grant) -> bool:
    return grant.upstream is not None and grant.upstream.lease_until > clock.now()


def _lease(provider: Provider, held: Held) -> Held | None:
    """The grant with a lease of ours, None when somebody else was first."""
    if held.grant.upstream is None:
        return None
    leased = replace(held.grant, upstream=replace(held.grant.upstream, lease_until=clock.now() + LEASE_S))
    return Held(leased, held.version + 1) if swap(provider, held, leased) else None


def _needs_renewal(grant: Grant, rejected: int | None) -> bool:
    now, found = clock.now(), grant.upstream
    if found is None:
        return False
    return found.version == rejected or found.is_due(now) or found.is_over(now)


def _renew(provider: Provider, held: Held, data_key: bytes, secrets: Secrets, rejected: int | None) -> Secrets:
    """Ask Sentry, as the holder of the lease, and judge the outcome (UP-4)."""
    grant = held.grant
    if secrets.refresh_token is None:
        raise _over(provider, grant, "Sentry gave no refresh token")
    try:
        pair = _ask(provider, secrets.refresh_token)
    except SentrySignInRefused as error:
        if error.error == "invalid_grant":
            return _replaced_meanwhile(provider, grant, data_key)
        log.error("Sentry refuses our OAuth application (%s): check SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET", error)
        return _keep(provider, grant, data_key, rejected, error)
    except UpstreamError as error:
        log.warning("Sentry could not renew grant %s: %s", grant.id, error)
        return _keep(provider, grant, data_key, rejected, error)
    return _write(provider, grant, data_key, secrets, pair)


def _ask(provider: Provider, refresh_token: str) -> upstream.TokenPair:
    """One request; a second one when nobody knows whether the first was served."""
    try:
        return upstream.refresh(provider, refresh_token)
    except SentryUnreachable as error:
        if error.reason not in ("timeout", "broken"):
            raise
        return upstream.refresh(provider, refresh_token)


def _write(provider: Provider, grant: Grant, data_key: bytes, old: Secrets, pair: upstream.TokenPair) -> Secrets:
    """Put the new pair into the grant before anything else: it exists nowhere but here. So try for long."""
    new = replace(old, access_token=pair.access_token, refresh_token=pair.refresh_token or old.refresh_token)
    sealed = seal(data_key, grant.id, grant.client.client_id, grant.user_id, new)

    def how(present: Grant) -> Grant | None:
        if present.upstream is None:
            return None
        now = clock.now()
        return replace(
            present,
            upstream=replace(
                present.upstream,
                sealed=sealed,
                version=present.upstream.version + 1,
                issued_at=now,
                expires_at=pair.expires_at,
                can_refresh=new.refresh_token is not None,
                lease_until=0.0,
                retry_at=0.0,
            ),
        )

    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            written = change(provider, grant.id, how)
            break
        except StoreUnavailable:
            if time.monotonic() > deadline:
                log.critical("grant %s: the tokens that Sentry has renewed cannot be stored and are lost", grant.id)
                suspect(provider, "integrity_failure", client_id=grant.client.client_id, grant_id=grant.id)
                raise
            time.sleep(POLL_S)
    if written is None or written.upstream is None:
        upstream.revoke(provider, new.access_token)
        raise SignInEnded("the grant ended while it was renewed")
    return new


def _replaced_meanwhile(provider: Provider, grant: Grant, data_key: bytes) -> Secrets:
    """After ``invalid_grant``: another's new pair if there is one; otherwise the sign-in is over."""
    held = read(provider, grant.id)
    if held and held.grant.upstream and grant.upstream and held.grant.upstream.version != grant.upstream.version:
        return opened(provider, held.grant, data_key)
    raise _over(provider, grant, "Sentry no longer knows the refresh token")


def _keep(provider: Provider, grant: Grant, data_key: bytes, rejected: int | None, error: UpstreamError) -> Secrets:
    """Keep the grant, give the lease back, and do not ask again at once. The present token serves if it still can."""

    def how(present: Grant) -> Grant | None:
        if present.upstream is None:
            return None
        return replace(present, upstream=replace(present.upstream, lease_until=0.0, retry_at=clock.now() + RETRY_S))

    change(provider, grant.id, how)
    return _present_one(provider, grant, data_key, rejected, error)


def _present_one(
    provider: Provider, grant: Grant, data_key: bytes, rejected: int | None, error: UpstreamError
) -> Secrets:
    if _serves(grant, rejected):
        return opened(provider, grant, data_key)
    if isinstance(error, SentryRateLimited | SentryUnreachable | SentrySignInRefused):
        raise error
    raise SentryFailed(str(error)) from error


def _over(provider: Provider, grant: Grant, detail: str) -> SignInEnded:
    end(provider, grant.id, "upstream_invalid")
    return SignInEnded(detail)
