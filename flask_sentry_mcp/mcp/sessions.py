"""Sessions of 2025: what a client said in its handshake, kept in the store so that any worker can serve it.

A session belongs to the grant that began it, and ends by DELETE, by rest, or when its grant has begun many others. What
a client can make us keep has a limit: of its capabilities the names that mean something, so many subscriptions, and of
what it sends for running calls only answers to questions that were asked.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..clock import now
from ..errors import BadTransport, StoreUnavailable
from .era import CHANGES
from .messages import encode
from .streams import LIFE_S

KIND, LIST_KIND = "mcp-session", "mcp-sessions"
LISTENER_KIND, QUESTION_KIND = "mcp-listener", "mcp-question"
TTL_S = 8 * 3600.0
INBOX_TTL_S = 900.0
MOST_SESSIONS, MOST_SUBSCRIPTIONS = 64, 100
_MODES: Mapping[str, tuple[str, ...]] = {"elicitation": ("form", "url"), "sampling": ("tools", "context"), "roots": ()}
_TRIES = 50
_ENDED = "This session has ended. Start a new one."


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
        """A new session, for an ``initialize``. When its grant has too many, the oldest of them ends."""
        session = Session(secrets.token_urlsafe(24), grant_id, version, _kept(capabilities))
        self._memory.put(KIND, session.id, _written(session), ttl_s=TTL_S, owner=grant_id)
        for id in self._enlist(grant_id, lambda ids: [*ids, session.id]):
            self._forget(id)
        return session

    def find(self, id: str, grant_id: str) -> Session:
        """The session by that id, which stays alive by being used.

        Raises: BadTransport (404) when there is none, or when it is another grant's.
        """
        kept = self._memory.get(KIND, id) if id.isascii() and id.isprintable() and len(id) <= 64 else None
        session = None if kept is None else _read(id, kept.value)
        if kept is None or session is None or session.grant_id != grant_id:
            raise BadTransport(404, _ENDED)
        if kept.expires_at - now() < TTL_S / 2:
            self._memory.swap(KIND, id, kept.version, kept.value, ttl_s=TTL_S, owner=grant_id)
        return session

    def end(self, id: str, grant_id: str) -> None:
        """Forget the session, and have its stream end, wherever it is. Raises: BadTransport (404) as ``find``."""
        self.find(id, grant_id)
        self._enlist(grant_id, lambda ids: [one for one in ids if one != id])
        self._forget(id)

    def _forget(self, id: str) -> None:
        self._memory.delete(KIND, id)
        self._memory.delete(LISTENER_KIND, id)
        self._memory.publish(CHANGES, encode({"ended": id}))

    def _enlist(self, grant_id: str, how: Callable[[list[str]], list[str]]) -> list[str]:
        """Change the list of a grant's sessions, oldest first; what comes back does not fit into it any more."""
        for _ in range(_TRIES):
            kept = self._memory.get(LIST_KIND, grant_id)
            ids = how([] if kept is None else json.loads(kept.value))
            version, value = None if kept is None else kept.version, encode(ids[-MOST_SESSIONS:])
            if self._memory.swap(LIST_KIND, grant_id, version, value, ttl_s=TTL_S, owner=grant_id):
                return ids[:-MOST_SESSIONS]
        raise StoreUnavailable("the sessions of a grant changed too often")

    def set_log_level(self, session: Session, level: str) -> None:
        """Remember which log messages the client wants. Raises: BadTransport (404) as ``find``."""
        self._change(session, lambda now: replace(now, log_level=level))

    def subscribe(self, session: Session, uri: str) -> bool:
        """Remember that the client wants to hear of *uri*; False when it wants too many. Raises as ``find``."""

        def with_it(now: Session) -> Session:
            uris = dict.fromkeys((*now.subscriptions, uri))
            return replace(now, subscriptions=tuple(uris)[:MOST_SUBSCRIPTIONS])

        return uri in self._change(session, with_it).subscriptions

    def unsubscribe(self, session: Session, uri: str) -> None:
        """Forget it again. Raises as ``find``."""

        def without_it(now: Session) -> Session:
            return replace(now, subscriptions=tuple(one for one in now.subscriptions if one != uri))

        self._change(session, without_it)

    def _change(self, session: Session, how: Callable[[Session], Session]) -> Session:
        """The session as it is now, changed: other requests of its client may change it at the same time, or end it."""
        for _ in range(_TRIES):
            kept = self._memory.get(KIND, session.id)
            if kept is None:
                raise BadTransport(404, _ENDED)
            changed = how(_read(session.id, kept.value))
            value = _written(changed)
            if self._memory.swap(KIND, session.id, kept.version, value, ttl_s=TTL_S, owner=session.grant_id):
                return changed
        raise StoreUnavailable("a session changed too often")

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

    def expect(self, session: Session, ids: Iterable[str]) -> None:
        """Questions by these ids are about to be asked."""
        for id in ids:
            self._memory.put(QUESTION_KIND, f"{session.id}:{id}", b"", ttl_s=INBOX_TTL_S, owner=session.grant_id)

    def answer(self, session: Session, id: str | int, outcome: Mapping[str, Any]) -> None:
        """Leave an answer for the call that asked. One to no open question is dropped, as is a second one."""
        if self._memory.delete(QUESTION_KIND, f"{session.id}:{id}"):
            self._leave(session, {"id": id, **outcome})

    def cancel(self, session: Session, request_id: str | int) -> None:
        """Leave a notice that the client has given up on a call."""
        self._leave(session, {"cancelled": request_id})

    def _leave(self, session: Session, envelope: Mapping[str, Any]) -> None:
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


def _kept(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """Of a client's capabilities what is ever looked at: the kinds of questions it answers, and their modes."""
    declared = {kind: capabilities[kind] for kind in _MODES if isinstance(capabilities.get(kind), dict)}
    return {kind: {mode: {} for mode in _MODES[kind] if mode in given} for kind, given in declared.items()}


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
