"""The official Python client, in both eras, against two workers: every feature, as a program would use it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, types
from mcp.client.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError

from tests.conformance.__main__ import serving

ERAS = ("auto", "legacy")
Use = Callable[[Client], Awaitable[None]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The fixture server: gunicorn with two workers over one SQLite file."""
    with serving(Path(tmp_path_factory.mktemp("conformance"))) as url:
        yield url


class Person:
    """Who answers the client's callbacks, and remembers what was said."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.logged: list[tuple[str, Any]] = []

    async def elicit(self, context: Any, params: Any) -> types.ElicitResult:
        self.asked.append(params)
        return types.ElicitResult(action="accept", content={"name": "Ada", "color": "blue", "context": "tea"})

    async def sample(self, context: Any, params: Any) -> types.CreateMessageResult:
        self.asked.append(params)
        said = types.TextContent(type="text", text="Paris")
        return types.CreateMessageResult(role="assistant", content=said, model="m")

    async def roots(self, context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///work"})])

    async def log(self, params: Any) -> None:
        self.logged.append((params.level, params.data))


def _run(url: str, era: str, use: Use, person: Person | None = None) -> None:
    person = person or Person()

    async def session() -> None:
        async with Client(
            url,
            mode=era,
            read_timeout_seconds=20,
            elicitation_callback=person.elicit,
            sampling_callback=person.sample,
            list_roots_callback=person.roots,
            logging_callback=person.log,
            log_level="info",
        ) as client:
            await use(client)

    asyncio.run(session())


def _text(result: Any) -> str:
    return "".join(block.text for block in result.content)


@pytest.mark.parametrize("era", ERAS)
def test_tools(url: str, era: str) -> None:
    """Listed, called, with every kind of content, and failing in the two ways there are."""

    async def use(client: Client) -> None:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert listed["json_schema_2020_12_tool"].input_schema["$defs"]["address"]["$anchor"] == "addressDef"
        assert _text(await client.call_tool("greet", {"name": "Ada"})) == "Hello, Ada!"
        kinds = [block.type for block in (await client.call_tool("test_multiple_content_types")).content]
        assert kinds == ["text", "image", "resource"]
        assert (await client.call_tool("test_error_handling")).is_error is True
        assert (await client.call_tool("greet", {"nam": "Ada"})).is_error is True
        assert _text(await client.call_tool("test_x_mcp_header", {"region": "Zürich"})) == "Region: Zürich"
        with pytest.raises(MCPError) as refused:
            await client.call_tool("nobody")
        assert refused.value.error.code == -32602

    _run(url, era, use)


@pytest.mark.parametrize("era", ERAS)
def test_progress_and_log_messages(url: str, era: str) -> None:
    person, steps = Person(), list[tuple[float, float | None]]()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total))

    async def use(client: Client) -> None:
        if era == "legacy":
            await client.session.send_request(
                types.SetLevelRequest(params=types.SetLevelRequestParams(level="info")), types.EmptyResult
            )
        await client.call_tool("test_tool_with_progress", progress_callback=heard)
        await client.call_tool("test_tool_with_logging")

    _run(url, era, use, person)
    assert steps == [(0, 100), (50, 100), (100, 100)]
    assert [level for level, _ in person.logged] == ["info", "info", "info"]


@pytest.mark.parametrize("era", ERAS)
def test_one_way_to_ask_for_both_eras(url: str, era: str) -> None:
    """The same tools: a question on the stream for the older client, a further round for the newer one."""
    person = Person()

    async def use(client: Client) -> None:
        said = await client.call_tool("test_input_required_result_multi_round")
        assert _text(said) == "Ada likes blue."
        said = await client.call_tool("test_input_required_result_multiple_inputs")
        assert _text(said) == "Paris Ada, 1 roots."
        said = await client.call_tool("test_sampling", {"prompt": "Capital of France?"})
        assert _text(said) == "LLM response: Paris"
        prompt = await client.get_prompt("test_input_required_result_prompt")
        content: Any = prompt.messages[0].content
        assert content.text == "Consider this: tea"

    _run(url, era, use, person)
    assert len(person.asked) >= 5


@pytest.mark.parametrize("era", ERAS)
def test_resources_prompts_and_completion(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        assert uris == ["test://static-text", "test://static-binary", "test://watched-resource"]
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == ["test://template/{id}/data"]
        read: Any = (await client.read_resource("test://template/42/data")).contents[0]
        assert json.loads(read.text)["id"] == "42"
        with pytest.raises(MCPError) as absent:
            await client.read_resource("test://nothing")
        assert absent.value.error.code == (-32602 if era == "auto" else -32002)
        names = [prompt.name for prompt in (await client.list_prompts()).prompts]
        assert "test_prompt_with_arguments" in names
        filled = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        content: Any = filled.messages[0].content
        assert content.text == "Prompt with arguments: arg1='a', arg2='b'"
        reference = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
        completed = await client.complete(reference, {"name": "arg1", "value": "par"})
        assert completed.completion.values == ["paris", "park", "party"]

    _run(url, era, use)


def test_changes_reach_a_listener_at_whichever_worker(url: str) -> None:
    """Several listeners, so that both workers hold some; each hears of a change made at one of them."""

    async def listen(told: list[str]) -> None:
        async with Client(url, read_timeout_seconds=20) as client, client.listen(tools_list_changed=True) as changes:
            told.append("listening")
            async for event in changes:
                assert isinstance(event, ToolsListChanged)
                told.append("changed")
                return

    async def everybody() -> None:
        told: list[str] = []
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(listen(told))
            while told.count("listening") < 4:
                await asyncio.sleep(0.05)
            async with Client(url) as client:
                await client.call_tool("test_trigger_tool_change")
        assert told.count("changed") == 4

    asyncio.run(everybody())
