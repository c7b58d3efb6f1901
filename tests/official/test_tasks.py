"""The official client runs long work as tasks, at two workers; its own interface for extensions carries them."""

import asyncio
from typing import Any

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from .client import Person, connected, run, text
from .extension import (
    Acknowledged,
    CancelTask,
    Handle,
    TaskParams,
    Tasks,
    ToolTaskFailed,
    UpdateParams,
    UpdateTask,
    get,
)


def _call(url: str, tool: str, tasks: Tasks, person: Person | None = None, **arguments: Any) -> types.CallToolResult:
    results: list[types.CallToolResult] = []

    async def use(client: Client) -> None:
        results.append(await client.call_tool(tool, arguments))

    run(url, "auto", use, person, tasks)
    return results[0]


async def _begin(client: Client, tool: str, **arguments: Any) -> str:
    handle = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(handle, Handle)
    return handle.task_id


def test_a_task_is_followed_to_its_result(url: str) -> None:
    tasks = Tasks()

    assert text(_call(url, "slow_compute", tasks, seconds=0.3, label="it")) == "Computed it for 0.3 s."
    assert tasks.seen[0] == "working"
    assert tasks.seen[-1] == "completed"


def test_a_task_asks_while_it_works(url: str) -> None:
    tasks, person = Tasks(), Person(content={"confirm": True})

    assert text(_call(url, "confirm_delete", tasks, person, filename="a.txt")) == "Deleted a.txt."
    assert "input_required" in tasks.seen
    assert [params.message for params in person.asked] == ["Delete a.txt?"]


def test_a_task_asks_two_things_at_once(url: str) -> None:
    person = Person(content={"name": "Ada", "confirm": True})

    assert text(_call(url, "multi_input", Tasks(), person)) == "Ada, Ada"
    assert len(person.asked) == 2


def test_questions_first_then_a_task(url: str) -> None:
    tasks = Tasks()

    assert text(_call(url, "test_tool_with_task", tasks)) == "Worked for Ada."
    assert tasks.seen[-1] == "completed"


def test_the_two_ways_to_fail(url: str) -> None:
    tasks = Tasks()

    assert _call(url, "failing_job", tasks).is_error
    assert tasks.seen[-1] == "completed"
    with pytest.RaisesGroup(
        pytest.RaisesExc(ToolTaskFailed, match="The job broke the protocol."), flatten_subgroups=True
    ):
        _call(url, "protocol_error_job", tasks)


def test_a_task_is_cancelled_and_others_go_on(url: str) -> None:
    async def use(client: Client) -> None:
        gone, stays = await _begin(client, "slow_compute", seconds=60), await _begin(client, "slow_compute", seconds=1)
        await client.session.send_request(CancelTask(params=TaskParams(task_id=gone)), Acknowledged)
        assert (await get(client.session, gone)).status == "cancelled"
        assert (await get(client.session, stays)).status == "working"
        late = UpdateParams(task_id=gone, input_responses={})
        await client.session.send_request(UpdateTask(params=late), Acknowledged)
        await client.session.send_request(CancelTask(params=TaskParams(task_id=stays)), Acknowledged)

    run(url, "auto", use, None, Tasks())


def test_any_connection_and_worker_knows_a_task(url: str) -> None:
    async def everybody() -> None:
        async with asyncio.timeout(30), connected(url, extensions=[Tasks()]) as client:
            id = await _begin(client, "slow_compute", seconds=60)
            for _ in range(6):
                async with connected(url, extensions=[Tasks()]) as other:
                    assert (await get(other.session, id)).status == "working"
            await client.session.send_request(CancelTask(params=TaskParams(task_id=id)), Acknowledged)

    asyncio.run(everybody())


def test_there_is_no_such_task(url: str) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(MCPError) as absent:
            await get(client.session, "nothing")
        assert absent.value.error.code == -32602

    run(url, "auto", use, None, Tasks())


def test_a_client_without_the_extension_waits_or_is_told(url: str) -> None:
    """Where a task is optional the result comes at once; where it is required, the error names the extension."""

    async def use(client: Client) -> None:
        assert text(await client.call_tool("slow_compute", {"seconds": 0.1, "label": "it"})) == "Computed it for 0.1 s."
        with pytest.raises(MCPError) as refused:
            await client.call_tool("failing_job")
        assert refused.value.error.code == -32021
        assert refused.value.error.data == {
            "requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}
        }

    run(url, "auto", use)
