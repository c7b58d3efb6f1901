"""Revocation by a client (RFC 7009): of one access token, or of the whole grant by its refresh token (REV-1..5)."""

from dataclasses import replace
from functools import partial

from authlib.oauth2.rfc7009 import RevocationEndpoint

from .. import clock
from ..errors import OAuthError, SealBroken
from .authlib_views import ClientView, TokenView
from .client_authentication import BASIC, NONE, POST
from .grants import ACCESS, REFRESH, Presented, change, end, present, suspect
from .issuing import Standing, standing_of, tip_of
from .provider import Provider
from .records import Grant
from .renewal import give_back
from .seals import unpack
from .token_request import StrictRequest


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
        """A refresh token, also a superseded one, ends the grant; an access token only itself (REV-3).

        Unless it is all that the grant has: nobody could use that any more.
        """
        provider, presented = self.provider, token.presented
        grant = presented.held.grant
        if presented.look_up.kind == ACCESS and not _is_all(grant, presented.hash):
            change(provider, grant.id, lambda present: _without(present, presented.hash))
        else:
            end_by(provider, presented)


def end_by(provider: Provider, presented: Presented) -> None:
    """End the grant of a token that its client gave back, here and at Sentry (REV-3, REV-4)."""
    grant = presented.held.grant
    if end(provider, grant.id, "client_revoked") and _can_open(provider, presented):
        give_back(provider, grant, partial(_data_key, provider, presented))


def _is_all(grant: Grant, hash: str) -> bool:
    return grant.refresh_hash is None and grant.access_token(hash) is not None


def _without(grant: Grant, hash: str) -> Grant | None:
    kept = tuple(one for one in grant.access if one.hash != hash)
    return replace(grant, access=kept, used_at=clock.now()) if len(kept) < len(grant.access) else None


def _can_open(provider: Provider, presented: Presented) -> bool:
    """Whether the token leads to the seal: a refresh token that comes too late does not (REF-5)."""
    if presented.look_up.kind == ACCESS:
        return True
    standing = standing_of(provider.settings, presented.held.grant, presented)
    return standing in (Standing.CURRENT, Standing.GRACE)


def _data_key(provider: Provider, presented: Presented) -> bytes:
    """The grant's data key, which the presented token unwraps. Raises: SealBroken, and tells those who keep watch."""
    grant = presented.held.grant
    try:
        if access := grant.access_token(presented.hash):
            return provider.vault.unwrap(ACCESS, grant.id, presented.text, unpack(access.wrapped_key))
        tip = tip_of(provider, grant, presented)
        return provider.vault.unwrap(REFRESH, grant.id, tip, unpack(grant.refresh_key))
    except SealBroken as error:
        suspect(provider, error.event, client_id=grant.client.client_id, grant_id=grant.id)
        raise
