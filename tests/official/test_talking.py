"""The official client meets the server, hears of progress, reads the log, and changes its mind; in both eras."""

import asyncio
import uuid
from typing import Any

import anyio
import pytest
from mcp import Client

from .client import ERAS, Person, connected, run, text

ERRORS_ALONE: Any = {"io.modelcontextprotocol/logLevel": "error"}
pytestmark = [
    pytest.mark.parametrize("era", ERAS),
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),  # deprecated, and served still
]


def test_what_the_server_says_of_itself(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[era]
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("conformance", "1.0.0")
        offered = client.server_capabilities
        assert offered.tools is not None
        assert offered.tools.list_changed is True
        assert offered.resources is not None
        assert offered.resources.subscribe is True
        assert offered.prompts is not None
        assert offered.completions is not None

    run(url, era, use)


def test_progress_arrives_while_the_tool_works(url: str, era: str) -> None:
    steps = list[tuple[float, float | None, str | None]]()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total, message))

    async def use(client: Client) -> None:
        await client.call_tool("test_tool_with_progress", progress_callback=heard)

    run(url, era, use)
    assert steps == [(step, 100, f"Completed step {step} of 100") for step in (0, 50, 100)]


def test_log_messages_of_the_level_that_was_asked_for(url: str, era: str) -> None:
    person = Person()

    async def use(client: Client) -> None:
        if era == "legacy":
            await _set_level(client, "info")
        await client.call_tool("test_tool_with_logging")
        if era == "legacy":
            await _set_level(client, "error")
            await client.call_tool("test_tool_with_logging")
        else:
            await client.call_tool("test_tool_with_logging", meta=ERRORS_ALONE)

    run(url, era, use, person)
    assert person.logged == [
        ("info", f"Tool {what}") for what in ("execution started", "processing data", "execution completed")
    ]


async def _set_level(client: Client, level: Any) -> None:
    await client.set_logging_level(level)


def test_a_tool_learns_that_its_client_has_given_up(url: str, era: str) -> None:
    """2025 by a notification, at whichever worker; 2026-07-28 by closing the stream. Other calls go on."""
    name = uuid.uuid4().hex

    async def use(client: Client) -> None:
        begun = anyio.Event()

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            begun.set()

        async with anyio.create_task_group() as group:
            group.start_soon(_linger, client, name, heard)
            await begun.wait()
            group.cancel_scope.cancel()
        assert text(await client.call_tool("greet", {"name": "Ada"})) == "Hello, Ada!"
        for _ in range(100):
            state = (await client.call_tool("was_cancelled", {"name": name})).structured_content
            if state != {"cancelled": None}:
                break
            await asyncio.sleep(0.05)
        assert state == {"cancelled": True}

    run(url, era, use)


async def _linger(client: Client, name: str, heard: Any) -> None:
    await client.call_tool("linger", {"name": name}, progress_callback=heard)


def test_a_session_is_known_at_both_workers(url: str, era: str) -> None:
    """Many calls at once on many connections: none is told that its session does not exist."""

    async def everybody() -> None:
        async with asyncio.timeout(30), connected(url, era) as client, asyncio.TaskGroup() as group:
            calls = [group.create_task(client.call_tool("greet", {"name": str(n)})) for n in range(12)]
        assert [text(call.result()) for call in calls] == [f"Hello, {n}!" for n in range(12)]

    asyncio.run(everybody())


def test_ping(url: str, era: str) -> None:
    """Only before 2026-07-28, which has none."""
    if era == "auto":
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            run(url, era, _ping)
    else:
        run(url, era, _ping)


async def _ping(client: Client) -> None:
    await client.send_ping()
