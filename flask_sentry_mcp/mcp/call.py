"""One request on its way through the methods, and the ways in which a method may answer it."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..context import Context, Presented
from ..errors import ProtocolError, new_event_id
from .era import SERVER_INFO_KEY, Headers, Terms
from .messages import INVALID_PARAMS, Request, encode, encode_text
from .sessions import Session
from .streams import Stream

if TYPE_CHECKING:
    from .endpoint import Server

log = logging.getLogger("flask_sentry_mcp")
UNEXPECTED = "Something went wrong on this server. The operator can find it by event id {}."


class Call(NamedTuple):
    """One request, with everything a method needs to answer it.

    Where a client cancels by a notification on the channel of its requests, *given_up* tells whether it did.
    """

    server: "Server"
    context: Context
    request: Request
    terms: Terms
    headers: Headers
    session: Session | None = None
    presented: Presented | None = None
    given_up: Callable[[], bool] = bool


class Begun(NamedTuple):
    """A result that begins a session."""

    result: bytes
    session: Session


Outcome: TypeAlias = bytes | Begun | Stream
"""What a method returns: the encoded result, the same with a new session, or a stream that ends with it."""


def complete(call: Call, members: Mapping[str, Any]) -> bytes:
    """The result with *members*; of 2026-07-28 it says that it is complete, and whose it is."""
    if not call.terms.modern:
        return encode(members)
    if "_meta" in members:
        members = {**members, "_meta": {**members["_meta"], SERVER_INFO_KEY: call.server.info}}
        return b'{"resultType":"complete",%b' % encode(members)[1:]
    if not members:
        return b'{"resultType":"complete",%b}' % call.server.signature
    return b'{"resultType":"complete",%b,%b}' % (encode(members)[1:-1], call.server.signature)


def complete_text(call: Call, text: str) -> bytes:
    """As ``complete`` for a result that is one text: the common case, without a walk through a dict."""
    quoted = encode_text(text)
    if not call.terms.modern:
        return b'{"content":[{"type":"text","text":%b}]}' % quoted
    return b'{"resultType":"complete","content":[{"type":"text","text":%b}],%b}' % (quoted, call.server.signature)


def text_in(params: Mapping[str, Any], name: str) -> str:
    """The text that *params* must hold under *name*. Raises ProtocolError (-32602)."""
    value = params.get(name)
    if not isinstance(value, str):
        raise ProtocolError(INVALID_PARAMS, f"params.{name} must be a string.", status=200)
    return value


def object_in(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object that *params* may hold under *name*; empty if it is absent. Raises ProtocolError (-32602)."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProtocolError(INVALID_PARAMS, f"params.{name} must be an object.", status=200)
    return value


def unexpected(what: str) -> str:
    """Log the exception at hand, and return the sentence that may leave in its place."""
    event_id = new_event_id()
    log.exception("Unexpected error in %s, event id %s", what, event_id)
    return UNEXPECTED.format(event_id)
