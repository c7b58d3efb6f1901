"""A client that reads streams while they are open, and the ways of 2025 to begin."""

import json
from typing import Any

HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"elicitation": {}, "sampling": {}, "roots": {}},
    "clientInfo": {"name": "c", "version": "1"},
}


def events(answer: Any) -> list[Any]:
    """The messages of a finished stream."""
    assert answer.mimetype == "text/event-stream"
    return [json.loads(data) for data in data_in(answer.text) if data]


def data_in(text: str) -> list[str]:
    """The data lines of events."""
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data:")]


class Reader:
    """A client that reads a stream while it is open."""

    def __init__(self, answer: Any) -> None:
        assert answer.mimetype == "text/event-stream"
        self._answer, self._chunks = answer, answer.iter_encoded()
        self.ids: list[str] = []

    def next(self) -> Any:
        """The next message."""
        for chunk in self._chunks:
            text = chunk.decode()
            self.ids += [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]
            for data in data_in(text):
                if data.strip():
                    return json.loads(data)
        return None

    def leave(self) -> None:
        """The client vanishes."""
        self._answer.response.close()


def session(server: Any, handshake: Any = None) -> str:
    """The id of a new session of 2025."""
    answer = server.legacy("initialize", handshake or HANDSHAKE, version=None)
    id: str = answer.headers["Mcp-Session-Id"]
    return id
