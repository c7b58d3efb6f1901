"""Records in Redis: any number of processes on any number of machines, as durable as its persistence settings.

Commands go to a connection of the client's pool directly. The client itself would repeat a command whose answer was
lost, and a repeated ``take`` or ``swap`` says no to whoever had won.
"""

import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Protocol, TypeVar, cast

import redis as driver
from redis.exceptions import NoScriptError, RedisError

from ..clock import now
from ..errors import StoreUnavailable
from .base import STEP, Message, Record, Remark, Store, is_storable, must_be_storable
from .pool import Pool
from .redis_durability import SETTINGS, remarks_on
from .redis_scripts import PREFIX, PUBLISH, PURGE, TAKE, WRITE, Script

RECORDS, IDS, ENDS, OWNERS, CHANNELS = (PREFIX + name + ":" for name in ("record", "ids", "ends", "owner", "channel"))
KINDS, CHANGES, SEQUENCE = (PREFIX + name for name in ("kinds", "changes", "sequence"))
BLOCK_S = 1.0
LATE_S = 0.1  # how late Redis may be to end a blocked command
R = TypeVar("R")


class Connection(Protocol):
    """What we use of redis-py's, which has no annotations there."""

    def send_command(self, *words: Any) -> None: ...
    def pack_commands(self, commands: list[tuple[Any, ...]]) -> list[bytes]: ...
    def send_packed_command(self, command: list[bytes]) -> None: ...
    def read_response(self, disable_decoding: bool) -> Any: ...
    def can_read(self, timeout: float) -> bool: ...
    def disconnect(self) -> None: ...


class RedisStore(Store):
    """Takes its connections from *client*. If it is *ours*, a few stay with us when idle, and ``close`` closes it."""

    def __init__(self, client: "driver.Redis", *, ours: bool) -> None:
        self._client, self._ours = client, ours
        self._source = cast(Any, client.connection_pool)
        socket_timeout_s = self._source.connection_kwargs.get("socket_timeout") or math.inf
        # Or the socket gives up on an answer that is not due.
        self._block_s = max(0.001, min(BLOCK_S, socket_timeout_s / 2 - LATE_S))
        self._pool: Pool[Connection] = Pool(
            self._source.get_connection,
            lambda connection: self._source.release(connection),
            is_fit=_is_quiet,
            keep=8 if ours else 0,
        )

    def get(self, kind: str, id: str) -> Record | None:
        if not is_storable(id):
            return None
        found = self._command("HMGET", f"{RECORDS}{kind}:{id}", "b", "v", "e")
        return _alive(id, found)

    def put(self, kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        self._put_if("any", kind, id, value, ttl_s, owner)

    def take(self, kind: str, id: str) -> Record | None:
        if not is_storable(id):
            return None
        keys = (f"{RECORDS}{kind}:{id}", IDS + kind, ENDS + kind, CHANGES)
        found = self._script(TAKE, keys, repr(now()), id, f"{OWNERS}{kind}:")
        return Record(id, found[0], int(found[1]), float(found[2])) if found else None

    def swap(self, kind: str, id: str, expected: int | None, value: bytes, *, ttl_s: float, owner: str = "") -> bool:
        return self._put_if("none" if expected is None else str(expected), kind, id, value, ttl_s, owner)

    def delete(self, kind: str, id: str) -> bool:
        return self.take(kind, id) is not None

    def find(self, kind: str, *, owner: str | None = None) -> Iterator[Record]:
        index = IDS + kind if owner is None else f"{OWNERS}{kind}:{owner}"
        last = b""
        while ids := self._command("ZRANGEBYLEX", index, b"(" + last if last else "-", "+", "LIMIT", 0, STEP):
            keys = [f"{RECORDS}{kind}:{id.decode()}" for id in ids]
            rows = self._commands([("HMGET", key, "b", "v", "e") for key in keys])
            yield from (record for id, row in zip(ids, rows, strict=True) if (record := _alive(id.decode(), row)))
            last = ids[-1]

    def count(self, kind: str, *, is_over: bool = False) -> int:
        bounds = ("-inf", repr(now())) if is_over else (f"({now()!r}", "+inf")
        return int(self._command("ZCOUNT", ENDS + kind, *bounds))

    def purge(self, limit: int = STEP) -> int:
        return int(self._script(PURGE, (KINDS,), repr(now()), limit, RECORDS, IDS, ENDS, OWNERS))

    def stamp(self) -> int | None:
        return int(self._command("GET", CHANGES) or 0)

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        time_now = now()
        given = (repr(time_now), repr(time_now + ttl_s), body, max(1, int(ttl_s * 1000)))
        self._script(PUBLISH, (CHANNELS + channel, SEQUENCE), *given)

    def wait(self, channel: str, after: int, *, timeout_s: float) -> list[Message]:
        deadline = time.monotonic() + timeout_s
        while True:
            messages = []
            for name, (_, ends, _, body) in self._command("XRANGE", CHANNELS + channel, f"{after + 1}-0", "+"):
                after = int(name.partition(b"-")[0])
                if float(ends) > now():
                    messages.append(Message(after, body))
            left_s = deadline - time.monotonic()
            if messages or left_s <= 0:
                return messages
            block_ms = max(1, int(1000 * min(left_s, self._block_s)))
            self._command("XREAD", "BLOCK", block_ms, "STREAMS", CHANNELS + channel, f"{after}-0")

    def remarks(self) -> Iterator[Remark]:
        """What its persistence settings mean. Many hosts forbid to read them."""
        try:
            found = {name: self._setting(name) for name in SETTINGS}
        except StoreUnavailable:
            yield Remark(
                "Redis does not tell how it is set up.",
                "Make sure that it is persistent and throws no keys away: see the page on stores.",
            )
        else:
            yield from remarks_on(found)

    def _setting(self, name: str) -> str:
        answer = self._command("CONFIG", "GET", name)
        pairs = list(answer.items()) if isinstance(answer, dict) else list(pairwise(answer))
        return str(pairs[0][1].decode()) if pairs else ""

    def close(self) -> None:
        self._pool.close()
        if self._ours:
            self._client.close()
            self._source.disconnect()

    def _put_if(self, expected: str, kind: str, id: str, value: bytes, ttl_s: float, owner: str) -> bool:
        must_be_storable(id)
        time_now = now()
        keys = (f"{RECORDS}{kind}:{id}", IDS + kind, ENDS + kind, CHANGES, KINDS)
        given = (repr(time_now), kind, id, f"{OWNERS}{kind}:", expected, value, repr(time_now + ttl_s), owner)
        return bool(self._script(WRITE, keys, *given))

    def _command(self, *words: Any) -> Any:
        return self._on_one(lambda connection: _ask(connection, *words))

    def _commands(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to several commands, sent together."""

        def ask(connection: Connection) -> list[Any]:
            connection.send_packed_command(connection.pack_commands(commands))
            return [connection.read_response(True) for _ in commands]

        return self._on_one(ask)

    def _script(self, script: Script, keys: tuple[str, ...], *given: Any) -> Any:
        def ask(connection: Connection) -> Any:
            try:
                return _ask(connection, "EVALSHA", script.digest, len(keys), *keys, *given)
            except NoScriptError:
                return _ask(connection, "EVAL", script.text, len(keys), *keys, *given)

        return self._on_one(ask)

    def _on_one(self, work: Callable[[Connection], R]) -> R:
        def run(connection: Connection) -> R:
            try:
                return work(connection)
            except BaseException:  # whatever it was, an answer may still be under way
                connection.disconnect()
                raise

        try:
            return self._pool.run(run)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis: {error}") from error


def _ask(connection: Connection, *words: Any) -> Any:
    connection.send_command(*words)
    return connection.read_response(True)


def _alive(id: str, found: list[Any]) -> Record | None:
    value, version, ends = found
    if ends is None or float(ends) <= now():
        return None
    return Record(id, value, int(version), float(ends))


def _is_quiet(connection: Connection) -> bool:
    """Whether an idle connection is as it was left. One that has something to say was most likely ended."""
    try:
        return not connection.can_read(timeout=0)
    except (RedisError, OSError):
        return False
