"""Approval memory: a signed cookie in which a browser keeps what its person approved before (APP-1..4, B3, B12).

An entry is bound to everything the page said: another redirect URI, organization, project, scope or skill, a skill that
means more than it did, or a client that changed its name, needs a new approval. The cookie proves nothing about who
sits there; it is read only here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from itsdangerous import BadData

from .. import clock
from ..config import Settings
from . import keys, redirects
from .answers import Cookie
from .gate import Arrival
from .provider import Provider
from .records import Approved, AuthorizationRequest
from .scopes import effective_scopes

COOKIE = "mcp_approvals"
LIFE_S = 30 * 86_400
_MAX_ENTRIES, _MAX_BYTES = 20, 3584
_PAGE_VERSION = "1"
"""Change it when the approval page says something else than before; earlier approvals are then forgotten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One remembered approval: what it was bound to, when, and the skills that were ticked."""

    digest: str
    approved_at: int
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """The entries of one browser, least recently used first. ``is_broken``: the cookie was not ours; delete it."""

    entries: tuple[Entry, ...] = ()
    is_broken: bool = False

    def find(self, provider: Provider, request: AuthorizationRequest) -> Entry | None:
        """The latest entry for exactly this request that is not older than 30 days."""
        return next((one for one in reversed(self.entries) if _is_for(provider, one, request)), None)

    def with_use(self, entry: Entry) -> "Memory":
        """This memory, with *entry* as the one that was used last; it is no younger for that."""
        return replace(self, entries=(*(one for one in self.entries if one != entry), entry))

    def with_approval(self, provider: Provider, approved: Approved) -> "Memory":
        """This memory and the new approval, which takes the place of an earlier one of the same request."""
        digest = _digests(provider, approved.request, approved.skills)[0]
        kept = self.without(provider, approved.request).entries
        return Memory((*kept, Entry(digest, int(clock.now()), approved.skills))[-_MAX_ENTRIES:])

    def without(self, provider: Provider, request: AuthorizationRequest) -> "Memory":
        """This memory and nothing in it of this request."""
        return replace(self, entries=tuple(one for one in self.entries if not _is_for(provider, one, request)))

    def cookie(self, settings: Settings) -> Cookie:
        """What the browser shall keep; the oldest entries give way when it grows too large."""
        entries = self.entries
        while True:
            plain = [[one.digest, one.approved_at, list(one.skills)] for one in entries]
            value = _text(keys.serializer(settings, keys.APPROVALS).dumps(plain))
            if len(value) <= _MAX_BYTES:
                return Cookie(COOKIE, value, LIFE_S)
            entries = entries[1:]


def read(settings: Settings, cookies: Mapping[str, str]) -> Memory:
    """The memory in *cookies*. Whatever is wrong with it, the answer is an empty one (APP-4)."""
    value = cookies.get(COOKIE)
    if value is None:
        return Memory()
    try:
        if len(value) > _MAX_BYTES:
            return Memory(is_broken=True)
        plain = keys.serializer(settings, keys.APPROVALS).loads(value, max_age=LIFE_S)
    except BadData:
        return Memory(is_broken=True)
    return Memory(tuple(Entry(digest, approved_at, tuple(skills)) for digest, approved_at, skills in plain))


def may_skip_page(settings: Settings, arrival: Arrival, request: AuthorizationRequest, prompt: str | None) -> bool:
    """Whether a remembered approval may stand for the page: only when the person came here by themselves (APP-3).

    A page elsewhere that sends the browser here makes it say ``cross-site``; then a person has to look again.
    """
    target = redirects.parse(request.redirect_uri)
    return (
        settings.approval_mode == "remember"
        and target is not None
        and target.scheme == "https"
        and arrival.fetch_site in ("same-origin", "none")
        and arrival.fetch_mode == "navigate"
        and arrival.fetch_dest == "document"
        and "consent" not in (prompt or "").split(" ")
    )


def _is_for(provider: Provider, entry: Entry, request: AuthorizationRequest) -> bool:
    is_fresh = entry.approved_at > clock.now() - LIFE_S
    return is_fresh and entry.digest in _digests(provider, request, entry.skills)


def _digests(provider: Provider, request: AuthorizationRequest, skills: tuple[str, ...]) -> list[str]:
    """What an entry for *request* with these *skills* is known by; the newest secret's first."""
    client, resource = request.client, request.resource
    bound_to = [
        _PAGE_VERSION,
        client.client_id,
        _without_loopback_port(request.redirect_uri),
        [resource.url, resource.organization_slug, resource.project_slug],
        sorted(request.scopes),
        [[one.id, one.label, one.sentence] for one in provider.skills if one.id in skills],
        effective_scopes(provider, request, skills),
        [client.name, client.uri, sorted(client.redirect_uris), client.auth_method],
    ]
    return [mac[:24] for mac in keys.macs(provider.settings, keys.APPROVALS, json.dumps(bound_to))]


def _without_loopback_port(uri: str) -> str:
    parts = redirects.parse(uri)
    if parts is None or not parts.is_loopback:
        return uri
    return f"{parts.scheme}://{parts.host}{parts.path or '/'}" + ("" if parts.query is None else f"?{parts.query}")


def _text(signed: str | bytes) -> str:
    return signed if isinstance(signed, str) else signed.decode()
