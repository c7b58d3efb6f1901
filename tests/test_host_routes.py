"""The host's routes beside ours: at addresses that do not meet, and under the guards that ours have."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.errors import ForbiddenRegion
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import PUBLIC_URL, settings_for


@pytest.mark.parametrize(
    "path", ["/oauth/token", "/mcp", "/mcp/<int:number>/", "/.well-known/oauth-protected-resource"]
)
def test_a_route_of_the_hosts_at_an_address_of_ours_stops_the_start(sandbox: Sandbox, path: str) -> None:
    """One of the two would never be reached. With the path that the sentence advises, both are."""
    app = Flask("host")
    app.config.update(settings_for(sandbox))
    app.add_url_rule(path, "taken", lambda **_: "the host's", methods=["POST"])
    mcp = SentryMCP()

    with pytest.raises(RuntimeError, match="Give SENTRY_MCP_PUBLIC_URL a path of its own"):
        mcp.init_app(app)

    assert "sentry_mcp" not in app.extensions
    assert list(app.blueprints) == []


def test_a_start_that_failed_can_be_tried_again(sandbox: Sandbox) -> None:
    app, mcp = Flask("host"), SentryMCP()
    app.config.update(settings_for(sandbox))
    app.add_url_rule("/oauth/token", "taken", lambda: "the host's", methods=["POST"])
    with pytest.raises(RuntimeError):
        mcp.init_app(app)

    app.config["SENTRY_MCP_PUBLIC_URL"] = f"{PUBLIC_URL}/sentry"
    mcp.init_app(app)

    assert app.test_client().post(f"{PUBLIC_URL}/oauth/token").text == "the host's"
    assert app.test_client().post(f"{PUBLIC_URL}/sentry/oauth/token").status_code == 400


@pytest.mark.parametrize("path", ["/<path:page>", "/<page>", "/oauth/<provider>", "/mcp/health/live"])
def test_a_route_for_everything_else_is_in_nobodys_way(sandbox: Sandbox, path: str) -> None:
    app = Flask("host")
    app.config.update(settings_for(sandbox))
    app.add_url_rule(path, "page", lambda **_: "the host's")

    SentryMCP(app)

    assert app.test_client().post(f"{PUBLIC_URL}/mcp", json={}).status_code == 401


def limited_application(config: dict[str, Any], key: Callable[[], str] | None = None) -> Flask:
    app = Flask("host")
    app.config.update(config)
    mcp = SentryMCP(app)

    @app.get("/report")
    @mcp.limit("1/minute", key=key)
    def report() -> str:
        return "a report"

    return app


def test_limits_guard_the_hosts_own_routes(sandbox: Sandbox) -> None:
    client = limited_application(settings_for(sandbox)).test_client()

    first, second = client.get("/report"), client.get("/report")
    elsewhere = client.get("/report", environ_base={"REMOTE_ADDR": "203.0.113.9"})

    assert (first.text, second.status_code, elsewhere.status_code) == ("a report", 429, 200)
    assert 1 <= int(second.headers["Retry-After"]) <= 60


def test_limits_may_count_by_what_the_host_says(sandbox: Sandbox) -> None:
    client = limited_application(settings_for(sandbox), key=lambda: request.args["user"]).test_client()

    answers = [client.get("/report", query_string={"user": user}).status_code for user in ("a", "b", "a")]

    assert answers == [200, 200, 429]


def test_each_route_has_its_own_counters(sandbox: Sandbox) -> None:
    """Also those whose views a factory makes, which have one name, and one that is named like a counter of ours."""
    app = Flask("host")
    app.config.update(settings_for(sandbox))
    mcp = SentryMCP(app)

    def grant() -> str:
        return "here"

    for name in ("one", "two"):
        app.add_url_rule(f"/{name}", name, mcp.limit("1/minute", key=lambda: "somebody")(grant))
    client = app.test_client()

    answers = [client.get(path).status_code for path in ("/one", "/two", "/one", "/two")]

    assert answers == [200, 200, 429, 429]


def test_the_region_check_serves_the_hosts_own_routes(app: Flask) -> None:
    """B8: the same rule, for code of the application."""
    regions = state_of(app).regions

    assert regions.resolve(None) == regions.base_url
    with pytest.raises(ForbiddenRegion):
        regions.resolve("https://evil.example")
