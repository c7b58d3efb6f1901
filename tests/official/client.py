"""The official client with a person behind it, and a judge that reads every byte which it is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp import Client, types
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client

from .wire import Asked, Events, Judge

ERAS = ("auto", "legacy")
"""``auto`` finds 2026-07-28 by ``server/discover``; ``legacy`` shakes hands as in 2025-11-25."""

Use = Callable[[Client], Awaitable[None]]
ANSWERS: dict[str, str | int | float | bool | list[str] | None] = {"name": "Ada", "color": "blue", "context": "tea"}


@dataclass
class Person:
    """Who answers the client's questions, and remembers them, what was logged and what was told."""

    action: Any = "accept"
    content: dict[str, str | int | float | bool | list[str] | None] = field(default_factory=ANSWERS.copy)
    asked: list[Any] = field(default_factory=list)
    logged: list[tuple[str, Any]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    async def elicit(self, context: Any, params: Any) -> types.ElicitResult:
        """Fill in the form, or visit the page."""
        self.asked.append(params)
        fills = self.action == "accept" and isinstance(params, types.ElicitRequestFormParams)
        return types.ElicitResult(action=self.action, content=self.content if fills else None)

    async def sample(self, context: Any, params: Any) -> types.CreateMessageResult:
        """Be the model."""
        self.asked.append(params)
        return types.CreateMessageResult(role="assistant", content=types.TextContent(text="Paris"), model="m")

    async def roots(self, context: Any) -> types.ListRootsResult:
        """Name the folder."""
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///work"})])

    async def log(self, params: Any) -> None:
        """Read the log."""
        self.logged.append((params.level, params.data))

    async def message(self, message: Any) -> None:
        """Read what is told."""
        self.told.append(message)


@asynccontextmanager
async def connected(
    url: str, era: str = "auto", person: Person | None = None, extensions: Sequence[ClientExtension] = ()
) -> AsyncIterator[Client]:
    """A client of *era* for the block. Fails if the server sent anything that its version does not know."""
    person, judge = person or Person(), Judge()
    timeout = httpx2.Timeout(10, read=30)
    async with (
        httpx2.AsyncClient(transport=Recorder(judge), timeout=timeout) as http,
        Client(
            streamable_http_client(url, http_client=http),
            mode=era,
            read_timeout_seconds=20,
            elicitation_callback=person.elicit,
            sampling_callback=person.sample,
            list_roots_callback=person.roots,
            logging_callback=person.log,
            message_handler=person.message,
            log_level="info",
            extensions=list(extensions),
            cache=None,
        ) as client,
    ):
        yield client
    assert judge.complaints == []
    assert judge.judged.total() > 0


def run(url: str, era: str, use: Use, person: Person | None = None, *extensions: ClientExtension) -> None:
    """Let *use* have a client."""

    async def session() -> None:
        async with asyncio.timeout(30), connected(url, era, person, extensions) as client:
            await use(client)

    asyncio.run(session())


def text(result: types.CallToolResult) -> str:
    """The text of a result."""
    return "".join(block.text for block in result.content if isinstance(block, types.TextContent))


class Recorder(httpx2.AsyncBaseTransport):
    """HTTP as ever, and the judge reads along."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._http = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = self._judge.asked(request.headers, await request.aread())
        response = await self._http.handle_async_request(request)
        read = _Read(self._judge, asked, response)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=read, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._http.aclose()


class _Read(httpx2.AsyncByteStream):
    """A body, judged event by event, or whole when it is no stream."""

    def __init__(self, judge: Judge, asked: Asked, response: httpx2.Response) -> None:
        self._judge, self._asked, self._response = judge, asked, response
        self._events, self._whole = Events(), b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        kind = self._response.headers.get("content-type", "")
        stream = self._response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        async for chunk in stream:
            if kind == "text/event-stream":
                for event in self._events.feed(chunk):
                    self._judge.event(self._asked, event)
            else:
                self._whole += chunk
            yield chunk
        if kind != "text/event-stream":
            self._judge.answer(self._asked, self._response.status_code, kind, self._whole)

    async def aclose(self) -> None:
        await self._response.aclose()
