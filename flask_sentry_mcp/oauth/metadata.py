"""The discovery documents (META-1..4): what we advertise is what we enforce.

All but the resource's own address is known at start, so the bytes are made once. No header of a request, and nothing
that Sentry knows, has a part in them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import rfc8414, rfc9207

from ..config import Settings
from ..skills import SCOPE_WORDS, Skill, implied
from .resources import from_segments, is_query

AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
OPENID = "/.well-known/openid-configuration"
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one application, as bytes."""

    authorization_server: bytes = field(repr=False)
    root: str
    _resource_rest: bytes = field(repr=False)

    def resource(self, segments: str, query: str) -> bytes | None:
        """The document of the resource at *segments* below the root (``"acme/web"``), or None if there is none.

        *query* is repeated in ``resource`` byte for byte. Both are of alphabets that JSON needs not escape.
        """
        resource = from_segments(self.root, segments)
        if resource is None or not is_query(query):
            return None
        url = resource.url + (f"?{query}" if query else "")
        return b'{"resource":"' + url.encode() + b'",' + self._resource_rest


def documents(settings: Settings, skills: Iterable[Skill]) -> Documents:
    """Build and check the documents. Raises ValueError when the authorization server's own breaks RFC 8414."""
    scopes = scopes_supported(settings, skills)
    server = authorization_server(settings, scopes)
    checked = rfc8414.AuthorizationServerMetadata(server)
    checked.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    rest = {
        "authorization_servers": [settings.public_url],
        "scopes_supported": list(scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": "Sentry MCP",
    }
    return Documents(_bytes(server), settings.resource_url, _bytes(rest)[1:])


def scopes_supported(settings: Settings, skills: Iterable[Skill]) -> tuple[str, ...]:
    """The scopes that some skill of this server can use, in the order of ``SCOPE_WORDS``."""
    reach: set[str] = set()
    for skill in skills:
        if not (settings.read_only and skill.writes):
            reach |= implied(skill.scopes)
    return tuple(scope for scope in SCOPE_WORDS if scope in reach)


def authorization_server(settings: Settings, scopes: Iterable[str]) -> dict[str, Any]:
    """The members of RFC 8414 section 2, for our issuer."""
    issuer = settings.public_url
    endpoints = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "registration_endpoint": f"{issuer}/oauth/register",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
    }
    if not settings.registration:
        del endpoints["registration_endpoint"]
    return {
        **endpoints,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": list(scopes),
        "authorization_response_iss_parameter_supported": settings.advertise_iss,
        "client_id_metadata_document_supported": settings.client_documents,
        "protected_resources": [settings.resource_url],
    }


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
