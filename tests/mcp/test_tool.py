"""The decorator: what it records, what it hands back, and what it refuses while the application starts."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from marshmallow import Schema, fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.tool import Toolbox


class Greeting(Schema):
    """A greeting."""

    name = fields.Str(required=True)


def greet(ctx: Context, *, name: str) -> str:
    """Greet somebody.

    Use it kindly.
    """
    return f"Hello, {name}!"


def test_the_function_comes_back_unchanged() -> None:
    assert Toolbox().tool(Greeting, reads_only=True)(greet) is greet


@pytest.mark.parametrize("schema", [Greeting, Greeting(), {"name": fields.Str(required=True)}])
def test_a_schema_is_a_class_an_instance_or_a_dict_of_fields(schema: Any) -> None:
    toolbox = Toolbox()
    toolbox.tool(schema, reads_only=True)(greet)

    assert toolbox.tools["greet"].arguments.json_schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }


def test_everything_an_author_can_say_is_listed() -> None:
    toolbox = Toolbox()
    toolbox.tool(
        Greeting,
        reads_only=False,
        destructive=False,
        idempotent=True,
        open_world=False,
        name="say.hello-1",
        title="Say hello",
        description="Says hello.",
        output={"said": fields.Str(required=True)},
        icons=[{"src": "https://app.example/hello.png", "mimeType": "image/png", "sizes": ["48x48"]}],
        meta={"example.app/kind": "greeting"},
    )(greet)
    tool = toolbox.tools["say.hello-1"]

    assert tool.listing(tool.arguments.json_schema) == {
        "name": "say.hello-1",
        "title": "Say hello",
        "description": "Says hello.",
        "inputSchema": tool.arguments.json_schema,
        "outputSchema": {
            "type": "object",
            "properties": {"said": {"type": "string"}},
            "required": ["said"],
            "additionalProperties": False,
        },
        "annotations": {
            "readOnlyHint": False,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
        "icons": [{"src": "https://app.example/hello.png", "mimeType": "image/png", "sizes": ["48x48"]}],
        "_meta": {"example.app/kind": "greeting"},
    }


def test_the_docstring_is_the_description() -> None:
    toolbox = Toolbox()
    toolbox.tool(Greeting, reads_only=True)(greet)

    assert toolbox.tools["greet"].description == "Greet somebody.\n\nUse it kindly."


def silent(ctx: Context, *, name: str) -> str:
    return name


def no_context(*, name: str) -> str:
    """Greet."""
    return name


def other_name(ctx: Context, *, who: str) -> str:
    """Greet."""
    return who


def anything(ctx: Context, **given: object) -> str:
    """Take whatever is given."""
    return str(given)


def wants_more(ctx: Context, *, name: str, mood: str) -> str:
    """Greet."""
    return name + mood


async def awaited(ctx: Context, *, name: str) -> str:
    """Greet."""
    return name


def yielding(ctx: Context, *, name: str) -> Iterator[str]:
    """Greet."""
    yield name


async def awaited_generator(ctx: Context, *, name: str) -> AsyncIterator[str]:
    """Greet."""
    yield name


def complete(ctx: Context, value: str, others: dict[str, str]) -> list[str]:
    """Offer what is there already."""
    return [value]


class Awaited:
    """A record that can be called."""

    async def __call__(self, ctx: Context, *, name: str) -> str:
        """Greet."""
        return name


@pytest.mark.parametrize(
    ("handler", "options", "error", "says"),
    [
        (greet, {"reads_only": False}, TypeError, "must say destructive=True or destructive=False"),
        (greet, {"reads_only": True, "destructive": True}, ValueError, "cannot be destructive"),
        (greet, {"reads_only": True, "name": "say hello"}, ValueError, "'say hello' cannot be a name"),
        (greet, {"reads_only": True, "name": "x" * 129}, ValueError, "cannot be a name"),
        (greet, {"reads_only": True, "limit": "often"}, ValueError, "must look like 10/minute"),
        (greet, {"reads_only": True, "timeout_s": 0}, ValueError, "more than 0 seconds"),
        (greet, {"reads_only": True, "hidden_by": {"region"}}, ValueError, "cannot be hidden by region"),
        (silent, {"reads_only": True}, TypeError, "needs a docstring"),
        (no_context, {"reads_only": True}, TypeError, "must take the context as its first argument"),
        (other_name, {"reads_only": True}, TypeError, "does not take 'name'"),
        (wants_more, {"reads_only": True}, TypeError, "needs 'mood', which its schema does not declare"),
        (greet, {"reads_only": True, "output": set}, TypeError, "a schema is a marshmallow Schema"),
        (greet, {"reads_only": "no", "destructive": True}, TypeError, "reads_only must be True or False"),
        (greet, {"reads_only": 1}, TypeError, "reads_only must be True or False"),
        (greet, {"reads_only": False, "destructive": "no"}, TypeError, "destructive must be True or False"),
        (greet, {"reads_only": False, "destructive": True, "idempotent": "no"}, TypeError, "idempotent must be True"),
        (greet, {"reads_only": True, "open_world": None}, TypeError, "open_world must be True or False"),
        (greet, {"reads_only": True, "scopes": "event:read"}, TypeError, "scopes is a set of names"),
        (greet, {"reads_only": True, "skills": "inspect"}, TypeError, "skills is a set of names"),
        (greet, {"reads_only": True, "skills": [None]}, TypeError, "skills is a set of names"),
        (greet, {"reads_only": True, "hidden_by": "project"}, TypeError, "hidden_by is a set of names"),
        (greet, {"reads_only": True, "skills": ()}, ValueError, "greet is for no skill"),
        (awaited, {"reads_only": True}, TypeError, "awaited is async"),
        (yielding, {"reads_only": True}, TypeError, "yielding is a generator"),
        (awaited_generator, {"reads_only": True}, TypeError, "awaited_generator is async"),
        (Awaited(), {"reads_only": True, "name": "record", "description": "Greet."}, TypeError, "record is async"),
    ],
)
def test_what_cannot_work_is_refused_at_declaration(
    handler: Any, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    toolbox = Toolbox()

    with pytest.raises(error, match=says):
        toolbox.tool(Greeting, **options)(handler)
    assert toolbox.tools == {}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"name": fields.Str()}, "is optional, so give it load_default"),
        ({"the-name": fields.Str(required=True)}, "'the-name' cannot be a keyword"),
        ({"class": fields.Str(required=True)}, "'class' cannot be a keyword"),
        ("Greeting", "a schema is a marshmallow Schema"),
        ({"name": "string"}, "a schema is a marshmallow Schema"),
        (Greeting(many=True), "greet: .* one object, not many"),
        (Greeting(unknown="include"), "greet: .* Meta.unknown cannot be INCLUDE"),
        (
            {"name": fields.Decimal(load_default=Decimal("1.5"))},
            "greet: the load_default of 'name' has no form in JSON",
        ),
        ({"name": fields.Raw(load_default=object())}, "greet: the load_default of 'name' has no form in JSON"),
        ({"ctx": fields.Str(required=True)}, "greet: 'ctx' is what its function calls the context"),
    ],
)
def test_schemas_that_cannot_work_are_refused_at_declaration(schema: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Toolbox().tool(schema, reads_only=True)(greet)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"name": fields.Str(required=True, metadata={"x_mcp_header": ""})}, "letters, digits and dashes"),
        ({"name": fields.Str(required=True, metadata={"x_mcp_header": "a b"})}, "letters, digits and dashes"),
        ({"name": fields.Float(required=True, metadata={"x_mcp_header": "Name"})}, "string, integer or boolean"),
        ({"name": fields.List(fields.Str(metadata={"x_mcp_header": "A"}), required=True)}, "through properties alone"),
        (
            {
                "name": fields.Str(required=True, metadata={"x_mcp_header": "A"}),
                "b": fields.Str(load_default="", metadata={"x_mcp_header": "a"}),
            },
            "a header twice",
        ),
    ],
)
def test_header_marks_for_which_clients_would_drop_the_tool(parts: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Toolbox().tool(parts, reads_only=True)(anything)


@pytest.mark.parametrize("kind", ["tool", "resource", "prompt"])
def test_a_misspelt_argument_is_refused(kind: str) -> None:
    declare: Any = getattr(Toolbox(), kind)
    needed: dict[str, dict[str, Any]] = {"tool": {"reads_only": True}, "resource": {"uri": "a://b"}}

    with pytest.raises(TypeError, match="titel"):
        declare(**needed.get(kind, {}), titel="Mine")(greet)


def test_a_name_can_be_taken_once() -> None:
    toolbox = Toolbox()
    toolbox.tool(Greeting, reads_only=True)(greet)

    with pytest.raises(ValueError, match="there is a tool named greet already"):
        toolbox.tool(Greeting, reads_only=True)(greet)


def test_toolboxes_are_put_together_in_order_and_changed_at_run_time() -> None:
    one, two = Toolbox(), Toolbox()
    one.tool(Greeting, reads_only=True, name="b")(greet)
    two.tool(Greeting, reads_only=True, name="a")(greet)

    both = Toolbox().include(one, two)
    revision = both.revision
    before = both.tools
    both.remove("b")

    assert (list(before), list(both.tools)) == (["b", "a"], ["a"])
    assert both.revision > revision
    assert list(one.tools) == ["b"]


def test_a_toolbox_is_included_whole_or_not_at_all() -> None:
    one, two = Toolbox(), Toolbox()
    one.tool(Greeting, reads_only=True, name="a")(greet)
    one.completion("review", "name")(complete)
    two.tool(Greeting, reads_only=True, name="b")(greet)
    both = Toolbox()
    both.tool(Greeting, reads_only=True, name="b")(greet)
    revision = both.revision

    with pytest.raises(ValueError, match="there is a tool named b already"):
        both.include(one, two)

    assert (list(both.tools), dict(both.completions), both.revision) == (["b"], {}, revision)


def test_a_completion_of_an_included_toolbox_is_a_change() -> None:
    """What is compiled for callers is compiled anew."""
    one, both = Toolbox(), Toolbox()
    one.completion("review", "name")(complete)

    both.include(one)

    assert both.revision == 1
    assert list(both.completions) == [("review", "name")]


@pytest.mark.parametrize("completer", [awaited, yielding])
def test_a_completer_answers_at_once(completer: Any) -> None:
    with pytest.raises(TypeError, match="the completion of name is"):
        Toolbox().completion("review", "name")(completer)


def test_a_tool_added_at_run_time_is_listed_at_once(serve: Any) -> None:
    toolbox = Toolbox()
    server = serve(toolbox)
    assert server.listed() == {}

    toolbox.tool(Greeting, reads_only=True)(greet)
    assert list(server.listed()) == ["greet"]

    toolbox.remove("greet")
    assert server.listed() == {}


def test_an_unlisted_tool_can_be_called(serve: Any) -> None:
    toolbox = Toolbox()
    toolbox.tool(Greeting, reads_only=True, listed=False)(greet)
    server = serve(toolbox)

    assert server.listed() == {}
    assert server.call("greet", {"name": "Ada"}) == {"content": [{"type": "text", "text": "Hello, Ada!"}]}
