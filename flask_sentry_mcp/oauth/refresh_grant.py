"""Refresh: rotation on every use, a grace for lost answers and for races, and theft recognised (section 16).

Authlib carries the request; what a presented token is, and what is answered, is decided and written in one swap of the
grant. A lost swap starts again from the look-up. Nothing is rotated while Sentry's token cannot be kept alive.
"""

import random
import time
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from .. import clock
from ..errors import OAuthError, SealBroken, SignInEnded, UpstreamError
from .authlib_views import TokenView
from .client_authentication import BASIC, NONE, POST
from .code_grant import PER_GRANT
from .grants import REFRESH, Held, Presented, contended, end, end_if_over, is_of_our_sentry, present, suspect, swap
from .issuing import Issue, Standing, announce, standing_of, tip_of, with_access, with_rotation
from .provider import Provider
from .renewal import renewed
from .resources import Resource
from .seals import unpack
from .token_request import resource_of

PATIENCE_S = 5.0
"""How long a lost swap is tried again. Whenever one is lost another caller got its answer, so a count would be unfair
to the last of many; REF-2 says five times."""

_ENDED = {
    "expired_idle": "The sign-in was not used for too long. Authorize again.",
    "expired_absolute": "The sign-in has reached its longest life. Authorize again.",
    "reuse": "The sign-in was ended because an old refresh token was used again. Authorize again.",
    "upstream_invalid": "Sentry no longer accepts this sign-in. Authorize again.",
}
_UNKNOWN = "The refresh token is unknown, used or expired. Authorize again."


class _Lost(Exception):
    """Somebody else changed the grant between our reading and our writing."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the presented token is worth: the tip of its chain (itself when it is current) and the grant's data key."""

    held: Held
    standing: Standing
    tip: str = field(repr=False)
    data_key: bytes = field(repr=False)
    resource: Resource


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib is not typed
    """The refresh token grant, fenced.

    ``candidate`` is what is issued if the swap succeeds. Its look-ups are written once, at the first attempt: they mean
    nothing until then, and the time between reading and writing the grant is short at every later attempt.
    """

    candidate: dict[str, Any] | None = None
    is_announced = False

    TOKEN_ENDPOINT_AUTH_METHODS = [NONE, BASIC, POST]
    INCLUDE_NEW_REFRESH_TOKEN = True

    @property
    def provider(self) -> Provider:
        """The provider that this grant works for."""
        found: Provider = self.server.provider
        return found

    def authenticate_refresh_token(self, refresh_token: str) -> TokenView | None:
        """The token by its hash, in any state; Authlib then compares the client, before anything is touched."""
        found = present(self.provider, refresh_token)
        return TokenView(found) if found and found.look_up.kind == REFRESH else None

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """Decide, issue and write until nobody was in between (REF-2).

        One thread of this process at a time, unless that one takes long because Sentry does; swap protects all.
        """
        view: TokenView = self.request.refresh_token
        presented = view.presented
        self.provider.limits.hit(PER_GRANT, "token", presented.look_up.grant_id)
        with self.provider.flights.only_one(f"refresh:{presented.look_up.grant_id}", PATIENCE_S):
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                self.decision = self._decide(self._present(presented.text))
                try:
                    answer: tuple[int, dict[str, Any], Any] = super().create_token_response()
                    return answer
                except _Lost:
                    time.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - spreads processes, no secret
        raise contended()

    def authenticate_user(self, refresh_token: TokenView) -> Held:
        """The grant, as decided upon."""
        return self.decision.held

    def issue_token(self, user: Held, refresh_token: TokenView) -> dict[str, Any]:
        """New tokens, with the whole scope of the grant unless less was asked for (REF-3); the same at each attempt."""
        if self.candidate is None:
            scope = self.request.payload.scope or " ".join(user.grant.scopes)
            self.candidate = self.generate_token(user=user, scope=scope, include_refresh_token=True)
        return dict(self.candidate)

    def save_token(self, token: dict[str, Any]) -> None:
        """Write the grant with the new tokens; whoever comes in its grace shares the current refresh token."""
        decision, view = self.decision, self.request.refresh_token
        is_rotation = decision.standing is Standing.CURRENT
        issue = Issue(
            access_token=token["access_token"],
            refresh_token=token["refresh_token"] if is_rotation else None,
            expires_in=token["expires_in"],
            scopes=tuple(token["scope"].split()),
            resource=decision.resource,
        )
        grant = decision.held.grant
        if not self.is_announced:
            announce(self.provider, grant, issue, generation=grant.generation + is_rotation)
            self.is_announced = True
        if is_rotation:
            grant = with_rotation(self.provider, grant, decision.data_key, issue, view.presented)
        else:
            grant = with_access(self.provider, grant, decision.data_key, issue)
            token["refresh_token"] = decision.tip
        if not swap(self.provider, decision.held, grant):
            raise _Lost

    def revoke_old_credential(self, refresh_token: TokenView) -> None:
        """Done already: superseding the old one was part of the swap."""

    def _decide(self, presented: Presented, *, may_renew: bool = True) -> Decision:
        """Everything between the look-up and the swap. Raises: OAuthError."""
        grant, ids = presented.held.grant, _ids(presented)
        reason = end_if_over(self.provider, grant)
        if reason:
            raise OAuthError("invalid_grant", _ENDED.get(reason, "The sign-in has ended. Authorize again."), reason)
        if not is_of_our_sentry(self.provider, grant):
            raise OAuthError("invalid_grant", "The sign-in is of another Sentry server. Authorize again.")
        resource = resource_of(self.provider, self.request, grant.resource)
        standing = standing_of(self.provider.settings, grant, presented)
        if standing is Standing.REUSED:
            suspect(self.provider, "refresh_reuse", **ids)
            end(self.provider, grant.id, "reuse")
        if standing in (Standing.REUSED, Standing.UNKNOWN):
            raise OAuthError("invalid_grant", _UNKNOWN, standing.value)
        try:
            tip = tip_of(self.provider, grant, presented)
            data_key = self.provider.vault.unwrap(REFRESH, grant.id, tip, unpack(grant.refresh_key))
        except SealBroken as error:
            suspect(self.provider, error.event, **ids)
            raise OAuthError("invalid_grant", error.public, str(error)) from error
        if may_renew and self._keep_upstream(presented.held, data_key):
            return self._decide(self._present(presented.text), may_renew=False)
        return Decision(presented.held, standing, tip, data_key, resource)

    def _present(self, token: str) -> Presented:
        found = present(self.provider, token)
        if found is None:
            raise OAuthError("invalid_grant", _UNKNOWN)
        return found

    def _keep_upstream(self, held: Held, data_key: bytes) -> bool:
        """Renew Sentry's token if that is due (REF-8, UP-2); whether the grant was changed by it.

        Raises: OAuthError, and then nothing is rotated.
        """
        found = held.grant.upstream
        if found is None or not (found.is_due(clock.now()) or found.is_over(clock.now())):
            return False
        try:
            renewed(self.provider, held.grant.id, data_key)
        except SealBroken as error:
            raise OAuthError("invalid_grant", error.public, str(error)) from error
        except SignInEnded as error:
            raise OAuthError("invalid_grant", _ENDED["upstream_invalid"], str(error)) from error
        except UpstreamError as error:
            sentence = "The sign-in at Sentry cannot be renewed at the moment. Try again shortly."
            refused = OAuthError("temporarily_unavailable", sentence, str(error))
            refused.retry_after_s = error.retry_after_s or 5
            raise refused from error
        return True


def _ids(presented: Presented) -> dict[str, str]:
    return {"client_id": presented.held.grant.client.client_id, "grant_id": presented.look_up.grant_id}
