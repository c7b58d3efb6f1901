"""The routes: the browser's steps and the clients' endpoints in one blueprint, the discovery documents in another.

Each view hands what arrived to a plain function; what comes back is turned into HTTP. Every fault ends at one door
(``_serve``): as JSON for a program, as a page for a person, never as a traceback, and never as the host application's
own error page.
"""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, render_template, request
from flask.blueprints import BlueprintSetupState
from jinja2 import defaults
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from ..config import Settings
from ..errors import OAuthError, SentryMCPError, new_event_id
from ..security.limits import client_address
from . import connections, gate, headers, metadata
from .answers import Answer, Json, Page
from .approval import ask, decide
from .authorize import ReturnToClient, read_request
from .callback import callback
from .gate import Arrival
from .pages import problem_page, refusal
from .provider import Provider
from .registration import register
from .revocation import revoke_response
from .tokens import token_response

View = Callable[[Arrival], Answer]
log = logging.getLogger(__name__)

_DELIMITERS: dict[str, Any] = {
    "block_start_string": defaults.BLOCK_START_STRING,
    "block_end_string": defaults.BLOCK_END_STRING,
    "variable_start_string": defaults.VARIABLE_START_STRING,
    "variable_end_string": defaults.VARIABLE_END_STRING,
    "comment_start_string": defaults.COMMENT_START_STRING,
    "comment_end_string": defaults.COMMENT_END_STRING,
    "line_statement_prefix": defaults.LINE_STATEMENT_PREFIX,
    "line_comment_prefix": defaults.LINE_COMMENT_PREFIX,
}
_GUESSED = ("authorize", "token", "register")
_CACHED = {"Cache-Control": "public, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Step:
    """One address: what it takes and who calls it. ``is_browser``: a navigation, answered by pages."""

    name: str
    view: View
    methods: tuple[str, ...]
    limit: str
    body_bytes: int = 0
    is_browser: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: headers.NO_STORE)


def oauth_blueprint(provider: Provider) -> Blueprint:
    """The routes below ``/oauth``, relative to where the extension mounts them."""
    blueprint = Blueprint("sentry_mcp_oauth", __name__, template_folder="../templates")
    for step in _steps(provider):
        _route(blueprint, f"/oauth/{step.name}", step.name, _serve(provider, step))
    blueprint.record(_take_every_method)
    return blueprint


def _steps(provider: Provider) -> tuple[Step, ...]:
    own = functools.partial
    return (
        Step("authorize", own(_authorize, provider), ("GET",), "60/minute", is_browser=True),
        Step("approve", own(_approve, provider), ("POST",), "30/minute", gate.FORM_BYTES, is_browser=True),
        Step("callback", own(_callback, provider), ("GET",), "30/minute", is_browser=True),
        Step(
            "connections", own(_connections, provider), ("GET", "POST"), "60/minute", gate.FORM_BYTES, is_browser=True
        ),
        Step("token", own(_token, provider), ("POST",), "120/minute", gate.FORM_BYTES),
        Step("register", own(_register, provider), ("POST",), "60/minute;1000/day", gate.REGISTRATION_BYTES),
        Step("revoke", own(_revoke, provider), ("POST",), "60/minute", gate.FORM_BYTES),
    )


def well_known_blueprint(provider: Provider) -> Blueprint:
    """What is at the root of the site, whatever the issuer's path.

    That is the discovery documents (META-1, META-3, END-2, END-3) and, where an operator wants them, the addresses that
    old clients guess (END-4).
    """
    blueprint = Blueprint("sentry_mcp_well_known", __name__)
    documents = metadata.documents(provider.settings, provider.skills)
    server_path = provider.settings.issuer_path
    resource_path = server_path + provider.settings.resource_path

    def server(arrival: Arrival) -> Json:
        if arrival.path != metadata.AUTHORIZATION_SERVER + server_path:
            raise _not_found(arrival)
        return Json(200, documents.authorization_server)

    def resource(arrival: Arrival) -> Json:
        path = arrival.path.removeprefix(metadata.PROTECTED_RESOURCE)
        if path == resource_path or path.startswith(f"{resource_path}/"):
            document = documents.resource(path[len(resource_path) + 1 :], arrival.query.decode("latin-1"))
            if document is not None:
                return Json(200, document)
        raise _not_found(arrival)

    def openid(arrival: Arrival) -> Json:
        raise _not_found(arrival)

    views = {metadata.AUTHORIZATION_SERVER: server, metadata.PROTECTED_RESOURCE: resource, metadata.OPENID: openid}
    for path, view in views.items():
        step = Step("metadata", view, ("GET", "HEAD"), "300/minute", headers=_CACHED)
        for rule, endpoint in ((path, view.__name__), (f"{path}/<path:_rest>", f"{view.__name__}_below")):
            _route(blueprint, rule, endpoint, _serve(provider, step), strict_slashes=False)
    for step in _steps(provider) if provider.settings.endpoint_aliases else ():
        if step.name in _GUESSED:
            _route(blueprint, f"/{step.name}", step.name, _serve(provider, step))
    blueprint.record(_take_every_method)
    return blueprint


def _route(
    blueprint: Blueprint, rule: str, endpoint: str, view: Callable[..., Response], *, strict_slashes: bool = True
) -> None:
    """Have *blueprint* answer at *rule*; no other spelling is redirected to it, which would be to whichever Host."""
    blueprint.add_url_rule(
        rule,
        endpoint=endpoint,
        view_func=view,
        provide_automatic_options=False,
        merge_slashes=False,
        strict_slashes=strict_slashes,
    )


def _take_every_method(state: BlueprintSetupState) -> None:
    """So that a refusal is ours too, whatever the method (END-1). Flask wants a list; Werkzeug's None means all."""
    for rule in state.app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{state.blueprint.name}."):
            rule.methods = None


# -- the views ------------------------------------------------------------------------------------------------------


def _authorize(provider: Provider, arrival: Arrival) -> Answer:
    gated = gate.gate_query(arrival, limit=gate.AUTHORIZE_QUERY_BYTES)
    return ask(provider, read_request(provider, gated), arrival, gated.params.get("prompt"))


def _approve(provider: Provider, arrival: Arrival) -> Answer:
    return decide(provider, gate.gate_form(arrival, may_repeat=frozenset({"skills"})), arrival)


def _callback(provider: Provider, arrival: Arrival) -> Answer:
    gated = gate.gate_query(arrival, limit=gate.CALLBACK_QUERY_BYTES)
    finish = connections.finish if connections.is_own_state(provider, gated.params.get("state")) else callback
    return finish(provider, gated, arrival.cookies)


def _connections(provider: Provider, arrival: Arrival) -> Answer:
    if arrival.method == "GET":
        return connections.show(provider, arrival)
    return connections.act(provider, gate.gate_form(arrival), arrival)


def _token(provider: Provider, arrival: Arrival) -> Answer:
    return Json(*token_response(provider, gate.gate_form(arrival)))


def _register(provider: Provider, arrival: Arrival) -> Answer:
    return register(provider, arrival.content_type, arrival.body)


def _revoke(provider: Provider, arrival: Arrival) -> Answer:
    return Json(*revoke_response(provider, gate.gate_form(arrival)))


# -- the door -------------------------------------------------------------------------------------------------------


def _serve(provider: Provider, step: Step) -> Callable[..., Response]:
    """The function that Flask calls for *step*."""
    settings = provider.settings

    def serve(_rest: str = "") -> Response:
        try:
            response = _response(settings, _answer(provider, step))
        except Exception:  # the last door: whatever went wrong, no traceback leaves, in debug mode neither (ERR-3)
            event_id = new_event_id()
            log.exception("%s failed, event %s", step.name, event_id)
            response = _apology(settings, step, event_id)
        response.headers.update(headers.for_all(settings))
        response.headers.update(step.headers if response.status_code < 400 else headers.NO_STORE)
        origin = request.headers.get("Origin")
        response.headers.update(headers.browser_cors(settings, origin) if step.is_browser else headers.CORS_ANY)
        return response

    return serve


def _answer(provider: Provider, step: Step) -> Answer:
    """What *step* says to the request, its faults included."""
    try:
        if request.method == "OPTIONS":
            return Json(
                204, b"", {"Allow": _allow(step), **({} if step.is_browser else headers.preflight(step.methods))}
            )
        if request.method not in step.methods:
            return _wrong_method(provider.settings, step)
        address = _address(provider.settings)
        key = provider.limits.address_key(address)
        provider.limits.hit(step.limit, f"oauth.{step.name}", key)
        with provider.bodies.place(key):  # nobody is known yet, and a body may come as slowly as its sender likes
            arrival = _arrival(provider.settings, step, address)
        return step.view(arrival)
    except ReturnToClient as fault:
        log.info("%s: %s, by redirect to client %s", step.name, fault.code, fault.client.log_id)
        answer = refusal(provider.settings, fault)
        if isinstance(answer, Page) and not gate.wants_html(request.headers.get("Accept", "")):
            return _shown(provider.settings, step, fault, new_event_id())
        return answer
    except SentryMCPError as fault:
        event_id = new_event_id()
        level = logging.WARNING if fault.http_status >= 500 else logging.INFO
        log.log(level, "%s: %s (%s), event %s", step.name, fault.code, fault, event_id)
        return _shown(provider.settings, step, fault, event_id)


def _shown(settings: Settings, step: Step, fault: SentryMCPError, event_id: str) -> Page | Json:
    """*fault* as a page for a person or JSON for a program (GATE-7, ERR-1)."""
    if step.is_browser and gate.wants_html(request.headers.get("Accept", "")):
        return problem_page(settings, fault, event_id)
    body = {"error": fault.code, "error_description": fault.public, "event_id": event_id}
    extra = {}
    if fault.retry_after_s is not None:
        extra["Retry-After"] = str(fault.retry_after_s)
    if fault.code == "invalid_client" and fault.http_status == 401 and "Authorization" in request.headers:
        extra["WWW-Authenticate"] = 'Basic realm="oauth"'
    return Json(fault.http_status, body, extra)


def _wrong_method(settings: Settings, step: Step) -> Page | Json:
    fault = OAuthError("invalid_request", f"This address takes {' and '.join(step.methods)} only.", status=405)
    shown = _shown(settings, step, fault, new_event_id())
    return replace(shown, headers={**shown.headers, "Allow": _allow(step)})


def _allow(step: Step) -> str:
    return ", ".join(sorted((*step.methods, "OPTIONS")))


def _apology(settings: Settings, step: Step, event_id: str) -> Response:
    """The answer to a fault of ours. When the page for it is what is broken, JSON has to do."""
    fault = SentryMCPError()
    try:
        return _response(settings, _shown(settings, step, fault, event_id))
    except Exception:
        log.exception("the problem page failed, event %s", event_id)
        body = {"error": fault.code, "error_description": fault.public, "event_id": event_id}
        return _response(settings, Json(fault.http_status, body))


def _not_found(arrival: Arrival) -> OAuthError:
    return OAuthError("not_found", "There is no such document here.", arrival.path[:200], status=404)


# -- from and to HTTP -----------------------------------------------------------------------------------------------


def _address(settings: Settings) -> str:
    return client_address(request.remote_addr, request.headers.get("X-Forwarded-For"), settings.trusted_proxy_hops)


def _arrival(settings: Settings, step: Step, address: str) -> Arrival:
    sent = request.headers
    return Arrival(
        method=request.method,
        path=_path(),
        query=request.query_string,
        body=_body(step.body_bytes) if step.body_bytes else b"",
        content_type=sent.get("Content-Type"),
        authorization=sent.get("Authorization"),
        accept=sent.get("Accept", ""),
        address=address,
        origin=sent.get("Origin"),
        fetch_site=sent.get("Sec-Fetch-Site"),
        fetch_mode=sent.get("Sec-Fetch-Mode"),
        fetch_dest=sent.get("Sec-Fetch-Dest"),
        cookies=_cookies(settings),
    )


def _body(limit: int) -> bytes | None:
    """The body, or None when it has more than *limit* bytes, announced or not (GATE-5).

    Werkzeug cuts a body without a length off at its limit and says nothing, so its limit is one byte further. A form
    that the host application has read before us is no longer in the stream, and is put together again.
    """
    request.max_content_length = limit + 1
    try:
        was_read = "form" in vars(request) and request.form
        body = urlencode(list(request.form.items(multi=True))).encode() if was_read else request.get_data(cache=False)
        return body if len(body) <= limit else None
    except RequestEntityTooLarge:
        return None
    except BadRequest as fault:
        raise OAuthError("invalid_request", "The request body did not arrive whole.", type(fault).__name__) from None


def _path() -> str:
    """The path as it was sent, where the server tells: a percent sign names nothing of ours (META-3)."""
    raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or ""
    return raw if "%" in raw.partition("?")[0] else request.path


def _cookies(settings: Settings) -> dict[str, str]:
    """Our cookies, by their bare names. On an https issuer only those with the prefix that no subdomain can set."""
    prefix = _cookie_prefix(settings)
    return {
        name.removeprefix(prefix): value
        for name, value in request.cookies.items()
        if name.startswith(f"{prefix}mcp_") and name.isascii()
    }


def _cookie_prefix(settings: Settings) -> str:
    return "__Host-" if settings.public_url.startswith("https:") else ""


def _response(settings: Settings, answer: Answer) -> Response:
    if isinstance(answer, Json):
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return Response(body, answer.status, answer.headers, mimetype="application/json")
    if isinstance(answer, Page):
        html = _rendered(answer)
        response = Response(html, answer.status, {**answer.headers, **headers.for_page(html)}, mimetype="text/html")
    else:
        response = _Redirect(b"", 303, {"Location": answer.location, "Referrer-Policy": "no-referrer"})
    prefix, is_https = _cookie_prefix(settings), settings.public_url.startswith("https:")
    for name in answer.delete_cookies:
        response.delete_cookie(prefix + name, secure=is_https, httponly=True, samesite="Lax")
    for cookie in answer.set_cookies:
        response.set_cookie(
            prefix + cookie.name,
            cookie.value,
            max_age=cookie.max_age_s,
            secure=is_https,
            httponly=True,
            samesite="Lax",
        )
    return response


def _rendered(page: Page) -> str:
    """The page, by our template or the host's of the same path: in Jinja's own delimiters, whatever the host's are."""
    host = current_app.jinja_env
    if all(getattr(host, name) == usual for name, usual in _DELIMITERS.items()):
        return render_template(page.template, **page.values)
    if "sentry_mcp_pages" not in current_app.extensions:
        current_app.extensions["sentry_mcp_pages"] = host.overlay(**_DELIMITERS)
    values = dict(page.values)
    current_app.update_template_context(values)
    html: str = current_app.extensions["sentry_mcp_pages"].get_template(page.template).render(values)
    return html


class _Redirect(Response):
    """A redirect whose address goes out byte for byte: Werkzeug would make ``app:/cb`` of ``app:///cb`` (REDIR-6)."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers["Location"] = self.headers["Location"]
        return headers
