"""The token endpoint: a code or a refresh token in, tokens of ours out (section 14)."""

import logging

from ..errors import OAuthError, StoreUnavailable
from .clients import touch_client
from .gate import GatedRequest
from .provider import Provider
from .server import Reply, Server
from .token_request import of_token_endpoint

SWEPT = 20
"""Records that each sign-in removes if their time is over: more than it leaves behind, few enough not to be felt."""

log = logging.getLogger(__name__)


def token_response(provider: Provider, gated: GatedRequest) -> Reply:
    """Status, body and headers of the answer to a token request.

    Raises: OAuthError, TooManyRequests, StoreUnavailable. On ``invalid_client`` the view adds the Basic challenge, if
    the request had an Authorization header.
    """
    if "grant_type" not in gated.params:
        raise OAuthError("invalid_request", "The parameter grant_type is missing.")
    server = Server(provider)
    reply: Reply = server.create_token_response(of_token_endpoint(gated))
    if server.client is not None:
        try:
            touch_client(provider, server.client)
            if gated.params["grant_type"] == "authorization_code":
                provider.store.purge(SWEPT)
        except StoreUnavailable as error:
            log.warning("the use of client %s could not be noted: %s", server.client.log_id, error)
    return reply
