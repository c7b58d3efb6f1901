"""The official client calls tools, in both eras: every kind of content, structure, pages, and the ways to fail."""

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from .client import ERAS, run, text
from .site import ANNOTATIONS, PAGE_SIZE

pytestmark = pytest.mark.parametrize("era", ERAS)


async def _all_tools(client: Client) -> list[types.Tool]:
    tools, cursor = list[types.Tool](), None
    while True:
        page = await client.list_tools(cursor=cursor)
        assert 0 < len(page.tools) <= PAGE_SIZE
        tools += page.tools
        if page.next_cursor is None:
            return tools
        cursor = page.next_cursor


def test_pages_of_tools_hold_each_tool_once(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        names = [tool.name for tool in await _all_tools(client)]
        assert names[0] == "test_simple_text"
        assert len(names) == len(set(names)) > 3 * PAGE_SIZE
        with pytest.raises(MCPError) as refused:
            await client.list_tools(cursor="made-up")
        assert refused.value.error.code == -32602

    run(url, era, use)


def test_what_a_tool_says_of_itself_arrives(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        tools = {tool.name: tool for tool in await _all_tools(client)}
        weather = tools["weather"]
        assert (weather.title, weather.description) == ("The weather", "Tell the weather in a town.")
        assert weather.icons is not None
        assert [icon.src for icon in weather.icons] == ["https://app.example/icon.png"]
        assert (weather.meta or {})["app.example/season"] == "summer"
        assert (weather.output_schema or {})["required"] == ["degrees", "sky"]
        assert weather.annotations is not None
        assert weather.annotations.read_only_hint is True
        assert tools["json_schema_2020_12_tool"].input_schema["$defs"]["address"]["$anchor"] == "addressDef"

    run(url, era, use)


@pytest.mark.parametrize(
    ("tool", "kinds"),
    [
        ("test_simple_text", ["text"]),
        ("test_image_content", ["image"]),
        ("test_audio_content", ["audio"]),
        ("test_embedded_resource", ["resource"]),
        ("test_multiple_content_types", ["text", "image", "resource"]),
        ("everything", ["text", "resource_link"]),
    ],
)
def test_every_kind_of_content(url: str, era: str, tool: str, kinds: list[str]) -> None:
    async def use(client: Client) -> None:
        result = await client.call_tool(tool)
        assert [block.type for block in result.content] == kinds
        assert not result.is_error

    run(url, era, use)


def test_structure_annotations_and_meta_arrive(url: str, era: str) -> None:
    """The client itself holds the structured content against the schema that the tool announced."""

    async def use(client: Client) -> None:
        await _all_tools(client)
        weather = await client.call_tool("weather", {"town": "Vienna"})
        assert weather.structured_content == {"degrees": 21.5, "sky": "clear"}
        everything = await client.call_tool("everything")
        assert everything.structured_content == {"n": 1}
        assert (everything.meta or {})["app.example/n"] == 2
        words, link = everything.content
        assert words.annotations is not None
        assert words.annotations.model_dump(by_alias=True, exclude_none=True) == ANNOTATIONS
        assert isinstance(link, types.ResourceLink)
        assert (link.name, link.title, link.size, link.meta) == ("text", "Text", 48, {"app.example/n": 1})

    run(url, era, use)


def test_the_two_ways_to_fail(url: str, era: str) -> None:
    """What a model can react to is a result; what the program got wrong is an error."""

    async def use(client: Client) -> None:
        assert (await client.call_tool("test_error_handling")).is_error
        misspelt = await client.call_tool("greet", {"nam": "Ada"})
        assert misspelt.is_error
        assert "name" in text(misspelt)
        with pytest.raises(MCPError) as refused:
            await client.call_tool("nobody")
        assert refused.value.error.code == -32602

    run(url, era, use)


def test_an_argument_that_clients_mirror_into_a_header(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        await _all_tools(client)
        for region in ("eu", "Zürich", " padded ", "=?base64?x?="):
            assert text(await client.call_tool("test_x_mcp_header", {"region": region})) == f"Region: {region}"

    run(url, era, use)
