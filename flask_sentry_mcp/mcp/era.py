"""Which of the protocol's two eras a request belongs to, and what it says about itself there.

2026-07-28 is stateless: every request carries its version and the client's capabilities in ``_meta``, and repeats its
version, method and name in headers that must match the body. The versions of 2025 agree on these in a handshake.

Headers are read from the WSGI environment, under its names (``HTTP_MCP_METHOD``).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..errors import ProtocolError
from .messages import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION, Id, Request
from .mirrored import HeaderParameter

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
VERSIONS = (MODERN, *LEGACY)
OLDEST = LEGACY[-1]

META = "io.modelcontextprotocol/"
VERSION_KEY, CAPABILITIES_KEY = META + "protocolVersion", META + "clientCapabilities"
LOG_LEVEL_KEY, SERVER_INFO_KEY = META + "logLevel", META + "serverInfo"
LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

CHANGES = "mcp-changes"
"""The channel of the store on which all workers hear of changes."""

NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""The parameter that ``Mcp-Name`` repeats, by method."""

Headers: TypeAlias = Mapping[str, Any] | None
"""The WSGI environment; None where there are no headers (stdio), and the body alone speaks."""

_NO_CAPABILITIES: Mapping[str, Any] = {}
_ENCODED = "=?base64?"
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_VISIBLE = re.compile(r"[\x20-\x7e\t]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,16}(?:\.0{1,16})?")


class Terms(NamedTuple):
    """On which terms a request is served: its version, and what its client can do and wants to hear."""

    version: str
    modern: bool
    capabilities: Mapping[str, Any] = _NO_CAPABILITIES
    log_level: str | None = None
    progress_token: Id | None = None


def terms_of(headers: Headers, request: Request) -> Terms:
    """The terms of *request*.

    Raises: ProtocolError: -32022 for a version we do not speak, -32020 where header and body differ, -32602 for
    metadata that is missing or malformed.
    """
    meta = request.params.get("_meta")
    header = version_in(headers)
    if meta is not None and not isinstance(meta, dict):
        raise ProtocolError(INVALID_PARAMS, "_meta is an object.")
    said = meta.get(VERSION_KEY) if meta else None
    if headers is None:
        header = said
    if header != MODERN and said is None and not (meta and CAPABILITIES_KEY in meta and header not in LEGACY):
        return _legacy_terms(header, meta)
    if said is not None and header != said:
        raise ProtocolError(HEADER_MISMATCH, "The MCP-Protocol-Version header and the version in _meta differ.")
    if header in LEGACY:
        return _legacy_terms(header, meta)
    if header not in (None, MODERN):
        raise _unsupported(header)
    return _modern_terms(meta)


def version_in(headers: Headers) -> str | None:
    """What the MCP-Protocol-Version header says."""
    header = None if headers is None else headers.get("HTTP_MCP_PROTOCOL_VERSION")
    return header.strip(" \t") if isinstance(header, str) else None


def check_version(headers: Headers) -> None:
    """For what is no request, and so has no terms: that its header names a version we speak, if it is there.

    Raises: ProtocolError (-32022).
    """
    version = version_in(headers)
    if version is not None and version not in VERSIONS:
        raise _unsupported(version)


def _modern_terms(meta: dict[str, Any] | None) -> Terms:
    if not meta or meta.get(VERSION_KEY) is None or CAPABILITIES_KEY not in meta:
        raise ProtocolError(INVALID_PARAMS, "_meta must give the protocol version and the client's capabilities.")
    capabilities = meta[CAPABILITIES_KEY]
    if not isinstance(capabilities, dict):
        raise ProtocolError(INVALID_PARAMS, "The client's capabilities in _meta are an object.")
    level = meta.get(LOG_LEVEL_KEY)
    if level is not None and level not in LOG_LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"The log level in _meta is one of: {', '.join(LOG_LEVELS)}.")
    return Terms(MODERN, True, capabilities, level, _progress_token(meta))


def _legacy_terms(header: str | None, meta: dict[str, Any] | None) -> Terms:
    if header is not None and header not in LEGACY:
        raise _unsupported(header)
    return Terms(header or OLDEST, False, progress_token=_progress_token(meta) if meta else None)


def _progress_token(meta: dict[str, Any]) -> Id | None:
    token = meta.get("progressToken")
    if token is None or isinstance(token, str) or type(token) is int:
        return token
    raise ProtocolError(INVALID_PARAMS, "A progress token is a string or an integer.")


def _unsupported(version: str | None) -> ProtocolError:
    requested = version if version is not None and len(version) <= 64 and _VISIBLE.fullmatch(version) else ""
    return ProtocolError(
        UNSUPPORTED_VERSION,
        "This protocol version is not served.",
        data={"supported": list(VERSIONS), "requested": requested},
    )


def check_headers(headers: Headers, request: Request) -> None:
    """Of 2026-07-28: that ``Mcp-Method`` and ``Mcp-Name`` repeat the body. Raises ProtocolError (-32020)."""
    if headers is None:
        return
    method = headers.get("HTTP_MCP_METHOD")
    if method is None or (method != request.method and method.strip(" \t") != request.method):
        raise ProtocolError(HEADER_MISMATCH, "The Mcp-Method header is missing or differs from the body.")
    member = NAMED_BY.get(request.method)
    if member is None or member not in request.params:
        return
    name = headers.get("HTTP_MCP_NAME")
    if name is None or not _repeats(name, request.params[member]):
        raise ProtocolError(HEADER_MISMATCH, f"The Mcp-Name header is missing or differs from params.{member}.")


def _repeats(raw: str, value: Any) -> bool:
    """Whether a header says *value*. Most say it as it is, which is quickly seen; what needs Base64 is decoded."""
    plain = raw.isascii() and raw.isprintable() and not raw.startswith(_ENCODED)
    return bool(plain and raw == value) or bool(_decoded(raw) == value)


def check_parameters(headers: Headers, parameters: Iterable[HeaderParameter], arguments: dict[str, Any]) -> None:
    """Of 2026-07-28: that ``Mcp-Param-...`` headers repeat the arguments they mirror. Raises ProtocolError (-32020)."""
    if headers is None:
        return
    for parameter in parameters:
        given = headers.get("HTTP_MCP_PARAM_" + parameter.header.upper().replace("-", "_"))
        value = parameter.value_in(arguments)
        if given is None and value is None:
            continue
        if given is None or value is None or not _says(_decoded(given), value):
            raise ProtocolError(
                HEADER_MISMATCH, f"The Mcp-Param-{parameter.header} header is missing or differs from the argument."
            )


def _says(text: str, value: Any) -> bool:
    """Whether a header's *text* is *value*. Integers are compared as numbers: ``42.0`` is 42."""
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, int | float):
        return _INTEGER.fullmatch(text) is not None and float(text) == value
    return isinstance(value, str) and text == value


def _decoded(raw: str) -> str:
    """The text that a header value stands for: itself, or UTF-8 in ``=?base64?...?=``."""
    text = raw.strip(" \t")
    if not (text.startswith(_ENCODED) and text.endswith("?=") and len(text) > 10):
        if not _VISIBLE.fullmatch(text):
            raise ProtocolError(HEADER_MISMATCH, "A header value holds characters that need Base64.")
        return text
    encoded = text[9:-2]
    try:
        if len(encoded) % 4 or not _BASE64.fullmatch(encoded):
            raise ValueError("padding or alphabet")
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ProtocolError(HEADER_MISMATCH, "A header value is not proper Base64.") from None
