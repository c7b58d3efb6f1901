"""Sentry's device flow (RFC 8628), for a machine without a browser: ``flask sentry-mcp stdio --sign-in``.

A person reads an address and a code, opens the one wherever they have a browser, and types the other. What comes of it
is a grant like any other: sealed, renewed, listed, and ended by whoever may end it. Its one access token never leaves
the process, so it lives as long as the grant may, and the grant ends with the process.

The typed command, with the skills that it names, is the approval. To others we offer no such flow (TOK-4, META-1).
"""

import time
from collections.abc import Callable, Collection

from .. import clock, signals
from ..errors import InvalidInput, OAuthError, SentryFailed, SentryRateLimited, SentrySignInRefused, SentryUnreachable
from ..security.slugs import is_slug
from . import upstream
from .callback import check_pair, put_grant
from .clients import Client
from .code_grant import collect
from .grants import Held, new_token, present
from .issuing import Issue
from .metadata import scopes_supported
from .provider import Provider
from .records import Approved, AuthorizationRequest
from .resources import Resource
from .revocation_endpoint import end_by
from .scopes import effective_scopes, offered_skills
from .upstream import Invitation

COMMAND_LINE = Client(client_id="command-line", name="Command line", redirect_uris=(), kind="manual")
SLOWER_S = 5.0
"""What ``slow_down`` adds to the pause between two questions (RFC 8628 section 3.5)."""


def approve(provider: Provider, skills: Collection[str] | None, organization_slug: str | None) -> Approved:
    """What the command asks for: *skills*, or those that the page would tick; for one organization, or for all.

    Raises: InvalidInput.
    """
    if organization_slug is not None and not is_slug(organization_slug):
        raise InvalidInput("This is not the slug of an organization.")
    settings = provider.settings
    request = AuthorizationRequest(
        client=COMMAND_LINE,
        redirect_uri="",
        redirect_uri_was_sent=False,
        state=None,
        code_challenge="",
        resource=Resource(settings.resource_url, organization_slug),
        scopes=scopes_supported(settings, provider.skills),
    )
    offered = offered_skills(provider, request)
    chosen = tuple(one.id for one in offered if (one.preselected if skills is None else one.id in skills))
    if not chosen or (skills is not None and len(chosen) < len(set(skills))):
        raise InvalidInput(f"The skills are: {', '.join(one.id for one in offered)}.")
    approved = Approved(request, chosen, effective_scopes(provider, request, chosen))
    signals.tell(signals.approval, provider.app, decision="given", client_id=COMMAND_LINE.log_id, skills=chosen)
    return approved


def invite(provider: Provider, approved: Approved) -> Invitation:
    """Have Sentry begin, and get what the person has to know. Raises: OAuthError, UpstreamError."""
    try:
        return upstream.invite(provider, approved.scopes)
    except SentrySignInRefused as error:
        sentence = "Sentry does not offer this kind of sign-in, or does not know SENTRY_CLIENT_ID."
        raise OAuthError("server_error", sentence, str(error)) from error


def await_person(
    provider: Provider, invitation: Invitation, pause: Callable[[float], None] = time.sleep
) -> upstream.TokenPair:
    """Ask Sentry, as often as it allows, until the person has decided. Raises: OAuthError unless they said yes."""
    wait_s, until = invitation.interval_s, clock.now() + invitation.life_s
    while clock.now() < until:
        pause(wait_s)
        try:
            return upstream.redeem(provider, invitation)
        except SentrySignInRefused as error:
            if error.error == "slow_down":
                wait_s += SLOWER_S
            elif error.error != "authorization_pending":
                raise _refused(error) from error
        except SentryRateLimited as error:
            wait_s = max(wait_s, float(error.retry_after_s or 0))
        except (SentryFailed, SentryUnreachable):
            wait_s += SLOWER_S
    raise _too_late()


def _refused(error: SentrySignInRefused) -> OAuthError:
    if error.error == "expired_token":
        return _too_late()
    if error.error == "access_denied":
        return OAuthError("access_denied", "The sign-in was declined at Sentry.")
    return OAuthError("server_error", "The sign-in with Sentry failed.", str(error))


def _too_late() -> OAuthError:
    return OAuthError("expired_token", "Nobody approved in time. Start again.")


def start(provider: Provider, approved: Approved, pair: upstream.TokenPair) -> str:
    """The grant of *approved*; returns its access token, of ours. A token of Sentry's that is not kept is given back.

    Raises: OAuthError, NoAccess, MembershipUnknown.
    """
    try:
        signed_in = put_grant(provider, approved, pair, check_pair(provider, approved, pair))
        grant = signed_in.grant
        issue = Issue(
            access_token=new_token("a"),
            refresh_token=None,
            expires_in=int(min(grant.idle_ends_at, grant.ends_at) - clock.now()),
            scopes=grant.scopes,
            resource=grant.resource,
        )
        collect(provider, Held(grant, 1), signed_in.data_key, issue)
    except Exception:
        upstream.revoke(provider, pair.access_token)
        raise
    return issue.access_token


def stop(provider: Provider, token: str) -> None:
    """End the grant, here and at Sentry."""
    presented = present(provider, token)
    if presented:
        end_by(provider, presented)
