"""JSON-RPC 2.0 as MCP narrows it: one message per body, ids that are strings or integers, no batches (JSON-2)."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from ..errors import ProtocolError
from ..security import strict_json
from .content import plain

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
JSON: TypeAlias = dict[str, Any]
Id: TypeAlias = str | int
_LARGEST_ID = 2**63 - 1


class Request(NamedTuple):
    """A request, which is answered under its id."""

    id: Id
    method: str
    params: JSON


class Notification(NamedTuple):
    """A notification, which is never answered."""

    method: str
    params: JSON


class Reply(NamedTuple):
    """A client's answer to a question of ours (protocol 2025): one of *result* and *error* is there."""

    id: Id
    result: JSON | None
    error: JSON | None


Message: TypeAlias = Request | Notification | Reply


def envelope_of(body: bytes) -> JSON:
    """The one JSON object in *body*. Raises BadJSON, or ProtocolError for anything else that JSON can say."""
    value = strict_json.loads(body)
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        raise ProtocolError(INVALID_REQUEST, "Send one message per request: batches are not served.")
    raise ProtocolError(INVALID_REQUEST, "A message is a JSON object.")


def id_of(envelope: JSON) -> Id | None:
    """The id to echo, if there is one of a kind that may be echoed."""
    id = envelope.get("id")
    if isinstance(id, str) or (type(id) is int and -_LARGEST_ID <= id <= _LARGEST_ID):
        return id
    return None


def message_in(envelope: JSON) -> Message:
    """What *envelope* says. Raises ProtocolError (-32600, or -32602 for parameters that are no object)."""
    if envelope.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, 'A message says "jsonrpc": "2.0".')
    id = id_of(envelope)
    if id is None and "id" in envelope:
        raise ProtocolError(INVALID_REQUEST, "The id of a message is a string or an integer.")
    if "method" not in envelope:
        return _reply(id, envelope)
    method, params = envelope["method"], envelope.get("params", {})
    if not isinstance(method, str) or "result" in envelope or "error" in envelope:
        raise ProtocolError(INVALID_REQUEST, "A message has a method, or a result, or an error.")
    if not isinstance(params, dict):
        raise ProtocolError(INVALID_PARAMS, "The params of a message are an object.")
    return Notification(method, params) if id is None else Request(id, method, params)


def _reply(id: Id | None, envelope: JSON) -> Reply:
    result, error = envelope.get("result"), envelope.get("error")
    if (
        id is None
        or isinstance(result, dict) == isinstance(error, dict)
        or ("result" in envelope and "error" in envelope)
    ):
        raise ProtocolError(INVALID_REQUEST, "A message has a method, or a result, or an error.")
    return Reply(id, result, error)


_quoted = json.encoder.encode_basestring
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)


def encode(value: Any) -> bytes:
    """*value* as compact JSON in UTF-8; half surrogates, which UTF-8 cannot say, become ``?``.

    Raises: ValueError, TypeError or RecursionError for what JSON cannot say.
    """
    text = _encoder.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace")


def encode_text(text: str) -> bytes:
    """As ``encode``, for a string alone: ten times as fast."""
    return _quoted(text).encode(errors="replace")


def result_message(id: Id, result: bytes) -> bytes:
    """The answer to request *id*; *result* is JSON already."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (b"%d" % id if isinstance(id, int) else encode_text(id), result)


def error_message(id: Id | None, code: int, sentence: str, data: Mapping[str, Any] | None = None) -> bytes:
    """The error answer to request *id*, or to a message whose id could not be read (None)."""
    error: JSON = {"code": code, "message": sentence}
    if data is not None:
        error["data"] = dict(data)
    envelope: JSON = {"jsonrpc": "2.0"} if id is None else {"jsonrpc": "2.0", "id": id}
    return encode(envelope | {"error": error})
