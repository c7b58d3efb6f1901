"""The device flow: a code for the device, and the page where its person types the other one (RFC 8628)."""

from flask import Blueprint, Response, make_response, render_template, request

from ... import clock
from ..credentials import DEVICE_INTERVAL_S, DEVICE_LIFE_S, scopes_of
from ..state import state
from ..wire import reply
from .pages import WORDS, choose_person, problem
from .session import signed_in

blueprint = Blueprint("oauth_device", __name__)
ATTEMPTS, ATTEMPTS_S = 10, 60.0


@blueprint.post("/oauth/device/code/")
def start() -> Response:
    application = state().credentials.applications.get(request.form.get("client_id", ""))
    if application is None or not application.is_active:
        return reply({"error": "invalid_client", "error_description": "Invalid client_id"}, 401)
    scopes = scopes_of(request.form.get("scope") or None)
    if scopes is None:
        return reply({"error": "invalid_scope", "error_description": "Unknown scope"}, 400)
    code, device = state().credentials.new_device(application.client_id, scopes)
    page = f"{state().addresses.control}/oauth/device/"
    return reply(
        {
            "device_code": code,
            "user_code": device.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={device.user_code}",
            "expires_in": DEVICE_LIFE_S,
            "interval": DEVICE_INTERVAL_S,
        }
    )


@blueprint.get("/oauth/device/")
def ask() -> Response:
    """The page: first the code, then what it would allow."""
    if signed_in() is None:
        return choose_person()
    typed = request.args.get("user_code")
    if not typed:
        return _page()
    if _too_many_attempts():
        return problem("Too many attempts. Please wait a minute.", 429)
    device = state().credentials.device_by_user_code(typed)
    if device is None:
        return _page("This code is unknown or has expired.", 400)
    scopes = [WORDS.get(scope, scope) for scope in sorted(device.scopes)]
    application = state().credentials.applications[device.client_id].name
    return _page(user_code=device.user_code, application=application, scopes=scopes)


@blueprint.post("/oauth/device/")
def decide() -> Response:
    person = signed_in()
    if person is None:
        return choose_person()
    if _too_many_attempts():
        return problem("Too many attempts. Please wait a minute.", 429)
    device = state().credentials.device_by_user_code(request.form.get("user_code", ""))
    if device is None:
        return _page("This code is unknown or has expired.", 400)
    if request.form.get("op") == "approve":
        device.user, device.state = person, "approved"
        state().credentials.approve(person, device.client_id, device.scopes)
        return _page("Done. You can go back to your device.")
    device.state = "denied"
    return _page("Denied. You can close this page.")


def _page(
    message: str = "", status: int = 200, *, user_code: str = "", application: str = "", scopes: list[str] | None = None
) -> Response:
    page = render_template(
        "sandbox/device.html", message=message, user_code=user_code, application=application, scopes=scopes or []
    )
    return make_response(page, status)


def _too_many_attempts() -> bool:
    now = clock.now()
    recent = [at for at in state().device_attempts.get(request.remote_addr or "", []) if now - at < ATTEMPTS_S]
    state().device_attempts[request.remote_addr or ""] = [*recent, now]
    return len(recent) >= ATTEMPTS
