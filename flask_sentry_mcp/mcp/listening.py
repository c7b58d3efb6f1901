"""Streams on which nothing is answered, only told: ``subscriptions/listen`` of 2026-07-28 and the GET stream of 2025.

What changes is told to all workers through one channel of the store. A stream asks again every few seconds whether its
caller may still be here, so a revoked grant loses its streams too.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..context import Presented
from ..errors import BadTransport, ProtocolError, SentryMCPError
from . import tasks
from .call import Call, log
from .endpoint import Server
from .era import META
from .hub import Change
from .messages import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, encode, error_message, result_message
from .sessions import MOST_SUBSCRIPTIONS, Session
from .streams import KEEP_ALIVE, KEEP_ALIVE_S, LIFE_S, Stream, frame

_SUBSCRIPTION_KEY = META + "subscriptionId"
_LISTS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
_LOOK_S = 1.0
_WORKER_GONE = "The server that ran this call has stopped. Call again."
T = TypeVar("T")
_EVENT_ID = re.compile(r"([A-Za-z0-9_-]{16})\.(\d{1,9})")


def listen(call: Call) -> Stream:
    """``subscriptions/listen``: acknowledge what is honoured, then tell of it until somebody hangs up."""
    server, request = call.server, call.request
    if server.memory is None:
        raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.", status=404)
    wanted = request.params.get("notifications")
    if not isinstance(wanted, dict):
        raise ProtocolError(INVALID_PARAMS, "params.notifications must be an object.", status=200)
    honoured = _honoured(call, wanted)
    kinds = {kind for name, kind in _LISTS.items() if honoured.get(name)}
    uris = frozenset(honoured.get("resourceSubscriptions", ()))
    task_ids = frozenset(honoured.get("taskIds", ()))
    tag = {"_meta": {_SUBSCRIPTION_KEY: request.id}}

    def wants(change: Change) -> bool:
        return change.get("list") in kinds or change.get("uri") in uris or change.get("task") in task_ids

    def told(after: int) -> Iterator[bytes]:
        for change in _changes(server, call.presented, after, wants):
            if change is None:
                yield KEEP_ALIVE
            elif change.get("list") in kinds:
                yield frame(_notification(f"notifications/{change['list']}/list_changed", tag))
            elif change.get("uri") in uris:
                yield frame(_notification("notifications/resources/updated", {"uri": change["uri"], **tag}))
            elif change.get("task") in task_ids:
                task = tasks.told(server, change["task"], call.context.grant_id)
                yield KEEP_ALIVE if task is None else frame(_notification("notifications/tasks", task | tag))

    def frames(after: int) -> Iterator[bytes]:
        acknowledged = {"notifications": honoured, **tag}
        yield frame(_notification("notifications/subscriptions/acknowledged", acknowledged))
        yield from _until_refused(told(after))
        ended = {"resultType": "complete", **tag}
        yield frame(result_message(request.id, encode(ended)))

    return Stream(frames(server.hub.position()), server.places.take(call.context.grant_id))


def listen_in_session(server: Server, session: Session, presented: Presented | None) -> Stream:
    """The GET stream of 2025: changes of lists, and of the resources that the session subscribed to.

    No message may go to two streams of a session, so a new one ends the one before; and it ends with its session.
    """

    begins = server.hub.position()
    leave = server.places.take(session.grant_id)
    try:
        mark = server.sessions.take_over(session)
    except BaseException:  # whatever it was, the place is free again
        leave()
        raise

    def wants(change: Change) -> bool:
        return "list" in change or "uri" in change or change.get("ended") == session.id

    def frames(after: int) -> Iterator[bytes]:
        yield KEEP_ALIVE
        for change in _changes(server, presented, after, wants):
            if not server.sessions.has(session, mark):
                return
            if change is None:
                yield KEEP_ALIVE
            elif "list" in change:
                yield frame(_notification(f"notifications/{change['list']}/list_changed", None))
            elif change.get("uri") in server.sessions.find(session.id, session.grant_id).subscriptions:
                yield frame(_notification("notifications/resources/updated", {"uri": change["uri"]}))

    return Stream(_until_refused(frames(begins)), leave)


def resume(server: Server, session: Session, last_event_id: str, presented: Presented) -> Stream:
    """What a stream of 2025 said after the client's last event, and goes on saying, until its result.

    It ends with its session, its caller's grant, or the worker that ran the call.

    Raises: BadTransport (400) when there is no such stream; a 404 would tell the client that its session is over.
    """
    found = _EVENT_ID.fullmatch(last_event_id)
    begun = server.sessions.recorded(session, found[1], 0, 0) if found else None
    if not found or not begun:
        raise BadTransport(400, "The Last-Event-ID is of no stream of this session.")
    stream, seen = found[1], int(found[2])
    head = json.loads(begun[0][3]) if begun[0][1] == 0 else None  # the store may not have taken it

    def frames() -> Iterator[bytes]:
        yield KEEP_ALIVE
        after, said, until = 0, time.monotonic(), time.monotonic() + LIFE_S
        while time.monotonic() < until and not server.endpoint.ending.is_near:
            kept = server.sessions.recorded(session, stream, after, min(_LOOK_S, KEEP_ALIVE_S))
            if not kept and time.monotonic() - said < KEEP_ALIVE_S:
                continue
            said = time.monotonic()
            server.endpoint.authenticate(presented)
            server.sessions.find(session.id, session.grant_id)
            if not kept:
                if head is not None and server.presence.is_gone(head["worker"]):
                    yield frame(error_message(head["request"], INTERNAL_ERROR, _WORKER_GONE))
                    return
                yield KEEP_ALIVE
            for sequence, number, last, message in kept:
                after = sequence
                if number > seen and message:
                    yield frame(message, f"{stream}.{number}")
                if last:
                    return

    return Stream(_until_refused(frames()), server.places.take(session.grant_id))


def _until_refused(frames: Iterator[T]) -> Iterator[T]:
    """*frames*, which end when their caller may not be here any more, or the store cannot tell."""
    try:
        yield from frames
    except SentryMCPError as error:
        log.info("A stream ends: %s: %s", error.code, error)


def _honoured(call: Call, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of what is wanted that this server tells of, and that this caller may see."""
    offered = call.server.capabilities()
    honoured: dict[str, Any] = {
        name: True for name, kind in _LISTS.items() if _is_wanted(wanted, name) and kind in offered
    }
    if (task_ids := _texts(wanted, "taskIds")) is not None:
        tasks.require(call.terms)
        own = [id for id in task_ids if tasks.told(call.server, id, call.context.grant_id) is not None]
        honoured |= {"taskIds": own} if call.server.extensions() else {}
    uris = _texts(wanted, "resourceSubscriptions")
    if uris is not None and "resources" in offered:
        views = call.server.views
        honoured["resourceSubscriptions"] = [uri for uri in uris if views.resource(call.context, uri)[0] is not None]
    return honoured


def _is_wanted(wanted: Mapping[str, Any], name: str) -> bool:
    given = wanted.get(name, False)
    if not isinstance(given, bool):
        raise ProtocolError(INVALID_PARAMS, f"{name} is true or false.", status=200)
    return given


def _texts(wanted: Mapping[str, Any], name: str) -> list[str] | None:
    given = wanted.get(name)
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given) or len(given) > MOST_SUBSCRIPTIONS:
        raise ProtocolError(INVALID_PARAMS, f"{name} is a list of at most 100 texts.", status=200)
    return given


def _changes(
    server: Server, presented: Presented | None, after: int, wants: Callable[[Change], bool]
) -> Iterator[Change | None]:
    """What is wanted, as it comes; None when nothing came for a while. Ends with the stream's life, or the server's.

    Raises: what ``authenticate`` raises.
    """
    until = time.monotonic() + LIFE_S
    while time.monotonic() < until:
        after, told = server.hub.wait(after, KEEP_ALIVE_S, wants)
        if server.endpoint.ending.is_near:
            return
        if presented is not None:
            server.endpoint.authenticate(presented)
        if not told:
            yield None
        yield from told


def _notification(method: str, params: Mapping[str, Any] | None) -> bytes:
    said: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    return encode(said if params is None else said | {"params": params})
