"""Multi round-trip requests of 2026-07-28: a tool asks, the call comes back with answers, and nothing can be forged."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields, validate

from flask_sentry_mcp import clock
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.questions import Elicit, ElicitURL, Roots, Sample
from flask_sentry_mcp.mcp.schema import form_schema, instance_of
from flask_sentry_mcp.mcp.tool import Toolbox

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ALL: dict[str, Any] = {CAPABILITIES: {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}}
NAME = {"name": fields.Str(required=True)}
ADA = {"action": "accept", "content": {"name": "Ada"}}


@pytest.fixture
def toolbox() -> Toolbox:
    """Tools that ask in every way."""
    toolbox = Toolbox()

    @toolbox.tool({"greeting": fields.Str(load_default="Hello")}, reads_only=True)
    def greet(ctx: Context, *, greeting: str) -> str:
        """Ask for a name."""
        answer = ctx.elicit("Who are you?", NAME, key="who")
        return f"{greeting}, {answer.content['name']}!" if answer.content else f"{answer.action}."

    @toolbox.tool(reads_only=True)
    def greedy(ctx: Context) -> str:
        """Catch whatever can be caught while asking."""
        try:
            return str(ctx.elicit("Who are you?", NAME, key="who").content)
        except Exception as error:  # noqa: BLE001 - what authors do
            return f"caught {error!r}"

    @toolbox.tool(reads_only=True)
    def twice(ctx: Context) -> str:
        """Ask, then ask again, without keys."""
        first = ctx.elicit("First?", NAME)
        second = ctx.sample("Second?", max_tokens=5)
        return f"{first.content} {second['content']}"

    @toolbox.tool(reads_only=True)
    def together(ctx: Context) -> str:
        """Ask everything at once."""
        answers = ctx.ask(
            form=Elicit("Form", NAME),
            page=ElicitURL("Page", "https://app.example/pay", "e1"),
            model=Sample("Hi", 9),
            roots=Roots(),
        )
        return f"{answers['form'].action} {answers['page'].action} {answers['model']['role']} {answers['roots']}"

    @toolbox.prompt()
    def asking(ctx: Context) -> str:
        """A prompt that asks."""
        return str(ctx.elicit("Who are you?", NAME, key="who").content)

    @toolbox.resource("test://asking")
    def resource(ctx: Context) -> str:
        """A resource that asks."""
        return str(ctx.elicit("Who are you?", NAME, key="who").content)

    return toolbox


def _call(server: Any, name: str = "greet", meta: Any = ALL, **params: Any) -> Any:
    return server.modern("tools/call", {"name": name, **params}, meta=meta)


def _asked(answer: Any) -> tuple[dict[str, Any], str]:
    result = answer.get_json()["result"]
    assert set(result) == {"resultType", "inputRequests", "requestState", "_meta"}
    assert result["resultType"] == "input_required"
    return result["inputRequests"], result["requestState"]


def _text(answer: Any) -> str:
    result = answer.get_json()["result"]
    assert result["resultType"] == "complete"
    text: str = result["content"][0]["text"]
    return text


def test_a_tool_asks_and_the_call_comes_back_with_the_answer(server: Any) -> None:
    questions, state = _asked(_call(server))

    assert questions == {
        "who": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Who are you?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                },
            },
        }
    }
    assert _text(_call(server, requestState=state, inputResponses={"who": ADA, "other": 5})) == "Hello, Ada!"
    assert _text(_call(server, requestState=state, inputResponses={"who": {"action": "decline"}})) == "decline."


def test_a_question_gets_out_of_a_tool_that_catches_every_exception(server: Any) -> None:
    assert list(_asked(_call(server, "greedy"))[0]) == ["who"]


def test_answers_of_earlier_rounds_are_kept_by_the_client(serve: Any, toolbox: Any) -> None:
    """Any server with the same secret goes on: nothing was kept here."""
    questions, state = _asked(_call(serve(toolbox), "twice"))
    assert list(questions) == ["question-1"]

    questions, further = _asked(_call(serve(toolbox), "twice", requestState=state, inputResponses={"question-1": ADA}))
    assert questions == {
        "question-2": {
            "method": "sampling/createMessage",
            "params": {
                "messages": [{"role": "user", "content": {"type": "text", "text": "Second?"}}],
                "maxTokens": 5,
            },
        }
    }
    assert further != state

    said = {"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m"}
    assert _text(_call(serve(toolbox), "twice", requestState=further, inputResponses={"question-2": said})) == (
        "{'name': 'Ada'} {'type': 'text', 'text': 'yes'}"
    )


def test_several_things_are_asked_at_once(server: Any) -> None:
    questions, state = _asked(_call(server, "together"))

    assert {key: one["method"] for key, one in questions.items()} == {
        "form": "elicitation/create",
        "page": "elicitation/create",
        "model": "sampling/createMessage",
        "roots": "roots/list",
    }
    assert questions["page"]["params"] == {
        "mode": "url",
        "message": "Page",
        "url": "https://app.example/pay",
    }
    some = {"form": ADA, "model": {"role": "assistant", "content": {"type": "text", "text": ""}}}
    left, state = _asked(_call(server, "together", requestState=state, inputResponses=some))
    assert list(left) == ["page", "roots"]
    rest = {"page": {"action": "accept"}, "roots": {"roots": [{"uri": "file:///a"}]}}
    assert _text(_call(server, "together", requestState=state, inputResponses=rest)) == (
        "accept accept assistant [{'uri': 'file:///a'}]"
    )


@pytest.mark.parametrize(
    ("method", "params"), [("prompts/get", {"name": "asking"}), ("resources/read", {"uri": "test://asking"})]
)
def test_prompts_and_resources_may_ask_too(server: Any, method: str, params: dict[str, Any]) -> None:
    _, state = _asked(server.modern(method, params, meta=ALL))

    answer = server.modern(method, {**params, "requestState": state, "inputResponses": {"who": ADA}}, meta=ALL)

    assert answer.get_json()["result"]["resultType"] == "complete"
    assert "Ada" in answer.text


@pytest.mark.parametrize(
    ("responses", "code"),
    [
        ({}, None),
        ({"wrong": ADA}, None),
        ({"who": 12345}, -32602),
        ({"who": None}, -32602),
        ({"who": {"action": "yes"}}, -32602),
        ({"who": {"action": "accept"}}, -32602),
        ({"who": {"action": "accept", "content": {"name": 5}}}, -32602),
        ({"who": {"action": "accept", "content": []}}, -32602),
        (None, -32602),
        ([], -32602),
        ("who", -32602),
    ],
)
def test_answers_that_are_missing_or_malformed(server: Any, responses: Any, code: int | None) -> None:
    """What is missing is asked again; what is malformed is an error of the protocol."""
    _, state = _asked(_call(server))

    answer = _call(server, requestState=state, inputResponses=responses)

    if code is None:
        assert list(_asked(answer)[0]) == ["who"]
    else:
        assert answer.get_json()["error"]["code"] == code


def test_a_state_is_good_for_this_grant_this_request_and_a_while(server: Any, context: Any) -> None:
    """B14: bound to grant, method, tool, arguments and what the connection fixes; tampering is noticed."""
    _, state = _asked(_call(server, arguments={"greeting": "Hi"}))
    right: dict[str, Any] = {"requestState": state, "inputResponses": {"who": ADA}, "arguments": {"greeting": "Hi"}}
    assert _text(_call(server, **right)) == "Hi, Ada!"

    def refused(answer: Any) -> bool:
        return bool(answer.get_json().get("error", {}).get("code") == -32602)

    for bad in (state + "-TAMPERED", state[:-2], "", 5, [state], state.swapcase()):
        assert refused(_call(server, **{**right, "requestState": bad}))
    assert refused(_call(server, **{**right, "arguments": {"greeting": "Hey"}}))
    assert refused(_call(server, "twice", **{**right, "arguments": {}}))
    assert refused(server.modern("tools/call", {"name": "greet", **right}, meta=ALL, path="/mcp/acme"))
    with clock.shifted(901):
        assert refused(_call(server, **right))
    server.caller = context(grant_id="g2")
    assert refused(_call(server, **right))


@given(
    state=st.text(max_size=60) | st.integers() | st.none() | st.lists(st.text(), max_size=2),
    responses=st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=3)
    | st.text(),
)
def test_whatever_comes_back_is_asked_again_or_refused(server: Any, state: Any, responses: Any) -> None:
    """No state that we did not make gets an answer accepted, whatever it says."""
    answer = _call(server, requestState=state, inputResponses=responses)

    said = answer.get_json()
    assert answer.status_code in (200, 400)
    assert said.get("error", {}).get("code") == -32602 or said["result"]["resultType"] == "input_required"


@pytest.mark.parametrize(
    ("capabilities", "tool", "required"),
    [
        ({}, "greet", {"elicitation": {}}),
        ({"elicitation": {"url": {}}}, "greet", {"elicitation": {}}),
        ({"elicitation": 5}, "greet", {"elicitation": {}}),
        ({"elicitation": {}}, "together", {"elicitation": {"url": {}}, "sampling": {}, "roots": {}}),
    ],
)
def test_a_client_is_asked_only_what_it_can_answer(
    server: Any, capabilities: dict[str, Any], tool: str, required: dict[str, Any]
) -> None:
    answer = _call(server, tool, meta={CAPABILITIES: capabilities})

    assert answer.status_code == 400
    assert answer.get_json()["error"] == {
        "code": -32021,
        "message": "This tool has to ask something that this client cannot answer.",
        "data": {"requiredCapabilities": required},
    }


USES_TOOLS = [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {}}]}]


@pytest.mark.parametrize(
    ("question", "needed"),
    [
        (Sample("Hi", 5), "sampling"),
        (Sample([{"role": "user", "content": {"type": "text", "text": "Hi"}}], 5), "sampling"),
        (Sample("Hi", 5, options={"includeContext": "none", "temperature": 0.5}), "sampling"),
        (Sample("Hi", 5, options={"tools": []}), "sampling.tools"),
        (Sample("Hi", 5, options={"toolChoice": {"mode": "auto"}}), "sampling.tools"),
        (Sample(USES_TOOLS, 5), "sampling.tools"),
        (Sample("Hi", 5, options={"includeContext": "thisServer"}), "sampling.context"),
        (Sample(USES_TOOLS, 5, options={"includeContext": "allServers"}), "sampling.tools.context"),
    ],
)
def test_a_model_is_asked_to_use_tools_only_where_its_client_declared_it(
    server: Any, toolbox: Toolbox, question: Sample, needed: str
) -> None:
    """And for the context of other servers: each is a capability of its own."""
    kind, *modes = needed.split(".")
    enough: dict[str, Any] = {kind: {mode: {} for mode in modes}}
    too_little: dict[str, Any] = {kind: {mode: {} for mode in modes[1:]}}

    @toolbox.tool(reads_only=True)
    def consult(ctx: Context) -> str:
        """Ask the model."""
        return str(ctx.ask(model=question))

    assert question.capability == needed
    asked = _call(server, "consult", meta={CAPABILITIES: enough}).get_json()["result"]
    assert asked["resultType"] == "input_required"
    if modes:
        refused = _call(server, "consult", meta={CAPABILITIES: too_little}).get_json()["error"]
        assert refused["data"]["requiredCapabilities"] == enough


def test_forms_know_the_five_kinds_of_enumeration_and_defaults() -> None:
    plain, titles = ["a", "b"], ["A", "B"]
    form = {
        "one": fields.Str(validate=validate.OneOf(plain)),
        "titled": fields.Str(validate=validate.OneOf(plain, titles), load_default="b"),
        "older": fields.Str(validate=validate.OneOf(plain), metadata={"enumNames": titles}),
        "many": fields.List(fields.Str(validate=validate.OneOf(plain))),
        "titled_many": fields.List(fields.Str(validate=validate.OneOf(plain, titles)), load_default=["a"]),
        "age": fields.Int(load_default=None, metadata={"title": "Age"}),
    }

    assert form_schema(instance_of(form)) == {
        "type": "object",
        "properties": {
            "one": {"type": "string", "enum": plain},
            "titled": {
                "type": "string",
                "default": "b",
                "oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}],
            },
            "older": {"type": "string", "enum": plain, "enumNames": titles},
            "many": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titled_many": {
                "type": "array",
                "default": ["a"],
                "items": {"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            },
            "age": {"type": "integer", "title": "Age"},
        },
    }


def test_forms_are_flat() -> None:
    nested = {"home": fields.Nested({"street": fields.Str()})}

    with pytest.raises(ValueError, match="a form is flat"):
        form_schema(instance_of(nested))


def test_a_client_of_2025_without_a_session_cannot_be_asked(server: Any) -> None:
    result = server.legacy("tools/call", {"name": "together"}).get_json()["result"]

    assert result == {
        "content": [{"type": "text", "text": "This tool has to ask something that this client cannot answer."}],
        "isError": True,
    }
