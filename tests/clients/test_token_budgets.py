"""What our tools cost a model, in tokens of cl100k, counted by a tokenizer and not by our own estimate."""

import json
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import MCPClient, sign_in
from flask_sentry_mcp.tools import cost
from tests.tools.test_catalogue import THIRTY_REQUESTS

from .packages import HOME, NODE


@pytest.fixture
def mcp(app: Flask, sandbox: Sandbox) -> MCPClient:
    """A client with every skill, on an address that is fixed to nothing: the longest lists there are."""
    return sign_in(app, sandbox, skills=[skill.id for skill in state_of(app).provider.skills])


def tokens(texts: Sequence[str]) -> list[int]:
    """How many tokens each of *texts* is."""
    command = [str(NODE), str(Path(__file__).with_name("counter.cjs")), f"{HOME}/"]
    counted = subprocess.run(command, input=json.dumps(texts).encode(), capture_output=True, check=True)
    found: list[int] = json.loads(counted.stdout)
    return found


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_the_short_list_costs_at_most_3000(mcp: MCPClient) -> None:
    (spent,) = tokens([compact(mcp.tools())])

    assert 500 < spent <= 3_000


def test_the_full_list_of_21_costs_at_most_9000(app: Flask) -> None:
    tools = state_of(app).endpoint.toolbox.tools.values()
    (spent,) = tokens([compact([tool.listing(tool.arguments.json_schema) for tool in tools])])

    assert len(tools) == 21
    assert 1_000 < spent <= 9_000


def test_an_answer_of_the_search_for_tools_costs_at_most_1500_in_the_median(mcp: MCPClient) -> None:
    answers = [mcp.call("search_sentry_tools", query=request) for request, _ in THIRTY_REQUESTS]

    assert statistics.median(tokens([answer.text for answer in answers])) <= 1_500


def test_the_estimate_that_the_command_line_prints_is_within_a_third(app: Flask) -> None:
    """``tools --cost`` has no tokenizer: what it says is held against one here, tool by tool."""
    tools = state_of(app).endpoint.toolbox.tools.values()
    entries = [tool.listing(tool.arguments.json_schema) for tool in tools]

    counted = tokens([compact(entry) for entry in entries])

    for entry, exact in zip(entries, counted, strict=True):
        assert exact <= cost.of_tool(entry) <= exact * 4 / 3, entry["name"]
