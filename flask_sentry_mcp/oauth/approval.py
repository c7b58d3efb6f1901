"""The approval: the only place where a human decision protects the account (sections 1 and 10).

Sentry lets an application that it knows through without asking again, so a person may see no page but ours. The
validated request travels in the form, signed; the server remembers nothing until the person has said yes.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from itsdangerous import BadData

from .. import signals
from ..errors import OAuthError, SignInProblem
from . import keys, memory
from .answers import Cookie, Page, Redirection
from .authorize import known_redirect_uri, registered_client
from .clients import Client
from .gate import Arrival, GatedRequest
from .pages import approval_page
from .provider import Provider
from .records import Approved, AuthorizationRequest
from .redirects import client_redirect
from .scopes import effective_scopes, offered_skills
from .transactions import begin, withdraw

CSRF_COOKIE = "mcp_csrf"
_MAX_FORM = 12 * 1024
_CSRF_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Form:
    """What our form carries: the signed text, and the request in it. ``jti`` is its own id, for a single use."""

    text: str
    jti: str
    request: AuthorizationRequest


def ask(provider: Provider, request: AuthorizationRequest, arrival: Arrival, prompt: str | None) -> Page | Redirection:
    """Show the page, or pass on at once when this browser's person approved the same before and may skip it."""
    remembered = memory.read(provider.settings, arrival.cookies)
    entry = remembered.find(provider, request)
    known = entry if entry and _are_offered(provider, request, entry.skills) else None
    if known and memory.may_skip_page(provider.settings, arrival, request, prompt):
        approved = Approved(request, known.skills, effective_scopes(provider, request, known.skills))
        _tell(provider, "skipped", request, known.skills)
        onward = begin(provider, approved, secrets.token_urlsafe(16), arrival.cookies)
        return _keeping(provider, onward, remembered.with_use(known))
    secret = arrival.cookies.get(CSRF_COOKIE, "")
    if not _CSRF_SECRET.fullmatch(secret):
        secret = secrets.token_urlsafe(32)
    form = _new_form(provider, request, secret)
    _tell(provider, "shown", request, ())
    page = _page(provider, form, secret, known.skills if known else None)
    return replace(page, delete_cookies=(memory.COOKIE,) if remembered.is_broken else ())


def decide(provider: Provider, gated: GatedRequest, arrival: Arrival) -> Page | Redirection:
    """What the person pressed: on to Sentry, or back to the client with ``access_denied``.

    Raises: OAuthError for a page of ours.
    """
    check_origin(provider, arrival)
    form = _open_form(provider, gated, arrival.cookies)
    decision = gated.params.get("decision")
    if decision == "deny":
        return _deny(provider, form, arrival.cookies)
    if decision != "approve":
        raise OAuthError("invalid_request", "The form holds no decision.")
    chosen = set(gated.values.get("skills", ()))
    if not chosen:
        return replace(_page(provider, form, arrival.cookies[CSRF_COOKIE], (), is_empty=True), status=400)
    skills = tuple(skill.id for skill in offered_skills(provider, form.request) if skill.id in chosen)
    if len(skills) != len(chosen):
        raise OAuthError("invalid_request", "The form holds a skill that was not offered.")
    return _approve(provider, form, skills, arrival.cookies)


def _approve(provider: Provider, form: Form, skills: tuple[str, ...], cookies: Mapping[str, str]) -> Redirection:
    approved = Approved(form.request, skills, effective_scopes(provider, form.request, skills))
    onward = begin(provider, approved, form.jti, cookies)
    _tell(provider, "given", form.request, skills)
    return _keeping(provider, onward, memory.read(provider.settings, cookies).with_approval(provider, approved))


def _deny(provider: Provider, form: Form, cookies: Mapping[str, str]) -> Redirection:
    """Back to the client (CON-5). Whatever was approved before of the same form, or is remembered, is withdrawn."""
    withdraw(provider, form.jti)
    _tell(provider, "denied", form.request, ())
    refusal = {"error": "access_denied", "error_description": "The person declined."}
    back = Redirection(client_redirect(form.request, provider.issuer, **refusal))
    remembered = memory.read(provider.settings, cookies)
    rest = remembered.without(provider, form.request)
    return back if rest == remembered else _keeping(provider, back, rest)


def _keeping(provider: Provider, answer: Redirection, remembered: memory.Memory) -> Redirection:
    """*answer*, and what the browser shall remember."""
    return replace(answer, set_cookies=(*answer.set_cookies, remembered.cookie(provider.settings)))


def _page(
    provider: Provider, form: Form, secret: str, chosen: tuple[str, ...] | None, *, is_empty: bool = False
) -> Page:
    page = approval_page(
        provider.settings,
        form.request,
        offered_skills(provider, form.request),
        chosen=chosen,
        fields={
            "request": form.text,
            "csrf": keys.mac(provider.settings, keys.CSRF, _csrf_text(secret, form.jti)),
        },
        is_empty=is_empty,
    )
    return replace(page, set_cookies=(Cookie(CSRF_COOKIE, secret, provider.settings.state_ttl_s),))


# -- the form -------------------------------------------------------------------------------------------------------


def _new_form(provider: Provider, request: AuthorizationRequest, secret: str) -> Form:
    jti = secrets.token_urlsafe(16)
    content = {"jti": jti, "csrf": _hash(secret), "request": _packed(request)}
    text = keys.serializer(provider.settings, keys.APPROVAL_FORM).dumps(content)
    text = text if isinstance(text, str) else text.decode()
    if len(text) > _MAX_FORM:
        raise OAuthError("invalid_request", "The request is too long.")
    return Form(text, jti, request)


def _open_form(provider: Provider, gated: GatedRequest, cookies: Mapping[str, str]) -> Form:
    """The form that was posted, if it is ours, fresh, and from the browser that we showed it to (CON-2, CON-3)."""
    text, secret = gated.params.get("request", ""), cookies.get(CSRF_COOKIE, "")
    if not text or len(text) > _MAX_FORM:
        raise _expired("no form")
    try:
        serializer = keys.serializer(provider.settings, keys.APPROVAL_FORM)
        content = serializer.loads(text, max_age=provider.settings.state_ttl_s)
    except BadData as fault:
        raise _expired(type(fault).__name__) from None
    is_same_browser = hmac.compare_digest(_hash(secret), content["csrf"])
    token, signed = gated.params.get("csrf", ""), _csrf_text(secret, content["jti"])
    if not is_same_browser or not keys.is_mac(provider.settings, keys.CSRF, signed, token):
        raise _expired("csrf")
    return Form(text, content["jti"], _unpacked(provider, content["request"]))


def _packed(request: AuthorizationRequest) -> dict[str, Any]:
    """A registered client is looked up again at the post, so that a deleted one is refused (REDIR-7). A document stays
    as it was when the page was made: what it says meanwhile changes nothing."""
    content = request.to_dict()
    if request.client.kind != "document":
        content["client"] = request.client.client_id
    return content


def _unpacked(provider: Provider, content: dict[str, Any]) -> AuthorizationRequest:
    stored = content["client"]
    client = registered_client(provider, stored) if isinstance(stored, str) else Client.from_dict(stored)
    request = AuthorizationRequest.from_dict({**content, "client": client.to_dict()})
    known_redirect_uri(provider, client, request.redirect_uri)
    return request


def check_origin(provider: Provider, arrival: Arrival) -> None:
    """The post comes from our own page: Origin says so, or the browser's own word where it sends none (CON-3)."""
    if arrival.origin is None:
        is_ours = arrival.fetch_site == "same-origin"
    else:
        is_ours = arrival.origin == provider.settings.public_origin
    if not is_ours:
        raise SignInProblem(
            "invalid_request",
            "This form did not come from our page",
            "Your browser says that another site sent it, so it was ignored. Nothing was approved.",
            advice="Start the sign-in again from your app. If you did not start one, close this page.",
            status=403,
            detail="origin",
        )


def _expired(detail: str) -> SignInProblem:
    return SignInProblem(
        "invalid_request",
        "This page is no longer valid",
        "It was open for too long, or was opened in another browser. Nothing was approved.",
        advice="Start the sign-in again from your app.",
        detail=detail,
    )


def _csrf_text(secret: str, jti: str) -> str:
    return f"{secret}.{jti}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _are_offered(provider: Provider, request: AuthorizationRequest, skills: tuple[str, ...]) -> bool:
    return set(skills) <= {skill.id for skill in offered_skills(provider, request)}


def _tell(provider: Provider, decision: str, request: AuthorizationRequest, skills: tuple[str, ...]) -> None:
    signals.tell(signals.approval, provider.app, decision=decision, client_id=request.client.log_id, skills=skills)
