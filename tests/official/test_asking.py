"""The official client answers what tools ask: the same tools for both eras, forms, pages, models and folders."""

import asyncio
from typing import Any

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from .client import ERAS, Person, connected, run, text

pytestmark = pytest.mark.parametrize("era", ERAS)


def _call(url: str, era: str, tool: str, person: Person | None = None, **arguments: Any) -> str:
    said: list[str] = []

    async def use(client: Client) -> None:
        result = await client.call_tool(tool, arguments)
        said.append(f"error: {text(result)}" if result.is_error else text(result))

    run(url, era, use, person)
    return said[0]


def test_one_question_after_another(url: str, era: str) -> None:
    person = Person()

    assert _call(url, era, "test_input_required_result_multi_round", person) == "Ada likes blue."
    assert [params.message for params in person.asked] == ["What is your name?", "Which colour?"]


def test_three_questions_of_three_kinds_at_once(url: str, era: str) -> None:
    person = Person()

    assert _call(url, era, "test_input_required_result_multiple_inputs", person) == "Paris Ada, 1 roots."
    assert len(person.asked) == 3


def test_the_clients_model(url: str, era: str) -> None:
    person = Person()

    assert _call(url, era, "test_sampling", person, prompt="Capital of France?") == "LLM response: Paris"
    assert isinstance(person.asked[0], types.CreateMessageRequestParams)
    assert person.asked[0].max_tokens == 100


def test_the_clients_folders(url: str, era: str) -> None:
    assert "1 root" in _call(url, era, "test_input_required_result_list_roots")


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
def test_a_page_to_visit(url: str, era: str, action: str) -> None:
    person = Person(action=action)

    assert _call(url, era, "visit", person) == action
    assert isinstance(person.asked[0], types.ElicitRequestURLParams)
    assert str(person.asked[0].url) == "https://app.example/form"


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_person_may_say_no(url: str, era: str, action: str) -> None:
    said = _call(url, era, "test_elicitation", Person(action=action), message="Who?")

    assert said == f"User response: {action}, None"


def test_defaults_of_every_kind_arrive_and_fill_what_is_left_open(url: str, era: str) -> None:
    person = Person(content={"age": 31})

    said = _call(url, era, "test_elicitation_sep1034_defaults", person)

    form = person.asked[0].requested_schema["properties"]
    assert {name: field["default"] for name, field in form.items()} == {
        "name": "John Doe",
        "age": 30,
        "score": 95.5,
        "status": "active",
        "verified": True,
    }
    assert "'age': 31" in said
    assert "'name': 'John Doe'" in said


def test_the_five_kinds_of_choice(url: str, era: str) -> None:
    chosen: dict[str, Any] = {
        "untitledSingle": "option1",
        "titledSingle": "value2",
        "legacyEnum": "opt3",
        "untitledMulti": ["option1", "option2"],
        "titledMulti": ["value1"],
    }
    person = Person(content=chosen)

    said = _call(url, era, "test_elicitation_sep1330_enums", person)

    assert said == f"Elicitation completed: accept, {chosen}"
    form = person.asked[0].requested_schema["properties"]
    assert form["titledSingle"]["oneOf"][0] == {"const": "value1", "title": "First Option"}
    assert form["legacyEnum"]["enumNames"][0] == "First Option"
    assert form["titledMulti"]["items"]["anyOf"][0] == {"const": "value1", "title": "First Option"}


def test_a_prompt_that_asks(url: str, era: str) -> None:
    async def use(client: Client) -> None:
        prompt = await client.get_prompt("test_input_required_result_prompt")
        content = prompt.messages[0].content
        assert isinstance(content, types.TextContent)
        assert content.text == "Consider this: tea"

    run(url, era, use)


def test_an_answer_of_the_wrong_form_is_refused(url: str, era: str) -> None:
    """2025: the model reads it; 2026-07-28: the program that repeated the request is told."""
    person = Person(content={"name": 5})

    if era == "legacy":
        assert _call(url, era, "test_elicitation", person, message="Who?").startswith("error: ")
    else:
        with pytest.raises(ExceptionGroup) as refused:
            _call(url, era, "test_input_required_result_elicitation", person)
        assert refused.group_contains(MCPError)


def test_many_clients_ask_at_once_and_each_gets_its_own_answer(url: str, era: str) -> None:
    """Two workers: the question goes out at one, the answer may come in at the other."""
    said: dict[str, str] = {}

    async def one(name: str) -> None:
        async with connected(url, era, Person(content={"name": name, "color": f"the colour of {name}"})) as client:
            said[name] = text(await client.call_tool("test_input_required_result_multi_round"))

    async def everybody() -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(one(f"n{number}"))

    asyncio.run(everybody())
    assert said == {name: f"{name} likes the colour of {name}." for name in said}
    assert len(said) == 8
