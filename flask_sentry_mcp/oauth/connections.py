"""A person's own page: which clients use Sentry in their name, what each may do, and an end to any of them.

Who they are is shown by signing in at Sentry, for a quarter of an hour and for nothing else: the token that Sentry
issues for it is given back at once. Sentry knows one callback of ours, so both ways through it part by their state.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from itsdangerous import BadData, BadSignature, SignatureExpired

from .. import clock
from ..errors import OAuthError, SignInProblem
from . import grants, keys, upstream
from .answers import Cookie, Page, Redirection
from .approval import check_origin
from .gate import Arrival, GatedRequest
from .pages import connections_page
from .provider import Provider
from .records import Grant

PERSON_COOKIE, SIGN_IN_COOKIE = "mcp_person", "mcp_sign_in"
LIFE_S = 900
_SCOPES = ("org:read",)
_ENDED_BY_PERSON = "person"


def show(provider: Provider, arrival: Arrival) -> Page:
    """The page: what is connected, or the way to sign in."""
    user_id = _person(provider, arrival.cookies)
    if user_id is None:
        return connections_page(provider.settings, None, provider.skills, csrf="")
    live = [grant for grant in grants.of_user(provider, user_id) if _is_live(provider, grant)]
    live.sort(key=lambda grant: grant.used_at, reverse=True)
    csrf = keys.mac(provider.settings, keys.CSRF, _csrf_text(arrival.cookies))
    return connections_page(provider.settings, live, provider.skills, csrf=csrf)


def act(provider: Provider, gated: GatedRequest, arrival: Arrival) -> Redirection:
    """What the person pressed: sign in, end one, end all, sign out. Raises: OAuthError for a page of ours."""
    check_origin(provider, arrival)
    action = gated.params.get("action")
    if action == "sign-in":
        return _begin(provider)
    user_id = _person(provider, arrival.cookies)
    token, signed = gated.params.get("csrf", ""), _csrf_text(arrival.cookies)
    if user_id is None or not keys.is_mac(provider.settings, keys.CSRF, signed, token):
        return Redirection(_address(provider))  # the quarter of an hour is over: the page says how to go on
    if action == "sign-out":
        return Redirection(_address(provider), delete_cookies=(PERSON_COOKIE,))
    if action not in ("end", "end-all"):
        raise OAuthError("invalid_request", "The form holds no action.")
    for grant in list(grants.of_user(provider, user_id)):
        if action == "end-all" or grant.id == gated.params.get("grant"):
            grants.end(provider, grant.id, _ENDED_BY_PERSON)
    return Redirection(_address(provider))


def is_own_state(provider: Provider, state: str | None) -> bool:
    """Whether an answer of Sentry's belongs to this page, and not to the sign-in of a client."""
    try:
        keys.signer(provider.settings, keys.PERSON_STATE).unsign(state or "")
    except BadSignature:
        return False
    return True


def finish(provider: Provider, gated: GatedRequest, cookies: Mapping[str, str]) -> Redirection:
    """The person comes back from Sentry: learn who they are, and forget the token. Raises: SignInProblem."""
    secret = cookies.get(SIGN_IN_COOKIE, "")
    try:
        signer = keys.signer(provider.settings, keys.PERSON_STATE)
        begun_here = signer.unsign(gated.params["state"], max_age=provider.settings.state_ttl_s).decode()
    except SignatureExpired:
        raise _problem("It took too long.") from None
    if not hmac.compare_digest(begun_here, _fingerprint(secret)):
        grants.suspect(provider, "binding_failure")
        raise _problem("It was started in another browser.")
    issuer = gated.params.get("iss", provider.settings.upstream_url)
    if gated.repeated or "code" not in gated.params or issuer != provider.settings.upstream_url:
        raise _problem("Sentry did not let you in, or you declined there.")
    pair = upstream.exchange(provider, gated.params["code"], _verifier(secret))
    upstream.revoke(provider, pair.access_token)
    if pair.user_id is None:
        raise _problem("Sentry did not say who you are.")
    value = keys.serializer(provider.settings, keys.PERSON).dumps([provider.settings.upstream_url, pair.user_id])
    person = Cookie(PERSON_COOKIE, value if isinstance(value, str) else value.decode(), LIFE_S)
    return Redirection(_address(provider), (person,), (SIGN_IN_COOKIE,))


def _begin(provider: Provider) -> Redirection:
    """Off to Sentry, with a state that only this browser can bring back."""
    secret = secrets.token_urlsafe(32)
    state = keys.signer(provider.settings, keys.PERSON_STATE).sign(_fingerprint(secret)).decode()
    location = upstream.authorize_url(provider, state=state, verifier=_verifier(secret), scopes=_SCOPES)
    return Redirection(location, (Cookie(SIGN_IN_COOKIE, secret, provider.settings.state_ttl_s),))


def _person(provider: Provider, cookies: Mapping[str, str]) -> str | None:
    """The id at Sentry of the person who signed in with this browser, within the last quarter of an hour."""
    try:
        found = keys.serializer(provider.settings, keys.PERSON).loads(cookies[PERSON_COOKIE], max_age=LIFE_S)
    except (KeyError, BadData):
        return None
    upstream_url, user_id = found
    return str(user_id) if upstream_url == provider.settings.upstream_url else None


def _is_live(provider: Provider, grant: Grant) -> bool:
    """Collected by its client, and not over."""
    was_collected = grant.refresh_hash is not None or any(one.expires_at > clock.now() for one in grant.access)
    return was_collected and grants.end_if_over(provider, grant) is None


def _csrf_text(cookies: Mapping[str, str]) -> str:
    return f"connections.{cookies.get(PERSON_COOKIE, '')}"


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def _verifier(secret: str) -> str:
    return hmac.new(secret.encode(), b"upstream-pkce", "sha256").hexdigest()


def _address(provider: Provider) -> str:
    return f"{provider.issuer}/oauth/connections"


def _problem(why: str) -> SignInProblem:
    return SignInProblem(
        "invalid_request",
        "You are not signed in",
        why,
        advice="Open the page of your connections and sign in again.",
    )
