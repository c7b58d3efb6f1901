"""What Authlib sees of a request: the values that the gate accepted, and nothing of the request's address (CFG-2)."""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from ..errors import OAuthError
from ..skills import ALIASES
from .gate import GatedRequest
from .provider import Provider
from .records import AuthorizationRequest
from .resources import Resource, parse_resource
from .scopes import scope_tokens

HARMLESS = frozenset({"offline_access", "openid"})
_ADDRESS = "https://authorization-server.invalid/"
"""Authlib wants a secure address and takes nothing from it; the real one may be plain http behind a proxy."""


class StrictRequest(OAuth2Request):  # type: ignore[misc]  # Authlib is not typed
    """A request whose parameters are *params*, once each. It has no query and no headers."""

    def __init__(self, method: str, params: Mapping[str, str], gated: GatedRequest | None = None) -> None:
        super().__init__(method, _ADDRESS)
        self.payload = BasicOAuth2Payload(dict(params))
        self.gated = gated

    @property
    def args(self) -> dict[str, str]:
        """Nothing comes from a query (GATE-2)."""
        return {}

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the body."""
        form: dict[str, str] = self.payload.data
        return form


def of_token_endpoint(gated: GatedRequest) -> StrictRequest:
    """A token or revocation request. Its ``scope`` is read here; blank counts as absent (REF-3).

    Raises: OAuthError ``invalid_request`` without a grant type, ``invalid_scope`` for a broken scope.
    """
    params = dict(gated.params)
    asked = [scope for scope in scope_tokens(params.pop("scope", "")) if scope not in HARMLESS]
    if asked:
        params["scope"] = " ".join(dict.fromkeys(ALIASES.get(scope, scope) for scope in asked))
    return StrictRequest("POST", params, gated)


def of_authorization(request: AuthorizationRequest, scopes: tuple[str, ...]) -> StrictRequest:
    """An authorization request as it was validated, to be validated again at the callback (section 12)."""
    params = {
        "response_type": "code",
        "client_id": request.client.client_id,
        "redirect_uri": request.redirect_uri,
        "scope": " ".join(scopes),
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256",
    }
    if request.state is not None:
        params["state"] = request.state
    return StrictRequest("GET", params)


def resource_of(provider: Provider, request: Any, bound: Resource) -> Resource:
    """The resource of the tokens: *bound*, or what the request narrows it to (RES-3).

    Raises: OAuthError ``invalid_target``.
    """
    text = request.form.get("resource")
    if text is None:
        return bound
    asked = parse_resource(provider.settings.resource_url, text)
    if not bound.covers(asked):
        raise OAuthError("invalid_target", "The resource is not within what was authorized.")
    return asked
