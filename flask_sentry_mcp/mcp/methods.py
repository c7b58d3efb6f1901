"""The methods a client may call, a table for each era, and the door where every error is caught once."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from ..context import Context, Presented
from ..errors import (
    BadJSON,
    BadTransport,
    InsufficientScope,
    ProtocolError,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from . import messages
from .call import Begun, Call, Outcome, complete, object_in, text_in
from .calling import call_tool, complete_argument, get_prompt, read_resource
from .door import error_message_for
from .endpoint import Server
from .era import (
    LEGACY,
    LOG_LEVELS,
    MODERN,
    VERSION_KEY,
    VERSIONS,
    Headers,
    check_headers,
    check_version,
    terms_of,
    version_in,
)
from .listening import listen
from .messages import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Id, Request
from .sessions import Session
from .streams import Stream
from .tasks import cancel_task, get_task, update_task

LONGEST_ID = 256
LIST_TTL_MS, DISCOVERY_TTL_MS = 300_000, 3_600_000


class Answer(NamedTuple):
    """What goes back over HTTP: a JSON-RPC message, a stream of them, or nothing for a message without an answer."""

    status: int
    body: bytes | Stream
    session: Session | None = None


Method: TypeAlias = Callable[[Call], Outcome]
ACCEPTED = Answer(202, b"")


# -- the door -------------------------------------------------------------------------------------------------------


def handle(
    server: Server,
    context: Context,
    body: bytes,
    headers: Headers,
    presented: Presented | None = None,
    session_id: str | None = None,
    given_up: Callable[[], bool] = bool,
) -> Answer:
    """The answer to *body* as a caller with *context* sent it.

    *presented* is looked at again for as long as a stream is open; *session_id* is the session of 2025 it came with;
    *given_up* tells whether the client has cancelled it meanwhile.

    Raises: Unauthenticated, InsufficientScope, TooManyRequests, StoreUnavailable, BadTransport: HTTP has answers of its
    own for these.
    """
    id: Id | None = None
    server.serves = True
    try:
        envelope = messages.envelope_of(body)
        id = messages.id_of(envelope)
        message = messages.message_in(envelope)
        if not isinstance(message, Request):
            id = None  # it is not a request's, so no answer may bear it
            check_version(headers)
        session = _session(server, context, session_id, message, headers)
        if isinstance(message, Request):
            return _answer(
                Call(server, context, message, terms_of(headers, message), headers, session, presented, given_up)
            )
        if isinstance(message, messages.Reply) and session is None:
            raise ProtocolError(INVALID_REQUEST, _no_question(headers))
        if session is not None:
            _deliver(server, session, message)
        return ACCEPTED
    except (BadJSON, ProtocolError) as error:
        return Answer(error.http_status, error_message_for(id, error))
    except (Unauthenticated, InsufficientScope, TooManyRequests, StoreUnavailable, BadTransport):
        raise
    except Exception as error:  # noqa: BLE001 - the door: whatever it is, it is logged and says nothing outside
        return Answer(200, error_message_for(id, error))


def _answer(call: Call) -> Answer:
    request, session = call.request, call.session
    if call.terms.modern:
        check_headers(call.headers, request)
        method, status = MODERN_METHODS.get(request.method), 404
    else:
        method, status = LEGACY_METHODS.get(request.method), 200  # a 404 would tell a client of 2025 to begin again
        if session is not None:
            terms = call.terms._replace(capabilities=session.capabilities, log_level=session.log_level)
            call = call._replace(terms=terms)
    if method is None:
        raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=status)
    outcome = method(call)
    if isinstance(outcome, Stream):
        return Answer(200, outcome)
    if isinstance(outcome, Begun):
        return Answer(200, messages.result_message(request.id, outcome.result), outcome.session)
    return Answer(200, messages.result_message(request.id, outcome))


def _session(
    server: Server, context: Context, id: str | None, message: messages.Message, headers: Headers
) -> Session | None:
    """The session that the request names, if it is of 2025. Raises: BadTransport (404) for one that has ended."""
    if id is None or server.memory is None or version_in(headers) == MODERN:
        return None
    meta = message.params.get("_meta") if headers is None and isinstance(message, Request) else None
    if isinstance(meta, dict) and VERSION_KEY in meta:
        return None
    return server.sessions.find(id, context.grant_id)


def _no_question(headers: Headers) -> str:
    if version_in(headers) == MODERN:
        return "Clients of this version answer by repeating the request."
    return "An answer belongs to a session, and this one names none."


def _deliver(server: Server, session: Session, message: messages.Notification | messages.Reply) -> None:
    """Hand an answer, or a change of mind, to the call that waits for it, wherever it runs."""
    if isinstance(message, messages.Reply):
        outcome = {"result": message.result} if message.result is not None else {"error": message.error}
        server.sessions.answer(session, message.id, outcome)
    elif message.method == "notifications/cancelled":
        request_id = messages.id_of({"id": message.params.get("requestId")})
        if request_id is not None and len(str(request_id)) <= LONGEST_ID:
            server.sessions.cancel(session, request_id)


# -- the methods ----------------------------------------------------------------------------------------------------


def discover(call: Call) -> Outcome:
    """``server/discover``: the versions, capabilities and instructions of this server."""
    members = {"supportedVersions": list(VERSIONS), **_introduction(call)}
    return complete(call, members | {"ttlMs": DISCOVERY_TTL_MS, "cacheScope": "public"})


def initialize(call: Call) -> Outcome:
    """``initialize``: the handshake of 2025. A version we do not speak is answered with the newest of that era."""
    asked = text_in(call.request.params, "protocolVersion")
    capabilities = object_in(call.request.params, "capabilities")
    version = asked if asked in LEGACY else LEGACY[0]
    members = {"protocolVersion": version, **_introduction(call), "serverInfo": call.server.info}
    result = complete(call, members)
    if call.server.memory is None:
        return result
    return Begun(result, call.server.sessions.begin(call.context.grant_id, version, capabilities))


def _introduction(call: Call) -> dict[str, Any]:
    members: dict[str, Any] = {"capabilities": call.server.capabilities()}
    if call.terms.modern:
        members["capabilities"] |= call.server.extensions()
    if call.server.endpoint.instructions:
        members["instructions"] = call.server.endpoint.instructions
    return members


def ping(_: Call) -> Outcome:
    """``ping``: an empty result, to show that somebody is there."""
    return b"{}"


def list_offers(kind: str, call: Call) -> Outcome:
    """``tools/list`` and its kin: what this caller may see, from pages encoded once."""
    if kind in ("prompts", "resources", "resourceTemplates"):
        _require(call, "prompts" if kind == "prompts" else "resources")
    cursor = call.request.params.get("cursor")
    if not isinstance(cursor, str | None):
        raise ProtocolError(INVALID_PARAMS, "params.cursor must be a string.", status=200)
    page = call.server.views.of(call.context).page(kind, cursor, modern=call.terms.modern)
    if not call.terms.modern:
        return b"{%b}" % page
    rest = b'"resultType":"complete","ttlMs":%d,"cacheScope":"private"' % LIST_TTL_MS
    return b"{%b,%b,%b}" % (page, rest, call.server.signature)


def offered_only(capability: str, method: Method, call: Call) -> Outcome:
    """*method*, where the server has the *capability* that it belongs to."""
    _require(call, capability)
    return method(call)


def with_tasks(method: Method, call: Call) -> Outcome:
    """*method*, where the server has tasks at all."""
    if not call.server.extensions():
        raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=404)
    return method(call)


def _require(call: Call, capability: str) -> None:
    if capability not in call.server.capabilities():
        status = 404 if call.terms.modern else 200
        raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=status)


def set_log_level(call: Call) -> Outcome:
    """``logging/setLevel``: which log messages a client of 2025 wants to have, for its session."""
    level = call.request.params.get("level")
    if level not in LOG_LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"params.level is one of: {', '.join(LOG_LEVELS)}.", status=200)
    if call.session is not None:
        call.server.sessions.set_log_level(call.session, level)
    return b"{}"


def subscribe(call: Call) -> Outcome:
    """``resources/subscribe``: tell a session of 2025 when a resource changes."""
    uri = text_in(call.request.params, "uri")
    if call.server.views.resource(call.context, uri)[0] is None:
        raise ProtocolError(-32002, "There is no resource at this address.", status=200)
    if call.session is not None and not call.server.sessions.subscribe(call.session, uri):
        raise ProtocolError(INVALID_PARAMS, "This session has as many subscriptions as are served.", status=200)
    return b"{}"


def unsubscribe(call: Call) -> Outcome:
    """``resources/unsubscribe``: and no more."""
    uri = text_in(call.request.params, "uri")
    if call.session is not None:
        call.server.sessions.unsubscribe(call.session, uri)
    return b"{}"


_BOTH: Mapping[str, Method] = {
    "tools/list": partial(list_offers, "tools"),
    "tools/call": call_tool,
    "prompts/list": partial(list_offers, "prompts"),
    "prompts/get": partial(offered_only, "prompts", get_prompt),
    "resources/list": partial(list_offers, "resources"),
    "resources/templates/list": partial(list_offers, "resourceTemplates"),
    "resources/read": partial(offered_only, "resources", read_resource),
    "completion/complete": partial(offered_only, "completions", complete_argument),
}
MODERN_METHODS: Mapping[str, Method] = {
    **_BOTH,
    "server/discover": discover,
    "subscriptions/listen": listen,
    "tasks/get": partial(with_tasks, get_task),
    "tasks/update": partial(with_tasks, update_task),
    "tasks/cancel": partial(with_tasks, cancel_task),
}
LEGACY_METHODS: Mapping[str, Method] = {
    **_BOTH,
    "initialize": initialize,
    "ping": ping,
    "logging/setLevel": partial(offered_only, "logging", set_log_level),
    "resources/subscribe": partial(offered_only, "resources", subscribe),
    "resources/unsubscribe": partial(offered_only, "resources", unsubscribe),
}
