"""How many streams a worker holds is a setting, and one too many is told so plainly that a client can come back."""

import json
from typing import Any, cast

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_sentry_mcp import SentryMCP, Toolbox
from flask_sentry_mcp.context import Context, Presented
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for

MODERN = "2026-07-28"


def _listen(app: Flask, grant: str) -> TestResponse:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"notifications": {"toolsListChanged": True}, "_meta": meta}
    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": grant,
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "subscriptions/listen",
    }
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
    url = f"{app.config['SENTRY_MCP_PUBLIC_URL']}/mcp"
    return app.test_client().post(url, data=body, headers=headers, content_type="application/json")


def _anybody(presented: Presented) -> Context:
    nothing = cast(Any, None)
    return Context(host="sentry.io", token=nothing, sentry=nothing, grant_id=presented.authorization or "")


@pytest.mark.parametrize(
    ("grants", "sentence"),
    [
        (["ada", "ada", "ada"], "This sign-in holds as many open streams as are served. Close one, then try again."),
        (["ada", "bob", "bob", "cy"], "The server holds as many open streams as it can. Try again shortly."),
    ],
)
def test_one_stream_too_many(sandbox: Sandbox, grants: list[str], sentence: str) -> None:
    """Two for a grant, three in the worker; a place that is left can be taken again."""
    app = Flask("app")
    app.config.update(settings_for(sandbox), SENTRY_MCP_STREAMS_PER_GRANT=2, SENTRY_MCP_STREAMS_PER_WORKER=3)
    SentryMCP(app, tools=Toolbox(), authenticate=_anybody)
    *held, refused = [_listen(app, grant) for grant in grants]

    assert [answer.status_code for answer in held] == [200] * len(held)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert refused.get_json()["error_description"] == sentence
    held[0].close()
    again = _listen(app, grants[-1])
    assert again.status_code == 200
    for answer in (*held, again):
        answer.close()
