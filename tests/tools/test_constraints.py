"""Connections that are fixed to an organization or a project, and callers with few skills: nothing reaches further."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_sentry_mcp.errors import OutsideConstraint
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.tools import catalogue
from flask_sentry_mcp.tools.gateway import ITSELF
from tests.tools.callers import Caller
from tests.tools.test_injection import CALLS, EXTRA, NOT_HERE, outside_the_fences

TOOLS = catalogue().tools
PROJECT = "4509100"
CASES = [*((tool, CALLS[tool]) for tool in sorted(set(CALLS) - NOT_HERE)), *EXTRA]
FIXED = ("organizationSlug", "projectSlug", "projectSlugOrId")


def free_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """*arguments* without what the connection fixes."""
    return {name: value for name, value in arguments.items() if name not in FIXED}


@pytest.mark.parametrize("tool", sorted(set(CALLS) - {"find_organizations", "find_projects", "add_issue_note"}))
def test_a_fixed_connection_asks_its_own_organization_only(
    as_user: Callable[..., Caller], sandbox: Sandbox, tool: str
) -> None:
    """RES-5, B14: without naming the organization, and without reaching another one."""
    fixed = as_user("mira", organization="northwind", project="checkout-api")

    fixed.call(tool, **free_of(CALLS[tool]))

    for one in sandbox.requests:
        assert one.path == "/api/0/auth/" or "/northwind/" in one.path


@pytest.mark.parametrize(
    "tool", sorted(name for name, tool in TOOLS.items() if "organizationSlug" in tool.arguments.names)
)
def test_another_organization_is_refused_in_every_tool(
    as_user: Callable[..., Caller], sandbox: Sandbox, tool: str
) -> None:
    """RES-5, B14: a conflict is refused, never silently replaced."""
    fixed = as_user("mira", organization="northwind")
    assert tool in fixed.names()

    refused = fixed.refused(tool, **CALLS.get(tool, {}) | {"organizationSlug": "Aurora-Labs"})

    assert refused == OutsideConstraint("northwind").public
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize(
    ("tool", "arguments", "asked"),
    [
        ("search_issues", {}, "/issues/"),
        ("search_events", {}, "/events/"),
        ("search_events", {"dataset": "replays"}, "/replays/"),
    ],
)
def test_searches_stay_within_the_project(
    as_user: Callable[..., Caller], sandbox: Sandbox, tool: str, arguments: dict[str, Any], asked: str
) -> None:
    """RES-5."""
    as_user("mira", organization="northwind", project="checkout-api").call(tool, **arguments)

    searches = [one for one in sandbox.requests if one.path.endswith(f"northwind{asked}")]
    assert [one.query["project"] for one in searches] == [[PROJECT]]


def test_releases_stay_within_the_project(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """RES-5: in the list, and when one is opened by its version."""
    fixed = as_user("mira", organization="northwind", project="shop-web")

    text = fixed.read("find_releases")
    refused = fixed.refused("get_sentry_resource", resourceType="release", resourceId="checkout-api@2.8.1")

    assert "shop-web@" in text
    assert "checkout-api@" not in text
    assert refused == OutsideConstraint("northwind/shop-web").public


def test_an_event_of_another_project_is_outside(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """RES-5: an event ID finds its issue in any project, so the project is compared."""
    fixed = as_user("mira", organization="northwind", project="shop-web")

    assert (
        fixed.refused("get_issue_details", eventId=sandbox.landmarks["chained_event"])
        == OutsideConstraint("northwind/shop-web").public
    )


@pytest.mark.parametrize("skills", [{"inspect"}, {"triage"}, {"seer"}, {"project-management"}, {"inspect", "seer"}])
def test_answers_name_only_tools_that_the_caller_has(as_user: Callable[..., Caller], skills: set[str]) -> None:
    """Next steps that cannot be taken are worse than none."""
    caller = as_user("mira", skills=skills)

    for tool in sorted(caller.names() - ITSELF - {"add_issue_note"}):
        text = outside_the_fences(str(caller.call(tool, **CALLS[tool])))
        named = {name for name in TOOLS if re.search(rf"\b{name}\b", text)}

        assert named <= caller.names(), tool


@pytest.mark.parametrize("case", range(len(CASES)))
def test_answers_name_tools_as_a_listing_host_can_call_them(mira: Caller, case: int) -> None:
    """Section 1.10: what is not in tools/list is named as run through execute_sentry_tool."""
    tool, arguments = CASES[case]

    text = outside_the_fences(str(mira.call(tool, **arguments))).replace("execute_sentry_tool with ", "via:")

    named = {name for name in TOOLS if re.search(rf"(?<!:)\b{name}\b", text)}
    assert {name for name in named if not TOOLS[name].listed} == set()
