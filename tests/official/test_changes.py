"""The official client listens for changes that others make, at whichever worker; in both eras."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, types
from mcp.client.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from .client import Person, connected

WATCHED = "test://watched-resource"


async def _change(url: str) -> None:
    """Everything changes, each by another connection."""
    for tool, arguments in (
        ("touch", {"uri": "test://static-text"}),
        ("touch", {"uri": WATCHED}),
        ("add_and_remove_a_resource", {}),
        ("test_trigger_prompt_change", {}),
        ("test_trigger_tool_change", {}),
    ):
        async with connected(url) as client:
            await client.call_tool(tool, arguments)


def test_listeners_hear_of_what_they_asked_for(url: str) -> None:
    """2026-07-28. Several listeners, so that both workers hold some; nobody hears of what they did not ask for."""
    heard: list[list[ServerEvent]] = []

    async def listen(ready: asyncio.Semaphore) -> None:
        events: list[ServerEvent] = []
        async with (
            connected(url) as client,
            client.listen(
                tools_list_changed=True,
                prompts_list_changed=True,
                resources_list_changed=True,
                resource_subscriptions=[WATCHED, "test://nothing"],
            ) as changes,
        ):
            assert changes.honored.resource_subscriptions == [WATCHED]
            ready.release()
            async for event in changes:
                events.append(event)
                if isinstance(event, ToolsListChanged):
                    break
        heard.append(events)

    asyncio.run(_with_listeners(url, 4, listen))
    assert len(heard) == 4
    for events in heard:
        assert ResourceUpdated(uri=WATCHED) in events
        assert {type(event) for event in events} == {
            ResourceUpdated,
            ResourcesListChanged,
            PromptsListChanged,
            ToolsListChanged,
        }
        assert ResourceUpdated(uri="test://static-text") not in events


async def _with_listeners(url: str, count: int, listen: Callable[[asyncio.Semaphore], Any]) -> None:
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(listen(ready))
        for _ in range(count):
            await ready.acquire()
        await _change(url)


@asynccontextmanager
async def _older(url: str) -> AsyncIterator[tuple[Client, Person]]:
    person = Person()
    async with connected(url, "legacy", person) as client:
        yield client, person


async def _stream_is_open(url: str, person: Person) -> None:
    """The client opens it by itself, some time after the handshake: touch the resource until that is heard."""
    while not person.told:
        async with connected(url) as other:
            await other.call_tool("touch", {"uri": WATCHED})
        await asyncio.sleep(0.05)


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")  # deprecated, and served still
def test_sessions_hear_of_lists_and_of_the_resources_they_subscribed_to(url: str) -> None:
    """2025-11-25, on the stream that the client opens by itself."""
    told: list[list[Any]] = []

    async def listen(ready: asyncio.Semaphore) -> None:
        async with _older(url) as (client, person):
            await client.subscribe_resource(WATCHED)
            await _stream_is_open(url, person)
            ready.release()
            for _ in range(200):
                if any(isinstance(one, types.ToolListChangedNotification) for one in person.told):
                    break
                await asyncio.sleep(0.05)
            await client.unsubscribe_resource(WATCHED)
        told.append(person.told)

    asyncio.run(_with_listeners(url, 2, listen))
    for messages in told:
        updated = [one.params.uri for one in messages if isinstance(one, types.ResourceUpdatedNotification)]
        assert set(updated) == {WATCHED}
        assert len(updated) >= 2
        assert any(isinstance(one, types.ResourceListChangedNotification) for one in messages)
        assert any(isinstance(one, types.PromptListChangedNotification) for one in messages)
