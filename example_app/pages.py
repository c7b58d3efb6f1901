"""The start page: what this is, and how to connect each client."""

import secrets

from flask import Blueprint, Response, current_app, make_response, render_template

from flask_sentry_mcp import state_of

from .connecting import guides
from .tools import mcp

pages = Blueprint("pages", __name__)


@pages.get("/")
@mcp.limit("120/minute")
def start() -> Response:
    """The page works without JavaScript; with it there are copy buttons."""
    settings = state_of(current_app).settings
    nonce = secrets.token_urlsafe(16)
    page = render_template(
        "start.html",
        nonce=nonce,
        url=settings.resource_url,
        guides=guides(settings.resource_url),
        tools=[(tool.name, tool.description.partition("\n")[0], tool.reads_only) for tool in mcp.tools.tools.values()],
        sandbox=current_app.config.get("EXAMPLE_APP_SANDBOX"),
        host=settings.host,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
