"""What a tool may return and how it arrives; and that nothing else ever gets out."""

import dataclasses
import datetime
import enum
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

import pytest
from marshmallow import Schema, fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.content import Audio, EmbeddedResource, Image, ResourceLink, Result, Text
from flask_sentry_mcp.mcp.output import Output
from flask_sentry_mcp.mcp.tool import Toolbox


@dataclasses.dataclass
class Weather:
    """A reading."""

    celsius: float
    sky: Literal["clear", "grey"]
    notes: list[str]
    wind: int | None = None


@dataclasses.dataclass
class Place:
    """Somewhere."""

    name: str


class Sky(enum.Enum):
    """What is above."""

    CLEAR = "clear"


WEATHER = {"celsius": 21.5, "sky": "clear", "notes": ["é"], "wind": None}
WEATHER_TEXT = '{"celsius":21.5,"sky":"clear","notes":["é"],"wind":null}'


def _returning(serve: Any, value: Any, **options: Any) -> Any:
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True, **options)
    def give(ctx: Context) -> Any:
        """Give it."""
        return value

    return serve(toolbox)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("hi", {"content": [{"type": "text", "text": "hi"}]}),
        ("", {"content": [{"type": "text", "text": ""}]}),
        (None, {"content": []}),
        (3, {"content": [{"type": "text", "text": "3"}]}),
        (True, {"content": [{"type": "text", "text": "true"}]}),
        ([], {"content": []}),
        ({"a": [1]}, {"content": [{"type": "text", "text": '{"a":[1]}'}], "structuredContent": {"a": [1]}}),
        (
            Weather(21.5, "clear", ["é"]),
            {"content": [{"type": "text", "text": WEATHER_TEXT}], "structuredContent": WEATHER},
        ),
        (
            {"on": datetime.date(2026, 7, 28)},
            {"content": [{"type": "text", "text": '{"on":"2026-07-28"}'}], "structuredContent": {"on": "2026-07-28"}},
        ),
        (
            MappingProxyType({"a": Place("x"), "b": [Place("y")]}),
            {
                "content": [{"type": "text", "text": '{"a":{"name":"x"},"b":[{"name":"y"}]}'}],
                "structuredContent": {"a": {"name": "x"}, "b": [{"name": "y"}]},
            },
        ),
        ([Place("x")], {"content": [{"type": "text", "text": '{"name":"x"}'}]}),
        (datetime.date(2026, 7, 28), {"content": [{"type": "text", "text": "2026-07-28"}]}),
        (datetime.time(9, 30), {"content": [{"type": "text", "text": "09:30:00"}]}),
        (Decimal("1.50"), {"content": [{"type": "text", "text": "1.50"}]}),
        (UUID(int=7), {"content": [{"type": "text", "text": "00000000-0000-0000-0000-000000000007"}]}),
        (Sky.CLEAR, {"content": [{"type": "text", "text": "clear"}]}),
        ([Sky.CLEAR, 1.5], {"content": [{"type": "text", "text": "clear"}, {"type": "text", "text": "1.5"}]}),
        (
            Image(bytearray(b"\x89PNG"), "image/png"),
            {"content": [{"type": "image", "data": "iVBORw==", "mimeType": "image/png"}]},
        ),
        (Image(b"\x89PNG"), {"content": [{"type": "image", "data": "iVBORw==", "mimeType": "image/png"}]}),
        (Audio(b"RIFF"), {"content": [{"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}]}),
        (
            Text("hi", annotations={"audience": ["user"], "priority": 0.5}, meta={"a.example/b": 1}),
            {
                "content": [
                    {
                        "type": "text",
                        "text": "hi",
                        "annotations": {"audience": ["user"], "priority": 0.5},
                        "_meta": {"a.example/b": 1},
                    }
                ]
            },
        ),
        (
            [
                "text",
                EmbeddedResource("test://a", "words", "text/plain"),
                EmbeddedResource("test://b", b"\x00"),
                ResourceLink("test://c", "c", description="C", mime_type="text/plain", size=3),
                {"x": 1},
            ],
            {
                "content": [
                    {"type": "text", "text": "text"},
                    {"type": "resource", "resource": {"uri": "test://a", "mimeType": "text/plain", "text": "words"}},
                    {"type": "resource", "resource": {"uri": "test://b", "blob": "AA=="}},
                    {
                        "type": "resource_link",
                        "uri": "test://c",
                        "name": "c",
                        "description": "C",
                        "mimeType": "text/plain",
                        "size": 3,
                    },
                    {"type": "text", "text": '{"x":1}'},
                ]
            },
        ),
        (
            Result("no luck", is_error=True, meta={"a.example/b": 1}),
            {"content": [{"type": "text", "text": "no luck"}], "isError": True},
        ),
        (
            Result(["a", Text("b")], structured={"c": 1}),
            {
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                "structuredContent": {"c": 1},
            },
        ),
    ],
)
def test_what_may_be_returned(serve: Any, value: Any, result: Any) -> None:
    assert _returning(serve, value).call("give") == result


def test_the_meta_of_a_result_stands_beside_the_servers(serve: Any) -> None:
    server = _returning(serve, Result("x", meta={"a.example/b": 1}))

    assert server.modern("tools/call", {"name": "give"}).get_json()["result"]["_meta"] == {
        "a.example/b": 1,
        "io.modelcontextprotocol/serverInfo": {"name": "flask-sentry-mcp", "version": "1.2.3"},
    }


_circle: list[Any] = []
_circle.append(_circle)


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        object(),
        [b"bytes"],
        [["nested"]],
        {"a": float("nan")},
        {"a": object()},
        {"a": _circle},
        {(1, 2): 3},
        float("inf"),
        Weather,
        (one for one in "ab"),
        Result(object()),  # type: ignore[arg-type]  # what an author gets wrong
    ],
)
def test_what_must_not_be_returned_is_a_failed_call(serve: Any, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The caller reads our sentence and an event id; the operator finds the rest under it."""
    server = _returning(serve, value)

    result = server.call("give")

    assert result["isError"] is True
    said = result["content"][0]["text"]
    assert said.startswith("Something went wrong on this server.")
    assert said.rpartition(" ")[2].rstrip(".") in caplog.text


@pytest.mark.parametrize(
    ("record", "given", "says"),
    [
        (Text, {"text": None}, "text of Text must be str"),
        (Text, {"text": 5}, "text of Text must be str"),
        (Text, {"text": "x", "annotations": "user"}, "annotations of Text must be"),
        (Image, {"data": "x"}, "data of Image must be bytes"),
        (Image, {"data": b"x", "mime_type": None}, "mime_type of Image must be str"),
        (Audio, {"data": b"x", "mime_type": None}, "mime_type of Audio must be str"),
        (EmbeddedResource, {"uri": "test://a", "contents": None}, "contents of EmbeddedResource must be"),
        (ResourceLink, {"uri": "test://a", "name": None}, "name of ResourceLink must be str"),
        (ResourceLink, {"uri": "test://a", "name": "a", "size": "3"}, "size of ResourceLink must be int"),
    ],
)
def test_a_record_that_could_not_go_out_is_never_made(record: Any, given: dict[str, Any], says: str) -> None:
    """Clients drop a whole answer over one null; the author is shown the line instead."""
    with pytest.raises(TypeError, match=says):
        record(**given)


def test_half_a_surrogate_pair_does_not_get_out(serve: Any) -> None:
    assert _returning(serve, "a\ud800b").call("give")["content"][0]["text"] == "a?b"
    assert _returning(serve, {"a": "\udc00"}).call("give")["structuredContent"] == {"a": "?"}


class Out(Schema):
    """A promise."""

    name = fields.Str(required=True)
    on = fields.Date(data_key="onDay")


class Row:
    """An object with the declared attributes."""

    name = "Ada"
    on = datetime.date(2026, 7, 28)


@pytest.mark.parametrize("value", [Row(), {"name": "Ada", "on": datetime.date(2026, 7, 28), "extra": 1}])
def test_an_output_schema_is_listed_and_kept(serve: Any, value: Any) -> None:
    server = _returning(serve, value, output=Out)

    assert server.listed()["give"]["outputSchema"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "onDay": {"type": "string", "format": "date"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert server.call("give") == {
        "content": [{"type": "text", "text": '{"name":"Ada","onDay":"2026-07-28"}'}],
        "structuredContent": {"name": "Ada", "onDay": "2026-07-28"},
    }


@pytest.mark.parametrize("value", [{}, {"name": None}, "text", {"name": "x", "on": "no date"}, Result("x"), None])
def test_a_broken_promise_is_a_failed_call(serve: Any, value: Any) -> None:
    result = _returning(serve, value, output=Out).call("give")

    assert (result["isError"], "structuredContent" in result) == (True, False)


def test_a_failed_result_needs_no_structured_content(serve: Any) -> None:
    assert _returning(serve, Result("no", is_error=True), output=Out).call("give") == {
        "content": [{"type": "text", "text": "no"}],
        "isError": True,
    }


def test_many_rows_are_an_array_that_clients_of_2025_are_not_shown(serve: Any) -> None:
    """Before 2026-07-28 structured content and its schema are objects."""
    server = _returning(serve, [{"name": "Ada"}], output=Out(many=True))

    assert server.listed()["give"]["outputSchema"]["type"] == "array"
    assert server.call("give")["structuredContent"] == [{"name": "Ada"}]
    assert "outputSchema" not in server.legacy("tools/list").get_json()["result"]["tools"][0]
    assert server.legacy("tools/call", {"name": "give"}).get_json()["result"] == {
        "content": [{"type": "text", "text": '[{"name":"Ada"}]'}]
    }


@dataclasses.dataclass
class Report:
    """Everything a dataclass may hold."""

    place: Place
    others: list[Place]
    sky: Sky
    counts: dict[str, int]
    at: datetime.datetime
    anything: Any
    text: str | None = dataclasses.field(default=None, metadata={"description": "Words"})


def test_a_dataclass_is_a_promise_too(serve: Any) -> None:
    report = Report(
        Place("here"), [Place("there")], Sky.CLEAR, {"a": 1}, datetime.datetime(2026, 7, 28, tzinfo=datetime.UTC), [1]
    )
    server = _returning(serve, report, output=Report)
    schema = server.listed()["give"]["outputSchema"]

    assert schema["required"] == ["anything", "at", "counts", "others", "place", "sky", "text"]
    assert schema["properties"] == {
        "place": {"$ref": "#/$defs/Place"},
        "others": {"type": "array", "items": {"$ref": "#/$defs/Place2"}},
        "sky": {"type": "string", "enum": ["clear"]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "at": {"type": "string", "format": "date-time"},
        "anything": {},
        "text": {"type": ["string", "null"], "description": "Words"},
    }
    assert server.call("give")["structuredContent"] == {
        "place": {"name": "here"},
        "others": [{"name": "there"}],
        "sky": "clear",
        "counts": {"a": 1},
        "at": "2026-07-28T00:00:00+00:00",
        "anything": [1],
        "text": None,
    }


@pytest.mark.parametrize("hint", [set[int], int | str, bytes, type])
def test_a_dataclass_that_json_cannot_say_is_refused_at_declaration(hint: Any) -> None:
    bad = dataclasses.make_dataclass("bad", [("x", hint)])

    with pytest.raises(TypeError, match="an output cannot"):
        Output(bad)


TWICE: list[Any] = [{1: "a", "1": "b"}, {"x": [{None: 1, "null": 2}]}, {"x": {True: 1, "true": 2}}]


@pytest.mark.parametrize("value", [*TWICE, Result("", TWICE[2])])
def test_two_members_of_one_name_do_not_leave(serve: Any, value: Any) -> None:
    """Python tells them apart, and two readers of the JSON would take different ones."""
    assert _returning(serve, value).call("give")["isError"]


def test_keys_that_are_no_text_become_text(serve: Any) -> None:
    assert _returning(serve, {1: "a", "2": "b"}).call("give")["structuredContent"] == {"1": "a", "2": "b"}
