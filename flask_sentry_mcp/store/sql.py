"""What SQLite and PostgreSQL share: a store over the statements of ``tables.py``. Running them is the driver's part."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from ..clock import now
from .base import STEP, Record, Store, is_storable, must_be_storable
from .tables import Statement, Statements

MESSAGES = 50  # how many old messages a new one clears away


class SQLStore(Store):
    """Subclasses say how to read and write, what ``stamp`` looks at and how a message wakes those who wait."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    @abstractmethod
    def _read(self, statement: Statement, given: dict[str, Any]) -> list[Any]:
        """The rows. Raises: StoreUnavailable."""

    @abstractmethod
    def _write(self, statement: Statement, given: dict[str, Any]) -> list[Any]:
        """The rows that the statement returns, once it is committed. Raises: StoreUnavailable."""

    def get(self, kind: str, id: str) -> Record | None:
        if not is_storable(id):
            return None
        rows = self._read(self._sql.get, {"a_kind": kind, "an_id": id, "now": now()})
        return Record(*rows[0]) if rows else None

    def put(self, kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        self._write(self._sql.put, _written(kind, id, value, ttl_s, owner))

    def take(self, kind: str, id: str) -> Record | None:
        if not is_storable(id):
            return None
        rows = self._write(self._sql.take, {"a_kind": kind, "an_id": id, "now": now()})
        return Record(*rows[0]) if rows else None

    def swap(self, kind: str, id: str, expected: int | None, value: bytes, *, ttl_s: float, owner: str = "") -> bool:
        given = _written(kind, id, value, ttl_s, owner)
        if expected is None:
            return bool(self._write(self._sql.create, given))
        return bool(self._write(self._sql.swap, {**given, "expected": expected}))

    def delete(self, kind: str, id: str) -> bool:
        return self.take(kind, id) is not None

    def find(self, kind: str, *, owner: str | None = None) -> Iterator[Record]:
        statement, given = self._sql.find, {"a_kind": kind, "an_id": "", "at_most": STEP}
        if owner is not None:
            statement, given = self._sql.find_owned, {**given, "an_owner": owner}
        while rows := self._read(statement, {**given, "now": now()}):
            yield from (Record(*row) for row in rows)
            given["an_id"] = rows[-1][0]

    def count(self, kind: str, *, is_over: bool = False) -> int:
        statement = self._sql.count_over if is_over else self._sql.count
        return int(self._read(statement, {"a_kind": kind, "now": now()})[0][0])

    def purge(self, limit: int = STEP) -> int:
        removed = len(self._write(self._sql.forget_messages, {"now": now(), "at_most": limit}))
        for (kind,) in self._read(self._sql.kinds, {}):
            given = {"a_kind": kind, "now": now(), "at_most": limit - removed}
            removed += len(self._write(self._sql.purge, given)) if removed < limit else 0
        return removed


def connection_from(engine: Engine) -> Any:
    """A connection of the driver's, new and as *engine* makes them. It is ours, and waits for no place in a pool."""
    borrowed = engine.pool.recreate().connect()
    borrowed.detach()
    return borrowed.dbapi_connection


def _written(kind: str, id: str, value: bytes, ttl_s: float, owner: str) -> dict[str, Any]:
    must_be_storable(id)
    time_now = now()
    return {
        "a_kind": kind,
        "an_id": id,
        "a_value": value,
        "an_owner": owner,
        "now": time_now,
        "ends": time_now + ttl_s,
    }
