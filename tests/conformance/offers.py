"""What the official conformance suite expects a server to offer, written as an author would write it."""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, validate

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import ProtocolError, ToolFailed
from flask_sentry_mcp.mcp.content import Audio, EmbeddedResource, Image, Text
from flask_sentry_mcp.mcp.prompt import Message
from flask_sentry_mcp.mcp.questions import Elicit, Roots, Sample
from flask_sentry_mcp.mcp.raw import RawSchema
from flask_sentry_mcp.mcp.resource import Contents
from flask_sentry_mcp.mcp.tool import Toolbox

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
NAME_FORM = {"name": fields.Str(required=True)}
CONFIRM_FORM = {"ok": fields.Bool(required=True)}
ADDRESS_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def offers() -> Toolbox:
    """A fresh toolbox with everything; ``test_simple_text`` first, as the suite calls the first tool listed."""
    toolbox = Toolbox()
    _add_plain_tools(toolbox)
    _add_talking_tools(toolbox)
    _add_asking_tools(toolbox)
    _add_rounds(toolbox)
    _add_tasks(toolbox)
    _add_changes(toolbox)
    _add_resources(toolbox)
    _add_prompts(toolbox)
    return toolbox


def _add_plain_tools(toolbox: Toolbox) -> None:
    @toolbox.tool(reads_only=True)
    def test_simple_text(ctx: Context) -> str:
        """Return text."""
        return "This is a simple text response for testing."

    @toolbox.tool(reads_only=True)
    def test_image_content(ctx: Context) -> Image:
        """Return an image."""
        return Image(PNG)

    @toolbox.tool(reads_only=True)
    def test_audio_content(ctx: Context) -> Audio:
        """Return a sound."""
        return Audio(WAV)

    @toolbox.tool(reads_only=True)
    def test_embedded_resource(ctx: Context) -> EmbeddedResource:
        """Return a resource with its contents."""
        return EmbeddedResource("test://embedded-resource", "This is an embedded resource content.", "text/plain")

    @toolbox.tool(reads_only=True)
    def test_multiple_content_types(ctx: Context) -> list[Any]:
        """Return several kinds of content."""
        mixed = EmbeddedResource("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
        return [Text("Multiple content types test:"), Image(PNG), mixed]

    @toolbox.tool(reads_only=True)
    def test_error_handling(ctx: Context) -> str:
        """Fail on purpose."""
        raise ToolFailed("This tool intentionally returns an error for testing")

    @toolbox.tool(RawSchema(ADDRESS_SCHEMA), reads_only=True)
    def json_schema_2020_12_tool(ctx: Context, **given: Any) -> str:
        """Take arguments of a schema that only JSON Schema can say."""
        return f"Received {', '.join(sorted(given))}."

    @toolbox.tool({"region": fields.Str(load_default="", metadata={"x_mcp_header": "Region"})}, reads_only=True)
    def test_x_mcp_header(ctx: Context, *, region: str) -> str:
        """Take an argument that clients mirror into a header."""
        return f"Region: {region or 'none'}"


def _add_talking_tools(toolbox: Toolbox) -> None:
    @toolbox.tool(reads_only=True)
    def test_tool_with_progress(ctx: Context) -> str:
        """Report progress."""
        for step in (0, 50, 100):
            ctx.progress(step, 100, f"Completed step {step} of 100")
            time.sleep(0.05)
        return "Progress told."

    @toolbox.tool(reads_only=True)
    def test_tool_with_logging(ctx: Context) -> str:
        """Log messages."""
        for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            ctx.log("info", said)
            time.sleep(0.05)
        return "Messages logged."

    @toolbox.tool(reads_only=True)
    def test_logging_tool(ctx: Context) -> str:
        """Log a message that only reaches those who asked for it."""
        ctx.log("info", "You asked for this.")
        return "Logged, if anybody listens."

    @toolbox.tool(reads_only=True)
    def test_reconnection(ctx: Context) -> str:
        """Hang up, and finish later."""
        ctx.exchange.detach(retry_ms=500)
        time.sleep(0.1)
        return "Reconnection test completed successfully."


def _add_asking_tools(toolbox: Toolbox) -> None:
    @toolbox.tool({"prompt": fields.Str(required=True)}, reads_only=True)
    def test_sampling(ctx: Context, *, prompt: str) -> str:
        """Ask the client's model."""
        return f"LLM response: {_text_of(ctx.sample(prompt, max_tokens=100))}"

    @toolbox.tool({"message": fields.Str(required=True)}, reads_only=True)
    def test_elicitation(ctx: Context, *, message: str) -> str:
        """Ask the person for a name and an address."""
        form = {
            "username": fields.Str(required=True, metadata={"description": "User's response"}),
            "email": fields.Str(required=True, metadata={"description": "User's email address"}),
        }
        answer = ctx.elicit(message, form)
        return f"User response: {answer.action}, {answer.content}"

    @toolbox.tool(reads_only=True)
    def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        """Ask with defaults of every kind."""
        form = {
            "name": fields.Str(load_default="John Doe"),
            "age": fields.Int(load_default=30),
            "score": fields.Float(load_default=95.5),
            "status": fields.Str(load_default="active", validate=validate.OneOf(["active", "inactive", "pending"])),
            "verified": fields.Bool(load_default=True),
        }
        answer = ctx.elicit("Please look at the defaults.", form)
        return f"Elicitation completed: {answer.action}, {answer.content}"

    @toolbox.tool(reads_only=True)
    def test_elicitation_sep1330_enums(ctx: Context) -> str:
        """Ask with the five kinds of enumeration."""
        values, titles = ["value1", "value2", "value3"], ["First Option", "Second Option", "Third Option"]
        options, legacy = ["option1", "option2", "option3"], ["opt1", "opt2", "opt3"]
        form = {
            "untitledSingle": fields.Str(validate=validate.OneOf(options)),
            "titledSingle": fields.Str(validate=validate.OneOf(values, titles)),
            "legacyEnum": fields.Str(validate=validate.OneOf(legacy), metadata={"enumNames": titles}),
            "untitledMulti": fields.List(fields.Str(validate=validate.OneOf(options))),
            "titledMulti": fields.List(fields.Str(validate=validate.OneOf(values, titles))),
        }
        answer = ctx.elicit("Please choose.", form)
        return f"Elicitation completed: {answer.action}, {answer.content}"

    @toolbox.tool(reads_only=True)
    def test_missing_capability(ctx: Context) -> str:
        """Need a client that can sample."""
        return _text_of(ctx.sample("What is the capital of France?", max_tokens=100))

    @toolbox.tool(reads_only=True)
    def test_streaming_elicitation(ctx: Context) -> str:
        """Ask, where a stream could be open."""
        ctx.progress(1, 2)
        return f"Hello, {_name(ctx.elicit('What is your name?', NAME_FORM, key='user_name'))}."


def _add_rounds(toolbox: Toolbox) -> None:
    @toolbox.tool(reads_only=True)
    def test_input_required_result_elicitation(ctx: Context) -> str:
        """Ask for a name."""
        return f"Hello, {_name(ctx.elicit('What is your name?', NAME_FORM, key='user_name'))}!"

    @toolbox.tool(reads_only=True)
    def test_input_required_result_sampling(ctx: Context) -> str:
        """Ask the client's model."""
        answer = ctx.sample("What is the capital of France?", max_tokens=100, key="capital_question")
        return f"The model says: {_text_of(answer)}"

    @toolbox.tool(reads_only=True)
    def test_input_required_result_list_roots(ctx: Context) -> str:
        """Ask for the client's roots."""
        return f"{len(ctx.roots(key='client_roots'))} roots."

    @toolbox.tool(reads_only=True)
    def test_input_required_result_request_state(ctx: Context) -> str:
        """Ask, and keep state with the client."""
        ctx.elicit("Go on?", CONFIRM_FORM, key="confirm")
        return "state-ok"

    @toolbox.tool(reads_only=True)
    def test_input_required_result_multiple_inputs(ctx: Context) -> str:
        """Ask three things at once."""
        answers = ctx.ask(
            user_name=Elicit("What is your name?", NAME_FORM),
            greeting=Sample("Say hello.", 50),
            client_roots=Roots(),
        )
        return f"{_text_of(answers['greeting'])} {_name(answers['user_name'])}, {len(answers['client_roots'])} roots."

    @toolbox.tool(reads_only=True)
    def test_input_required_result_multi_round(ctx: Context) -> str:
        """Ask, then ask again."""
        name = _name(ctx.elicit("What is your name?", NAME_FORM, key="step1"))
        colour = ctx.elicit("Which colour?", {"color": fields.Str(required=True)}, key="step2")
        return f"{name} likes {(colour.content or {}).get('color')}."

    @toolbox.tool(reads_only=True)
    def test_input_required_result_tampered_state(ctx: Context) -> str:
        """Ask, and notice when the state comes back changed."""
        ctx.elicit("Go on?", CONFIRM_FORM, key="confirm")
        return "The state is whole."

    @toolbox.tool(reads_only=True)
    def test_input_required_result_capabilities(ctx: Context) -> str:
        """Ask only what the client can answer."""
        if ctx.can_ask("sampling"):
            return _text_of(ctx.sample("Say hello.", max_tokens=50, key="greeting"))
        return _name(ctx.elicit("What is your name?", NAME_FORM, key="user_name"))


def _add_tasks(toolbox: Toolbox) -> None:
    @toolbox.tool({"name": fields.Str(required=True)}, reads_only=True)
    def greet(ctx: Context, *, name: str) -> str:
        """Greet at once; never a task."""
        return f"Hello, {name}!"

    @toolbox.tool(
        {"seconds": fields.Float(load_default=1.0), "label": fields.Str(load_default="")},
        reads_only=True,
        task="optional",
    )
    def slow_compute(ctx: Context, *, seconds: float, label: str) -> str:
        """Compute for a while, unless cancelled."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not ctx.is_cancelled:
            time.sleep(min(0.05, max(0.0, ends - time.monotonic())))
        return f"Computed {label} for {seconds} s."

    @toolbox.tool(reads_only=True, task="required")
    def failing_job(ctx: Context) -> str:
        """Fail after a second, in a way that the model may react to."""
        time.sleep(1)
        raise ToolFailed("The job failed.")

    @toolbox.tool(reads_only=True, task="required")
    def protocol_error_job(ctx: Context) -> str:
        """Fail in a way of the protocol."""
        raise ProtocolError(-32603, "The job broke the protocol.")

    @toolbox.tool({"filename": fields.Str(required=True)}, reads_only=False, destructive=True, task="required")
    def confirm_delete(ctx: Context, *, filename: str) -> str:
        """Delete a file, once the person agrees."""
        answer = ctx.elicit(f"Delete {filename}?", {"confirm": fields.Bool(required=True)}, key="confirm")
        agreed = answer.action == "accept" and (answer.content or {}).get("confirm")
        return f"Deleted {filename}." if agreed else f"Kept {filename}."

    @toolbox.tool(reads_only=True, task="required")
    def multi_input(ctx: Context) -> str:
        """Ask two things at once."""
        form = {"name": fields.Str(load_default=""), "confirm": fields.Bool(load_default=False)}
        answers = ctx.ask(first=Elicit("First?", form), second=Elicit("Second?", form))
        return f"{_name(answers['first'])}, {_name(answers['second'])}"

    @toolbox.tool(reads_only=True, task="required", task_from_start=False)
    def test_tool_with_task(ctx: Context) -> str:
        """Ask for a name, then work on as a task."""
        name = _name(ctx.elicit("What is your name?", NAME_FORM, key="user_name"))
        ctx.continue_as_task()
        return f"Worked for {name}."


def _add_changes(toolbox: Toolbox) -> None:
    @toolbox.tool(reads_only=False, destructive=False)
    def test_trigger_tool_change(ctx: Context) -> str:
        """Add a tool, and take it away again."""
        toolbox.tool(reads_only=True, name="test_new_tool")(_nothing)
        toolbox.remove("test_new_tool")
        return "Changed."

    @toolbox.tool(reads_only=False, destructive=False)
    def test_trigger_prompt_change(ctx: Context) -> str:
        """Add a prompt, and take it away again."""
        toolbox.prompt(name="test_new_prompt")(_nothing)
        toolbox.remove("test_new_prompt")
        return "Changed."


def _add_resources(toolbox: Toolbox) -> None:
    @toolbox.resource("test://static-text", mime_type="text/plain")
    def static_text(ctx: Context) -> str:
        """Text that never changes."""
        return "This is the content of the static text resource."

    @toolbox.resource("test://static-binary", mime_type="image/png")
    def static_binary(ctx: Context) -> bytes:
        """Bytes that never change."""
        return PNG

    @toolbox.resource("test://watched-resource", mime_type="text/plain")
    def watched_resource(ctx: Context) -> str:
        """Text to subscribe to."""
        return "Watched."

    @toolbox.resource("test://template/{id}/data", mime_type="application/json")
    def template_data(ctx: Context, *, id: str) -> Mapping[str, Any] | Contents:
        """Data by id."""
        return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


def _add_prompts(toolbox: Toolbox) -> None:
    @toolbox.prompt()
    def test_simple_prompt(ctx: Context) -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @toolbox.prompt(
        {
            "arg1": fields.Str(required=True, metadata={"description": "First test argument"}),
            "arg2": fields.Str(required=True, metadata={"description": "Second test argument"}),
        }
    )
    def test_prompt_with_arguments(ctx: Context, *, arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @toolbox.completion("test_prompt_with_arguments", "arg1")
    def complete_arg1(ctx: Context, value: str, others: Mapping[str, str]) -> Sequence[str]:
        return [word for word in ("paris", "park", "party") if word.startswith(value)]

    @toolbox.prompt({"resourceUri": fields.Str(required=True)})
    def test_prompt_with_embedded_resource(ctx: Context, *, resourceUri: str) -> list[Any]:  # noqa: N803 - the suite's
        """A prompt with a resource in it."""
        return [
            EmbeddedResource(resourceUri, "Embedded resource content for testing.", "text/plain"),
            "Please process the embedded resource above.",
        ]

    @toolbox.prompt()
    def test_prompt_with_image(ctx: Context) -> list[Any]:
        """A prompt with an image in it."""
        return [Image(PNG), Message("Please analyze the image above.")]

    @toolbox.prompt()
    def test_input_required_result_prompt(ctx: Context) -> str:
        """A prompt that asks first."""
        form = {"context": fields.Str(required=True)}
        answer = ctx.elicit("What is it about?", form, key="user_context")
        return f"Consider this: {(answer.content or {}).get('context')}"


def _nothing(ctx: Context) -> str:
    """Nothing of use."""
    return "nothing"


def _name(answer: Any) -> str:
    return str((answer.content or {}).get("name"))


def _text_of(answer: Mapping[str, Any]) -> str:
    content = answer["content"]
    return str(content.get("text", "")) if isinstance(content, dict) else str(content)
