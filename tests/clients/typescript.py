"""The official TypeScript client, in each of the editions that people have, at the other end of a pipe."""

import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.official.wire import Events, Judge
from tests.tour.person import Person
from tests.tour.transcript import Transcript

from .child import Child
from .packages import HOME, NODE

DRIVER = Path(__file__).with_name("driver.mjs")
REDIRECT_URI = "http://127.0.0.1:33419/callback"
COMES_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class Edition:
    """A major version of the package, how it is told which protocol to speak, and what it then speaks."""

    package: str
    mode: str
    version: str

    @property
    def is_modern(self) -> bool:
        return self.version >= "2026-07-28"

    def __str__(self) -> str:
        return f"{self.package}-{self.version}"


EDITIONS = (
    Edition("1.x", "legacy", "2025-11-25"),
    Edition("2.x", "legacy", "2025-11-25"),  # the mode that 2.x is in when nobody says anything
    Edition("2.x", "auto", "2026-07-28"),
)


class Refused(AssertionError):
    """The client's library threw. ``name`` is the error's class there, ``code`` its code."""

    def __init__(self, name: str, code: Any, message: str) -> None:
        super().__init__(f"{name} {code}: {message}")
        self.name, self.code = name, code


class TypeScriptClient:
    """One client. ``answers`` is what it says to the server's questions, by method; with ``oauth`` it can sign in.

    All that the endpoint says to it is held against the specification's types when it ends.
    """

    def __init__(
        self, edition: Edition, url: str, *, oauth: bool = True, answers: Mapping[str, Any] | None = None
    ) -> None:
        modes: Mapping[str, Any] = {"elicitation": {"form": {}, "url": {}}}
        kinds = [method.partition("/")[0] for method in answers or {}]
        given = {
            "packages": f"{HOME}/",
            "edition": edition.package,
            "mode": edition.mode,
            "url": url,
            "redirectUri": REDIRECT_URI if oauth else None,
            "answers": answers or {},
            "capabilities": {kind: modes.get(kind, {}) for kind in kinds},
        }
        environment = {"HOME": str(HOME), "PATH": os.defpath}
        self._child = Child([str(NODE), str(DRIVER), json.dumps(given)], environment)

    def do(self, order: str, *arguments: Any) -> Any:
        """What the client answers to *order*, see ``driver.mjs``. Raises Refused."""
        self._child.write(json.dumps({"do": order, "with": arguments}))
        answer = json.loads(self._child.line())
        if error := answer.get("error"):
            raise Refused(error["name"], error["code"], error["message"])
        return answer["result"]

    def sign_in(self) -> None:
        """Connect, with Mira at the browser."""
        where = self.do("connect")["open"]
        person = Person(Transcript(io.StringIO()))
        try:
            answer = person.follow(where, REDIRECT_URI)
        finally:
            person.close()
        self.do("finish", urlencode(answer))
        assert self.do("connect") == {"open": None}

    def call(self, tool: str, **arguments: Any) -> Any:
        """The result of a tool, as the library hands it out."""
        return self.do("callTool", {"name": tool, "arguments": arguments})

    def text(self, tool: str, **arguments: Any) -> str:
        """The texts of a tool's result."""
        return "\n".join(block["text"] for block in self.call(tool, **arguments)["content"] if block["type"] == "text")

    def hears(self, method: str) -> bool:
        """Whether the server soon tells, or asks, *method*."""
        return self._comes("heard", lambda one: one["method"] == method)

    def exchanges(self, exchange: str) -> bool:
        """Whether there soon is an exchange like ``"GET /mcp 200"``."""
        return self._comes("seen", lambda one: one == exchange)

    def end(self) -> None:
        """Let it go. Fails if it was told anything that the specification does not know."""
        try:
            complaints = _complaints(self.do("exchanged"))
        finally:
            self._child.end()
        assert complaints == []

    def _comes(self, order: str, is_wanted: Callable[[Any], bool]) -> bool:
        until = time.monotonic() + COMES_WITHIN_S
        while time.monotonic() < until:
            if any(map(is_wanted, self.do(order))):
                return True
            time.sleep(0.02)
        return False


def _complaints(exchanges: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with what a client was told; of a stream that was still open, with what had come until then."""
    judge = Judge()
    for one in exchanges:
        asked = judge.asked(one["headers"], one["asked"].encode())
        if one["type"] == "text/event-stream":
            for event in Events().feed(one["said"].encode()):
                judge.event(asked, event)
        elif one["said"]:
            judge.answer(asked, one["status"], one["type"], one["said"].encode())
    return judge.complaints
