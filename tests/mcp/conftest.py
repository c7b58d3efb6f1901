"""An endpoint with a caller of the test's choosing: no store, no sign-in, no Sentry."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import fields
from werkzeug.test import TestResponse

from flask_sentry_mcp import config
from flask_sentry_mcp.context import Constraint, Context, Presented
from flask_sentry_mcp.errors import InsufficientScope, SentryMCPError, Unauthenticated
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.mcp.views import Endpoint, mcp_blueprint
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.origin import origin_rule
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient, TokenSource
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.official.reading_along import Judged
from tests.official.wire import Judge

MODERN = "2026-07-28"
ACCEPT = "application/json, text/event-stream"
SETTINGS = {
    "SENTRY_MCP_PUBLIC_URL": "http://localhost",
    "SENTRY_CLIENT_ID": "client",
    "SENTRY_CLIENT_SECRET": "client-secret",
    "COOKIE_SECRET": "0123456789abcdefghijklmnopqrstuvwxyz",
    "SENTRY_MCP_CALL_LIMIT": "100000/minute",
    "SENTRY_MCP_ADDRESS_LIMIT": "100000/minute",
    "SENTRY_MCP_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
}


def a_context(**changes: Any) -> Context:
    """A caller with the skill ``inspect``, whom Sentry knows nothing of."""
    caller = Context(
        host="sentry.io",
        token=cast(TokenSource, None),
        sentry=SentryClient(SentryConnections(Regions("sentry.io", ()), user_agent="tests"), cast(TokenSource, None)),
        skills=frozenset({"inspect"}),
        scopes=frozenset({"org:read", "project:read", "team:read", "event:read"}),
        grant_id="g1",
        client_id="c1",
        user_id="u1",
    )
    return replace(caller, **changes)


@dataclass
class Server:
    """An endpoint under test and the ways to speak to it. ``caller`` is who knocks; raise by setting an error."""

    app: Flask
    client: FlaskClient
    caller: Context | Exception
    presented: list[Presented] = field(default_factory=list)

    def authenticate(self, presented: Presented) -> Context:
        self.presented.append(presented)
        if isinstance(self.caller, Exception):
            raise self.caller
        fixed = Constraint(presented.organization_slug, presented.project_slug)
        return self.caller if fixed == Constraint() else replace(self.caller, constraint=fixed)

    def post(self, body: bytes | str, path: str = "/mcp", **headers: str) -> TestResponse:
        """*body* as it is; header names in CGI spelling, lower case (``mcp_method="ping"``)."""
        environ = {"HTTP_" + name.upper(): value for name, value in headers.items()}
        content_type = environ.pop("HTTP_CONTENT_TYPE", "application/json")
        environ.setdefault("HTTP_ACCEPT", ACCEPT)
        data = body.encode() if isinstance(body, str) else body
        return self.client.post(path, data=data, content_type=content_type, environ_overrides=environ)

    def modern(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        path: str = "/mcp",
        meta: Mapping[str, Any] | None = None,
        id: Any = 1,
        headers: Mapping[str, str | None] | None = None,
    ) -> TestResponse:
        """A proper request of 2026-07-28, changed by *meta* and *headers* (None takes one out)."""
        params = dict(params or {})
        known = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            **(meta or {}),
        }
        name = params.get("name", params.get("uri", params.get("taskId")))
        sent: dict[str, str | None] = {"mcp_protocol_version": MODERN, "mcp_method": method}
        if name is not None:
            sent["mcp_name"] = str(name)
        sent |= headers or {}
        body = {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": known}}
        return self.post(json.dumps(body), path, **{name: value for name, value in sent.items() if value is not None})

    def legacy(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        path: str = "/mcp",
        id: Any = 1,
        version: str | None = "2025-11-25",
        **headers: str,
    ) -> TestResponse:
        """A proper request of 2025."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
        if params is not None:
            body["params"] = dict(params)
        if version is not None:
            headers["mcp_protocol_version"] = version
        return self.post(json.dumps(body), path, **headers)

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, *, path: str = "/mcp") -> dict[str, Any]:
        """The result of a tool call of 2026-07-28, without the server's signature."""
        answer = self.modern("tools/call", {"name": name, "arguments": dict(arguments or {})}, path=path)
        result: dict[str, Any] = answer.get_json()["result"]
        assert result.pop("resultType") == "complete"
        del result["_meta"]
        return result

    def listed(self, path: str = "/mcp") -> dict[str, dict[str, Any]]:
        """What ``tools/list`` of 2026-07-28 says, by name."""
        return {tool["name"]: tool for tool in self.modern("tools/list", path=path).get_json()["result"]["tools"]}


Serve = Callable[..., Server]


def challenge(error: SentryMCPError, organization: str | None, project: str | None, query: str) -> str | None:
    if isinstance(error, InsufficientScope):
        return f'Bearer error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    if isinstance(error, Unauthenticated):
        place = "/".join(part for part in ("mcp", organization, project) if part)
        return f'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource/{place}"' + (
            f', error="{error.error}"' if error.error else ""
        )
    return None


@pytest.fixture
def toolbox() -> Toolbox:
    """One tool that greets."""
    toolbox = Toolbox()

    @toolbox.tool({"name": fields.Str(required=True, metadata={"description": "Whom"})}, reads_only=True)
    def greet(ctx: Context, *, name: str) -> str:
        """Greet somebody."""
        return f"Hello, {name}!"

    return toolbox


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes a server of a toolbox; settings by their keys in ``app.config``, the rest as ``Endpoint`` has it.

    Whatever it sends is held against the specification's types.
    """
    judge = Judge()

    def make(
        toolbox: Toolbox,
        settings: Mapping[str, Any] | None = None,
        caller: Context | Exception | None = None,
        **parts: Any,
    ) -> Server:
        loaded = config.load({**SETTINGS, **(settings or {})})
        app = Flask("server_under_test")
        server = Server(app, app.test_client(), a_context() if caller is None else caller)
        endpoint = Endpoint(
            app=app,
            settings=loaded,
            toolbox=toolbox,
            authenticate=server.authenticate,
            challenge=challenge,
            limits=Limits(secret=loaded.cookie_secret),
            origins=origin_rule(loaded.public_origin, loaded.allowed_hosts, loaded.allowed_origins),
            version="1.2.3",
            **parts,
        )
        app.register_blueprint(mcp_blueprint(endpoint), url_prefix=loaded.issuer_path or None)
        app.wsgi_app = Judged(app.wsgi_app, judge)  # type: ignore[method-assign]  # as Flask says it is done
        return server

    yield make
    assert judge.complaints == []


@pytest.fixture
def server(serve: Serve, toolbox: Toolbox) -> Server:
    """The server of the tool that greets."""
    return serve(toolbox)


@pytest.fixture
def context() -> Callable[..., Context]:
    """``a_context``, for tests that need a caller of another kind."""
    return a_context
