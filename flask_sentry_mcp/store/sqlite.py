"""Records in one SQLite file: any number of processes on one machine.

Write-ahead logging lets readers go on while one connection writes. In each process one connection writes and a few
read; the connection behind ``stamp`` never writes, so that its change counter tells of every other one. A commit is on
the disk before it is acknowledged (``synchronous=FULL``): a revocation must not come undone when the power fails.
"""

import math
import os
import random
import secrets
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ..clock import now
from ..errors import StoreUnavailable
from . import schema
from .base import Message, Remark
from .pool import PATIENCE_S, Pool
from .shared import shared_number
from .sql import MESSAGES, SQLStore, connection_from
from .tables import Statement, Statements

PREPARING_S = 60.0  # what another worker may need for the schema
POLL_S = 0.03
LOOK_S = 1.0
PAUSE_S = (0.0002, 0.003)
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)  # the latter: lost a race for the log too often in a row

C = TypeVar("C")
R = TypeVar("R")
Bound = Sequence[Any] | Mapping[str, Any]
Watcher = tuple[sqlite3.Connection, int]


class SQLiteStore(SQLStore):
    """Takes its connections from *engine*, whose database is a file, and keeps them for itself."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(Statements(engine.dialect))
        self._engine = engine
        self._readers = Pool(self._connect, sqlite3.Connection.close)
        self._writer = Pool(self._connect, sqlite3.Connection.close, limit=1)
        self._watcher = Pool(self._watch, lambda watcher: watcher[0].close(), limit=1)
        self._on(self._writer, self._prepare)
        #: Where SQLite has the file, whatever the engine's URL says of it.
        self.path = str(self._on(self._writer, _path))
        self._writer.close()  # a server that loads us and then forks has nothing open
        self._shared = shared_number(self.path)
        self._seen, self._look_again_at = 0, -math.inf

    def stamp(self) -> int | None:
        """The shared number, which every write changes before it is acknowledged; and SQLite's own word once a second.

        That is for writes that were not ours, and for a writer that was killed between its commit and the number.
        """
        if self._shared is not None and time.monotonic() >= self._look_again_at:
            self._shared.look()
            self._seen = self._on(self._watcher, _data_version)
            self._look_again_at = time.monotonic() + LOOK_S
        number = self._shared.read() if self._shared is not None else None
        return self._on(self._watcher, _data_version) if number is None else self._seen << 64 | number

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        given = {"a_channel": channel, "a_value": body, "ends": now() + ttl_s}
        self._write(self._sql.forget_messages, {"now": now(), "at_most": MESSAGES})
        self._write(self._sql.publish, given)

    def wait(self, channel: str, after: int, *, timeout_s: float) -> list[Message]:
        deadline = time.monotonic() + timeout_s
        seen = None
        while True:
            stamp = self.stamp()
            if stamp != seen:
                rows = self._read(self._sql.receive, {"a_channel": channel, "after": after, "now": now()})
                if rows:
                    return [Message(*row) for row in rows]
                seen = stamp
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return []
            time.sleep(min(POLL_S, left_s))

    def remarks(self) -> Iterator[Remark]:
        if stat.S_IMODE(os.stat(self.path).st_mode) & 0o077:
            yield Remark("The store's file can be read by other users of this machine.", "Its mode should be 0600.")

    def close(self) -> None:
        for pool in (self._readers, self._writer, self._watcher):
            pool.close()
        if self._shared is not None:
            self._shared.close()

    def _read(self, statement: Statement, given: dict[str, Any]) -> list[Any]:
        parameters = statement.bind(given)
        return self._on(self._readers, lambda connection: _run(connection, statement.sql, parameters))

    def _write(self, statement: Statement, given: dict[str, Any]) -> list[Any]:
        parameters = statement.bind(given)
        try:
            return self._on(self._writer, lambda connection: _run(connection, statement.sql, parameters))
        finally:  # also after a fault: it may have been written all the same
            self._tell_others()

    def _tell_others(self) -> None:
        if self._shared is None:
            return
        if time.monotonic() >= self._look_again_at:
            self._shared.look()
        try:
            self._shared.change()
        except OSError as error:
            raise StoreUnavailable(f"SQLite: other workers cannot be told of the write: {error}") from error

    def _on(self, pool: Pool[C], work: Callable[[C], R]) -> R:
        try:
            return pool.run(work)
        except (sqlite3.Error, SQLAlchemyError) as error:
            raise StoreUnavailable(f"SQLite: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        """A connection of the engine's making that is ours from now on, in autocommit."""
        connection = cast(sqlite3.Connection, connection_from(self._engine))
        connection.isolation_level = None
        connection.row_factory = None
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            _run(connection, "PRAGMA synchronous = FULL")
        except BaseException:  # whatever it was, nobody else would close it
            connection.close()
            raise
        return connection

    def _watch(self) -> Watcher:
        """With a random base: the counter of one connection says nothing about another's."""
        return self._connect(), secrets.randbits(48) << 32

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Write-ahead logging and the schema, whoever else is at it."""

        def execute(sql: str) -> list[Any]:
            return _run(connection, sql, patience_s=PREPARING_S)

        execute("PRAGMA journal_mode = WAL")
        tables = execute("SELECT 1 FROM sqlite_master WHERE name = 'sentry_mcp_schema'")
        if tables and schema.is_current(schema.version(execute)):
            return
        execute("BEGIN IMMEDIATE")
        schema.migrate(execute, self._engine.dialect)
        execute("COMMIT")


def _data_version(watcher: Watcher) -> int:
    connection, base = watcher
    return base + int(_run(connection, "PRAGMA data_version")[0][0])


def _path(connection: sqlite3.Connection) -> str:
    """The file of the main database, links resolved. Raises: sqlite3.OperationalError when it is in memory."""
    path = str(_run(connection, "SELECT file FROM pragma_database_list WHERE name = 'main'")[0][0])
    if not path:
        raise sqlite3.OperationalError("a database in memory, which no two connections share")
    return path


def _run(
    connection: sqlite3.Connection, sql: str, parameters: Bound = (), *, patience_s: float | None = None
) -> list[Any]:
    """The rows of one statement. While others hold the file, it asks again and again until its patience ends.

    SQLite's own way to wait sleeps for longer each time, up to 0.1 s. Among many writers that starves the one who has
    waited longest, and it does not wait at all where another process switches to write-ahead logging.
    """
    deadline = None
    while True:
        try:
            return connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in HELD:
                raise
            deadline = deadline or time.monotonic() + (patience_s or PATIENCE_S)
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - spreads the writers, guards nothing
