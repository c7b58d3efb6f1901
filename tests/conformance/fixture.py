"""The server under test: an application with nothing but the endpoint, for a store and a port of the runner's choosing.

Whoever comes is let in, so that the suite, which knows no sign-in, can reach everything.
"""

import os
from typing import Any, cast

from flask import Flask

from flask_sentry_mcp import config
from flask_sentry_mcp.context import Context, Presented
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.mcp.views import Endpoint, mcp_blueprint
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.origin import origin_rule
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient, TokenSource
from flask_sentry_mcp.sentry.connections import SentryConnections
from flask_sentry_mcp.store.opening import open_store
from tests.conformance.offers import offers

SETTINGS = {
    "SENTRY_CLIENT_ID": "conformance",
    "SENTRY_CLIENT_SECRET": "conformance",
    "COOKIE_SECRET": "conformance-0123456789-abcdefghijk",
    "SENTRY_MCP_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
    "SENTRY_MCP_CALL_LIMIT": "1000000/minute",
    "SENTRY_MCP_ADDRESS_LIMIT": "1000000/minute",
}


def create_app(
    port: int | None = None, store_url: str | None = None, toolbox: Toolbox | None = None, **parts: Any
) -> Flask:
    """The application; what is not given is read from CONFORMANCE_PORT and CONFORMANCE_STORE.

    *toolbox* instead of what the suite expects, and other *parts* of the endpoint, are for other tests.
    """
    app = Flask("conformance")
    port = port or int(os.environ["CONFORMANCE_PORT"])
    settings = config.load({**SETTINGS, "SENTRY_MCP_PUBLIC_URL": f"http://127.0.0.1:{port}"})
    endpoint = Endpoint(
        app=app,
        settings=settings,
        toolbox=toolbox or offers(),
        authenticate=_anybody,
        challenge=lambda *_: None,
        limits=Limits(secret=settings.cookie_secret),
        origins=origin_rule(settings.public_origin),
        store=open_store(store_url or os.environ["CONFORMANCE_STORE"]),
        name="conformance",
        version="1.0.0",
        streams_per_grant=64,
        streams_per_worker=24,
        **parts,
    )
    app.register_blueprint(mcp_blueprint(endpoint))
    return app


def _anybody(_: Presented) -> Context:
    return Context(
        host="sentry.test",
        token=cast(TokenSource, None),
        sentry=SentryClient(SentryConnections(Regions("sentry.io", ()), user_agent="tests"), cast(TokenSource, None)),
        grant_id="anybody",
    )
