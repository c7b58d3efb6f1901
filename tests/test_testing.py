"""flask_sentry_mcp.testing: a signed-in client in one line, with the skills and the constraint one asks for."""

import time
from typing import Any

import pytest
from flask import Flask
from marshmallow import fields

from flask_sentry_mcp import Context, SentryMCP, clock
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.mcp import running
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import MODERN, MCPClient, settings_for, sign_in, start_sandbox


@pytest.mark.parametrize("protocol", [MODERN, "2025-11-25", "2025-06-18", "2025-03-26"])
def test_signs_in_and_calls_in_every_version_of_the_protocol(app: Flask, sandbox: Sandbox, protocol: str) -> None:
    mcp = sign_in(app, sandbox, protocol=protocol)

    result = mcp.call("whoami")

    assert result.is_error is False
    assert result.structured["user"]["email"] == "mira@northwind.example"
    assert {tool["name"] for tool in mcp.tools()} >= {"find_organizations", "find_projects", "search_issues"}


def test_a_slow_call_is_answered_on_a_stream(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result is the same to a test."""
    monkeypatch.setattr(running, "OPEN_AFTER_S", 0.01)
    app = Flask("app")
    app.config.update(settings_for(sandbox))

    @SentryMCP(app).tool(reads_only=True, timeout_s=30)
    def dawdle(ctx: Context) -> str:
        """Take a moment."""
        time.sleep(0.1)
        return "at last"

    assert sign_in(app, sandbox).call("dawdle").text == "at last"


def test_signs_in_as_another_person(app: Flask, sandbox: Sandbox) -> None:
    mira, jonas = (sign_in(app, sandbox, user=user).call("find_organizations") for user in ("mira", "jonas"))

    assert {one["slug"] for one in mira.structured["organizations"]} == {"northwind", "Aurora-Labs"}
    assert {one["slug"] for one in jonas.structured["organizations"]} == {"northwind", "tidepool"}


def test_the_skills_chosen_decide_which_tools_there_are(app: Flask, sandbox: Sandbox) -> None:
    """B14, SCOPE-2: what the person ticked is enforced at the call, not only hidden in the list."""
    reader = sign_in(app, sandbox, skills=["inspect"])
    triager = sign_in(app, sandbox, skills=["inspect", "triage"])

    refused = reader.post("tools/call", {"name": "update_issue", "arguments": {}})

    assert "update_issue" not in {tool["name"] for tool in reader.tools()}
    assert "update_issue" in {tool["name"] for tool in triager.tools()}
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert "event:write" in refused.headers["WWW-Authenticate"]


def test_a_constraint_fixes_organization_and_project(app: Flask, sandbox: Sandbox) -> None:
    """B4, B14: a token for one organization is worth nothing at another's address."""
    mcp = sign_in(app, sandbox, organization="northwind")
    listed = {tool["name"]: tool for tool in mcp.tools()}
    project = mcp.call("find_projects").structured["projects"][0]["slug"]
    fixed = sign_in(app, sandbox, organization="northwind", project=project)

    mcp.url = mcp.url.replace("northwind", "Aurora-Labs")
    elsewhere = mcp.post("tools/list", {})

    assert "find_organizations" not in listed
    assert "organizationSlug" not in listed["find_projects"]["inputSchema"]["properties"]
    assert "find_projects" not in {tool["name"] for tool in fixed.tools()}
    assert elsewhere.status_code == 401
    assert 'error="invalid_token"' in elsewhere.headers["WWW-Authenticate"]


def test_no_sign_in_to_an_organization_of_others(app: Flask, sandbox: Sandbox) -> None:
    """B15: the person's own list decides; the client is told access_denied."""
    with pytest.raises(AssertionError, match="error=access_denied"):
        sign_in(app, sandbox, user="mira", organization="tidepool")


def test_a_refreshed_client_goes_on_and_a_revoked_one_does_not(app: Flask, sandbox: Sandbox) -> None:
    mcp = sign_in(app, sandbox)
    with clock.shifted(3_601):
        expired = mcp.post("tools/list", {})
        mcp.refresh()
        renewed = mcp.post("tools/list", {})
        mcp.revoke()
        revoked = mcp.post("tools/list", {})

    assert [answer.status_code for answer in (expired, renewed, revoked)] == [401, 200, 401]


def test_every_grant_has_its_own_token_of_sentry(app: Flask, sandbox: Sandbox) -> None:
    """UP-1, B14: signing in again leaves the first sign-in as it was."""
    first, second = sign_in(app, sandbox), sign_in(app, sandbox)
    sandbox.requests.clear()

    first.call("whoami")
    second.call("whoami")

    tokens = {request.headers["Authorization"] for request in sandbox.requests if request.path.endswith("/auth/")}
    assert len(tokens) == 2


def test_the_tokens_of_sentry_never_reach_the_client(app: Flask, sandbox: Sandbox) -> None:
    """B1, B13: neither in an answer of the token endpoint nor in a tool's."""
    mcp = sign_in(app, sandbox)
    sandbox.requests.clear()
    answer = mcp.call("whoami")

    (sent,) = {request.headers["Authorization"].split()[1] for request in sandbox.requests}
    assert sent not in str(mcp.tokens)
    assert sent not in str(answer.json)
    assert state_of(app).store.count("grant") == 1


# -- what a user's own tests meet -----------------------------------------------------------------------------------


def test_a_session_of_tests_meets_no_limit(app: Flask, sandbox: Sandbox) -> None:
    """Sixty-one sign-ins and more calls than a minute allows, all at one application."""
    agents = [sign_in(app, sandbox) for _ in range(61)]

    assert all(agents[0].post("tools/list", {}).status_code == 200 for _ in range(130))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"skills": ["nope"]}, "the page does not offer nope, but inspect, seer, triage"),
        ({"user": "zoe"}, "nobody in the sandbox is called zoe; there are .*jonas.*mira"),
        ({"project": "storefront"}, "a project needs its organization"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(app: Flask, sandbox: Sandbox, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sign_in(app, sandbox, **asked)


def test_settings_know_the_address_that_the_sandbox_was_started_for() -> None:
    with start_sandbox("https://other.test") as sandbox:
        assert settings_for(sandbox)["SENTRY_MCP_PUBLIC_URL"] == "https://other.test"


def test_an_application_that_the_sandbox_does_not_know(sandbox: Sandbox) -> None:
    app = Flask("host")
    app.config.update(settings_for(sandbox, "https://other.test"))
    SentryMCP(app)

    with pytest.raises(ValueError, match=r"start_sandbox\('https://other.test'\) does"):
        sign_in(app, sandbox)


@pytest.fixture
def asking(sandbox: Sandbox) -> MCPClient:
    """A client of an application with a tool that asks for everything there is."""
    app = Flask("host")
    app.config.update(settings_for(sandbox))
    extension = SentryMCP(app)

    @extension.tool(reads_only=True)
    def book(ctx: Context) -> str:
        """Book a table."""
        name = ctx.elicit("For whom?", {"name": fields.String(required=True)}, key="who")
        greeting = ctx.sample("Greet them.", max_tokens=9)
        return f"{name.action} {name.content} {greeting['content']['text']} {ctx.roots(key='roots')}"

    return sign_in(app, sandbox)


def test_a_tool_that_asks_is_answered(asking: MCPClient) -> None:
    answers = {"who": {"name": "Zoe"}, "question-2": "Hello", "roots": [{"uri": "file:///work"}]}

    answer = asking.call("book", answers=answers)

    assert answer.text == "accept {'name': 'Zoe'} Hello [{'uri': 'file:///work'}]"


def test_a_person_may_decline(asking: MCPClient) -> None:
    answers = {"who": "decline", "question-2": "Hello", "roots": []}

    assert asking.call("book", answers=answers).text == "decline None Hello []"


def test_a_question_without_an_answer_fails_the_test(asking: MCPClient) -> None:
    with pytest.raises(AssertionError, match="book asks 'who', and answers has none: For whom"):
        asking.call("book", answers={})
