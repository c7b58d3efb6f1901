"""The schema, created and brought up to date while several workers start at once.

A worker looks at the version first and, when it is current, changes nothing and needs no right to. Otherwise it takes
the one lock that its caller provides, looks again, and does what is missing in one transaction.
"""

from collections.abc import Callable, Sequence

from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from ..errors import ConfigurationError
from .tables import metadata, schema_version

Execute = Callable[[str], Sequence[tuple[object, ...]]]
Migration = Callable[[Dialect], Sequence[str]]


def initial(dialect: Dialect) -> list[str]:
    """Version 1: every table as ``tables.py`` has it, the version's own table aside."""
    made = [table for table in metadata.sorted_tables if table is not schema_version]
    return [
        *(str(CreateTable(table).compile(dialect=dialect)) for table in made),
        *(
            str(CreateIndex(index).compile(dialect=dialect))
            for table in made
            for index in sorted(table.indexes, key=str)
        ),
    ]


# A later release appends what leads from the version before it to its own; rows that exist must keep their meaning.
MIGRATIONS: tuple[Migration, ...] = (initial,)


def is_current(found: int) -> bool:
    """Whether nothing is left to do. Raises: ConfigurationError when a newer release has been here."""
    if found > len(MIGRATIONS):
        raise ConfigurationError(
            [f"SENTRY_MCP_STORE holds schema {found}; this release knows {len(MIGRATIONS)}. Install a newer one."]
        )
    return found == len(MIGRATIONS)


def migrate(execute: Execute, dialect: Dialect) -> None:
    """Bring the schema up to date. The caller holds the lock and an open transaction, which it commits."""
    execute(str(CreateTable(schema_version, if_not_exists=True).compile(dialect=dialect)))
    found = version(execute)
    if is_current(found):
        return
    for migration in MIGRATIONS[found:]:
        for statement in migration(dialect):
            execute(statement)
    execute(f"DELETE FROM {schema_version.name}")  # noqa: S608 - a constant
    execute(f"INSERT INTO {schema_version.name} (version) VALUES ({len(MIGRATIONS)})")  # noqa: S608 - constants


def version(execute: Execute) -> int:
    """The version found in an existing version table; 0 when it is empty."""
    rows = execute(f"SELECT max(version) FROM {schema_version.name}")  # noqa: S608 - a constant
    found = rows[0][0]
    return found if isinstance(found, int) else 0
