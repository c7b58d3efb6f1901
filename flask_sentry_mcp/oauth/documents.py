"""Clients whose id is the URL of their own metadata (CIMD). What such a document proves is who publishes at its host.

It is fetched at authorize and nowhere else; what follows works from the snapshot that travels with the sign-in, so a
third party's outage logs nobody out (CIMD-2).
"""

import logging
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from ..config import Settings
from ..errors import BadJSON, OAuthError, SignInProblem
from ..security import strict_json
from . import redirects
from .clients import Client
from .fetching import DocumentRefused
from .grants import suspect
from .provider import Provider
from .registration import read_metadata

_MAX_LENGTH = 1024
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_CLOSED = (".local", ".internal", ".localhost", ".test", ".lan", ".home.arpa")
_PRIVATE_KEY_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PER_ADDRESS, _PER_HOST, _OVERALL = "20/minute", "10/minute", "60/minute"

log = logging.getLogger(__name__)


def find_document_client(provider: Provider, client_id: str, address: str) -> Client:
    """The client that the document at *client_id* describes; *address* is where the browser calls from.

    Raises: SignInProblem, the same for every reason (CIMD-7); TooManyRequests.
    """
    try:
        host, target = address_of(provider, client_id)
        known = provider.fetcher.recall(client_id)
        if known is not None:
            return Client.from_dict(known)
        fetched = provider.fetcher.fetch(client_id, host, target, lambda: _count(provider, address, host))
        client = read_document(provider, client_id, fetched.body)
    except DocumentRefused as fault:
        host = _host_for_log(client_id)
        log.warning("client document at %s refused: %s", host, fault)
        suspect(provider, "document_refused", client_id=host, reason=fault.reason)
        raise _unusable() from None
    provider.fetcher.keep(client_id, client.to_dict(), fetched.life_s)
    return client


def _count(provider: Provider, address: str, host: str) -> None:
    """Count a fetch (CIMD-6): one caller who makes ids up must not use up what is there for all."""
    provider.limits.hit(_PER_ADDRESS, "client-documents-of", provider.limits.address_key(address))
    provider.limits.hit(_PER_HOST, "client-document", host)
    provider.limits.hit(_OVERALL, "client-documents")


def address_of(provider: Provider, client_id: str) -> tuple[str, str]:
    """Host and request target of an id, if it may be fetched (CIMD-1, CIMD-8). Raises: DocumentRefused."""
    if not provider.settings.client_documents:
        raise DocumentRefused("switched off")
    parts = redirects.parse(client_id)
    if parts is None or len(client_id) > _MAX_LENGTH or not client_id.startswith(f"https://{parts.host}"):
        raise DocumentRefused("id")
    if not _HOST.fullmatch(parts.host) or parts.port not in (None, "443"):
        raise DocumentRefused("id")
    if parts.path in ("", "/") or parts.host == urlsplit(provider.issuer).hostname:
        raise DocumentRefused("id")
    if not _is_taken(provider.settings, parts.host):
        raise DocumentRefused("domain")
    return parts.host, parts.path + ("" if parts.query is None else f"?{parts.query}")


def _is_taken(settings: Settings, host: str) -> bool:
    """Whether documents of *host* are taken: by the operator's lists, and names of closed networks only if listed."""
    is_listed = _is_below(host, settings.client_domains)
    is_open = not settings.client_domains and not host.endswith(_CLOSED)
    return (is_listed or is_open) and not _is_below(host, settings.refused_client_domains)


def _is_below(host: str, domains: Collection[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def read_document(provider: Provider, client_id: str, body: bytes) -> Client:
    """The client that *body* describes, if it is the document of *client_id* (CIMD-5). Raises: DocumentRefused."""
    try:
        document = strict_json.loads(body)
        if not isinstance(document, dict) or document.get("client_id") != client_id:
            raise DocumentRefused("client_id")
        if not document.get("client_name") or {"client_secret", "client_secret_expires_at"} & set(document):
            raise DocumentRefused("client_name or secret")
        if document.get("token_endpoint_auth_method", "none") != "none" or _has_private_key(document.get("jwks")):
            raise DocumentRefused("authentication")
        metadata = read_metadata(provider, {**document, "token_endpoint_auth_method": "none"})
    except (BadJSON, OAuthError) as fault:
        raise DocumentRefused(f"metadata: {fault.public}") from None
    return Client(
        client_id=client_id,
        name=metadata["client_name"],
        redirect_uris=tuple(metadata["redirect_uris"]),
        kind="document",
        grant_types=tuple(metadata["grant_types"]),
        scope=tuple(metadata["scope"].split()) if "scope" in metadata else None,
    )


def _has_private_key(jwks: Any) -> bool:
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    listed = keys if isinstance(keys, list) else []
    return any(isinstance(key, dict) and _PRIVATE_KEY_MEMBERS & set(key) for key in listed)


def _host_for_log(client_id: str) -> str:
    parts = redirects.parse(client_id)
    return parts.host if parts else "?"


def _unusable() -> SignInProblem:
    return SignInProblem(
        "invalid_client",
        "This app's description cannot be used",
        "The app identifies itself by a web address. What is published there could not be fetched, or is not in order.",
        advice="Try again in a minute. If it stays like this, tell the makers of the app.",
    )
