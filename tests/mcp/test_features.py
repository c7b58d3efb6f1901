"""Resources, prompts, completion and the pages of lists: what a client is told, whole, and what it is refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import ToolFailed
from flask_sentry_mcp.mcp.content import Image
from flask_sentry_mcp.mcp.prompt import Message
from flask_sentry_mcp.mcp.resource import Contents, UriTemplate
from flask_sentry_mcp.mcp.seal import Seal
from flask_sentry_mcp.mcp.tool import Toolbox


@pytest.fixture
def toolbox() -> Toolbox:
    """One of each, and a few for other callers."""
    toolbox = Toolbox()

    @toolbox.resource("test://notes", mime_type="text/plain", size=5, annotations={"priority": 0.5}, title="Notes")
    def notes(ctx: Context) -> str:
        """Some notes."""
        return "words"

    @toolbox.resource("test://logo", mime_type="image/png")
    def logo(ctx: Context) -> list[Any]:
        """A logo in two forms."""
        return [b"\x89PNG", Contents("<svg/>", "image/svg+xml", "test://logo.svg")]

    @toolbox.resource("test://item/{id}/data")
    def item(ctx: Context, *, id: str) -> Mapping[str, Any]:
        """Data of an item."""
        return {"id": id}

    @toolbox.resource("test://file/{+path}")
    def file(ctx: Context, *, path: str) -> str:
        """A file."""
        raise ToolFailed("That file is locked.") if path == "locked" else RuntimeError("secret")

    @toolbox.resource("test://seer", skills={"seer"})
    def seer(ctx: Context) -> str:
        """For those with the skill."""
        return "secret"

    @toolbox.prompt(
        {"topic": fields.Str(required=True, metadata={"description": "What about"}), "n": fields.Int(load_default=1)}
    )
    def explain(ctx: Context, *, topic: str, n: int) -> list[Any]:
        """Explain something."""
        return [f"Explain {topic} {n} times.", Image(b"x"), Message("Gladly.", "assistant")]

    @toolbox.prompt(skills={"seer"})
    def oracle(ctx: Context) -> str:
        """For those with the skill."""
        return "secret"

    @toolbox.completion("explain", "topic")
    def topics(ctx: Context, value: str, others: Mapping[str, str]) -> list[str]:
        return [f"{value}{number}" for number in range(150)] if value != "n" else [others["n"]]

    return toolbox


def _result(answer: Any) -> dict[str, Any]:
    result: dict[str, Any] = answer.get_json()["result"]
    result.pop("_meta", None)
    return result


def _error(answer: Any) -> tuple[int, int, str]:
    error = answer.get_json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_what_is_offered_is_announced(server: Any) -> None:
    assert _result(server.modern("server/discover"))["capabilities"] == {
        "tools": {},
        "prompts": {},
        "resources": {},
        "completions": {},
    }


def test_what_is_not_offered_has_no_methods(serve: Any) -> None:
    server = serve(Toolbox())

    for method in ("prompts/list", "prompts/get", "resources/list", "resources/read", "completion/complete"):
        assert _error(server.modern(method))[:2] == (404, -32601)
        assert _error(server.legacy(method))[:2] == (200, -32601)


def test_resources_are_listed(server: Any) -> None:
    assert _result(server.modern("resources/list")) == {
        "resources": [
            {
                "uri": "test://notes",
                "name": "notes",
                "description": "Some notes.",
                "mimeType": "text/plain",
                "size": 5,
                "annotations": {"priority": 0.5},
                "title": "Notes",
            },
            {"uri": "test://logo", "name": "logo", "description": "A logo in two forms.", "mimeType": "image/png"},
        ],
        "resultType": "complete",
        "ttlMs": 300000,
        "cacheScope": "private",
    }
    assert _result(server.legacy("resources/templates/list")) == {
        "resourceTemplates": [
            {"uriTemplate": "test://item/{id}/data", "name": "item", "description": "Data of an item."},
            {"uriTemplate": "test://file/{+path}", "name": "file", "description": "A file."},
        ]
    }


@pytest.mark.parametrize(
    ("uri", "contents"),
    [
        ("test://notes", [{"uri": "test://notes", "mimeType": "text/plain", "text": "words"}]),
        (
            "test://logo",
            [
                {"uri": "test://logo", "mimeType": "image/png", "blob": "iVBORw=="},
                {"uri": "test://logo.svg", "mimeType": "image/svg+xml", "text": "<svg/>"},
            ],
        ),
        (
            "test://item/a%20b/data",
            [{"uri": "test://item/a%20b/data", "mimeType": "application/json", "text": '{"id":"a b"}'}],
        ),
    ],
)
def test_resources_are_read(server: Any, uri: str, contents: list[Any]) -> None:
    assert _result(server.legacy("resources/read", {"uri": uri})) == {"contents": contents}
    assert _result(server.modern("resources/read", {"uri": uri})) == {
        "resultType": "complete",
        "contents": contents,
        "ttlMs": 0,
        "cacheScope": "private",
    }


def test_an_author_says_for_how_long_contents_may_be_kept(server: Any, toolbox: Toolbox) -> None:
    """Of 2026-07-28 alone; without a word they may not, and never for others."""

    @toolbox.resource("test://calendar", ttl_ms=60_000, cache_scope="public")
    def calendar(ctx: Context) -> str:
        """The calendar."""
        return "Monday"

    kept = _result(server.modern("resources/read", {"uri": "test://calendar"}))
    assert (kept["ttlMs"], kept["cacheScope"]) == (60_000, "public")
    assert "ttlMs" not in _result(server.legacy("resources/read", {"uri": "test://calendar"}))


@pytest.mark.parametrize(
    "hints",
    [
        {"ttl_ms": -1},
        {"ttl_ms": 1.5},
        {"ttl_ms": True},
        {"cache_scope": "everybody"},
        {"cache_scope": "public", "skills": {"inspect"}},
        {"cache_scope": "public", "scopes": {"org:read"}},
    ],
)
def test_hints_that_cannot_be_meant(hints: dict[str, Any]) -> None:
    """What is for some must not be shown to others from a cache."""
    with pytest.raises(ValueError, match=r"must be a whole number|is private or public|cannot be public"):
        Toolbox().resource("test://x", **hints)(_anything)


@pytest.mark.parametrize(
    "uri", ["test://none", "test://item/a/b/data", "test://item//data", "test://item/%ff/data", "", "test://seer"]
)
def test_a_resource_that_is_not_there(server: Any, uri: str) -> None:
    """Nor is one that the grant does not include: its address alone tells nothing."""
    modern, legacy = server.modern("resources/read", {"uri": uri}), server.legacy("resources/read", {"uri": uri})

    assert _error(modern)[:2] == (200, -32602)
    assert _error(legacy)[:2] == (200, -32002)
    assert modern.get_json()["error"]["data"] == {"uri": uri}


def test_an_address_beyond_all_measure_is_not_repeated(server: Any) -> None:
    answer = server.legacy("resources/read", {"uri": "test://" + "x" * 5000})

    assert answer.get_json()["error"]["data"] == {}


def test_a_resource_that_fails(server: Any) -> None:
    assert _error(server.modern("resources/read", {"uri": "test://file/locked"})) == (
        200,
        -32602,
        "That file is locked.",
    )
    status, code, message = _error(server.modern("resources/read", {"uri": "test://file/a/b"}))
    assert (status, code) == (200, -32603)
    assert "secret" not in message


def test_prompts_are_listed(server: Any) -> None:
    assert _result(server.legacy("prompts/list")) == {
        "prompts": [
            {
                "name": "explain",
                "description": "Explain something.",
                "arguments": [
                    {"name": "topic", "description": "What about", "required": True},
                    {"name": "n", "required": False},
                ],
            }
        ]
    }


def test_a_prompt_is_filled_in(server: Any) -> None:
    answer = server.modern("prompts/get", {"name": "explain", "arguments": {"topic": "tea", "n": "2"}})

    assert _result(answer) == {
        "resultType": "complete",
        "description": "Explain something.",
        "messages": [
            {"role": "user", "content": {"type": "text", "text": "Explain tea 2 times."}},
            {"role": "user", "content": {"type": "image", "data": "eA==", "mimeType": "image/png"}},
            {"role": "assistant", "content": {"type": "text", "text": "Gladly."}},
        ],
    }


@pytest.mark.parametrize(
    "params",
    [
        {"name": "nobody"},
        {"name": "explain"},
        {"name": "explain", "arguments": {"topic": 5}},
        {"name": "explain", "arguments": {"topic": "x", "n": "many"}},
        {"name": "explain", "arguments": {"topic": "x", "other": "y"}},
        {"name": "explain", "arguments": "topic"},
    ],
)
def test_a_prompt_that_cannot_be_filled_in(server: Any, params: dict[str, Any]) -> None:
    assert _error(server.modern("prompts/get", params))[:2] == (200, -32602)


def test_a_prompt_beyond_the_grant_asks_for_more(server: Any) -> None:
    assert server.modern("prompts/get", {"name": "oracle"}).status_code == 403


@pytest.mark.parametrize(
    ("params", "completion"),
    [
        (
            {"ref": {"type": "ref/prompt", "name": "explain"}, "argument": {"name": "topic", "value": "t"}},
            {"values": [f"t{number}" for number in range(100)], "total": 150, "hasMore": True},
        ),
        (
            {
                "ref": {"type": "ref/prompt", "name": "explain"},
                "argument": {"name": "topic", "value": "n"},
                "context": {"arguments": {"n": "7"}},
            },
            {"values": ["7"], "total": 1, "hasMore": False},
        ),
        (
            {"ref": {"type": "ref/prompt", "name": "explain"}, "argument": {"name": "n", "value": ""}},
            {"values": [], "total": 0, "hasMore": False},
        ),
        (
            {"ref": {"type": "ref/resource", "uri": "test://item/{id}/data"}, "argument": {"name": "id", "value": ""}},
            {"values": [], "total": 0, "hasMore": False},
        ),
    ],
)
def test_arguments_are_completed(server: Any, params: dict[str, Any], completion: dict[str, Any]) -> None:
    assert _result(server.legacy("completion/complete", params)) == {"completion": completion}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": {"type": "ref/tool", "name": "x"}, "argument": {"name": "n", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "oracle"}, "argument": {"name": "n", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "explain"}, "argument": {"name": "other", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "explain"}, "argument": {"name": "n"}},
    ],
)
def test_what_cannot_be_completed(server: Any, params: dict[str, Any]) -> None:
    assert _error(server.modern("completion/complete", params))[:2] == (200, -32602)


def test_a_completion_cannot_ask(server: Any, toolbox: Toolbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its answer is never a question (2026-07-28): the author is told in the log, the client that it failed."""
    able: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}

    @toolbox.completion("explain", "n")
    def ask(ctx: Context, value: str, others: Mapping[str, str]) -> list[str]:
        return [str(ctx.elicit("Which?", {"n": fields.Str()}).content)]

    params = {"ref": {"type": "ref/prompt", "name": "explain"}, "argument": {"name": "n", "value": ""}}

    assert _error(server.modern("completion/complete", params, meta=able))[:2] == (200, -32603)
    assert "a completion cannot ask" in caplog.text


# -- pages ----------------------------------------------------------------------------------------------------------


def _many(count: int) -> Toolbox:
    toolbox = Toolbox()
    for number in range(count):
        toolbox.tool(name=f"tool{number}", reads_only=True)(_anything)
    return toolbox


def _anything(ctx: Context) -> str:
    """Anything."""
    return "thing"


def _page(server: Any, cursor: str | None = None) -> tuple[list[str], str | None]:
    result = _result(server.modern("tools/list", {} if cursor is None else {"cursor": cursor}))
    return [tool["name"] for tool in result["tools"]], result.get("nextCursor")


def test_long_lists_come_in_pages(serve: Any) -> None:
    server = serve(_many(5), page_size=2)

    first, cursor = _page(server)
    second, further = _page(server, cursor)
    third, end = _page(server, further)

    assert (first, second, third, end) == (["tool0", "tool1"], ["tool2", "tool3"], ["tool4"], None)
    assert _page(server)[1] == cursor


def test_a_cursor_stays_good_while_others_come_and_go(serve: Any) -> None:
    toolbox = _many(5)
    server = serve(toolbox, page_size=2)
    _, cursor = _page(server)

    toolbox.remove("tool0")
    assert _page(server, cursor)[0] == ["tool2", "tool3"]

    toolbox.remove("tool1")
    assert _error(server.modern("tools/list", {"cursor": cursor}))[:2] == (200, -32602)


def test_cursors_are_ours_and_of_one_list(serve: Any) -> None:
    """Tampered, foreign, of another list, or of another kind: -32602, never another page."""
    toolbox = _many(3)
    for number in range(3):
        toolbox.prompt(name=f"tool{number}")(_anything)
    server = serve(toolbox, page_size=1)
    _, cursor = _page(server)
    assert cursor is not None
    foreign = Seal(["another-secret-0123456789"], "cursor").put(["tools", "tool0"])

    for bad in (cursor[:-1], cursor + "x", cursor.swapcase(), foreign, "", "é", 5, [cursor]):
        assert _error(server.modern("tools/list", {"cursor": bad}))[:2] == (200, -32602)
    assert _error(server.modern("prompts/list", {"cursor": cursor}))[:2] == (200, -32602)


def test_a_seal_runs_out_and_survives_a_change_of_secrets() -> None:
    from flask_sentry_mcp import clock

    text = Seal(["old" * 12], "state").put({"a": 1}, ttl_s=10)

    assert Seal(["new" * 12, "old" * 12], "state").get(text) == {"a": 1}
    for other in (Seal(["new" * 12], "state"), Seal(["old" * 12], "cursor")):
        with pytest.raises(ValueError, match="not sealed by us"):
            other.get(text)
    with clock.shifted(12), pytest.raises(ValueError, match="its time is over"):
        Seal(["old" * 12], "state").get(text)


@pytest.mark.parametrize("text", ["test://a/{", "test://a/{b}/{b}", "test://a/{b*}", "test://a/b", "test://{a}}"])
def test_templates_that_cannot_work(text: str) -> None:
    with pytest.raises(ValueError, match="is no template"):
        UriTemplate(text)


@pytest.mark.parametrize("uri", ["notes", "test://a b", "/notes", "test:"])
def test_addresses_that_cannot_work(uri: str) -> None:
    with pytest.raises(ValueError, match="is no absolute URI"):
        Toolbox().resource(uri, name="x")(_anything)
