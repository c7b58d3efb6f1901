"""What the sandbox was asked, request by request, so that a test can say exactly what was sent to Sentry."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from .server import Environ

KEPT = 20_000  # the oldest are forgotten, so that a load test does not fill the memory


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and the status that it got (0: the connection was dropped).

    ``path`` is as the application saw it, percent-decoded; ``raw_path`` as it was sent, without the query. ``query``
    is ``{"project": ["1", "2"]}``. ``body`` is the parsed JSON, the form as such a dict, text, or None. Header names
    are in their usual capitals: ``headers["Authorization"]``.
    """

    time: float
    silo: str
    host: str
    method: str
    path: str
    raw_path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any
    status: int

    def param(self, name: str) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class RequestLog:
    """The requests so far, oldest first. Reads like a list."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, record: RequestRecord) -> None:
        with self._lock:
            self._records.append(record)

    def clear(self) -> None:
        with self._lock:
            self._records.clear()

    def all(self) -> list[RequestRecord]:
        with self._lock:
            return list(self._records)

    def api(self) -> list[RequestRecord]:
        """Requests to the REST API only, without OAuth pages."""
        return [record for record in self.all() if record.path.startswith("/api/0/")]

    def writes(self) -> list[RequestRecord]:
        """Requests to the REST API that could change something."""
        return [record for record in self.api() if record.method not in ("GET", "HEAD", "OPTIONS")]

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RequestRecord:
        return self.all()[index]


def record_of(environ: Environ, *, time: float, body: bytes, status: int) -> RequestRecord:
    """The record of a request that was served."""
    headers = {_header_name(key): value for key, value in environ.items() if key.startswith("HTTP_")}
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type:
        headers["Content-Type"] = content_type
    return RequestRecord(
        time=time,
        silo=environ["sandbox.silo"],
        host=environ.get("HTTP_HOST", ""),
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        raw_path=environ["RAW_URI"].partition("?")[0],
        query=parse_qs(environ["QUERY_STRING"], keep_blank_values=True),
        headers=headers,
        body=_readable(body, content_type),
        status=status,
    )


def _header_name(key: str) -> str:
    return "-".join(part.capitalize() for part in key.removeprefix("HTTP_").split("_"))


def _readable(body: bytes, content_type: str) -> Any:
    if not body:
        return None
    text = body.decode("utf-8", "replace")
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parse_qs(text, keep_blank_values=True)
    try:
        return json.loads(text)
    except ValueError:
        return text
