"""Authorization header in, context out: the check at every MCP request (section 19), and the challenge when it fails.

A token that was let in before is let in again without a read of the store, as long as the store's stamp says that
nothing changed: so a revocation by any worker counts at the very next request. Nothing is decrypted here; the context
carries a token source that opens the seal when a tool asks for Sentry.
"""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenValidator

from .. import clock
from ..context import Authenticate, Constraint, Context, Presented
from ..errors import InsufficientScope, OAuthError, SealBroken, SentryMCPError, Unauthenticated
from ..security.limits import CALLS
from ..security.redact import redact
from ..sentry.client import SentryClient
from ..skills import offered, scopes_of
from . import direct
from .grants import ACCESS, GRANT, change, end_if_over, is_of_our_sentry, look_up, suspect
from .issuing import without_lost_answers
from .membership import Memberships
from .metadata import PROTECTED_RESOURCE, scopes_supported
from .provider import Provider
from .records import AccessToken, Grant
from .renewal import GrantToken
from .resources import Resource, is_query
from .seals import unpack

REMEMBERED = 10_000
NOTE_USE_EVERY_S = 3_600.0
MEMBERSHIP_S = 20.0
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(mcpa_[A-Za-z0-9_-]{43})")
_HEADER_SAFE = re.compile(r"[ !#-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Admission:
    """An access token that was found good, and what it stands for, as of *stamp* and the grant's *version*."""

    stamp: int | None
    version: int
    valid_until: float
    grant: Grant
    access: AccessToken
    skills: frozenset[str]
    scopes: frozenset[str]


def context_for(provider: Provider) -> Authenticate:
    """The check of one application: turns what a request presents into a context.

    It raises Unauthenticated (401), OAuthError ``invalid_request`` (400, several credentials), NoAccess (403), and
    StoreUnavailable or an UpstreamError when it cannot be known.
    """
    protector = Protector()
    protector.register_token_validator(Admissions(provider))
    memberships, owners = Memberships(), direct.Owners()

    def authenticate(presented: Presented) -> Context:
        if direct.is_direct(provider, presented.authorization):
            context = _direct_context(provider, owners, presented)
            return _within_address(provider, memberships, presented, context, context.grant_id)
        admission: Admission = protector.validate_request(None, presented)
        text = protector.token_of(presented)
        token = GrantToken(provider, admission.grant, partial(_data_key, provider, admission, text))
        context = _context(provider, presented, admission, token)
        return _within_address(provider, memberships, presented, context, context.caller)

    return authenticate


class Protector(ResourceProtector):  # type: ignore[misc]  # Authlib is not typed
    """Authlib's protector, with our reading of the header and without its challenges (RS-1)."""

    def parse_request_authorization(self, request: Presented) -> tuple[Any, str]:
        """The validator and the token; straight to 401, without a look-up, for what cannot be one."""
        return self.get_token_validator("bearer"), self.token_of(request)

    def token_of(self, request: Presented) -> str:
        """The token of the one Authorization header."""
        header = request.authorization
        found = _BEARER.fullmatch(header or "")
        if found:
            return found[1]
        if not header:
            raise Unauthenticated("no credentials")
        if "," in header:
            raise OAuthError("invalid_request", "More than one credential was presented.")
        raise _invalid("not an access token of ours")


class Admissions(BearerTokenValidator):  # type: ignore[misc]  # Authlib is not typed
    """Authlib's validator of Bearer tokens, over the store; the last REMEMBERED admissions are kept."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider
        self._kept: OrderedDict[str, Admission] = OrderedDict()
        self._lock = threading.Lock()

    def authenticate_token(self, token_string: str) -> Admission | None:
        """By hash: as kept if the store has not changed, else by reading it again."""
        hash = hashlib.sha256(token_string.encode()).hexdigest()
        stamp = self._provider.store.stamp()
        kept = self._kept.get(hash)
        if kept is not None and stamp is not None and kept.stamp == stamp:
            return kept
        found = self._read(hash, stamp, kept)
        if found is not None and stamp is not None:
            self._keep(hash, found)
        return found

    def validate_token(self, token: Admission | None, scopes: Any, request: Presented) -> None:
        """Alive, and for this address (RES-4). What the token may do there is decided per tool, by skills."""
        if token is None:
            raise _invalid("unknown, revoked, or of another Sentry")
        if token.valid_until <= clock.now():
            reason = end_if_over(self._provider, token.grant)
            raise _invalid(reason or "expired")
        bound, root = token.access.resource, self._provider.settings.resource_url
        if bound.root == root and bound.organization_slug is None:
            return
        if not bound.covers(Resource(root, request.organization_slug, request.project_slug)):
            raise _invalid("for another address")

    def _read(self, hash: str, stamp: int | None, kept: Admission | None) -> Admission | None:
        grant_id = kept.grant.id if kept else self._grant_id(hash)
        if grant_id is None:
            return None
        record = self._provider.store.get(GRANT, grant_id)
        if record is None:
            return None
        if kept is not None and kept.version == record.version:
            return replace(kept, stamp=stamp)
        grant = Grant.from_dict(json.loads(record.value))
        access = grant.access_token(hash)
        if access is None or not is_of_our_sentry(self._provider, grant):
            return None
        self._note_use(grant, access)
        return _admission(self._provider, stamp, record.version, grant, access)

    def _grant_id(self, hash: str) -> str | None:
        target = look_up(self._provider, hash)
        return target.grant_id if target else None

    def _note_use(self, grant: Grant, access: AccessToken) -> None:
        """Write down the first use of the current tokens (RS-3), and now and then that the grant is in use."""
        if _needs_note(grant, access):
            settings = self._provider.settings

            def how(present: Grant) -> Grant | None:
                return without_lost_answers(settings, present) if _needs_note(present, access) else None

            change(self._provider, grant.id, how)

    def _keep(self, hash: str, admission: Admission) -> None:
        with self._lock:
            self._kept[hash] = admission
            self._kept.move_to_end(hash)
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)


def challenge(
    provider: Provider, error: SentryMCPError, organization_slug: str | None, project_slug: str | None, query: str
) -> str | None:
    """The ``WWW-Authenticate`` header for *error* at this address, None if it calls for none (RS-2).

    >>> challenge(provider, Unauthenticated(), "acme", None, "")
    'Bearer resource_metadata="https://app.example/.well-known/oauth-protected-resource/mcp/acme", scope="..."'
    """
    if isinstance(error, direct.DirectTokenRefused):
        return _header(("error", "invalid_token"), ("error_description", error.public), scheme="Sentry-Bearer")
    where = ("resource_metadata", _metadata_url(provider, organization_slug, project_slug, query))
    if isinstance(error, Unauthenticated) and error.error is None:
        return _header(where, ("scope", " ".join(scopes_supported(provider.settings, provider.skills))))
    if isinstance(error, Unauthenticated):
        return _header(("error", error.error or ""), ("error_description", error.public), where)
    if isinstance(error, InsufficientScope):
        return _header(("error", "insufficient_scope"), ("scope", " ".join(error.scopes)), where)
    if isinstance(error, OAuthError) and error.code == "invalid_request":
        return _header(("error", "invalid_request"))
    return None


def _context(provider: Provider, presented: Presented, admission: Admission, token: GrantToken) -> Context:
    settings, grant = provider.settings, admission.grant
    return Context(
        host=settings.host,
        token=token,
        sentry=SentryClient(provider.connections, token, time_s=float(settings.tool_timeout_s)),
        skills=_narrowed(admission.skills, presented.query),
        scopes=admission.scopes,
        grant_id=grant.id,
        client_id=grant.client.client_id,
        user_id=grant.user_id,
    )


def _direct_context(provider: Provider, owners: direct.Owners, presented: Presented) -> Context:
    """The context of a machine with a Sentry token of its own (RS-4): its skills come from the address."""
    settings = provider.settings
    token = direct.read_token(presented.authorization or "")
    ids = frozenset(skill.id for skill in provider.skills if not (settings.read_only and skill.writes))
    skills = _narrowed(ids, presented.query)
    return Context(
        host=settings.host,
        token=token,
        sentry=SentryClient(provider.connections, token, time_s=float(settings.tool_timeout_s)),
        skills=skills,
        scopes=frozenset(scopes_of(provider.skills, skills)),
        grant_id=direct.name_of(provider, token),
        user_id=owners.owner(provider, token, presented.address),
    )


def _within_address(
    provider: Provider, memberships: Memberships, presented: Presented, context: Context, who: str
) -> Context:
    """*context* within the organization and project of the address, once *who* is known to see them (RES-5, RES-6).

    A call for which this has to be found out is counted before Sentry is asked, and so is one that ends here.
    """
    slug, project = presented.organization_slug, presented.project_slug
    if slug is None:
        return context
    settings = provider.settings
    place = memberships.recall(who, slug, project)
    if place is None:
        provider.limits.hit(settings.call_limit, CALLS, context.caller)
        place = memberships.verify(who, context.sentry.lasting(MEMBERSHIP_S), slug, project)
    constraint = Constraint(place.organization_slug, place.project_slug, place.region_url, place.lacks)
    sentry = SentryClient(
        provider.connections, context.token, constraint.region_url, time_s=float(settings.tool_timeout_s)
    )
    return replace(context, constraint=constraint, sentry=sentry)


def _narrowed(skills: frozenset[str], query: str) -> frozenset[str]:
    """*skills*, or those of them that the address names: ``?skills=inspect,triage``. It never widens (CON-7)."""
    if "skills=" not in query:
        return skills
    named = parse_qs(query, keep_blank_values=True).get("skills")
    return skills if named is None else skills.intersection(",".join(named).split(","))


def _admission(provider: Provider, stamp: int | None, version: int, grant: Grant, access: AccessToken) -> Admission:
    """What the token stands for: the skills that were ticked, as far as its own scopes reach (SCOPE-2)."""
    reached = offered(provider.skills, access.scopes, read_only=provider.settings.read_only)
    return Admission(
        stamp=stamp,
        version=version,
        valid_until=min(access.expires_at, grant.idle_ends_at, grant.ends_at),
        grant=grant,
        access=access,
        skills=frozenset(skill.id for skill in reached if skill.id in grant.skills),
        scopes=frozenset(access.scopes),
    )


def _needs_note(grant: Grant, access: AccessToken) -> bool:
    if grant.is_ended:
        return False
    is_first = access.generation == grant.generation and not grant.is_tip_used
    return is_first or clock.now() - grant.used_at > NOTE_USE_EVERY_S


def _data_key(provider: Provider, admission: Admission, text: str) -> bytes:
    """The grant's data key, which the presented token unwraps. Raises: SealBroken, and tells those who keep watch."""
    try:
        return provider.vault.unwrap(ACCESS, admission.grant.id, text, unpack(admission.access.wrapped_key))
    except SealBroken as error:
        grant = admission.grant
        suspect(provider, error.event, client_id=grant.client.client_id, grant_id=grant.id)
        raise


def _invalid(detail: str) -> Unauthenticated:
    return Unauthenticated(
        detail, error="invalid_token", public="The access token is unknown, expired, revoked or for another address."
    )


def _metadata_url(provider: Provider, organization_slug: str | None, project_slug: str | None, query: str) -> str:
    settings = provider.settings
    resource = Resource(settings.resource_url, organization_slug, project_slug)
    suffix = f"?{query}" if query and is_query(query) and redact(query) == query else ""  # no token is repeated
    return f"{settings.public_origin}{PROTECTED_RESOURCE}{resource.path}{suffix}"


def _header(*pairs: tuple[str, str], scheme: str = "Bearer") -> str:
    """One challenge. Values are ours and may not break out of their quotes; one that could is left out."""
    safe = [f'{name}="{value}"' for name, value in pairs if _HEADER_SAFE.fullmatch(value)]
    return f"{scheme} " + ", ".join(safe)
