"""A judge of what a server sends: every message against the specification's own types, in the version it was sent in.

The types are those of ``mcp_types``, generated from the specification's schema of each revision. They are held more
strictly than a client holds them: no text where a number belongs, and no member that the type does not know.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from mcp.types import methods
from mcp.types.jsonrpc import JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from pydantic import TypeAdapter, ValidationError

from .extension import RESULTS, TASK_NOTIFICATION
from .failures import CapabilityMissing, ErrorResponse, VersionUnknown

MODERN = "2026-07-28"
NOTIFICATIONS = {**methods.SERVER_NOTIFICATIONS, ("notifications/tasks", MODERN): TASK_NOTIFICATION}
TASKS_HEARD_OF = ".params.notifications.taskIds"  # of the extension, in the acknowledgement of a subscription
ERRORS = {(-32021, MODERN): CapabilityMissing, (-32022, MODERN): VersionUnknown}
_adapter = cache(TypeAdapter)


class Asked(NamedTuple):
    """The request that an answer belongs to. ``id`` and ``method`` are None where the body had none."""

    version: str
    id: Any = None
    method: str | None = None


class Judge:
    """Reads along. ``complaints`` are what was wrong; ``judged`` counts the messages by what they were.

    One judge for one client: answers to its requests may come on a later stream, so the methods are remembered by id.
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.judged: Counter[str] = Counter()
        self._methods: dict[Any, str] = {}

    def asked(self, headers: Mapping[str, str], body: bytes) -> Asked:
        """What *body* asks for, in which version. *headers* by lower-case names."""
        version = headers.get("mcp-protocol-version", "2025-03-26")
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("method"), str):
            return Asked(version)
        if said["method"] == "initialize":
            version = "2025-11-25"
        id = said.get("id")
        if isinstance(id, str | int):
            self._methods[id] = said["method"]
        return Asked(version, id, said["method"])

    def answer(self, asked: Asked, status: int, content_type: str, body: bytes) -> None:
        """Judge a whole answer that is no stream."""
        if not body:
            if status == 200:
                self._complain("a 200 without a body", asked)
        elif content_type != "application/json":
            self._complain(f"a body of type {content_type!r}", asked)
        elif b'"jsonrpc"' in body:
            self.message(asked, body)
        elif status < 400 or set(json.loads(body)) != {"error", "error_description"}:
            self._complain(f"status {status} with {body[:200]!r}", asked)
        else:
            self.judged["error of HTTP"] += 1

    def event(self, asked: Asked, event: str) -> None:
        """Judge one event of a stream: a comment, or the message in its data."""
        fields: dict[str, str] = {}
        for line in event.split("\n"):
            name, _, value = line.partition(":")
            if name in fields or name not in ("", "id", "data", "retry"):
                self._complain(f"the line {line!r} in an event", asked)
            fields[name] = value.removeprefix(" ")
        if fields.get("data"):
            self.message(asked, fields["data"].encode())

    def message(self, asked: Asked, raw: bytes) -> None:
        """Judge one JSON-RPC message."""
        try:
            said = json.loads(raw, parse_constant=_no_number)
        except ValueError as error:
            self._complain(f"no JSON: {error}", asked)
            return
        if not isinstance(said, dict):
            self._complain(f"no object: {said!r}", asked)
            return
        kind, types = self._types(asked, said)
        self.judged[kind] += 1
        if not types:
            self._complain(f"there is no {kind} in {asked.version}", asked)
        for type in types:
            self._hold(asked, kind, type, said["result"] if kind.endswith(" result") and type is types[-1] else said)

    def _types(self, asked: Asked, said: Any) -> tuple[str, tuple[Any, ...]]:
        """What *said* is, and what it has to be: the envelope, then what the version says of its kind."""
        version = asked.version
        if "method" in said:
            kind, envelope, surface = (
                ("request", JSONRPCRequest, methods.SERVER_REQUESTS)
                if "id" in said
                else ("notification", JSONRPCNotification, NOTIFICATIONS)
            )
            known = surface.get((said["method"], version))
            return f"{said['method']} {kind}", () if known is None else (envelope, known)
        if "error" in said:
            code = said["error"].get("code")
            special = ERRORS.get((code, version))
            return f"error {code}", (ErrorResponse,) if special is None else (special,)
        method = asked.method if asked.id == said.get("id") else self._methods.get(said.get("id"))
        if asked.id is not None and said.get("id") != asked.id:
            self._complain(f"the id {said.get('id')!r}", asked)
        key = (method or "", version)
        known = RESULTS.get(key) or methods.SERVER_RESULTS.get(key)
        return f"{method} result", () if known is None else (JSONRPCResponse, known)

    def _hold(self, asked: Asked, kind: str, type: Any, said: Any) -> None:
        """*said* is a *type*, without a conversion, and has nothing that the type does not know."""
        adapter = _adapter(type)
        try:
            read = adapter.validate_json(json.dumps(said), strict=True, by_name=False)
        except ValidationError as error:
            self._complain(f"{kind}: {error}", asked)
            return
        known = adapter.dump_python(read, by_alias=True, mode="json", exclude_unset=True)
        for path in set(_lost(said, known)) - {TASKS_HEARD_OF}:
            self._complain(f"{kind}: unknown member {path}", asked)

    def _complain(self, what: str, asked: Asked) -> None:
        self.complaints.append(f"{asked.method} of {asked.version}: {what}")


class Events:
    """Cuts the bytes of a stream into events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The events that *chunk* completes."""
        *whole, self._rest = (self._rest + chunk).split(b"\n\n")
        for event in whole:
            yield event.decode()


def _lost(said: Any, known: Any, path: str = "") -> Iterator[str]:
    """The members of *said* that are missing in *known*."""
    if isinstance(said, dict) and isinstance(known, dict):
        for name, value in said.items():
            if name not in known:
                yield f"{path}.{name}"
            else:
                yield from _lost(value, known[name], f"{path}.{name}")
    elif isinstance(said, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(said, known, strict=True)):
            yield from _lost(one, other, f"{path}[{number}]")


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
