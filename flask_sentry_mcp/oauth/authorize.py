"""What a client asks for at authorize, and in which order it is judged (section 9).

The order decides which faults may leave our origin. Until the client and its redirect URI are known (phase A) nothing
is redirected; after that (phase B) the client is told, by redirect, as it expects.
"""

import re

from ..errors import OAuthError, SignInProblem
from . import redirects
from .clients import Client, get_client
from .documents import find_document_client
from .gate import GatedRequest
from .provider import Provider
from .records import AuthorizationRequest
from .resources import Resource, parse_resource
from .scopes import requested_scopes

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_ONCE = (
    *("response_type", "response_mode", "scope", "code_challenge", "code_challenge_method", "prompt"),
    *("request", "request_uri"),
)


class ReturnToClient(OAuthError):
    """A fault of phase B: the browser goes back to the client with it, at ``location``."""

    def __init__(self, fault: OAuthError, location: str, client: Client) -> None:
        super().__init__(fault.code, fault.public)
        self.location = location
        self.client = client


def read_request(provider: Provider, gated: GatedRequest) -> AuthorizationRequest:
    """The validated request. Writes nothing (AUTHZ-5).

    Raises: OAuthError for a page of ours (phase A), ReturnToClient (phase B).
    """
    for name in ("client_id", "redirect_uri", "state"):
        if name in gated.repeated:
            raise OAuthError("invalid_request", f"The parameter {name} occurs more than once.")
    client = find_client(provider, gated.params.get("client_id"), gated.address)
    presented = gated.params.get("redirect_uri")
    redirect_uri = known_redirect_uri(provider, client, presented)
    state = gated.params.get("state")
    try:
        resource = _judge(provider, client, gated)
        return AuthorizationRequest(
            client=client,
            redirect_uri=redirect_uri,
            redirect_uri_was_sent=presented is not None,
            state=state,
            code_challenge=gated.params["code_challenge"],
            resource=resource,
            scopes=requested_scopes(provider, client, gated.params.get("scope")),
        )
    except OAuthError as fault:
        answer = {"error": fault.code, "error_description": fault.public}
        location = redirects.answer_url(redirect_uri, state, provider.issuer, **answer)
        raise ReturnToClient(fault, location, client) from fault


def find_client(provider: Provider, client_id: str | None, address: str) -> Client:
    """The client of that id (CLI-1), for a browser at *address*. Raises: OAuthError, to be shown here."""
    if client_id is None:
        raise OAuthError("invalid_request", "The parameter client_id is missing.")
    if client_id.startswith("https://"):
        return find_document_client(provider, client_id, address)
    return registered_client(provider, client_id)


def registered_client(provider: Provider, client_id: str) -> Client:
    """The client of that id in the store. Raises: SignInProblem."""
    client = get_client(provider, client_id)
    if client is None:
        raise SignInProblem(
            "invalid_client",
            "This app is not registered here",
            "Its registration has probably expired, or was made with another server.",
            advice="In the app, remove this MCP server and add it again. If that does not help, clear the app's stored "
            "sign-ins for this server first.",
        )
    return client


def known_redirect_uri(provider: Provider, client: Client, presented: str | None) -> str:
    """The address to answer to: *presented*, or the only one the client has (REDIR-5). Raises: OAuthError."""
    if presented is None:
        only = redirects.parse(client.redirect_uris[0]) if len(client.redirect_uris) == 1 else None
        if only is None or only.is_loopback:
            raise OAuthError("invalid_request", "The parameter redirect_uri is missing.")
        presented = client.redirect_uris[0]
    if not redirects.is_acceptable(presented, provider.settings.private_schemes) or not any(
        redirects.matches(presented, registered) for registered in client.redirect_uris
    ):
        raise SignInProblem(
            "invalid_request",
            "The app asked for an answer at an address it has not registered",
            "To protect you, the sign-in stops here.",
            advice="In the app, remove this MCP server and add it again. If you started no sign-in, close this page.",
        )
    return presented


def _judge(provider: Provider, client: Client, gated: GatedRequest) -> Resource:
    """Steps B1 to B7; returns the resource."""
    params = gated.params
    for name in _ONCE:
        if name in gated.repeated:
            raise OAuthError("invalid_request", f"The parameter {name} occurs more than once.")
    for name, code in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
        if name in params:
            raise OAuthError(code, f"The parameter {name} is not supported.")
    if "response_type" not in params:
        raise OAuthError("invalid_request", "The parameter response_type is missing.")
    if params["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "Only the response_type code is supported.")
    if params.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "Only the response_mode query is supported.")
    if "authorization_code" not in client.grant_types:
        raise OAuthError("unauthorized_client", "This client is not registered for authorization codes.")
    if not _CHALLENGE.fullmatch(params.get("code_challenge", "")) or params.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "PKCE is required: a code_challenge and code_challenge_method=S256.")
    if "resource" in gated.repeated:
        raise OAuthError("invalid_target", "Only one resource can be asked for at a time.")
    if "resource" in params:
        return parse_resource(provider.settings.resource_url, params["resource"])
    return Resource(provider.settings.resource_url)
