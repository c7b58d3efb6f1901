"""The extension without sign-in and without limits: what the protocol alone costs."""

import base64
import os
import secrets
from typing import Any, cast

from flask import Flask
from marshmallow import fields

from flask_sentry_mcp import Context, SentryMCP, Toolbox
from flask_sentry_mcp.context import Presented

TOOLS = 54


def app() -> Flask:
    """A trivial tool, open to anybody."""
    return echoing()


def echoing(**settings: Any) -> Flask:
    """The trivial tool, and one that changes the list of tools, under other *settings*."""
    toolbox = Toolbox()

    @toolbox.tool({"text": fields.String(required=True)}, reads_only=True)
    def echo(ctx: Context, *, text: str) -> str:
        """Say the same again."""
        return text

    @toolbox.tool(reads_only=False, destructive=False)
    def change(ctx: Context) -> str:
        """Add a tool, and take it away again."""
        toolbox.tool({"text": fields.String(required=True)}, reads_only=True, name="passing")(echo)
        toolbox.remove("passing")
        return "changed"

    return _serve(toolbox, **settings)


def many() -> Flask:
    """54 tools with five parameters each."""
    toolbox = Toolbox()

    def search(ctx: Context, **given: Any) -> str:
        """Search for something."""
        return str(given)

    for number in range(TOOLS):
        parameters: dict[str, fields.Field[Any]] = {
            "organization": fields.String(required=True),
            "query": fields.String(load_default=""),
            "sort": fields.String(load_default="date"),
            "limit": fields.Integer(load_default=10),
            "full": fields.Boolean(load_default=False),
        }
        toolbox.tool(parameters, name=f"tool_{number}", reads_only=True)(search)
    return _serve(toolbox)


def _serve(toolbox: Toolbox, **settings: Any) -> Flask:
    app = Flask("open")
    app.config.update(
        SENTRY_MCP_PUBLIC_URL=os.environ.get("BENCH_PUBLIC_URL", "http://127.0.0.1:5000"),
        SENTRY_CLIENT_ID="bench",
        SENTRY_CLIENT_SECRET="bench",
        COOKIE_SECRET=secrets.token_urlsafe(32),
        SENTRY_MCP_VAULT_KEYS="bench:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        SENTRY_MCP_STORE=os.environ.get("BENCH_STORE", "memory://"),
        SENTRY_MCP_CALL_LIMIT="off",
        SENTRY_MCP_ADDRESS_LIMIT="off",
        **settings,
    )
    SentryMCP(app, tools=toolbox, authenticate=anybody)
    return app


NOBODY = Context(host="sentry.io", token=cast(Any, None), sentry=cast(Any, None))
"""The tools here do not ask Sentry, so there is neither token nor client."""


def anybody(presented: Presented) -> Context:
    """No sign-in: everybody is nobody."""
    return NOBODY
