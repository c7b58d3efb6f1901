"""The judge as WSGI middleware, for tests that speak to an application in this process."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .wire import Asked, Events, Judge

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Judged:
    """Serves *app*, and has *judge* read all that it answers to POST and GET."""

    def __init__(self, app: App, judge: Judge) -> None:
        self._app, self._judge = app, judge

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        version = environ.get("HTTP_MCP_PROTOCOL_VERSION")
        asked = self._judge.asked({} if version is None else {"mcp-protocol-version": version.strip()}, body)
        began: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            began.update(status=int(status[:3]), type=dict(headers).get("Content-Type", ""))
            return start_response(status, headers, *rest)

        return _Body(self._app(environ, start), asked, began, self._judge)


class _Body:
    """What the application says, passed on as it comes."""

    def __init__(self, said: Iterable[bytes], asked: Asked, began: dict[str, Any], judge: Judge) -> None:
        self._said, self._asked, self._began, self._judge = said, asked, began, judge

    def __iter__(self) -> Iterator[bytes]:
        events, whole = Events(), b""
        for chunk in self._said:
            if self._began["type"] == "text/event-stream":
                for event in events.feed(chunk):
                    self._judge.event(self._asked, event)
            else:
                whole += chunk
            yield chunk
        if self._began["type"] != "text/event-stream":
            self._judge.answer(self._asked, self._began["status"], self._began["type"], whole)

    def close(self) -> None:
        close = getattr(self._said, "close", None)
        if close is not None:
            close()
