"""The browser's session at the stand-in: who is signed in, and the authorization request that waits for an answer.

Sentry keeps one pending request per browser, so two tabs overwrite each other; so do we.
"""

import secrets
from dataclasses import dataclass

from flask import Response, request

from ..records import User
from ..state import state

COOKIE = "sandbox_session"


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization request that was found to be in order."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    challenge: str | None


def signed_in() -> User | None:
    person = _values().get("person")
    return state().world.users.get(person) if isinstance(person, str) else None


def pending() -> Pending | None:
    found = _values().get("oa2")
    return found if isinstance(found, Pending) else None


def remember(response: Response, **values: object) -> Response:
    """Put *values* into the session (None removes), and the session's cookie into the answer."""
    session_id = request.cookies.get(COOKIE, "")
    if session_id not in state().sessions:
        session_id = secrets.token_urlsafe(24)
    kept = state().sessions.setdefault(session_id, {})
    kept.update(values)
    response.set_cookie(COOKIE, session_id, httponly=True, samesite="Lax")
    return response


def _values() -> dict[str, object]:
    return state().sessions.get(request.cookies.get(COOKIE, ""), {})
