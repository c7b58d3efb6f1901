"""What holds for every tool of the catalogue, whatever it does."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import InvalidInput
from flask_sentry_mcp.mcp.tool import Tool
from flask_sentry_mcp.mcp.visible import Views
from flask_sentry_mcp.skills import SCOPE_WORDS, SKILLS, implied
from flask_sentry_mcp.tools import catalogue
from flask_sentry_mcp.tools.cost import at_most, of_tool, table
from flask_sentry_mcp.tools.fields import LONGEST, MOST
from flask_sentry_mcp.tools.gateway import ITSELF
from flask_sentry_mcp.tools.ranking import SAID
from tests.tools.callers import Caller

TOOLS = catalogue().tools
TIER_ONE = {
    "whoami",
    "find_organizations",
    "find_projects",
    "find_teams",
    "search_issues",
    "get_issue_details",
    "get_sentry_resource",
    "search_events",
    "search_issue_events",
    "get_event_stacktrace",
    "get_issue_breadcrumbs",
    "get_issue_tag_values",
    "get_issue_activity",
    "get_trace_details",
    "get_span_details",
    "find_releases",
    "update_issue",
    "add_issue_note",
    "analyze_issue_with_seer",
    "search_sentry_tools",
    "execute_sentry_tool",
}
WRITES = {"update_issue", "add_issue_note", "analyze_issue_with_seer", "execute_sentry_tool"}
LISTED = {
    "find_organizations",
    "find_projects",
    "search_issues",
    "search_events",
    "get_sentry_resource",
    "update_issue",
    "analyze_issue_with_seer",
    "search_sentry_tools",
    "execute_sentry_tool",
}


def encoded(tools: list[Tool]) -> str:
    return json.dumps([tool.listing(tool.arguments.json_schema) for tool in tools], separators=(",", ":"))


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(node, dict):
        yield node
        for below in node.values():
            yield from schemas(below)
    elif isinstance(node, list):
        for below in node:
            yield from schemas(below)


def test_the_daily_tools_are_there() -> None:
    assert set(TOOLS) >= TIER_ONE


def test_nine_are_listed_and_the_others_are_found() -> None:
    assert {name for name, tool in TOOLS.items() if tool.listed} == LISTED


def test_the_short_list_is_cheap() -> None:
    """Measure: at most 3,000 tokens for tools/list."""
    assert at_most(encoded([tool for tool in TOOLS.values() if tool.listed])) <= 3_000


def test_the_full_list_is_cheap_enough() -> None:
    """Measure: at most 9,000 tokens for the 21 of tier one."""
    assert at_most(encoded([TOOLS[name] for name in TIER_ONE])) <= 9_000


def test_the_region_costs_next_to_nothing() -> None:
    """Section 7: a parameter that is almost never needed must not cost much."""
    for tool in TOOLS.values():
        region = tool.arguments.json_schema["properties"].get("regionUrl")
        assert region in (None, {"type": "string"})


def test_costs_are_told_per_tool() -> None:
    rows = table(TOOLS.values())

    assert {name for name, _, _ in rows} == set(TOOLS)
    assert all(
        cost == of_tool(TOOLS[name].listing(TOOLS[name].arguments.json_schema)) and listed is TOOLS[name].listed
        for name, cost, listed in rows
    )


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_says_what_it_does_and_when(name: str) -> None:
    description = TOOLS[name].description

    assert len(description) < 2_048
    assert description[0].isupper()
    assert description.split("\n\n")[0].rstrip().endswith(".")


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_its_schema_is_one_that_picky_clients_read(name: str) -> None:
    """No unions at the root nor within, no null, every array has items, every parameter a type."""
    schema = TOOLS[name].arguments.json_schema

    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for below in schemas(schema["properties"]):
        assert not {"anyOf", "oneOf", "allOf", "$ref"} & set(below)
        assert not isinstance(below.get("type"), list)
        if below.get("type") == "array":
            assert below["items"]
    for part in schema["properties"].values():
        assert isinstance(part["type"], str)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_its_names_are_camel_case(name: str) -> None:
    for argument in TOOLS[name].arguments.names:
        assert "_" not in argument
        assert argument[0].islower()


def test_its_safety_is_stated() -> None:
    """No tool is safe by accident."""
    assert {name for name, tool in TOOLS.items() if not tool.reads_only} & TIER_ONE == WRITES
    assert {name for name, tool in TOOLS.items() if tool.destructive} & TIER_ONE == {
        "update_issue",
        "execute_sentry_tool",
    }
    assert not TOOLS["search_sentry_tools"].open_world


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_its_skills_suffice_for_its_scopes(name: str) -> None:
    """A person who grants one of its skills has granted the scopes that it needs."""
    tool = TOOLS[name]

    assert tool.scopes <= set(SCOPE_WORDS)
    known = {skill.id: implied(skill.scopes) for skill in SKILLS}
    for skill in known if tool.skills is None else tool.skills:
        assert tool.scopes <= known[skill]


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_what_writes_needs_a_skill_that_writes(name: str) -> None:
    tool = TOOLS[name]
    writing = {skill.id for skill in SKILLS if skill.writes}

    assert tool.reads_only or tool.runs_others or (tool.skills is not None and tool.skills <= writing)


@pytest.mark.parametrize("name", sorted(set(TOOLS) - ITSELF))
def test_can_be_found_by_what_people_say(name: str) -> None:
    assert SAID[name]


def test_a_read_only_server_still_reaches_what_reads(as_user: Callable[..., Caller]) -> None:
    """SENTRY_MCP_READ_ONLY: nothing that changes, but the gateway to what is not listed stays."""
    seen: set[str] = set()

    def look(context: Context) -> None:
        seen.update(Views(catalogue(), read_only=True).of(context).tools)

    look(as_user("mira").context())

    assert seen & TIER_ONE == TIER_ONE - WRITES | {"execute_sentry_tool"}


def test_two_catalogues_share_nothing() -> None:
    first, second = catalogue(), catalogue()

    first.remove("whoami")

    assert "whoami" in second.tools


def _texts_of(tool: Tool) -> Iterator[tuple[str, Any]]:
    """Each parameter that takes words, with a value that is too much for it."""
    for name, part in tool.arguments.json_schema["properties"].items():
        kinds = part.get("type")
        if "string" in kinds:
            yield name, "a" * (LONGEST + 1)
        elif "array" in kinds:
            yield name, ["a"] * (MOST + 1)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_no_text_may_be_of_any_length(name: str) -> None:
    """What is searched, ranked and matched for a caller costs more than its length, so the length has an end."""
    for parameter, too_much in _texts_of(TOOLS[name]):
        with pytest.raises(InvalidInput, match=rf"(?m)^- {parameter}: "):
            TOOLS[name].arguments.read({parameter: too_much})
