"""Who calls the token and revocation endpoints: exactly the method that the client registered (TOK-1, TOK-2).

Authlib tries one method after another and so lets Basic for one client and a body id of another pass as one of the two.
Here the credentials are read once, contradictions are refused, and only then a client is looked for.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from ..errors import OAuthError
from .clients import Client, get_client
from .gate import GatedRequest
from .provider import Provider

NONE, BASIC, POST = "none", "client_secret_basic", "client_secret_post"
FAILURES = "10/minute"
_NOBODY = hashlib.sha256(b"nobody's secret").hexdigest()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was presented, before it is believed."""

    client_id: str
    secret: str | None = field(repr=False)
    method: str


def authenticate(provider: Provider, request: GatedRequest) -> tuple[Client, str]:
    """The client that calls, and the method by which it proved it.

    Raises: OAuthError ``invalid_client`` (the same for an unknown client and a wrong secret), ``invalid_request`` for
    contradictory credentials; TooManyRequests after ten failures a minute.
    """
    found = read_credentials(request)
    client = _known(provider, found.client_id)
    matches = _is_secret(found.secret, client.secret_hash if client else None)
    if client is not None and client.may_use(found.method) and (found.method == NONE or matches):
        return client, found.method
    provider.limits.hit(
        FAILURES, "client-authentication", found.client_id, provider.limits.address_key(request.address)
    )
    raise _refused("unknown client, wrong method or wrong secret")


def read_credentials(request: GatedRequest) -> Credentials:
    """The credentials of *request*: in the Authorization header or in the body, never in both."""
    params = request.params
    if request.authorization is None:
        if "client_id" not in params:
            raise _refused("no client_id")
        secret = params.get("client_secret")
        return Credentials(params["client_id"], secret, NONE if secret is None else POST)
    client_id, secret = _basic(request.authorization)
    if "client_secret" in params or params.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "The client is authenticated in two ways that differ.")
    return Credentials(client_id, secret, BASIC)


def _basic(header: str) -> tuple[str, str]:
    """Client id and secret of a Basic header, each form-url-decoded (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _refused("malformed Basic header") from error
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _refused("not a Basic header")
    return _form_decoded(client_id), _form_decoded(secret)


def _form_decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError as error:
        raise _refused("Basic credentials that are not UTF-8") from error


def _known(provider: Provider, client_id: str) -> Client | None:
    """The client of that id. One whose id is a document's URL keeps no secret, and all else about it is in its grant,
    so nothing has to be fetched here (CIMD-2)."""
    if client_id.startswith("https://"):
        return Client(client_id=client_id, name="", redirect_uris=(), kind="document")
    return get_client(provider, client_id)


def _is_secret(secret: str | None, expected: str | None) -> bool:
    """Compared in the same time whether there is such a client or not."""
    digest = hashlib.sha256((secret or "").encode()).hexdigest()
    return hmac.compare_digest(digest, expected or _NOBODY) and expected is not None and secret is not None


def _refused(detail: str) -> OAuthError:
    return OAuthError(
        "invalid_client", "The client is unknown, or its credentials are wrong. Register it again.", detail
    )
