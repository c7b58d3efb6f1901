"""The authorization request: checks, the choice of a person, the consent page, the redirect back.

The order of the checks is Sentry's (``oauth_authorize.py``): a request without a proper client and redirect address
gets a page and status 400, never a redirect.
"""

import re
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request

from ..credentials import Application, scopes_of
from ..records import User
from ..state import state
from . import session
from .session import Pending

blueprint = Blueprint("oauth_pages", __name__)
WORDS = {
    "org:read": "see your organizations, teams and projects",
    "project:read": "see projects",
    "project:write": "see and change projects",
    "team:read": "see teams",
    "team:write": "see and change teams",
    "event:read": "see issues and events",
    "event:write": "see, resolve, assign and comment on issues",
    "event:admin": "see, change and delete issues",
}


class _Refused(Exception):
    """The request is shown to be wrong on a page; there is nobody to redirect to."""


class _SentBack(Exception):
    """The request is answered with ``error`` at its redirect address."""

    def __init__(self, error: str, redirect_uri: str) -> None:
        super().__init__(error)
        self.error, self.redirect_uri = error, redirect_uri


@blueprint.get("/oauth/authorize/")
def authorize() -> Response:
    """Steps 1 to 6: check, find the person, issue a code at once or ask."""
    try:
        asked = _checked_request()
    except _Refused as refusal:
        return problem(str(refusal))
    except _SentBack as back:
        return _back(back.redirect_uri, request.args.get("state"), error=back.error)
    person = session.signed_in()
    if person is None:
        return session.remember(choose_person(), oa2=asked)
    allowed = state().credentials.approved(person, asked.client_id)
    if allowed is not None and asked.scopes <= allowed and request.args.get("force_prompt") not in ("1", "true"):
        return _with_code(asked, person)
    page = render_template(
        "sandbox/consent.html",
        application=state().credentials.applications[asked.client_id].name,
        person=person,
        scopes=[WORDS.get(scope, scope) for scope in sorted(asked.scopes)],
        here=request.full_path,
    )
    return session.remember(make_response(page), oa2=asked)


@blueprint.post("/oauth/authorize/")
def decide() -> Response:
    """``op=approve`` or ``op=deny``, for the request that this browser showed last."""
    asked, person = session.pending(), session.signed_in()
    if asked is None or person is None:
        return problem("Your request has expired. Please go back to the application and start again.")
    choice = request.form.get("op")
    if choice == "approve":
        state().credentials.approve(person, asked.client_id, asked.scopes)
        return session.remember(_with_code(asked, person), oa2=None)
    if choice == "deny":
        return session.remember(_back(asked.redirect_uri, asked.state, error="access_denied"), oa2=None)
    return problem("Please choose to approve or to deny.")


@blueprint.post("/auth/login/")
def sign_in() -> Response:
    """Sign in as one of the people of the seed; an empty choice signs out. ``next`` is where to go on."""
    person = state().world.users.get(request.form.get("person", ""))
    onward = request.form.get("next", "")
    if not onward.startswith("/oauth/") or "\\" in onward:
        return problem("There is nothing to sign in to here.")
    return session.remember(make_response(redirect(onward, 302)), person=person.key if person else None)


def choose_person() -> Response:
    """The stand-in for Sentry's login page; afterwards the same address is visited again."""
    people = [user for user in state().world.users.values() if user.key in ("mira", "jonas")]
    houses = {user.key: [one.name for one in reversed(state().world.memberships(user))] for user in people}
    return make_response(render_template("sandbox/person.html", people=people, houses=houses, here=request.full_path))


def problem(text: str, status: int = 400) -> Response:
    return make_response(render_template("sandbox/problem.html", text=text), status)


# -- the checks -----------------------------------------------------------------------------------------------------


def _checked_request() -> Pending:
    """Raises: _Refused, _SentBack."""
    application = state().credentials.applications.get(request.args.get("client_id", ""))
    if application is None or not application.is_active:
        raise _Refused("Missing or invalid client_id parameter.")
    redirect_uri = _redirect_uri(application)
    if request.args.get("response_type") != "code":
        raise _Refused("Missing or invalid response_type parameter.")
    scopes = scopes_of(request.args.get("scope"))
    if scopes is None:
        raise _SentBack("invalid_scope", redirect_uri)
    return Pending(application.client_id, redirect_uri, scopes, request.args.get("state"), _challenge(redirect_uri))


def _redirect_uri(application: Application) -> str:
    asked = request.args.get("redirect_uri")
    if asked is None and len(application.redirect_uris) == 1:
        return application.redirect_uris[0]
    if asked is None or not application.accepts(asked):
        raise _Refused("Missing or invalid redirect_uri parameter.")
    return asked


def _challenge(redirect_uri: str) -> str | None:
    challenge = request.args.get("code_challenge")
    if challenge is None:
        return None
    proper = re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", challenge)
    if proper is None or request.args.get("code_challenge_method") != "S256":
        raise _SentBack("invalid_request", redirect_uri)
    return challenge


# -- the way back ---------------------------------------------------------------------------------------------------


def _with_code(asked: Pending, person: User) -> Response:
    code = state().credentials.new_code(person, asked.client_id, asked.scopes, asked.redirect_uri, asked.challenge)
    return _back(asked.redirect_uri, asked.state, code=code)


def _back(redirect_uri: str, echoed: str | None, **answer: str) -> Response:
    """To the application, with the answer and, if it was sent, the state; its own query is kept."""
    if echoed is not None:
        answer["state"] = echoed
    glue = "&" if urlsplit(redirect_uri).query else "?"
    return make_response(redirect(f"{redirect_uri}{glue}{urlencode(answer)}", 302))
