"""The tables of SQLite and PostgreSQL and every statement that touches them, written once in SQLAlchemy Core.

The statements are compiled when a store opens and handed to the driver as they are: going through Core's own execution
costs some 30 us where SQLite itself needs 4, on every MCP call. Each record operation is one statement, so it is atomic
without a transaction around it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

metadata = MetaData()
_text = String().with_variant(postgresql.TEXT(collation="C"), "postgresql")  # ordered by bytes, as everywhere else
_time: TypeEngine[float] = postgresql.DOUBLE_PRECISION().with_variant(sqlite.REAL(), "sqlite")
_serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only what is declared INTEGER

records = Table(
    "sentry_mcp_records",
    metadata,
    Column("kind", _text, primary_key=True),
    Column("id", _text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("expires_at", _time, nullable=False),
    Column("owner", _text, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
_is_owned = records.c.owner != literal_column("''")  # written out, or no planner sees that the index below serves
Index("sentry_mcp_records_ends", records.c.kind, records.c.expires_at)  # what purge and count read
Index(
    "sentry_mcp_records_owners",
    records.c.kind,
    records.c.owner,
    records.c.id,
    postgresql_where=_is_owned,
    sqlite_where=_is_owned,
)

messages = Table(
    "sentry_mcp_messages",
    metadata,
    Column("sequence", _serial, primary_key=True, autoincrement=True),
    Column("channel", _text, nullable=False),
    Column("expires_at", _time, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a sequence must not come back after the newest message was purged
)
Index("sentry_mcp_messages_channels", messages.c.channel, messages.c.sequence)
Index("sentry_mcp_messages_ends", messages.c.expires_at)

schema_version = Table("sentry_mcp_schema", metadata, Column("version", Integer, primary_key=True))


# The parameters of the statements; their names are the keys that ``Statement.bind`` takes.
_kind, _id, _owner, _channel = (bindparam(name, type_=_text) for name in ("a_kind", "an_id", "an_owner", "a_channel"))
_value = bindparam("a_value", type_=LargeBinary)
_now, _ends = bindparam("now", type_=_time), bindparam("ends", type_=_time)
_limit, _after = bindparam("at_most", type_=Integer), bindparam("after", type_=BigInteger)
_expected = bindparam("expected", type_=BigInteger)


def _every_kind() -> Select[str]:
    """The kinds there are, each found from the one before it: DISTINCT would look at every record."""
    row = records.c
    first = select(func.min(row.kind).label("kind")).cte("kinds", recursive=True)
    following = select(func.min(row.kind)).where(row.kind > first.c.kind).scalar_subquery()
    every = first.union_all(select(following).where(first.c.kind.is_not(None)))
    return select(every.c.kind).where(every.c.kind.is_not(None))


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as the driver takes it: *order* names the parameters of a driver that counts them (None: it names them),
    *fixed* holds those that Core added itself."""

    sql: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]

    def bind(self, given: dict[str, Any]) -> dict[str, Any] | list[Any]:
        """The parameters in the form the driver takes them."""
        if self.fixed:
            given = {**self.fixed, **given}
        return given if self.order is None else [given[name] for name in self.order]


class Statements:
    """Every statement, compiled for one dialect. Those that write a record return a row for each one written."""

    def __init__(self, dialect: Dialect) -> None:
        def compiled(statement: ClauseElement) -> Statement:
            done = cast(SQLCompiler, statement.compile(dialect=dialect))
            fixed = {name: value for name, value in done.params.items() if value is not None}
            return Statement(str(done), tuple(done.positiontup or ()) if done.positional else None, fixed)

        upsert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        row, this = records.c, and_(records.c.kind == _kind, records.c.id == _id)
        alive, over = row.expires_at > _now, row.expires_at <= _now
        found = (row.id, row.value, row.version, row.expires_at)
        new = {"value": _value, "expires_at": _ends, "owner": _owner}
        fresh = upsert(records).values(kind=_kind, id=_id, version=1, **new)
        page = select(*found).where(row.kind == _kind, row.id > _id, alive).order_by(row.id).limit(_limit)
        ended = select(row.id).where(row.kind == _kind, over).limit(_limit).with_for_update(skip_locked=True)

        self.get = compiled(select(*found).where(this, alive))
        self.put = compiled(
            fresh.on_conflict_do_update(
                index_elements=[row.kind, row.id], set_={**new, "version": case((alive, row.version + 1), else_=1)}
            )
        )
        self.take = compiled(delete(records).where(this, alive).returning(*found))
        self.swap = compiled(
            update(records)
            .where(this, alive, row.version == _expected)
            .values(version=row.version + 1, **new)
            .returning(row.version)
        )
        self.create = compiled(
            fresh.on_conflict_do_update(
                index_elements=[row.kind, row.id], set_={**new, "version": 1}, where=over
            ).returning(row.version)
        )
        self.find = compiled(page)
        self.find_owned = compiled(page.where(row.owner == _owner, _is_owned))
        self.count = compiled(select(func.count()).select_from(records).where(row.kind == _kind, alive))
        self.count_over = compiled(select(func.count()).select_from(records).where(row.kind == _kind, over))
        self.kinds = compiled(_every_kind())
        chosen = select(ended.cte("ended").c.id)  # on its own, or PostgreSQL may run it, and its limit, again per row
        # By id alone: with the time here as well, SQLite goes through all that are over, at every step.
        self.purge = compiled(delete(records).where(row.kind == _kind, row.id.in_(chosen)).returning(row.version))
        self._add_messages(compiled)

    def _add_messages(self, compiled: Callable[[ClauseElement], Statement]) -> None:
        row = messages.c
        ended = select(row.sequence).where(row.expires_at <= _now).limit(_limit).with_for_update(skip_locked=True)
        self.publish = compiled(insert(messages).values(channel=_channel, expires_at=_ends, body=_value))
        self.receive = compiled(
            select(row.sequence, row.body)
            .where(row.channel == _channel, row.sequence > _after, row.expires_at > _now)
            .order_by(row.sequence)
        )
        chosen = select(ended.cte("ended").c.sequence)
        self.forget_messages = compiled(delete(messages).where(row.sequence.in_(chosen)).returning(row.sequence))
