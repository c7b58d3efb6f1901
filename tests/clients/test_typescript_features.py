"""The official TypeScript client and all that a server can offer: content, resources, prompts, questions, streams.

The server is the one that the official Python client meets: gunicorn with two workers, one SQLite file between them,
and lists in pages of seven. Tasks are missing here, for the library has no way to ask for one.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conformance.__main__ import serving
from tests.official.site import ICON, PAGE_SIZE

from .typescript import EDITIONS, Edition, Refused, TypeScriptClient

ACCEPTED = "application/json, text/event-stream"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
ANSWERS: dict[str, Any] = {
    "elicitation/create": {
        "action": "accept",
        "content": {
            "name": "Ada",
            "username": "ada",
            "email": "ada@acme.example",
            "color": "green",
            "untitledSingle": "option1",
            "titledSingle": "value2",
            "legacyEnum": "opt3",
            "untitledMulti": ["option1", "option2"],
            "titledMulti": ["value1", "value3"],
        },
    },
    "sampling/createMessage": {
        "role": "assistant",
        "model": "played",
        "content": {"type": "text", "text": "Good day"},
    },
    "roots/list": {"roots": [{"uri": "file:///work"}, {"uri": "file:///notes"}]},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("features"), "tests.official.site:create_app()") as url:
        yield url


@pytest.fixture(scope="module", params=EDITIONS, ids=str)
def edition(request: pytest.FixtureRequest) -> Edition:
    found: Edition = request.param
    return found


@pytest.fixture(scope="module")
def connected(url: str, edition: Edition) -> Iterator[TypeScriptClient]:
    client = TypeScriptClient(edition, url, oauth=False, answers=ANSWERS)
    try:
        assert client.do("connect") == {"open": None}
        assert client.do("version") == edition.version
        yield client
    finally:
        client.end()


@pytest.fixture
def client(connected: TypeScriptClient) -> TypeScriptClient:
    """Connected, with nothing heard yet."""
    connected.do("heard")
    return connected


def _all(client: TypeScriptClient, order: str, kind: str) -> list[Any]:
    """The whole of a list, page by page, unless the library turns the pages itself."""
    found, cursor = list[Any](), None
    while True:
        page = client.do(order, {} if cursor is None else {"cursor": cursor})
        found += page[kind]
        cursor = page.get("nextCursor")
        if cursor is None:
            return found


def test_lists_come_in_pages(client: TypeScriptClient) -> None:
    """Of more than one page, each tool once."""
    before = len(client.do("exchanged"))

    names = [one["name"] for one in _all(client, "listTools", "tools")]

    asked = [one for one in client.do("exchanged")[before:] if '"tools/list"' in one["asked"]]
    assert len(asked) > len(names) / PAGE_SIZE - 1 > 4
    assert len(set(names)) == len(names)


def test_what_a_tool_promises_is_what_it_returns(client: TypeScriptClient) -> None:
    """Its output schema is listed, with its title and icons, and the library holds the result against it."""
    weather = next(one for one in _all(client, "listTools", "tools") if one["name"] == "weather")
    assert (weather["title"], weather["icons"]) == ("The weather", [ICON])
    assert weather["outputSchema"]["required"] == ["degrees", "sky"]

    result = client.call("weather", town="Vienna")

    assert result["structuredContent"] == {"degrees": 21.5, "sky": "clear"}


def test_the_person_is_sent_to_a_page(client: TypeScriptClient) -> None:
    assert client.text("visit") == "accept"

    (asked,) = [one["params"] for one in client.do("heard") if one["method"] == "elicitation/create"]
    assert (asked["mode"], asked["url"]) == ("url", "https://app.example/form")


def test_a_form_says_its_defaults(client: TypeScriptClient) -> None:
    """Of each kind; what the person leaves out is filled in by them."""
    text = client.text("test_elicitation_sep1034_defaults")

    form = client.do("heard")[-1]["params"]["requestedSchema"]["properties"]
    assert {name: part["default"] for name, part in form.items()} == {
        "name": "John Doe",
        "age": 30,
        "score": 95.5,
        "status": "active",
        "verified": True,
    }
    assert "'name': 'Ada', 'age': 30, 'score': 95.5, 'status': 'active', 'verified': True" in text


def test_the_five_kinds_of_enumeration(client: TypeScriptClient) -> None:
    text = client.text("test_elicitation_sep1330_enums")

    form = client.do("heard")[-1]["params"]["requestedSchema"]["properties"]
    assert form["untitledSingle"]["enum"] == ["option1", "option2", "option3"]
    assert form["titledSingle"]["oneOf"][1] == {"const": "value2", "title": "Second Option"}
    assert form["legacyEnum"]["enumNames"][2] == "Third Option"
    assert form["untitledMulti"]["items"]["enum"] == ["option1", "option2", "option3"]
    assert form["titledMulti"]["items"]["anyOf"][2] == {"const": "value3", "title": "Third Option"}
    assert "'legacyEnum': 'opt3', 'untitledMulti': ['option1', 'option2'], 'titledMulti': ['value1', 'value3']" in text


def test_a_call_is_given_up(client: TypeScriptClient, edition: Edition) -> None:
    """By a notification in the older eras, by hanging up in the modern one; the tool learns of it at any worker."""
    name = f"abandoned by {edition}"
    with pytest.raises(Refused):
        client.do("abandon", {"name": "linger", "arguments": {"name": name}})

    until, cancelled = time.monotonic() + 10, None
    while cancelled is None and time.monotonic() < until:
        time.sleep(0.1)
        cancelled = client.call("was_cancelled", name=name)["structuredContent"]["cancelled"]

    assert cancelled is True


@pytest.mark.parametrize(
    ("tool", "kinds"),
    [
        ("test_simple_text", ["text"]),
        ("test_image_content", ["image"]),
        ("test_audio_content", ["audio"]),
        ("test_embedded_resource", ["resource"]),
        ("test_multiple_content_types", ["text", "image", "resource"]),
    ],
)
def test_content_of_every_kind(client: TypeScriptClient, tool: str, kinds: list[str]) -> None:
    assert [block["type"] for block in client.call(tool)["content"]] == kinds


def test_a_failed_tool_is_a_result_and_an_unknown_one_an_error(client: TypeScriptClient) -> None:
    assert client.call("test_error_handling")["isError"] is True
    with pytest.raises(Refused) as refused:
        client.call("no_such_tool")
    assert refused.value.code == -32602


def test_resources(client: TypeScriptClient) -> None:
    """Lists, a template, text and bytes."""
    listed = {one["uri"] for one in _all(client, "listResources", "resources")}
    templates = [one["uriTemplate"] for one in _all(client, "listResourceTemplates", "resourceTemplates")]
    read = {
        uri: client.do("readResource", {"uri": uri})["contents"][0]
        for uri in ("test://static-text", "test://static-binary", "test://template/7/data")
    }

    assert {"test://static-text", "test://static-binary", "test://watched-resource"} <= listed
    assert templates == ["test://template/{id}/data"]
    assert read["test://static-text"]["text"] == "This is the content of the static text resource."
    assert read["test://static-binary"]["blob"].startswith("iVBORw0KGgo")
    assert '"Data for ID: 7"' in read["test://template/7/data"]["text"]


def test_prompts_and_completion(client: TypeScriptClient) -> None:
    names = {one["name"] for one in _all(client, "listPrompts", "prompts")}
    asked = client.do("getPrompt", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}})
    shown = client.do("getPrompt", {"name": "test_prompt_with_image"})
    completed = client.do(
        "complete",
        {
            "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
            "argument": {"name": "arg1", "value": "par"},
        },
    )

    assert {"test_simple_prompt", "test_prompt_with_arguments", "test_prompt_with_image"} <= names
    assert asked["messages"][0]["content"]["text"] == "Prompt with arguments: arg1='a', arg2='b'"
    assert [message["content"]["type"] for message in shown["messages"]] == ["image", "text"]
    assert completed["completion"]["values"] == ["paris", "park", "party"]


def test_progress_arrives_before_the_result(client: TypeScriptClient) -> None:
    result = client.do("callWithProgress", {"name": "test_tool_with_progress"}, {})

    told = [one["params"] for one in client.do("heard") if one["method"] == "notifications/progress"]
    assert result["content"][0]["text"] == "Progress told."
    assert [(one["progress"], one["total"]) for one in told] == [(0, 100), (50, 100), (100, 100)]


def test_log_messages_reach_those_who_asked(client: TypeScriptClient, edition: Edition) -> None:
    """The older eras ask once for the session, the modern one with the request."""
    meta = {"_meta": {LOG_LEVEL: "info"}} if edition.is_modern else {}
    if not meta:
        client.do("setLoggingLevel", "info")

    client.do("callTool", {"name": "test_tool_with_logging", **meta})

    logged = [one["params"]["data"] for one in client.do("heard") if one["method"] == "notifications/message"]
    assert logged == ["Tool execution started", "Tool processing data", "Tool execution completed"]


def test_the_person_is_asked(client: TypeScriptClient) -> None:
    """Elicitation: a question on the stream in the older eras, a second round in the modern one, for the same tool."""
    text = client.text("test_elicitation", message="Who are you?")

    asked = [one["params"] for one in client.do("heard") if one["method"] == "elicitation/create"]
    assert [one["message"] for one in asked] == ["Who are you?"]
    assert asked[0]["requestedSchema"]["properties"].keys() == {"username", "email"}
    assert "'username': 'ada'" in text


def test_the_clients_model_is_asked(client: TypeScriptClient) -> None:
    assert client.text("test_sampling", prompt="Say hello.") == "LLM response: Good day"
    assert [one["method"] for one in client.do("heard")] == ["sampling/createMessage"]


def test_several_questions_and_several_rounds(client: TypeScriptClient) -> None:
    """Three at once, and one after the other."""
    assert client.text("test_input_required_result_multiple_inputs") == "Good day Ada, 2 roots."
    assert {one["method"] for one in client.do("heard")} == ANSWERS.keys()
    assert client.text("test_input_required_result_multi_round") == "Ada likes green."
    assert [one["method"] for one in client.do("heard")] == ["elicitation/create"] * 2


def test_a_client_that_cannot_be_asked_is_told_so(url: str, edition: Edition) -> None:
    """The modern era has an error code for it; the older ones read it in the tool's result."""
    client = TypeScriptClient(edition, url, oauth=False)
    try:
        client.do("connect")

        if edition.is_modern:
            with pytest.raises(Refused, match="this client cannot answer") as refused:
                client.call("test_missing_capability")
            assert refused.value.code == -32021
        else:
            result = client.call("test_missing_capability")
            assert result["isError"] is True
            assert "this client cannot answer" in result["content"][0]["text"]
    finally:
        client.end()


def test_an_answer_outlives_its_connection(client: TypeScriptClient, edition: Edition) -> None:
    """The server hangs up before it answers: an older client comes back for the rest with the id of the last event."""
    assert client.text("test_reconnection") == "Reconnection test completed successfully."


def test_hears_when_the_tools_change(url: str, edition: Edition) -> None:
    """The modern era asks for it by a request that stays open, the older ones on the session's stream."""
    client = TypeScriptClient(edition, url, oauth=False)
    try:
        client.do("connect")
        if edition.is_modern:
            assert client.do("listen", {"toolsListChanged": True}) == {"toolsListChanged": True}
        else:
            assert client.exchanges("GET /mcp 200")

        client.call("test_trigger_tool_change")

        assert client.hears("notifications/tools/list_changed")
    finally:
        client.end()


def test_an_argument_is_mirrored_into_a_header(client: TypeScriptClient) -> None:
    """``x-mcp-header``: the modern client sends it twice, encoded where it has to be, and the server compares."""
    listed = {one["name"]: one["inputSchema"] for one in _all(client, "listTools", "tools")}

    assert listed["test_x_mcp_header"]["properties"]["region"]["x-mcp-header"] == "Region"
    assert client.text("test_x_mcp_header", region="Köln am Rhein ") == "Region: Köln am Rhein "


def test_a_session_can_be_ended(url: str, edition: Edition) -> None:
    """DELETE ends a session of the older eras for good; the modern era has none."""
    client = TypeScriptClient(edition, url, oauth=False)
    try:
        client.do("connect")
        session = client.do("sessionId")

        client.do("terminate")

        if edition.is_modern:
            assert session is None
            assert not any(one.startswith("DELETE") for one in client.do("seen"))
        else:
            assert client.exchanges("DELETE /mcp 204")
            headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": edition.version, "Accept": ACCEPTED}
            again = requests.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers, timeout=10)
            assert again.status_code == 404
    finally:
        client.end()


def test_resource_subscriptions_and_ping_of_the_older_eras(client: TypeScriptClient, edition: Edition) -> None:
    """What the modern era has no more is refused by its own client."""
    watched = {"uri": "test://watched-resource"}

    for order, *arguments in (("ping",), ("subscribeResource", watched), ("unsubscribeResource", watched)):
        if edition.is_modern:
            with pytest.raises(Refused):
                client.do(str(order), *arguments)
        else:
            assert client.do(str(order), *arguments) == {}


def test_a_closed_client_leaves_nothing_behind(url: str, edition: Edition) -> None:
    client = TypeScriptClient(edition, url, oauth=False)
    try:
        client.do("connect")

        client.do("close")

        with pytest.raises(Refused, match="Not connected"):
            client.call("test_simple_text")
    finally:
        client.end()
