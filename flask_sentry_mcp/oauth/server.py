"""Authlib's authorization server, for one request, with our fences around it (section 28).

Authlib knows the order of the protocol and carries the grants, PKCE, the generation of tokens and revocation. It only
ever sees what the gate let through; who the client is, is decided before it; and no text of its own leaves.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from ..errors import OAuthError
from .authlib_views import ClientView
from .client_authentication import authenticate
from .clients import Client
from .code_grant import CodeGrant, Pkce
from .grants import Held, new_token
from .issuing import life_s
from .provider import Provider
from .refresh_grant import RefreshGrant
from .revocation_endpoint import Revocation
from .token_request import StrictRequest

Reply = tuple[int, Mapping[str, Any], Mapping[str, str]]

_SENTENCES = {
    "invalid_request": "The request lacks a parameter, or holds one that cannot be used.",
    "invalid_client": "The client is unknown, or its credentials are wrong. Register it again.",
    "invalid_grant": "The code or refresh token is unknown, used, expired or another client's. Authorize again.",
    "unauthorized_client": "The client is not registered for this.",
    "unsupported_grant_type": "Supported are authorization_code and refresh_token.",
    "invalid_scope": "The scope goes beyond what was granted.",
}


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib is not typed
    """Serves one request. *client* is the one of an authorization that was validated before (at the callback)."""

    def __init__(self, provider: Provider, client: Client | None = None) -> None:
        super().__init__()
        self.provider = provider
        self.client = client
        self.register_grant(CodeGrant, [Pkce()])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_token_generator("default", BearerTokenGenerator(_new_access_token, _new_refresh_token))

    def create_oauth2_request(self, request: StrictRequest) -> StrictRequest:
        """*request* as it is: it was built from gated values and not from Flask's request (CFG-2)."""
        return request

    def query_client(self, client_id: str) -> ClientView | None:
        """The client of the authorization at hand."""
        known = self.client is not None and self.client.client_id == client_id
        return ClientView(self.provider, self.client) if known and self.client else None

    def authenticate_client(self, request: StrictRequest, methods: list[str], endpoint: str = "token") -> ClientView:
        """By our rules (TOK-1), whatever the grant."""
        if request.gated is None:
            raise OAuthError("invalid_client", _SENTENCES["invalid_client"], "not a request of a client")
        self.client, request.auth_method = authenticate(self.provider, request.gated)
        return ClientView(self.provider, self.client)

    def generate_token(
        self,
        grant_type: str,
        client: ClientView,
        user: Held | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """As Authlib's, with the life that the grant has left (TOK-5) instead of its ten days.

        Whether there is a refresh token is for the client as it was at authorize: a document is not fetched again.
        """
        if user is not None:
            expires_in = life_s(self.provider, user.grant)
            include_refresh_token = "refresh_token" in user.grant.client.grant_types
        token: dict[str, Any] = super().generate_token(
            grant_type, client, user, scope, expires_in, include_refresh_token
        )
        return {"scope": "", **token}  # always told (TOK-3): a skill of an application's own may need none of Sentry

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Authlib's signals stay here; ours are sent where things happen, and carry no tokens."""

    def handle_response(self, status: int, body: Any, headers: Any) -> Reply:
        """Status, body and headers; the views make them HTTP. Only a redirect has no body."""
        return status, body or {}, dict(headers)

    def handle_error_response(self, request: StrictRequest, error: OAuth2Error) -> NoReturn:
        """Authlib's errors become ours, with our sentence for the code (ERR-1)."""
        code = error.error if error.error in _SENTENCES else "invalid_request"
        raise OAuthError(code, _SENTENCES[code], str(error.description or "")) from error


def _new_access_token(**_: Any) -> str:
    return new_token("a")


def _new_refresh_token(**_: Any) -> str:
    return new_token("r")
