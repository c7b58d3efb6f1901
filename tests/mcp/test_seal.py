"""What we hand out to have it back: as it was, in its one spelling, within its time."""

import string
from typing import Any

import pytest

from flask_sentry_mcp.mcp.seal import Seal
from flask_sentry_mcp.mcp.tool import Toolbox
from tests.mcp.conftest import Serve

ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def seal() -> Seal:
    """A seal with one secret."""
    return Seal(["secret"], "test")


def test_what_was_sealed_comes_back(seal: Seal) -> None:
    assert seal.get(seal.put(["tools", {"a": "é"}])) == ["tools", {"a": "é"}]


@pytest.mark.parametrize("more", ["!", "=", "==", " ", "\n", "é", "."])
def test_another_spelling_of_the_same_is_refused(seal: Seal, more: str) -> None:
    """Base64 has room for signs that say nothing: each spelling would be a value of its own to whoever keeps them."""
    text = seal.put("value")
    payload, _, signature = text.rpartition(".")

    for other in (text + more, f"{payload}.{more}{signature}", f"{payload}.{signature[:9]}{more}{signature[9:]}"):
        with pytest.raises(ValueError, match="not sealed"):
            seal.get(other)


def test_the_last_character_has_one_spelling(seal: Seal) -> None:
    """Two of its bits belong to no byte, so three other characters would say the same."""
    text = seal.put("value")

    for last in set(ALPHABET) - {text[-1]}:
        with pytest.raises(ValueError, match="not sealed"):
            seal.get(text[:-1] + last)


@pytest.mark.parametrize("text", ["", ".", "a", "a.b", "é.é", "\0"])
def test_what_is_no_seal_is_refused(seal: Seal, text: str) -> None:
    with pytest.raises(ValueError, match="not sealed"):
        seal.get(text)


def test_a_page_is_kept_once_however_its_cursor_is_spelt(serve: Serve, toolbox: Toolbox) -> None:
    """What a caller sends never becomes the key of something that is kept."""

    @toolbox.tool(reads_only=True)
    def second(ctx: Any) -> str:
        """Second."""
        return ""

    server = serve(toolbox, page_size=1)
    cursor = server.modern("tools/list").get_json()["result"]["nextCursor"]

    pages = [server.modern("tools/list", {"cursor": cursor + more}).get_json() for more in ("", "!", "=", " ")]

    assert [tool["name"] for tool in pages[0]["result"]["tools"]] == ["second"]
    assert [page.get("error", {}).get("code") for page in pages[1:]] == [-32602] * 3
