"""Records in PostgreSQL: any number of processes on any number of machines.

``stamp`` asks for the snapshot of the moment: which transactions a reader sees. Two equal snapshots see the same
records, so no writer has to count changes anywhere, and a revocation that was acknowledged is always in the next one.
(Notifications would be cheaper to look at, but they arrive when they arrive; a message may wait, a revocation not.)
"""

import logging
import select
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from ..clock import now
from ..errors import StoreUnavailable
from . import schema
from .base import Message
from .listening import CHANNEL, Listener
from .pool import PATIENCE_S, Pool
from .sql import MESSAGES, SQLStore, connection_from
from .tables import Statement, Statements, schema_version

CONNECTIONS = 16  # of one process, besides the one that listens
SCHEMA_LOCK = 0x53454E545259  # any numbers that nobody else takes
MIGRATION_S = 600.0
PUBLISH_LOCK = 0x4D4350
# Besides the snapshot, whose it is: after a failover the new server might come to the same numbers.
SNAPSHOT = "SELECT concat_ws(' ', pg_current_snapshot(), pg_postmaster_start_time(), inet_server_addr())"


R = TypeVar("R")
Connection = psycopg.Connection[Any]
log = logging.getLogger(__name__)


class Patience:
    """A connection's own way to *wait*, which gives up on a server that does not answer for some *seconds*.

    libpq would wait for ever.
    """

    def __init__(self, wait: Callable[..., Any]) -> None:
        self._wait = wait
        self.seconds = PATIENCE_S

    def __call__(self, steps: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        return self._wait(_not_longer(steps, self.seconds), *args, **kwargs)

    @classmethod
    def of(cls, connection: Connection) -> "Patience":
        """That of *connection*, which has one from then on."""
        if not isinstance(connection.wait, cls):
            connection.wait = cls(connection.wait)  # type: ignore[assignment, method-assign]  # its type is wider
        return cast(Patience, connection.wait)


class PostgreSQLStore(SQLStore):
    """Makes its connections as *engine* does, and keeps them for itself.

    The server need not be up yet: the schema is looked after with the first connection.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(Statements(engine.dialect))
        self._engine = engine
        self._has_schema = False
        event.listen(engine, "do_connect", _connect_patiently)
        self._pool: Pool[Connection] = Pool(self._connect, Connection.close, is_fit=_is_quiet, limit=CONNECTIONS)
        self._listener = Listener(lambda: self._or_unavailable(self._connect))
        try:
            self.stamp()
        except StoreUnavailable as error:
            log.warning("The store cannot be reached yet: %s", error)
        self._pool.close()  # a server that loads us and then forks has nothing open

    def stamp(self) -> int | None:
        def look(connection: Connection) -> str:
            row = connection.execute(SNAPSHOT, prepare=True).fetchone()
            return str(row[0]) if row else ""

        return int.from_bytes(self._on_one(look).encode(), "big")

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        given = {"a_channel": channel, "a_value": body, "ends": now() + ttl_s}
        self._write(self._sql.forget_messages, {"now": now(), "at_most": MESSAGES})

        def leave(connection: Connection) -> None:
            with connection.transaction():
                # One after the other, or a later sequence could be seen before an earlier one and hide it.
                connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (PUBLISH_LOCK, channel))
                connection.execute(self._sql.publish.sql, given)
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, channel))

        self._on_one(leave)

    def wait(self, channel: str, after: int, *, timeout_s: float) -> list[Message]:
        deadline = time.monotonic() + timeout_s
        with self._listener.ear(channel) as heard:
            while True:
                heard.clear()
                rows = self._read(self._sql.receive, {"a_channel": channel, "after": after, "now": now()})
                left_s = deadline - time.monotonic()
                if rows or left_s <= 0:
                    return [Message(*row) for row in rows]
                heard.wait(min(left_s, self._listener.patience_s))

    def close(self) -> None:
        self._listener.close()
        self._pool.close()

    def _read(self, statement: Statement, given: dict[str, Any]) -> list[Any]:
        def run(connection: Connection) -> list[Any]:
            cursor = connection.execute(statement.sql, statement.bind(given), prepare=True, binary=True)
            return cursor.fetchall() if cursor.description else []

        return self._on_one(run)

    _write = _read

    def _on_one(self, work: Callable[[Connection], R]) -> R:
        return self._or_unavailable(lambda: self._pool.run(work))

    @staticmethod
    def _or_unavailable(work: Callable[[], R]) -> R:
        try:
            return work()
        except (psycopg.Error, SQLAlchemyError) as error:
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def _connect(self) -> Connection:
        """A connection of the engine's making that is ours from now on, in autocommit.

        Each statement sees what was committed before it, whatever the default of the database or the engine: a swap
        that another overtook finds nothing, where a stricter level would be an error.
        """
        _here.is_ours = True
        try:
            connection = cast(Connection, connection_from(self._engine))
        finally:
            _here.is_ours = False
        try:
            Patience.of(connection)
            connection.rollback()
            connection.autocommit, connection.isolation_level = True, None
            connection.execute(f"SET statement_timeout = {int(PATIENCE_S * 1000)}")
            connection.execute("SET default_transaction_isolation = 'read committed'")
            if not self._has_schema:
                self._look_after_schema(connection)
                self._has_schema = True
        except BaseException:  # whatever it was, nobody else would close it
            connection.close()
            raise
        return connection

    def _look_after_schema(self, connection: Connection) -> None:
        def execute(statement: str) -> list[Any]:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        exists = execute(f"SELECT 1 WHERE to_regclass('{schema_version.name}') IS NOT NULL")
        if exists and schema.is_current(schema.version(execute)):
            return
        with connection.transaction():
            execute(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
            execute("SET LOCAL statement_timeout = 0")  # a large table may take its time
            Patience.of(connection).seconds = MIGRATION_S
            schema.migrate(execute, self._engine.dialect)
        Patience.of(connection).seconds = PATIENCE_S


_here = threading.local()  # whether the connection that this thread makes is for us, or for the application


def _connect_patiently(dialect: Any, _record: Any, args: Any, parameters: dict[str, Any]) -> Connection | None:
    if not getattr(_here, "is_ours", False):
        return None
    connection = cast(Connection, dialect.connect(*args, **{"connect_timeout": int(PATIENCE_S), **parameters}))
    Patience.of(connection)
    return connection


def _is_quiet(connection: Connection) -> bool:
    """Whether an idle connection is as it was left. One that has something to say was most likely ended."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _not_longer(steps: Generator[Any, Any, R], seconds: float) -> Generator[Any, Any, R]:
    """*steps* of libpq, until they take too long: psycopg resumes them every 0.1 s even when nothing came."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise psycopg.OperationalError(f"no answer in {seconds} s")
            wanted = steps.send(ready)
    except StopIteration as end:
        return cast(R, end.value)
