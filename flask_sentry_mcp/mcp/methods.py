"""The methods a client may call, a table for each era, and the door where every error is caught once."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from .. import signals
from ..context import Context
from ..errors import (
    BadJSON,
    InsufficientScope,
    ProtocolError,
    SentryMCPError,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
    new_event_id,
)
from . import content, messages
from .endpoint import Server
from .era import LEGACY, MODERN, SERVER_INFO_KEY, VERSIONS, Headers, Terms, check_headers, check_parameters, terms_of
from .gateway import Gateway
from .messages import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, Id, Request
from .visible import VisibleTool

log = logging.getLogger("flask_sentry_mcp")
LIST_TTL_MS, DISCOVERY_TTL_MS = 300_000, 3_600_000
UNEXPECTED = "Something went wrong on this server. The operator can find it by event id {}."


class Call(NamedTuple):
    """One request, with everything a method needs to answer it."""

    server: Server
    context: Context
    request: Request
    terms: Terms
    headers: Headers


class Answer(NamedTuple):
    """What goes back over HTTP: a JSON-RPC message, or nothing for a message that has no answer."""

    status: int
    body: bytes


Method: TypeAlias = Callable[[Call], bytes]
ACCEPTED = Answer(202, b"")


# -- the door -------------------------------------------------------------------------------------------------------


def handle(server: Server, context: Context, body: bytes, headers: Headers) -> Answer:
    """The answer to *body* as a caller with *context* sent it.

    Raises: Unauthenticated, InsufficientScope, StoreUnavailable: HTTP has answers of its own for these.
    """
    id: Id | None = None
    try:
        envelope = messages.envelope_of(body)
        id = messages.id_of(envelope)
        message = messages.message_in(envelope)
        if isinstance(message, Request):
            return _answer(server, context, message, headers)
        if isinstance(message, messages.Reply) and headers.get("HTTP_MCP_PROTOCOL_VERSION") == MODERN:
            raise ProtocolError(INVALID_REQUEST, "Clients of this version answer by repeating the request.")
        return ACCEPTED
    except BadJSON as error:
        return Answer(error.http_status, messages.error_message(id, PARSE_ERROR, error.public))
    except ProtocolError as error:
        return Answer(error.http_status, messages.error_message(id, error.rpc_code, error.public, error.data))
    except (Unauthenticated, InsufficientScope, StoreUnavailable):
        raise
    except Exception:  # noqa: BLE001 - the door: whatever it is, it is logged here and says nothing outside
        return Answer(200, messages.error_message(id, INTERNAL_ERROR, _unexpected("a request")))


def _answer(server: Server, context: Context, request: Request, headers: Headers) -> Answer:
    terms = terms_of(headers, request)
    if terms.modern:
        check_headers(headers, request)
        method = MODERN_METHODS.get(request.method)
        if method is None:
            raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=404)
    else:
        method = LEGACY_METHODS.get(request.method)
        if method is None:
            raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=200)
    return Answer(200, messages.result_message(request.id, method(Call(server, context, request, terms, headers))))


def _unexpected(what: str) -> str:
    """Log the exception at hand, and return the sentence that may leave in its place."""
    event_id = new_event_id()
    log.exception("Unexpected error in %s, event id %s", what, event_id)
    return UNEXPECTED.format(event_id)


# -- what every method needs ----------------------------------------------------------------------------------------


def complete(call: Call, members: dict[str, Any]) -> bytes:
    """The result with *members*; of 2026-07-28 it says that it is complete, and whose it is."""
    if not call.terms.modern:
        return messages.encode(members)
    if "_meta" in members:
        members = {**members, "_meta": {**members["_meta"], SERVER_INFO_KEY: call.server.info}}
        return b'{"resultType":"complete",%b' % messages.encode(members)[1:]
    return b'{"resultType":"complete",%b,%b}' % (messages.encode(members)[1:-1], call.server.signature)


def complete_text(call: Call, text: str) -> bytes:
    """As ``complete`` for a result that is one text: the common case, without a walk through a dict."""
    quoted = messages.encode_text(text)
    if not call.terms.modern:
        return b'{"content":[{"type":"text","text":%b}]}' % quoted
    return b'{"resultType":"complete","content":[{"type":"text","text":%b}],%b}' % (quoted, call.server.signature)


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise ProtocolError(INVALID_PARAMS, f"params.{name} must be a string.", status=200)
    return value


def _refuse_cursor(call: Call) -> None:
    if call.request.params.get("cursor") is not None:
        raise ProtocolError(INVALID_PARAMS, "This cursor is not one of ours. Start again without one.", status=200)


# -- the methods ----------------------------------------------------------------------------------------------------


def discover(call: Call) -> bytes:
    """``server/discover``: the versions, capabilities and instructions of this server."""
    members: dict[str, Any] = {"supportedVersions": list(VERSIONS), "capabilities": call.server.capabilities()}
    if call.server.endpoint.instructions:
        members["instructions"] = call.server.endpoint.instructions
    return complete(call, members | {"ttlMs": DISCOVERY_TTL_MS, "cacheScope": "public"})


def initialize(call: Call) -> bytes:
    """``initialize``: the handshake of 2025. A version we do not speak is answered with the newest of that era."""
    asked = _text(call.request.params, "protocolVersion")
    members: dict[str, Any] = {
        "protocolVersion": asked if asked in LEGACY else LEGACY[0],
        "capabilities": call.server.capabilities(),
        "serverInfo": call.server.info,
    }
    if call.server.endpoint.instructions:
        members["instructions"] = call.server.endpoint.instructions
    return complete(call, members)


def ping(_: Call) -> bytes:
    """``ping``: an empty result, to show that somebody is there."""
    return b"{}"


def list_tools(call: Call) -> bytes:
    """``tools/list``: the tools that this caller may see, from bytes encoded once."""
    _refuse_cursor(call)
    listing = call.server.views.of(call.context).listing(modern=call.terms.modern)
    if not call.terms.modern:
        return b'{"tools":%b}' % listing
    rest = complete(call, {"ttlMs": LIST_TTL_MS, "cacheScope": "private"})
    return b'{"tools":%b,%b' % (listing, rest[1:])


def call_tool(call: Call) -> bytes:
    """``tools/call``: find, check, run; whatever goes wrong inside the tool becomes a failed result for the model."""
    params = call.request.params
    seen = call.server.views.tool(call.context, _text(params, "name"))
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise ProtocolError(INVALID_PARAMS, "params.arguments must be an object.", status=200)
    if call.terms.modern and seen.header_parameters:
        check_parameters(call.headers, seen.header_parameters, arguments)
    if not signals.tool_called.receivers:
        return _run(call, seen, arguments)[0]
    started = time.perf_counter()
    outcome = "unauthorized"
    try:
        result, outcome = _run(call, seen, arguments)
        return result
    finally:
        _tell(call, seen, outcome, (time.perf_counter() - started) * 1000)


def _run(call: Call, seen: VisibleTool, arguments: dict[str, Any]) -> tuple[bytes, str]:
    """The encoded result of one call, and its outcome: ``ok``, ``error`` or an error's code."""
    tool = seen.tool
    try:
        returned = _guarded(call, seen, arguments)
        if type(returned) is str and tool.output is None:
            return complete_text(call, returned), "ok"
        members = content.call_result(returned, tool.output)
        if not call.terms.modern and not isinstance(members.get("structuredContent", {}), dict):
            del members["structuredContent"]  # before 2026-07-28 it has to be an object
        return complete(call, members), "error" if members.get("isError") else "ok"
    except (ProtocolError, Unauthenticated, InsufficientScope, StoreUnavailable):
        raise
    except TooManyRequests as error:
        sentence = f"Too many requests. Wait {error.retry_after_s} s, then try again."
        return complete(call, content.error_result(sentence)), error.code
    except SentryMCPError as error:
        if error.http_status != 500:
            log.info("Tool %s: %s: %s", tool.name, error.code, error)
            return complete(call, content.error_result(error.public)), error.code
        return complete(call, content.error_result(_unexpected(f"tool {tool.name}"))), error.code
    except (Exception, SystemExit):  # noqa: BLE001 - a tool is somebody else's code: anything may come out, nothing may pass
        return complete(call, content.error_result(_unexpected(f"tool {tool.name}"))), "server_error"


def _guarded(call: Call, seen: VisibleTool, arguments: dict[str, Any]) -> Any:
    """What the tool returns: its own limit, what the connection fixes and its schema come first."""
    context, tool = call.context, seen.tool
    if tool.limit is not None:
        call.server.endpoint.limits.hit(tool.limit, "tool", tool.name, context.grant_id)
    keywords = seen.keywords(context, arguments)
    gateway = Gateway(call.server.views, context, partial(_nested, call))
    return tool.handler(replace(context, tools=gateway), **keywords)


def _nested(call: Call, seen: VisibleTool, arguments: dict[str, Any]) -> Any:
    """As ``_guarded``, for a tool that another one runs: those who keep watch are told of it as well."""
    started, outcome = time.perf_counter(), "server_error"
    try:
        returned = _guarded(call, seen, arguments)
        outcome = "ok"
        return returned
    except SentryMCPError as error:
        outcome = error.code
        raise
    finally:
        _tell(call, seen, outcome, (time.perf_counter() - started) * 1000)


def _tell(call: Call, seen: VisibleTool, outcome: str, duration_ms: float) -> None:
    context = call.context
    try:
        signals.tool_called.send(
            call.server.endpoint.app,
            tool=seen.tool.name,
            grant_id=context.grant_id,
            client_id=context.client_id,
            user_id=context.user_id,
            outcome=outcome,
            duration_ms=duration_ms,
        )
    except Exception:  # a watcher that fails must not fail the call
        log.exception("A receiver of tool_called failed")


MODERN_METHODS: Mapping[str, Method] = {
    "server/discover": discover,
    "tools/list": list_tools,
    "tools/call": call_tool,
}
LEGACY_METHODS: Mapping[str, Method] = {
    "initialize": initialize,
    "ping": ping,
    "tools/list": list_tools,
    "tools/call": call_tool,
}
