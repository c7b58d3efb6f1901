"""The endpoint over HTTP: one view at ``/mcp``, ``/mcp/<organization>`` and ``/mcp/<organization>/<project>``.

The order is the guard: address, type and size; Host and Origin; the limit per address; authentication; the limit per
person; and only then is anything parsed.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, copy_current_request_context, g, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from ..context import Context, Presented
from ..errors import BadTransport, SentryMCPError, new_event_id
from ..security.limits import CALLS, client_address
from ..security.slugs import is_slug
from . import listening, methods
from .call import UNEXPECTED
from .endpoint import Endpoint, Server
from .era import check_version
from .messages import encode
from .streams import Stream

__all__ = ["Endpoint", "mcp_blueprint"]

log = logging.getLogger("flask_sentry_mcp")
LARGEST_BODY = 1024 * 1024
_EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ALLOW = "GET, POST, DELETE, OPTIONS"
_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, Mcp-Session-Id"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)
_REQUEST_HEADERS = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID"
)
_MIRRORED = re.compile(r"(?i)mcp-param-[a-z0-9-]{1,100}")
_ZERO = re.compile(r"q=0(?:\.0{0,3})?")


def mcp_blueprint(endpoint: Endpoint) -> Blueprint:
    """The blueprint that serves *endpoint*. Register it under the path of the public URL."""
    door = _Door(Server(endpoint, _carried))
    blueprint = Blueprint("sentry_mcp", __name__)
    root = endpoint.settings.resource_path
    for path in (root, f"{root}/<organization>", f"{root}/<organization>/<project>"):
        blueprint.add_url_rule(
            f"{path}/",
            "mcp",
            door.view,
            methods=_EVERY_METHOD,
            strict_slashes=False,
            merge_slashes=False,
            provide_automatic_options=False,
        )
    return blueprint


def _carried(work: Callable[[], None]) -> Callable[[], None]:
    """*work* for another thread, with the request at hand and what the host has put on ``g`` so far.

    Its context is a copy, for the work may outlive its request: it has its own ``g``, and is torn down when it ends.
    """
    found = {name: g.get(name) for name in g}

    @copy_current_request_context
    def inside() -> None:
        for name, value in found.items():
            setattr(g, name, value)
        work()

    return inside


class _Message(Response):
    """A finished message. Its headers are complete as they are: nothing about them needs to be worked out again."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[str, str]]) -> None:
        super().__init__([body], status, _Ready([*headers, ("Content-Length", str(len(body)))]))

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """The headers as they were given."""
        return self.headers


class _Ready(Headers):
    """Headers that are known to be good: taken over as they are, where the base checks one after the other."""

    def __init__(self, entries: list[tuple[str, str]]) -> None:
        self._list = entries


class _Door:
    """The view of one endpoint, with the headers of all its answers."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._endpoint = server.endpoint
        secure = (("Strict-Transport-Security", "max-age=31536000"),)
        self._common = [*_CORS, *(secure if server.endpoint.settings.public_url.startswith("https:") else ())]
        self._json = [("Content-Type", "application/json"), *self._common]
        self._stream = [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"), *self._common]

    def view(self, organization: str | None = None, project: str | None = None) -> Response:
        """Answer the request at hand. Whatever happens is an answer of ours: nothing reaches the host's handlers."""
        environ = request.environ
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return self._preflight(environ)
        try:
            return self._serve(environ, organization, project)
        except SentryMCPError as error:
            return self._refusal(error, organization, project)
        except Exception:  # the outer door: a fault of ours or of the machine, told by its event id alone
            event_id = new_event_id()
            log.exception("Unexpected error at the MCP endpoint, event id %s", event_id)
            described = {"error": SentryMCPError.code, "error_description": UNEXPECTED.format(event_id)}
            return Response(encode(described), 500, self._json)

    def _serve(self, environ: dict[str, Any], organization: str | None, project: str | None) -> Response:
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            _check_transport(environ)
        presented, context = self._admitted(environ, organization, project)
        if method == "POST":
            return self._answered(
                methods.handle(
                    self._server, context, _body(environ), environ, presented, environ.get("HTTP_MCP_SESSION_ID")
                )
            )
        session_id = environ.get("HTTP_MCP_SESSION_ID")
        if session_id is None or self._server.memory is None or method not in ("GET", "DELETE"):
            raise BadTransport(405, "This address is served by POST.")
        check_version(environ)
        if method == "DELETE":
            self._server.sessions.end(session_id, context.grant_id)
            return Response(status=204, headers=self._common)
        session = self._server.sessions.find(session_id, context.grant_id)
        if not _accepts(environ.get("HTTP_ACCEPT", "*/*"), ("text/event-stream",)):
            raise BadTransport(406, "Accept text/event-stream.")
        last = environ.get("HTTP_LAST_EVENT_ID")
        if last is None:
            return Response(listening.listen_in_session(self._server, session, presented), 200, self._stream)
        return Response(listening.resume(self._server, session, last.strip(), presented), 200, self._stream)

    def _answered(self, answer: methods.Answer) -> Response:
        if isinstance(answer.body, Stream):
            return Response(answer.body, answer.status, self._stream)
        response = _Message(answer.body, answer.status, self._json)
        if answer.session is not None:
            response.headers["Mcp-Session-Id"] = answer.session.id
        return response

    def _admitted(
        self, environ: Mapping[str, Any], organization: str | None, project: str | None
    ) -> tuple[Presented, Context]:
        """The caller, once past the guard, and what was shown for it."""
        endpoint, settings = self._endpoint, self._endpoint.settings
        endpoint.origins.check(environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN"))
        address = client_address(
            environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR"), settings.trusted_proxy_hops
        )
        if settings.address_limit:
            endpoint.limits.hit(settings.address_limit, "mcp", self._server.address_key(address))
        if (organization is not None and not is_slug(organization)) or (project is not None and not is_slug(project)):
            raise BadTransport(404, "There is nothing at this address.")
        presented = Presented(
            environ.get("HTTP_AUTHORIZATION"), organization, project, address, environ.get("QUERY_STRING", "")
        )
        context = endpoint.authenticate(presented)
        if settings.call_limit:
            endpoint.limits.hit(settings.call_limit, CALLS, context.caller)
        return presented, context

    def _refusal(self, error: SentryMCPError, organization: str | None, project: str | None) -> Response:
        """An answer of HTTP's own: OAuth's error body (RATE-2, ERR-1), with a challenge where there is one."""
        log.info("Refused at the MCP endpoint: %s: %s", error.code, error)
        headers = list(self._json)
        query = request.environ.get("QUERY_STRING", "")
        if challenge := self._endpoint.challenge(error, organization, project, query):
            headers.append(("WWW-Authenticate", challenge))
        if error.retry_after_s is not None:
            headers.append(("Retry-After", str(error.retry_after_s)))
        if error.http_status == 405:
            headers.append(("Allow", "POST, OPTIONS" if self._server.memory is None else _ALLOW))
        described = {"error": error.code, "error_description": error.public}
        return Response(encode(described), error.http_status, headers)

    def _preflight(self, environ: Mapping[str, Any]) -> Response:
        """A browser asks whether it may (CORS-1); of the headers it names only ``Mcp-Param-...`` are echoed."""
        asked = (name.strip() for name in environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(","))
        mirrored = [name for name in asked if _MIRRORED.fullmatch(name)]
        headers = [
            *self._common,
            ("Access-Control-Allow-Methods", _ALLOW),
            ("Access-Control-Allow-Headers", ", ".join([_REQUEST_HEADERS, *mirrored])),
            ("Access-Control-Max-Age", "86400"),
        ]
        return Response(status=204, headers=headers)


def _check_transport(environ: Mapping[str, Any]) -> None:
    """Raises BadTransport unless type, encoding, size and accepted types are ones we serve (RS-5)."""
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type != "application/json" and content_type.partition(";")[0].strip().lower() != "application/json":
        raise BadTransport(415, "Send application/json.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise BadTransport(415, "Send the body without a content encoding.")
    if not _accepts(environ.get("HTTP_ACCEPT", "*/*")):
        raise BadTransport(406, "Accept both application/json and text/event-stream.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise BadTransport(400, "The Content-Length is not a number.")
    if len(length) > 10 or int(length) > LARGEST_BODY:
        raise BadTransport(413, "A body may have one mebibyte.")


def _accepts(header: str, wanted: tuple[str, ...] = ("application/json", "text/event-stream")) -> bool:
    if header == "application/json, text/event-stream":
        return True
    ranges = set()
    for part in header.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if not any(_ZERO.fullmatch(parameter) for parameter in parameters):
            ranges.add(media)
    return all(not ranges.isdisjoint((media, f"{media.partition('/')[0]}/*", "*/*")) for media in wanted)


def _body(environ: Mapping[str, Any]) -> bytes:
    """The body. When its length is known it is read as it is, without the layers that guard an unknown one."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    if not left:
        return _guarded_body()
    stream, pieces = environ["wsgi.input"], []
    try:
        while left > 0 and (piece := stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        raise BadTransport(400, "The body ended early.") from None
    if not left:
        return b"".join(pieces)
    if not pieces and len(body := _guarded_body()) == left:
        return body  # a hook of the host's application has read it before us, and Flask has kept it
    raise BadTransport(400, "The body ended early.")


def _guarded_body() -> bytes:
    request.max_content_length = LARGEST_BODY
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        raise BadTransport(413, "A body may have one mebibyte.") from None
    except (ClientDisconnected, HTTPException, OSError):
        raise BadTransport(400, "The body ended early.") from None
