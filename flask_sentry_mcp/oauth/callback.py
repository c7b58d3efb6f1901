"""The callback: a browser comes back from Sentry, and leaves for its client with a code (section 12).

Who the browser is, is settled first: an error from Sentry needs the binding as much as a success. From then on every
fault is told to the client by redirect, in our words; what Sentry said goes to the log, under an event id.
"""

import logging
import secrets
from collections.abc import Mapping

from .. import clock
from ..errors import (
    NoAccess,
    OAuthError,
    SentryMCPError,
    SentrySignInRefused,
    SignInProblem,
    UpstreamError,
    new_event_id,
)
from ..sentry.client import SentryClient
from ..skills import implied
from . import grants, transactions, upstream
from .answers import Redirection
from .authlib_views import ClientView
from .clients import get_client
from .code_grant import SignedIn
from .direct import FixedToken
from .gate import GatedRequest
from .membership import verify
from .provider import Provider
from .records import Approved, Grant, Upstream
from .redirects import client_redirect
from .seals import Secrets, seal
from .server import Server
from .token_request import of_authorization

MAX_GRANTS = 20
MAX_CODE = 512
_FROM_SENTRY = {"access_denied": "access_denied", "temporarily_unavailable": "temporarily_unavailable"}
_SENTENCES = {
    "access_denied": "Access was not given at Sentry.",
    "temporarily_unavailable": "Sentry cannot be reached at the moment. Try again shortly.",
    "server_error": "The sign-in with Sentry failed. The operator can find it by the event id.",
}

log = logging.getLogger(__name__)


def callback(provider: Provider, gated: GatedRequest, cookies: Mapping[str, str]) -> Redirection:
    """Finish the sign-in that this browser began. Raises: SignInProblem, OAuthError for a page of ours (C1 to C4, C8).

    The order is that of the table, but for C8: a redirect that is no longer allowed is not used for errors either.
    """
    if gated.repeated & {"code", "state", "error", "iss"}:
        raise OAuthError("invalid_request", "A parameter occurs more than once.")
    returned = transactions.find(provider, gated.params.get("state"), cookies)
    transactions.claim(provider, returned)
    approved = returned.transaction.approved
    _check_client(provider, approved)
    try:
        location = _finish(provider, gated.params, approved, returned.verifier)
    except Exception as error:  # noqa: BLE001 - the transaction is used up: the client must learn of any fault (C12)
        location = _error_location(provider, approved, error)
    return Redirection(location, delete_cookies=(returned.cookie,))


def _check_client(provider: Provider, approved: Approved) -> None:
    """Whether the client still exists and may still be answered there (REDIR-7); documents count as at authorize."""
    client = approved.request.client
    present = client if client.kind == "document" else get_client(provider, client.client_id)
    if present is None or not ClientView(provider, present).check_redirect_uri(approved.request.redirect_uri):
        raise SignInProblem(
            "invalid_client",
            "This app is no longer registered here",
            "Its registration changed while you were at Sentry.",
            advice="In the app, remove this MCP server and add it again.",
        )


def _finish(provider: Provider, params: Mapping[str, str], approved: Approved, verifier: str) -> str:
    """C5 to C12: the address with the code."""
    if params.get("iss", provider.settings.upstream_url) != provider.settings.upstream_url:
        raise OAuthError("server_error", _SENTENCES["server_error"], "the answer names another issuer")
    if "error" in params:
        code = _FROM_SENTRY.get(params["error"], "server_error")
        raise OAuthError(code, _SENTENCES[code], f"Sentry's redirect says {params['error'][:40]!r}")
    if not 0 < len(params.get("code", "")) <= MAX_CODE:
        raise OAuthError("server_error", _SENTENCES["server_error"], "Sentry's redirect has no usable code")
    pair = upstream.exchange(provider, params["code"], verifier)
    try:
        user_id = check_pair(provider, approved, pair)
        return _location_with_code(provider, approved, put_grant(provider, approved, pair, user_id))
    except Exception:
        upstream.revoke(provider, pair.access_token)
        raise


def check_pair(provider: Provider, approved: Approved, pair: upstream.TokenPair) -> str:
    """C10 and C11; returns the person's id at Sentry."""
    if pair.user_id is None:
        raise OAuthError("server_error", _SENTENCES["server_error"], "the token answer names no user")
    if not set(approved.scopes) <= implied(pair.scopes):
        raise OAuthError("access_denied", "Sentry gave fewer permissions than were approved.")
    resource = approved.request.resource
    if resource.organization_slug is not None:
        sentry = SentryClient(provider.connections, FixedToken(pair.access_token), time_s=20)
        verify(sentry, resource.organization_slug, resource.project_slug)
    return pair.user_id


def put_grant(provider: Provider, approved: Approved, pair: upstream.TokenPair, user_id: str) -> SignedIn:
    """The grant, sealed and without tokens yet. It goes away with the code unless that is exchanged."""
    _make_room(provider, user_id, approved.request.client.client_id)
    settings, now = provider.settings, clock.now()
    id = secrets.token_hex(16)  # never with a dash at its beginning, which a command line takes for an option
    data_key, client = provider.vault.new_data_key(), approved.request.client
    kept = Secrets(settings.upstream_url, pair.access_token, pair.refresh_token, pair.name, pair.email)
    grant = Grant(
        id=id,
        client=client,
        user_id=user_id,
        upstream_url=kept.url,
        resource=approved.request.resource,
        scopes=approved.scopes,
        skills=approved.skills,
        started_at=now,
        used_at=now,
        idle_ends_at=now + settings.refresh_idle_ttl_s,
        ends_at=now + settings.grant_max_ttl_s,
        upstream=Upstream(
            sealed=seal(data_key, id, client.client_id, user_id, kept),
            version=1,
            issued_at=now,
            expires_at=pair.expires_at,
            can_refresh=pair.refresh_token is not None,
        ),
    )
    grants.create(provider, grant, ttl_s=settings.code_ttl_s + 60)
    return SignedIn(grant, data_key)


def _make_room(provider: Provider, user_id: str, client_id: str) -> None:
    """At most MAX_GRANTS of one person and client; the one unused for longest goes first (GRANT-1)."""
    present = [grant for grant in grants.of_user(provider, user_id) if grant.client.client_id == client_id]
    for grant in sorted(present, key=lambda one: one.used_at)[: max(0, len(present) - MAX_GRANTS + 1)]:
        grants.end(provider, grant.id, "too_many")


def _location_with_code(provider: Provider, approved: Approved, signed_in: SignedIn) -> str:
    """Through Authlib, which validates the request once more and has the code made and kept."""
    server = Server(provider, approved.request.client)
    request = of_authorization(approved.request, approved.scopes)
    _, _, headers = server.create_authorization_response(
        request, grant_user=signed_in, grant=server.get_authorization_grant(request)
    )
    location: str = headers["Location"]
    return location


def _error_location(provider: Provider, approved: Approved, error: Exception) -> str:
    """The address with the error that the client shall know; the rest is for the log (CB-2)."""
    event_id = new_event_id()
    log_id, is_ours = approved.request.client.log_id, isinstance(error, SentryMCPError)
    log.warning("sign-in of client %s failed, event %s: %s", log_id, event_id, error, exc_info=not is_ours)
    code, sentence = _told(error)
    description = sentence if code == "access_denied" else f"{sentence} Event {event_id}."
    return client_redirect(approved.request, provider.issuer, error=code, error_description=description)


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, OAuthError):
        return error.code, error.public
    if isinstance(error, NoAccess):
        return "access_denied", "You have no access to this organization or project at Sentry."
    transient = isinstance(error, UpstreamError) and not isinstance(error, SentrySignInRefused)
    code = "temporarily_unavailable" if transient else "server_error"
    return code, _SENTENCES[code]
