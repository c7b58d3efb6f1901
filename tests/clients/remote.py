"""mcp-remote: how a desktop program that only knows stdio reaches a server like ours."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.tour.person import Person
from tests.tour.transcript import Transcript

from .child import Child
from .packages import script


class McpRemote:
    """One run of it, with *home* as the home of its user, where its tokens stay; the browser comes back to *port*."""

    def __init__(self, url: str, home: Path, port: int) -> None:
        browser = home / "xdg-open"
        browser.write_text("#!/bin/sh\nexit 0\n")  # the person below has one of their own
        browser.chmod(0o700)
        environment = {"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin", "BROWSER": str(browser)}
        command = [*script("mcp-remote/dist/proxy.js"), url, str(port), "--allow-http"]
        self._child = Child(command, environment)
        self._last_id = 0

    def send_person(self) -> None:
        """Mira opens the address that it prints, and her browser brings the answer to its port."""
        self._child.hear(lambda line: "Waiting for authorization" in line)  # it may listen later than it prints
        url = self._child.hear(lambda line: "/oauth/authorize?" in line and line.startswith("http"))
        person = Person(Transcript(io.StringIO()))
        try:
            back = person.find_the_way_back(url, parse_qs(urlsplit(url).query)["redirect_uri"][0])
        finally:
            person.close()
        requests.get(back, timeout=10).raise_for_status()

    @property
    def has_asked_for_person(self) -> bool:
        return any("Please authorize" in line for line in self._child.said)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a JSON-RPC request, over its standard input and output. Raises AssertionError on an error."""
        self._last_id += 1
        self._child.write(json.dumps({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}))
        while (answer := json.loads(self._child.line())).get("id") != self._last_id:
            pass  # a notification
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def introduce(self) -> dict[str, Any]:
        """What a client says first, and what it is told."""
        client = {"name": "desktop", "version": "1"}
        told = self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        self._child.write(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return told

    def text(self, tool: str, **arguments: Any) -> str:
        """The text that *tool* answered."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        text: str = result["content"][0]["text"]
        return text

    def end(self) -> None:
        self._child.end()
