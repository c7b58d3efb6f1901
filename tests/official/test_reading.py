"""The official client reads resources, picks prompts and completes arguments, in both eras."""

import base64
import json

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from tests.conformance.offers import PNG

from .client import ERAS, run

pytestmark = pytest.mark.parametrize("era", ERAS)


def test_resources_of_text_and_of_bytes(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        assert uris == ["test://static-text", "test://static-binary", "test://watched-resource"]
        words = (await client.read_resource("test://static-text")).contents[0]
        assert isinstance(words, types.TextResourceContents)
        assert words.text == "This is the content of the static text resource."
        image = (await client.read_resource("test://static-binary")).contents[0]
        assert isinstance(image, types.BlobResourceContents)
        assert base64.b64decode(image.blob) == PNG

    run(url, era, use)


def test_a_resource_from_a_template(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == ["test://template/{id}/data"]
        read = (await client.read_resource("test://template/4%202/data")).contents[0]
        assert isinstance(read, types.TextResourceContents)
        assert json.loads(read.text)["id"] == "4 2"

    run(url, era, use)


def test_there_is_no_such_resource(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(MCPError) as absent:
            await client.read_resource("test://nothing")
        assert absent.value.error.code == (-32602 if era == "auto" else -32002)

    run(url, era, use)


def test_prompts(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        arguments = prompts["test_prompt_with_arguments"].arguments or []
        assert [(one.name, one.required, one.description) for one in arguments] == [
            ("arg1", True, "First test argument"),
            ("arg2", True, "Second test argument"),
        ]
        filled = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        content = filled.messages[0].content
        assert isinstance(content, types.TextContent)
        assert content.text == "Prompt with arguments: arg1='a', arg2='b'"
        for name, arguments_given, kinds in (
            ("test_simple_prompt", {}, ["text"]),
            ("test_prompt_with_image", {}, ["image", "text"]),
            ("test_prompt_with_embedded_resource", {"resourceUri": "test://static-text"}, ["resource", "text"]),
        ):
            prompt = await client.get_prompt(name, arguments_given)
            assert [message.content.type for message in prompt.messages] == kinds

    run(url, era, use)


def test_a_prompt_without_its_arguments_is_refused(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        for name in ("test_prompt_with_arguments", "nobody"):
            with pytest.raises(MCPError) as refused:
                await client.get_prompt(name)
            assert refused.value.error.code == -32602

    run(url, era, use)


def test_completion(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        of = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
        for typed, offered in (("par", ["paris", "park", "party"]), ("pari", ["paris"]), ("x", [])):
            completed = await client.complete(of, {"name": "arg1", "value": typed})
            assert completed.completion.values == offered

    run(url, era, use)
