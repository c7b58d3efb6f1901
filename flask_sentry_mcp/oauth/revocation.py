"""The revocation endpoint: a client gives back a token of its own (section 20)."""

from .gate import GatedRequest
from .provider import Provider
from .revocation_endpoint import Revocation
from .server import Reply, Server
from .token_request import of_token_endpoint


def revoke_response(provider: Provider, gated: GatedRequest) -> Reply:
    """Status, body and headers: 200 and nothing, whatever the token was.

    Raises: OAuthError, TooManyRequests, StoreUnavailable (never 200 without effect, REV-5).
    """
    server = Server(provider)
    reply: Reply = server.create_endpoint_response(Revocation.ENDPOINT_NAME, of_token_endpoint(gated))
    return reply
