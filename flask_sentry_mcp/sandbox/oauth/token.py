"""Endpoints for programs: token, revocation, discovery, user info."""

import base64
import binascii
import hmac

from flask import Blueprint, Response, request

from ... import clock
from ..credentials import DEVICE_INTERVAL_S, SCOPES, Application, SandboxToken, matches_challenge
from ..state import state
from ..wire import Json, iso, reply

blueprint = Blueprint("oauth_token", __name__)
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MAX_BASIC = 4096


class _Refused(Exception):
    """One of the errors of the token endpoint, by its name."""


@blueprint.post("/oauth/token/")
def token() -> Response:
    """Checks in Sentry's order: grant type, credentials, then what the grant needs."""
    try:
        issued = _exchange()
    except _Refused as refusal:
        return _no_store(_error(str(refusal)))
    return _no_store(reply(_issued(issued)))


@blueprint.post("/oauth/revoke/")
def revoke() -> Response:
    """RFC 7009: 200 also for unknown tokens."""
    client_id = request.form.get("client_id")
    if not client_id:
        return _described(400, "invalid_client", "client_id is required")
    application = state().credentials.applications.get(client_id)
    if application is None or not _proves(application, request.form.get("client_secret")):
        return _described(401, "invalid_client", "Invalid client credentials")
    given = request.form.get("token")
    if not given:
        return _described(400, "invalid_request", "token is required")
    if request.form.get("token_type_hint", "access_token") not in ("access_token", "refresh_token"):
        return _described(400, "unsupported_token_type", "Unsupported token type")
    state().credentials.revoke(given, client_id)
    return Response(status=200)


@blueprint.get("/.well-known/oauth-authorization-server")
def metadata() -> Response:
    root = state().addresses.control
    return reply(
        {
            "issuer": root,
            "authorization_endpoint": f"{root}/oauth/authorize/",
            "token_endpoint": f"{root}/oauth/token/",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": sorted(SCOPES),
        }
    )


@blueprint.get("/oauth/userinfo/")
def userinfo() -> Response:
    found = state().credentials.by_access(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if found is None or found.is_expired:
        return reply({"detail": "Invalid token"}, 401)
    if "openid" not in found.scopes:
        return reply({"detail": "openid scope is required"}, 403)
    about: Json = {"sub": found.user.id}
    if "profile" in found.scopes:
        about["name"] = found.user.name
    if "email" in found.scopes:
        about["email"] = found.user.email
    return reply(about)


# -- the exchange ---------------------------------------------------------------------------------------------------


def _exchange() -> SandboxToken:
    grant = request.form.get("grant_type")
    if not grant:
        raise _Refused("invalid_request")
    if grant not in ("authorization_code", "refresh_token", DEVICE_GRANT):
        raise _Refused("unsupported_grant_type")
    application = _application()
    if not application.is_active:
        raise _Refused("invalid_grant")
    if grant == "authorization_code":
        return _by_code(application)
    return _by_refresh(application) if grant == "refresh_token" else _by_device(application)


def _application() -> Application:
    """By Basic credentials or those in the body; both at once are a fault."""
    basic = request.headers.get("Authorization", "")
    client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
    if basic.lower().startswith("basic "):
        if client_id is not None or secret is not None:
            raise _Refused("invalid_request")
        client_id, secret = _basic(basic[6:].strip())
    application = state().credentials.applications.get(client_id or "")
    if application is None or not _proves(application, secret):
        raise _Refused("invalid_client")
    return application


def _basic(encoded: str) -> tuple[str, str]:
    if len(encoded) > MAX_BASIC:
        raise _Refused("invalid_client")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _Refused("invalid_client") from None
    if not colon:
        raise _Refused("invalid_client")
    return client_id, secret


def _proves(application: Application, secret: str | None) -> bool:
    """A public client has nothing to prove; a secret that it sends is ignored."""
    if application.client_secret is None:
        return True
    return secret is not None and hmac.compare_digest(secret.encode(), application.client_secret.encode())


def _by_code(application: Application) -> SandboxToken:
    """The code is gone whatever comes of it, so a failed check cannot be tried again."""
    code = request.form.get("code")
    if not code:
        raise _Refused("invalid_request")
    found = state().credentials.take_code(code)
    if found is None or found.client_id != application.client_id:
        raise _Refused("invalid_grant")
    if request.form.get("redirect_uri") != found.redirect_uri:
        raise _Refused("invalid_grant")
    if found.challenge is not None:
        verifier = request.form.get("code_verifier", "")
        if not 43 <= len(verifier) <= 128 or not matches_challenge(verifier, found.challenge):
            raise _Refused("invalid_grant")
    return state().credentials.issue(found.user, found.scopes, application.client_id)


def _by_refresh(application: Application) -> SandboxToken:
    refresh_token = request.form.get("refresh_token")
    if not refresh_token or "scope" in request.form:
        raise _Refused("invalid_request")
    issued = state().credentials.refresh(application, refresh_token)
    if issued is None:
        raise _Refused("invalid_grant")
    return issued


def _by_device(application: Application) -> SandboxToken:
    """Polled by the device until its person has decided (RFC 8628 section 3.5)."""
    code = request.form.get("device_code")
    if not code:
        raise _Refused("invalid_request")
    device = state().credentials.devices.get(code)
    if device is None or device.client_id != application.client_id:
        raise _Refused("invalid_grant")
    now = clock.now()
    if now >= device.expires_at:
        raise _Refused("expired_token")
    too_early, device.polled_at = now - device.polled_at < DEVICE_INTERVAL_S, now
    if too_early:
        raise _Refused("slow_down")
    if device.state == "denied":
        raise _Refused("access_denied")
    if device.user is None:
        raise _Refused("authorization_pending")
    del state().credentials.devices[code]
    return state().credentials.issue(device.user, device.scopes, application.client_id)


# -- answers --------------------------------------------------------------------------------------------------------


def _issued(issued: SandboxToken) -> Json:
    left = None if issued.expires_at is None else max(int(issued.expires_at - clock.now()), 0)
    user = issued.user
    return {
        "access_token": issued.access_token,
        "refresh_token": issued.refresh_token,
        "expires_in": left,
        "expires_at": None if issued.expires_at is None else iso(issued.expires_at),
        "token_type": "Bearer",
        "scope": issued.scope,
        "user": {"id": user.id, "name": user.name, "email": user.email},
    }


def _error(name: str) -> Response:
    answer = reply({"error": name}, 401 if name == "invalid_client" else 400)
    if name == "invalid_client":
        answer.headers["WWW-Authenticate"] = 'Basic realm="oauth"'
    return answer


def _described(status: int, name: str, description: str) -> Response:
    return _no_store(reply({"error": name, "error_description": description}, status))


def _no_store(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Pragma"] = "no-cache"
    return answer
