"""Revocation by a client (RFC 7009): of one access token, or of the whole grant by its refresh token (REV-1..5)."""

import logging
from dataclasses import replace

from authlib.oauth2.rfc7009 import RevocationEndpoint

from .. import clock
from ..errors import OAuthError, SealBroken
from . import upstream
from .authlib_views import ClientView, TokenView
from .client_authentication import BASIC, NONE, POST
from .grants import ACCESS, REFRESH, Presented, change, end, is_of_our_sentry, present, suspect
from .issuing import tip_of
from .provider import Provider
from .records import Grant
from .seals import open_sealed, unpack
from .token_request import StrictRequest

log = logging.getLogger(__name__)


class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib is not typed
    """Authlib's endpoint, without its oracle: whatever the token is, the answer is the same."""

    CLIENT_AUTH_METHODS = [NONE, BASIC, POST]

    @property
    def provider(self) -> Provider:
        """The provider that this endpoint works for."""
        found: Provider = self.server.provider
        return found

    def check_params(self, request: StrictRequest, client: ClientView) -> None:
        """A token is needed; a hint that nobody knows is ignored (REV-2)."""
        if "token" not in request.form:
            raise OAuthError("invalid_request", "The parameter token is missing.")

    def authenticate_token(self, request: StrictRequest, client: ClientView) -> TokenView | None:
        """The token, if it is of this client; another's is left alone, and nobody is told (REV-2)."""
        self.check_params(request, client)
        view = self.query_token(request.form["token"], None)
        if view is None or view.check_client(client):
            return view
        suspect(
            self.provider,
            "foreign_revocation",
            client_id=client.get_client_id(),
            grant_id=view.presented.look_up.grant_id,
        )
        return None

    def query_token(self, token_string: str, token_type_hint: str | None) -> TokenView | None:
        """By its hash; the hint is of no use."""
        found = present(self.provider, token_string)
        return TokenView(found) if found else None

    def revoke_token(self, token: TokenView, request: StrictRequest) -> None:
        """A refresh token, also a superseded one, ends the grant; an access token only itself (REV-3)."""
        presented = token.presented
        if presented.look_up.kind == ACCESS:
            change(self.provider, presented.look_up.grant_id, lambda grant: _without(grant, presented.hash))
            return
        sealed = _upstream_token(self.provider, presented)
        if end(self.provider, presented.look_up.grant_id, "client_revoked") and sealed:
            upstream.revoke(self.provider, sealed)


def _without(grant: Grant, hash: str) -> Grant | None:
    kept = tuple(one for one in grant.access if one.hash != hash)
    return replace(grant, access=kept, used_at=clock.now()) if len(kept) < len(grant.access) else None


def _upstream_token(provider: Provider, presented: Presented) -> str | None:
    """Our Sentry's token, which the presented one still opens, so that Sentry can forget it too (REV-4)."""
    grant = presented.held.grant
    if grant.is_ended or not is_of_our_sentry(provider, grant):
        return None
    try:
        tip = tip_of(provider, grant, presented)
        data_key = provider.vault.unwrap(REFRESH, grant.id, tip, unpack(grant.refresh_key))
        return open_sealed(data_key, grant).access_token
    except SealBroken:
        log.info("grant %s: Sentry's token ages out, the revoked token no longer opens it", grant.id)
        return None
