"""Sessions of 2025: what a client said in its handshake, kept in the store so that any worker can serve it.

A session belongs to the grant that began it, and ends by DELETE or by rest.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..clock import now
from ..errors import BadTransport
from .era import CHANGES
from .messages import encode
from .streams import LIFE_S

KIND, LISTENER_KIND = "mcp-session", "mcp-listener"
TTL_S = 8 * 3600.0
INBOX_TTL_S = 900.0
MOST_SUBSCRIPTIONS = 100


class Kept(Protocol):
    """A record of the store."""

    @property
    def value(self) -> bytes: ...
    @property
    def version(self) -> int: ...
    @property
    def expires_at(self) -> float: ...


class Left(Protocol):
    """A message of one of the store's channels."""

    @property
    def sequence(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class Memory(Protocol):
    """As much of the store as the protocol needs (see ``store/base``)."""

    def get(self, kind: str, id: str) -> Kept | None:
        """The record, or None."""

    def put(self, kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        """Write the record."""

    def swap(self, kind: str, id: str, expected: int | None, value: bytes, *, ttl_s: float, owner: str = "") -> bool:
        """Write if unchanged."""

    def delete(self, kind: str, id: str) -> bool:
        """Forget the record."""

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        """Leave a message."""

    def wait(self, channel: str, after: int, *, timeout_s: float) -> "list[Any]":
        """The messages after a sequence; waits for one."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session. ``capabilities`` are the client's; ``log_level`` what it set; ``subscriptions`` resources' URIs."""

    id: str
    grant_id: str
    version: str
    capabilities: Mapping[str, Any]
    log_level: str | None = None
    subscriptions: tuple[str, ...] = ()


class Sessions:
    """The sessions of one application."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def begin(self, grant_id: str, version: str, capabilities: Mapping[str, Any]) -> Session:
        """A new session, for an ``initialize``."""
        session = Session(secrets.token_urlsafe(24), grant_id, version, capabilities)
        self._memory.put(KIND, session.id, _written(session), ttl_s=TTL_S, owner=grant_id)
        return session

    def find(self, id: str, grant_id: str) -> Session:
        """The session by that id, which stays alive by being used.

        Raises: BadTransport (404) when there is none, or when it is another grant's.
        """
        kept = self._memory.get(KIND, id) if id.isascii() and id.isprintable() and len(id) <= 64 else None
        session = None if kept is None else _read(id, kept.value)
        if kept is None or session is None or session.grant_id != grant_id:
            raise BadTransport(404, "This session has ended. Start a new one.")
        if kept.expires_at - now() < TTL_S / 2:
            self._memory.swap(KIND, id, kept.version, kept.value, ttl_s=TTL_S, owner=grant_id)
        return session

    def end(self, id: str, grant_id: str) -> None:
        """Forget the session, and have its stream end, wherever it is. Raises: BadTransport (404) as ``find``."""
        self.find(id, grant_id)
        self._memory.delete(KIND, id)
        self._memory.delete(LISTENER_KIND, id)
        self._memory.publish(CHANGES, encode({"ended": id}))

    def set_log_level(self, session: Session, level: str) -> None:
        """Remember which log messages the client wants."""
        self._change(replace(session, log_level=level))

    def subscribe(self, session: Session, uri: str) -> bool:
        """Remember that the client wants to hear of *uri*; False when it wants too many."""
        if uri not in session.subscriptions:
            if len(session.subscriptions) >= MOST_SUBSCRIPTIONS:
                return False
            self._change(replace(session, subscriptions=(*session.subscriptions, uri)))
        return True

    def unsubscribe(self, session: Session, uri: str) -> None:
        """Forget it again."""
        self._change(replace(session, subscriptions=tuple(one for one in session.subscriptions if one != uri)))

    def _change(self, session: Session) -> None:
        self._memory.put(KIND, session.id, _written(session), ttl_s=TTL_S, owner=session.grant_id)

    # A session is told of changes on one stream: the one that was opened last, at whichever worker.

    def take_over(self, session: Session) -> str:
        """Open the stream of *session*; what comes back proves, by ``has``, that no other has been opened since."""
        mark = secrets.token_urlsafe(12)
        self._memory.put(LISTENER_KIND, session.id, mark.encode(), ttl_s=TTL_S)
        return mark

    def has(self, session: Session, mark: str) -> bool:
        """Whether the stream with that mark is still the one."""
        kept = self._memory.get(LISTENER_KIND, session.id)
        return kept is not None and kept.value == mark.encode()

    # What a client sends for a running call reaches the worker that waits for it through the session's inbox.

    def deliver(self, session: Session, envelope: Mapping[str, Any]) -> None:
        """Leave a reply, or a notice of cancellation, for the call that waits for it."""
        self._memory.publish(f"mcp-in:{session.id}", encode(envelope), ttl_s=INBOX_TTL_S)

    def inbox(self, session: Session, after: int, timeout_s: float) -> list[tuple[int, dict[str, Any]]]:
        """What came in after *after*, with sequences."""
        messages = self._memory.wait(f"mcp-in:{session.id}", after, timeout_s=timeout_s)
        return [(one.sequence, json.loads(one.body)) for one in messages]

    # What goes out on a stream is kept for a while, for a client that comes back.

    def open(self, session: Session, stream: str, worker: str, request_id: str | int) -> None:
        """A *stream* of *session* begins: at which worker, and which request it answers."""
        head = encode({"worker": worker, "request": request_id})
        self._memory.publish(f"mcp-out:{session.id}:{stream}", b"0:0:" + head, ttl_s=LIFE_S)

    def record(self, session: Session, stream: str, number: int, message: bytes, *, last: bool) -> None:
        """Keep message *number* of *stream*; *last* says that none follows."""
        head = b"%d:%d:" % (number, last)
        self._memory.publish(f"mcp-out:{session.id}:{stream}", head + message, ttl_s=INBOX_TTL_S)

    def recorded(
        self, session: Session, stream: str, after: int, timeout_s: float
    ) -> list[tuple[int, int, bool, bytes]]:
        """What was kept after sequence *after*: ``(sequence, number, is last, message)``.

        Number 0 is what ``open`` left: JSON with the ``worker`` and the id of the ``request``.
        """
        kept = []
        for one in self._memory.wait(f"mcp-out:{session.id}:{stream}", after, timeout_s=timeout_s):
            number, last, message = one.body.split(b":", 2)
            kept.append((one.sequence, int(number), last == b"1", message))
        return kept


def _written(session: Session) -> bytes:
    return encode(
        {
            "grant": session.grant_id,
            "version": session.version,
            "capabilities": session.capabilities,
            "level": session.log_level,
            "subscriptions": session.subscriptions,
        }
    )


def _read(id: str, value: bytes) -> Session:
    kept = json.loads(value)
    return Session(
        id, kept["grant"], kept["version"], kept["capabilities"], kept["level"], tuple(kept["subscriptions"])
    )
