"""What is measured: a bare Flask view, and the same call through the whole of the extension."""

import json
import os
from typing import Any

from flask import Flask, request
from marshmallow import fields

from flask_sentry_mcp import Context, SentryMCP, settings_from
from flask_sentry_mcp.mcp.tool import Toolbox


def bare() -> Flask:
    """Parses the same JSON and answers a constant: as little as Flask can do."""
    app = Flask("bare")

    @app.post("/mcp")
    def constant() -> dict[str, Any]:
        request.get_json()
        return {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "hello"}]}}

    return app


def guarded() -> Flask:
    """The extension with one trivial tool; settings from the environment, as in the example application."""
    app = Flask("guarded", instance_path=os.environ["BENCH_INSTANCE"])
    app.config.from_mapping(settings_from(os.environ))
    SentryMCP(app, tools=trivial_tools())
    return app


def catalogued() -> Flask:
    """The extension with the whole catalogue; settings from the environment."""
    app = Flask("catalogued", instance_path=os.environ["BENCH_INSTANCE"])
    app.config.from_mapping(settings_from(os.environ))
    SentryMCP(app)
    return app


def trivial_tools() -> Toolbox:
    """One tool that does nothing, so that what is measured is everything around it."""
    toolbox = Toolbox()

    @toolbox.tool({"text": fields.String(required=True)}, reads_only=True)
    def echo(ctx: Context, *, text: str) -> str:
        """Say the same again."""
        return text

    return toolbox


def body() -> bytes:
    """A ``tools/call`` of protocol 2026-07-28."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    params = {"name": "echo", "arguments": {"text": "hello"}, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
