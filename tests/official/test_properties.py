"""Whatever is sent: cursors and request states that are not ours, headers of any bytes, ids of many callers at once."""

import base64
import json
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.fixture import create_app
from tests.conformance.offers import offers

from .wire import Judge

MODERN = "2026-07-28"
ACCEPT = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
ids = st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=40)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
positions, steps = st.integers(0, 2**16), st.integers(1, 51)  # what is drawn must not depend on what the server made up
quick = settings(max_examples=80)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The conformance server in this process, with pages of three."""
    store = f"sqlite:///{Path(tmp_path_factory.mktemp('properties')) / 'store.sqlite'}"
    return create_app(8080, store, toolbox=offers(), page_size=3)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A way to it."""
    return app.test_client()


def _post(
    client: FlaskClient, method: str, id: Any = 1, headers: dict[str, str] | None = None, **params: Any
) -> tuple[int, dict[str, Any]]:
    """Status and message, held against the specification's types on the way."""
    body = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": META}}).encode()
    sent = {"Host": "127.0.0.1:8080", "Accept": ACCEPT, "MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if "name" in params:
        sent["Mcp-Name"] = params["name"]
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in (sent | (headers or {})).items()}
    answer = client.post("/mcp", data=body, content_type="application/json", environ_overrides=environ)
    judge = Judge()
    asked = judge.asked({"mcp-protocol-version": MODERN}, body)
    judge.answer(asked, answer.status_code, answer.mimetype or "", answer.data)
    assert judge.complaints == []
    said: dict[str, Any] = answer.get_json()
    return answer.status_code, said


@quick
@given(method=st.sampled_from(sorted(LISTS)), cursor=st.text(max_size=80) | st.integers() | st.lists(st.none()))
def test_a_cursor_that_is_not_ours_is_refused(client: FlaskClient, method: str, cursor: Any) -> None:
    _, said = _post(client, method, cursor=cursor)

    assert said["error"]["code"] == -32602


def _changed(text: str, position: int, step: int) -> str:
    """With another letter in one place."""
    at = position % len(text)
    letter = string.ascii_letters[(string.ascii_letters.find(text[at]) + step) % 52]
    return text[:at] + letter + text[at + 1 :]


def _page(client: FlaskClient, method: str) -> dict[str, Any]:
    result: dict[str, Any] = _post(client, method)[1]["result"]
    return result


@quick
@given(data=st.data())
def test_a_cursor_of_ours_that_was_changed_or_moved_is_refused(client: FlaskClient, data: st.DataObject) -> None:
    """By one character, by its end, or to another list."""
    good = _page(client, "tools/list")["nextCursor"]
    method, cursor = "tools/list", good
    match data.draw(st.sampled_from(["change", "cut", "grow", "move"])):
        case "change":
            cursor = _changed(good, data.draw(positions), data.draw(steps))
        case "cut":
            cursor = good[: data.draw(positions) % (len(good) - 1)]
        case "grow":
            cursor = good + data.draw(st.text(string.ascii_letters + "!= .-", min_size=1, max_size=5))
        case "move":
            method = data.draw(st.sampled_from([name for name in LISTS if name != "tools/list"]))

    _, said = _post(client, method, cursor=cursor)

    assert said["error"]["code"] == -32602


@pytest.mark.parametrize("method", sorted(LISTS))
def test_pages_together_are_the_list_without_gap_or_repetition(client: FlaskClient, method: str) -> None:
    kind, found, cursor = LISTS[method], list[str](), None
    while True:
        page = _post(client, method, **({} if cursor is None else {"cursor": cursor}))[1]["result"]
        found += [one["name"] for one in page[kind]]
        cursor = page.get("nextCursor")
        if cursor is None:
            break
    toolbox = offers()
    templates = [one.name for one in toolbox.resources.values() if one.template]
    expected = {
        "tools": [*toolbox.tools],
        "prompts": [*toolbox.prompts],
        "resources": [one.name for one in toolbox.resources.values() if not one.template],
        "resourceTemplates": templates,
    }
    assert found == expected[kind]


@quick
@given(data=st.data())
def test_a_request_state_that_was_changed_or_moved_is_refused(client: FlaskClient, data: st.DataObject) -> None:
    name = "test_input_required_result_request_state"
    state = _post(client, "tools/call", name=name)[1]["result"]["requestState"]
    answers: dict[str, Any] = {"confirm": {"action": "accept", "content": {"ok": True}}}
    if data.draw(st.booleans(), label="of another tool"):
        name = "test_input_required_result_tampered_state"
    else:
        state = _changed(state, data.draw(positions), data.draw(steps))

    _, said = _post(client, "tools/call", name=name, inputResponses=answers, requestState=state)

    assert said["error"]["code"] == -32602


@quick
@given(id=ids, method=st.sampled_from([*sorted(LISTS), "server/discover", "ping", "made/up"]))
def test_the_answer_has_the_id_of_its_request(client: FlaskClient, id: Any, method: str) -> None:
    _, said = _post(client, method, id=id)

    assert (type(said["id"]), said["id"]) == (type(id), id)


@settings(max_examples=15)
@given(many=st.lists(ids, min_size=2, max_size=24, unique_by=repr))
def test_nobody_is_answered_with_the_id_of_another(app: Flask, many: list[Any]) -> None:
    """Many callers at once in one process, each with an id and an argument of its own, some calls with errors."""

    def call(number: int) -> tuple[int, Any, dict[str, Any]]:
        arguments = {"name" if number % 3 else "nam": f"caller {number}"}
        headers = {"Mcp-Name": "greet" if number % 4 else "another"}
        return (
            number,
            many[number],
            _post(app.test_client(), "tools/call", many[number], headers, name="greet", arguments=arguments)[1],
        )

    with ThreadPoolExecutor(8) as pool:
        for number, id, said in pool.map(call, range(len(many))):
            assert (type(said["id"]), said["id"]) == (type(id), id)
            if number % 4 == 0:
                assert said["error"]["code"] == -32020
            elif number % 3 == 0:
                assert said["result"]["isError"] is True
            else:
                assert said["result"]["content"][0]["text"] == f"Hello, caller {number}!"


@quick
@given(name=st.sampled_from(["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"]), value=header_text)
def test_a_header_that_says_another_thing_than_the_body_is_refused(client: FlaskClient, name: str, value: str) -> None:
    said_in_body = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "greet"}[name]

    status, said = _post(client, "tools/call", headers={name: value}, name="greet", arguments={"name": "Ada"})

    if value.strip(" \t") == said_in_body:
        assert said["result"]["content"][0]["text"] == "Hello, Ada!"
    else:
        assert (status, said["error"]["code"]) in {(400, -32020), (400, -32022)}


@quick
@given(region=st.text(st.characters(codec="utf-8"), max_size=30), encoded=st.booleans())
def test_a_mirrored_argument_is_compared_as_the_client_wrote_it(
    client: FlaskClient, region: str, encoded: bool
) -> None:
    """Plain where HTTP can carry it, else in base64; and one that differs is refused."""
    plain = region.isascii() and region.isprintable() and region == region.strip() and not region.startswith("=?")
    in_base64 = f"=?base64?{base64.b64encode(region.encode()).decode()}?="
    header = region if plain and not encoded else in_base64
    call: dict[str, Any] = {"name": "test_x_mcp_header", "arguments": {"region": region}}

    _, right = _post(client, "tools/call", headers={"Mcp-Param-Region": header}, **call)
    status, wrong = _post(client, "tools/call", headers={"Mcp-Param-Region": f"{header}x"}, **call)

    assert right["result"]["content"][0]["text"] == f"Region: {region or 'none'}"
    assert (status, wrong["error"]["code"]) == (400, -32020)
