"""Scopes: what a client may ask for, and what is left of it when a person has ticked some skills (SCOPE-1, SCOPE-2)."""

import re
from collections.abc import Collection

from ..errors import OAuthError
from ..skills import ALIASES, SCOPE_WORDS, Skill, implied, offered, scopes_of
from .clients import Client
from .metadata import scopes_supported
from .provider import Provider
from .records import AuthorizationRequest

_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
_SCOPE_LENGTH = 1000
_HARMLESS = frozenset({"offline_access", "openid"})


def requested_scopes(provider: Provider, client: Client, text: str | None) -> tuple[str, ...]:
    """The scopes of a request (SCOPE-1): known ones, aliases resolved, within the client's registration.

    Raises: OAuthError ``invalid_scope`` when something was asked for and nothing of it remains.
    """
    supported = scopes_supported(provider.settings, provider.skills)
    allowed = supported if client.scope is None else tuple(scope for scope in supported if scope in client.scope)
    asked = [] if text is None else scope_tokens(text)
    known = known_scopes(asked, allowed)
    if known:
        return known
    if any(scope not in _HARMLESS for scope in asked) or not allowed:
        raise OAuthError("invalid_scope", "None of the requested scopes can be given.")
    return allowed


def scope_tokens(text: str) -> list[str]:
    """The tokens of a ``scope`` parameter (RFC 6749 section 3.3). Raises: OAuthError ``invalid_scope``."""
    text = text.strip(" ")
    if not text:
        return []
    if len(text) > _SCOPE_LENGTH or not _SCOPE.fullmatch(text):
        raise OAuthError("invalid_scope", "The scope must be a list of scope names, separated by single blanks.")
    return text.split(" ")


def known_scopes(asked: Collection[str], allowed: Collection[str]) -> tuple[str, ...]:
    """*asked* with aliases resolved, in our order, without what we do not know or may not give (B6)."""
    names = {ALIASES.get(scope, scope) for scope in asked}
    return tuple(scope for scope in SCOPE_WORDS if scope in names & set(allowed))


def offered_skills(provider: Provider, request: AuthorizationRequest) -> tuple[Skill, ...]:
    """The skills that the person may tick for *request*."""
    return offered(provider.skills, request.scopes, read_only=provider.settings.read_only)


def effective_scopes(provider: Provider, request: AuthorizationRequest, chosen: Collection[str]) -> tuple[str, ...]:
    """What the *chosen* skills need of Sentry, within what was requested (SCOPE-2)."""
    reach = implied(request.scopes)
    return tuple(scope for scope in scopes_of(provider.skills, chosen) if scope in reach)
