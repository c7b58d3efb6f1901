"""SentryMCP in somebody else's application: neither disturbs the other; two applications share nothing."""

import gc
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, g, render_template_string, request
from marshmallow import fields

from flask_sentry_mcp import Context, SentryMCP, Skill
from flask_sentry_mcp.errors import ConfigurationError, ForbiddenRegion
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import PUBLIC_URL, settings_for, sign_in, start_sandbox
from tests.waiting import until


def host_application(config: dict[str, Any]) -> Flask:
    """An application with a life of its own: routes, a before_request, error handlers, an after_request."""
    app = Flask("host")
    app.config.update(config)

    @app.before_request
    def count() -> None:
        g.before = True

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Host"] = "here"
        return response

    @app.get("/")
    def home() -> str:
        return f"home {g.before}"

    @app.get("/fails")
    def fails() -> str:
        raise LookupError("the host's own fault")

    @app.errorhandler(LookupError)
    def mend(error: LookupError) -> tuple[str, int]:
        return "mended by the host", 418

    @app.errorhandler(404)
    def lost(error: Exception) -> tuple[str, int]:
        return f"the host knows no {request.path}", 404

    @app.errorhandler(Exception)
    def anything(error: Exception) -> tuple[str, int]:
        return "caught by the host", 500

    SentryMCP(app)
    return app


@pytest.fixture
def host(sandbox: Sandbox) -> Flask:
    return host_application(settings_for(sandbox))


def test_the_routes_and_handlers_of_the_host_work_as_before(host: Flask) -> None:
    client = host.test_client()

    assert client.get("/").text == "home True"
    assert (client.get("/fails").status_code, client.get("/fails").text) == (418, "mended by the host")
    assert client.get("/nowhere").text == "the host knows no /nowhere"
    assert "Content-Security-Policy" not in client.get("/").headers


def test_the_sign_in_and_the_tools_work_inside_the_host(host: Flask, sandbox: Sandbox) -> None:
    """B1: a client signs in through our authorization server and Sentry's, and reaches Sentry's API."""
    mcp = sign_in(host, sandbox)

    assert mcp.call("whoami").structured["user"]["name"] == "Mira Okafor"


def test_the_handlers_of_the_host_do_not_answer_for_us(host: Flask) -> None:
    """Errors at our addresses keep the shape that clients know, whatever the host catches."""
    client = host.test_client()

    unauthenticated = client.post(f"{PUBLIC_URL}/mcp", json={})
    bad_token = client.post(f"{PUBLIC_URL}/oauth/token", data={})
    wrong_method = client.get(f"{PUBLIC_URL}/oauth/token")

    assert unauthenticated.status_code == 401
    assert unauthenticated.headers["WWW-Authenticate"].startswith("Bearer ")
    assert (bad_token.status_code, bad_token.get_json()["error"]) == (400, "invalid_request")
    assert (wrong_method.status_code, wrong_method.headers["Allow"]) == (405, "OPTIONS, POST")


def test_the_hosts_routes_run_nothing_of_ours(host: Flask) -> None:
    """No hook of ours runs for the whole application, so its own routes do not become slower."""
    assert all(function.__module__ == __name__ for function in host.before_request_funcs[None])
    assert all(function.__module__ == __name__ for function in host.after_request_funcs[None])
    assert not host.teardown_request_funcs.get(None)
    assert not host.teardown_appcontext_funcs


def test_a_login_of_the_hosts_leaves_our_blueprints_alone(host: Flask, sandbox: Sandbox) -> None:
    """By the names that docs/embedding.rst gives, which are all there are."""
    ours = {"sentry_mcp", "sentry_mcp_oauth", "sentry_mcp_well_known"}
    host.before_request(lambda: None if request.blueprint in ours else ("Log in first.", 403))

    mcp = sign_in(host, sandbox)

    assert set(host.blueprints) == ours
    assert mcp.call("whoami").is_error is False
    assert host.test_client().get(f"{PUBLIC_URL}/.well-known/oauth-authorization-server").status_code == 200
    assert host.test_client().get("/").text == "Log in first."


def test_the_pages_do_without_the_hosts_delimiters(sandbox: Sandbox) -> None:
    """A host whose own templates live beside a framework with double braces."""
    app = Flask("host")
    app.jinja_options = {"variable_start_string": "[[", "variable_end_string": "]]", "line_statement_prefix": "#"}
    app.config.update(settings_for(sandbox))
    SentryMCP(app)
    app.add_url_rule("/", "home", lambda: render_template_string("[[ 1 + 1 ]] {{ 2 }}"))

    mcp = sign_in(app, sandbox)

    assert mcp.call("whoami").is_error is False
    assert app.test_client().get("/").text == "2 {{ 2 }}"


def test_two_applications_in_one_process_share_nothing(sandbox: Sandbox) -> None:
    """A sign-in, a setting, a limit and a tool of one mean nothing to the other."""
    with start_sandbox("https://other.test") as second_sandbox:
        first = host_application(settings_for(sandbox))
        second = host_application(settings_for(second_sandbox, "https://other.test", SENTRY_MCP_READ_ONLY=True))
        mcp = sign_in(first, sandbox)
        mcp.app, mcp.url = second, "https://other.test/mcp"

        refused = mcp.post("tools/list", {})

    assert refused.status_code == 401
    assert state_of(first).settings.read_only is False
    assert state_of(second).settings.read_only is True
    assert state_of(first).store is not state_of(second).store


def test_one_object_may_serve_two_applications(sandbox: Sandbox) -> None:
    mcp = SentryMCP()

    @mcp.tool({"name": fields.String(required=True)}, reads_only=True)
    def greet(ctx: Any, *, name: str) -> str:
        """Greet somebody."""
        return f"Hello, {name}"

    apps = [Flask("one"), Flask("two")]
    for app in apps:
        app.config.update(settings_for(sandbox))
        mcp.init_app(app)

    assert [sign_in(app, sandbox).call("greet", name="Kai").text for app in apps] == ["Hello, Kai"] * 2


def test_one_object_keeps_no_application_alive(sandbox: Sandbox) -> None:
    """A factory called in a loop, as tests do, would fill the memory."""
    mcp = SentryMCP()

    def make() -> "weakref.ref[Flask]":
        app = Flask("host")
        app.config.update(settings_for(sandbox))
        mcp.init_app(app)
        state_of(app).store.close()
        return weakref.ref(app)

    made = [make() for _ in range(3)]
    gc.collect()

    assert [one() for one in made] == [None] * 3
    mcp.tool(reads_only=True, name="later")(spare)  # tells those that are left


def spare(ctx: Context) -> str:
    """Do nothing."""
    return ""


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"skills": {"inspects"}}, "spare names a skill that is not offered: inspects; there are inspect,"),
        ({"scopes": {"event:red"}}, "spare needs a scope that no skill includes: event:red"),
    ],
)
def test_a_tool_that_nobody_could_ever_see_is_refused(sandbox: Sandbox, declared: dict[str, Any], says: str) -> None:
    """At the start, and as long as the application runs."""
    app, mcp = Flask("host"), SentryMCP()
    app.config.update(settings_for(sandbox))
    mcp.tool(reads_only=True, **declared)(spare)

    with pytest.raises(ValueError, match=says):
        mcp.init_app(app)
    mcp.tools.remove("spare")
    mcp.init_app(app)
    with pytest.raises(ValueError, match=says):
        mcp.tool(reads_only=True, **declared)(spare)


def test_skills_of_an_applications_own_are_known(sandbox: Sandbox) -> None:
    own = Skill("cook", "Cook", "Cook something.", frozenset({"org:admin"}))
    app, mcp = Flask("host"), SentryMCP(skills=[own])
    app.config.update(settings_for(sandbox))
    mcp.tool(reads_only=True, skills={"cook"}, scopes={"org:write"})(spare)

    mcp.init_app(app)

    assert "spare" in mcp.tools.tools


def test_a_second_extension_in_one_application_is_refused(host: Flask) -> None:
    with pytest.raises(RuntimeError, match="already"):
        SentryMCP(host)


def test_mistakes_in_settings_stop_the_start() -> None:
    """B16."""
    app = Flask("host")
    app.config["COOKIE_SECRET"] = "0123456789abcdef"

    with pytest.raises(ConfigurationError, match="COOKIE_SECRET must have at least 32"):
        SentryMCP(app)


def test_works_below_a_prefix_and_behind_a_tls_proxy() -> None:
    """Every public address comes from the setting; what a proxy or a client writes into headers changes nothing."""
    public_url = "https://tools.acme.example/sentry"
    with start_sandbox(public_url) as sandbox:
        app = host_application(settings_for(sandbox, public_url))
        forged = {"Host": "tools.acme.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        client = app.test_client()

        server = client.get(
            "/.well-known/oauth-authorization-server/sentry", headers=forged, base_url="http://10.0.0.9"
        )
        resource = client.get("/.well-known/oauth-protected-resource/sentry/mcp/acme", base_url="http://10.0.0.9")
        mcp = sign_in(app, sandbox)

        assert server.get_json()["issuer"] == public_url
        assert server.get_json()["token_endpoint"] == f"{public_url}/oauth/token"
        assert resource.get_json()["resource"] == f"{public_url}/mcp/acme"
        assert mcp.call("whoami").is_error is False


def test_the_region_check_serves_an_applications_own_tools(sandbox: Sandbox) -> None:
    """B8: what is refused reaches the agent as a sentence of ours."""
    app, mcp = Flask("host"), SentryMCP()
    app.config.update(settings_for(sandbox))

    @mcp.tool({"region_url": fields.String(load_default=None)}, reads_only=True)
    def name_region(ctx: Context, *, region_url: str | None) -> str:
        """Name the server that a region URL stands for."""
        return ctx.sentry.regions.resolve(region_url)

    mcp.init_app(app)
    agent = sign_in(app, sandbox)

    assert agent.call("name_region").text == sandbox.url
    assert agent.call("name_region", region_url="https://evil.example").text == ForbiddenRegion().public


def test_the_list_is_short_or_full_and_all_can_be_called_either_way(sandbox: Sandbox) -> None:
    listed = {}
    for length in ("short", "full"):
        app = host_application(settings_for(sandbox, SENTRY_MCP_TOOL_LIST=length))
        mcp = sign_in(app, sandbox, skills=["inspect", "seer", "triage"])
        listed[length] = {tool["name"] for tool in mcp.tools()}
        assert mcp.call("whoami").is_error is False

    assert len(listed["short"]) == 9
    assert len(listed["full"]) == 21
    assert listed["short"] < listed["full"]


def test_a_task_has_its_own_time_with_sentry(sandbox: Sandbox) -> None:
    """The limit of a call is over, the task's is not."""
    app = Flask("host")
    app.config.update(settings_for(sandbox, SENTRY_MCP_TOOL_TIMEOUT=1))
    extension = SentryMCP(app)

    @extension.tool(reads_only=True, task="required")
    def slow(ctx: Context) -> str:
        """Do other things first, then ask Sentry."""
        time.sleep(1.1)
        return str(ctx.sentry.get("auth", base=True)["name"])

    mcp = sign_in(app, sandbox)
    mcp.capabilities = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    task = mcp.request("tools/call", {"name": "slow", "arguments": {}})
    until(lambda: mcp.request("tasks/get", {"taskId": task["taskId"]})["status"] != "working")
    told = mcp.request("tasks/get", {"taskId": task["taskId"]})

    assert told["status"] == "completed", told
    assert told["result"]["content"][0]["text"] == "Mira Okafor"


def test_a_token_of_one_application_is_nothing_to_another_on_the_same_store(sandbox: Sandbox, tmp_path: Path) -> None:
    """RES-4, B4: even with the store and all keys in common, a token is good for the address it was issued for."""
    settings = settings_for(sandbox, SENTRY_MCP_STORE=f"sqlite:///{tmp_path}/store.sqlite")
    first = host_application(settings)
    second = host_application(settings | {"SENTRY_MCP_PUBLIC_URL": "https://other.test"})
    mcp = sign_in(first, sandbox)
    at_home = mcp.post("tools/list", {})
    mcp.app, mcp.url = second, "https://other.test/mcp"

    elsewhere = mcp.post("tools/list", {})

    assert (at_home.status_code, elsewhere.status_code) == (200, 401)
    assert 'error="invalid_token"' in elsewhere.headers["WWW-Authenticate"]
