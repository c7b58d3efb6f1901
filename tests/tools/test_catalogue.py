"""search_sentry_tools and execute_sentry_tool: the way to every tool that is not listed."""

import json
from collections.abc import Callable

import pytest

from flask_sentry_mcp.errors import InsufficientScope
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.tools import catalogue
from flask_sentry_mcp.tools.cost import at_most
from tests.tools.callers import Caller

THIRTY_REQUESTS = (
    ("who am I", "whoami"),
    ("which organizations do I have", "find_organizations"),
    ("list the projects", "find_projects"),
    ("which teams are there", "find_teams"),
    ("what is broken right now", "search_issues"),
    ("unresolved problems in production", "search_issues"),
    ("new bugs since yesterday", "search_issues"),
    ("show me the error", "get_issue_details"),
    ("details of an issue", "get_issue_details"),
    ("open this sentry link", "get_sentry_resource"),
    ("I have a URL", "get_sentry_resource"),
    ("slow endpoint", "search_events"),
    ("count errors per day", "search_events"),
    ("search logs for timeout", "search_events"),
    ("p95 latency of the checkout", "search_events"),
    ("events of this issue in the last hour", "search_issue_events"),
    ("stack of the other threads", "get_event_stacktrace"),
    ("what happened before the crash", "get_issue_breadcrumbs"),
    ("which browsers are affected", "get_issue_tag_values"),
    ("who worked on this issue", "get_issue_activity"),
    ("read the comments", "get_issue_activity"),
    ("leave a comment", "add_issue_note"),
    ("resolve the bug", "update_issue"),
    ("assign this to me", "update_issue"),
    ("ignore it", "update_issue"),
    ("why does this happen, find the root cause", "analyze_issue_with_seer"),
    ("suggest a fix", "analyze_issue_with_seer"),
    ("trace of a request", "get_trace_details"),
    ("details of a span", "get_span_details"),
    ("did the deploy break something", "find_releases"),
)
"""What people say, and the tool that they mean; written down before the search was."""


def found(caller: Caller, query: str, /, **more: object) -> list[str]:
    return [one["name"] for one in caller.call("search_sentry_tools", query=query, **more)["results"]]


@pytest.mark.parametrize(("request_", "tool"), THIRTY_REQUESTS)
def test_a_plain_request_finds_its_tool_first(mira: Caller, request_: str, tool: str) -> None:
    """Section 7: the wanted tool first for every one of thirty plain requests."""
    assert found(mira, request_)[0] == tool


def test_an_answer_is_short(mira: Caller) -> None:
    """Section 7: at most 1,500 tokens in the median."""
    costs = sorted(
        at_most(json.dumps(mira.call("search_sentry_tools", query=request), separators=(",", ":")))
        for request, _ in THIRTY_REQUESTS
    )

    assert costs[len(costs) // 2] <= 1_500


def test_what_is_asked_by_name_comes_with_its_schema(mira: Caller) -> None:
    (first, *_) = mira.call("search_sentry_tools", query="get_issue_tag_values")["results"]

    assert first["name"] == "get_issue_tag_values"
    assert first["inputSchema"]["required"] == ["tagKey"]
    assert first["annotations"]["readOnlyHint"] is True


def test_the_first_result_can_be_called_without_another_search(mira: Caller) -> None:
    first, second, *_ = mira.call("search_sentry_tools", query="leave a comment")["results"]

    assert "text" in first["inputSchema"]["properties"]
    assert "inputSchema" not in second
    assert second["arguments"]


def test_only_tools_of_this_caller_are_found(as_user: Callable[..., Caller]) -> None:
    assert "update_issue" not in found(as_user("mira", skills={"inspect"}), "resolve the bug")


def test_what_is_fixed_is_not_in_the_schema(as_user: Callable[..., Caller]) -> None:
    """RES-5."""
    fixed = as_user("mira", organization="northwind")

    (first, *_) = fixed.call("search_sentry_tools", query="get_issue_activity")["results"]

    assert "organizationSlug" not in first["inputSchema"]["properties"]


def test_the_gateway_does_not_find_itself(mira: Caller) -> None:
    assert not {"search_sentry_tools", "execute_sentry_tool"} & set(found(mira, "search execute sentry tool", limit=20))


def test_nothing_found_is_an_empty_list_with_a_way_on(mira: Caller) -> None:
    answer = mira.call("search_sentry_tools", query="zzz qqq")

    assert answer["results"] == []
    assert "get_issue_details" in answer["tools"]


@pytest.mark.parametrize("wrong", [{"query": " "}, {"query": "x", "limit": 21}, {}])
def test_a_search_needs_words(mira: Caller, wrong: dict[str, object]) -> None:
    assert "arguments cannot be used" in mira.refused("search_sentry_tools", **wrong)


def test_runs_a_tool_by_name(mira: Caller, sandbox: Sandbox) -> None:
    direct = mira.call("find_teams", organizationSlug="northwind")

    through = mira.call("execute_sentry_tool", name="find_teams", arguments={"organizationSlug": "northwind"})

    assert through == direct


def test_arguments_are_checked_as_in_any_call(mira: Caller, sandbox: Sandbox) -> None:
    """B9: the gateway is no way around the schema."""
    refused = mira.refused("execute_sentry_tool", name="find_teams", arguments={"organizationSlug": "..", "x": 1})

    assert "Valid arguments: organizationSlug, regionUrl, query." in refused
    assert len(sandbox.requests) == 0


def test_the_constraint_holds_through_the_gateway(as_user: Callable[..., Caller], sandbox: Sandbox) -> None:
    """RES-5, B14: the gateway is no way around the constraint."""
    fixed = as_user("mira", organization="northwind")

    refused = fixed.refused("execute_sentry_tool", name="find_teams", arguments={"organizationSlug": "Aurora-Labs"})
    answer = fixed.call("execute_sentry_tool", name="find_teams", arguments={})

    assert "fixed to another organization" in refused
    assert answer["teams"]
    assert all("northwind" in one.path for one in sandbox.requests)


@pytest.mark.parametrize("name", ["update_issue", "nothing", "search_sentry_tools", "execute_sentry_tool", ""])
def test_what_the_caller_has_not_cannot_be_run(as_user: Callable[..., Caller], name: str) -> None:
    """The gateway is no way around skills, nor into itself."""
    refused = as_user("mira", skills={"inspect"}).refused("execute_sentry_tool", name=name)

    assert "search_sentry_tools" in refused or "arguments cannot be used" in refused


def test_without_the_gateway_skills_hold_as_well(as_user: Callable[..., Caller]) -> None:
    with pytest.raises(InsufficientScope):
        as_user("mira", skills={"inspect"}).call("update_issue", issueId="A-1", organizationSlug="northwind")


def test_a_project_without_traces_has_no_tools_for_them() -> None:
    """Section 1.2."""
    assert {name for name, tool in catalogue().tools.items() if "traces" in tool.needs} == {
        "get_trace_details",
        "get_span_details",
    }
