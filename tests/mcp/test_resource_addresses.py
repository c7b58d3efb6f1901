"""Addresses of resources: what is no URI is the address of nothing, and a template is read in one way, at once."""

import base64
import time
from typing import Any

import pytest

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.resource import LARGEST_URI, UriTemplate
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore

NO_ADDRESS = [
    "test://file/a b",
    "test://file/a\nb",
    "test://file/\0",
    "test://file/%ZZ",
    "test://file/%4",
    "test://file/é",
    'test://file/"<>\\^`{|}',
    "//file/a",
    "file",
    "test:",
    "1test://file/a",
    "test://file/" + "a" * LARGEST_URI,
]


@pytest.fixture
def server(serve: Any) -> Any:
    """A server of files, which reads whatever its template lets through."""
    toolbox = Toolbox()

    @toolbox.resource("test://file/{+path}")
    def file(ctx: Context, *, path: str) -> str:
        """A file."""
        return path

    return serve(toolbox, store=MemoryStore())


@pytest.mark.parametrize("uri", NO_ADDRESS)
def test_what_is_no_uri_is_read_subscribed_and_listened_to_by_nobody(server: Any, uri: str) -> None:
    assert server.modern("resources/read", {"uri": uri}, headers={"mcp_name": _header(uri)}).get_json()["error"]
    assert server.legacy("resources/read", {"uri": uri}).get_json()["error"]["code"] == -32002
    assert server.legacy("resources/subscribe", {"uri": uri}).get_json()["error"]["code"] == -32002

    wanted = {"notifications": {"resourceSubscriptions": [uri, "test://file/good"]}}
    stream = server.modern("subscriptions/listen", wanted)
    assert b'"resourceSubscriptions":["test://file/good"]' in next(iter(stream.response))
    stream.close()


def _header(uri: str) -> str:
    return f"=?base64?{base64.b64encode(uri.encode()).decode()}?="


def test_every_sign_of_a_uri_is_let_through(server: Any) -> None:
    path = "a-._~:/[]@!$&'()*+,;=%41%c3%A9"

    answer = server.modern("resources/read", {"uri": f"test://file/{path}"}).get_json()

    assert answer["result"]["contents"][0]["text"] == "a-._~:/[]@!$&'()*+,;=Aé"


@pytest.mark.parametrize(
    ("template", "uri", "variables"),
    [
        ("pair://{a}-{b}/end", "pair://x-y/end", {"a": "x", "b": "y"}),
        ("pair://{a}-{b}/end", "pair://x-y-z/end", {"a": "x", "b": "y-z"}),
        ("file://{name}.{kind}", "file://a.b.c", {"name": "a", "kind": "b.c"}),
        ("file://{name}.json", "file://a.b.json", {"name": "a.b"}),
        ("file://{name}.json/{part}", "file://a.b.json/c", {"name": "a.b", "part": "c"}),
        ("file:///{+path}/raw/{name}", "file:///a/raw/b/raw/c", {"path": "a/raw/b", "name": "c"}),
        ("file:///{+path}?v={v}", "file:///a/b?v=1", {"path": "a/b", "v": "1"}),
        ("pair://{a}-{b}", "pair://-y", None),
        ("file:///{+path}", "file:///", None),
    ],
)
def test_a_template_is_read_in_one_way(template: str, uri: str, variables: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == variables


@pytest.mark.parametrize("template", ["a://{b}{c}", "a://{+b}/{+c}", "a://{+b}-{c}", "a://{b}{+c}"])
def test_what_could_be_read_in_many_ways_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"nothing between|more than one|needs a slash"):
        UriTemplate(template)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("x://{a}-{b}-{c}-{d}-{e}/end", "x://" + "-a" * 2000),
        ("x://{a}-a{b}-a{c}-a{d}/end", "x://" + "-a" * 2000),
        ("x://{+a}/{b}/{c}/{d}/end", "x://" + "/a" * 2000),
        ("x://{+a}/a{b}a/a{c}a/end", "x://" + "a/" * 2000),
        ("x://{a}/{b}.z", "x://" + "a" * 2000 + "/" + "." * 2000),
    ],
)
def test_no_address_takes_long_to_be_told_from_a_template(template: str, uri: str) -> None:
    """Without a second try at every place: with one, these would take minutes."""
    compiled, started = UriTemplate(template), time.process_time()

    assert compiled.match(uri) is None

    assert time.process_time() - started < 1
