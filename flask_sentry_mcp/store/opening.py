"""From one URL, the setting ``SENTRY_MCP_STORE``, to a store."""

import logging
import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigurationError, StoreUnavailable
from .base import Store
from .memory import MemoryStore
from .pool import PATIENCE_S
from .sqlite import SQLiteStore

if TYPE_CHECKING:
    import redis as redis_driver

KEY = "SENTRY_MCP_STORE"
FORMS = "memory://, sqlite:///file, postgresql+psycopg://..., redis://... or rediss://..."
_REDIS, _SQLITE, _POSTGRESQL = ("redis", "rediss"), ("sqlite", "sqlite+pysqlite"), ("postgresql", "postgresql+psycopg")
_IN_MEMORY = "is a SQLite database in memory, which no two connections share; use memory:// or a file"
_WORKERS = re.compile(r"(?:-w=?|--workers=)(\d+)")
OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
log = logging.getLogger(__name__)


def open_store(
    url: str,
    *,
    instance_path: str | None = None,
    engine: Engine | None = None,
    redis: "redis_driver.Redis | None" = None,
) -> Store:
    """The store that *url* names, or one on the application's own *engine* or *redis*, which stay the application's.

    A relative SQLite file lies in *instance_path*. PostgreSQL and Redis need not be up yet.

    Raises: ConfigurationError.
    """
    if engine is not None:
        return _on_engine(engine)
    if redis is not None:
        return _on_redis(redis, ours=False)
    try:
        check_address(url)
    except ValueError as error:
        raise _mistake(f"{error}.") from None
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return _memory()
    if scheme in _REDIS:
        return _on_redis(_redis_client(url), ours=True)
    if scheme in _SQLITE:
        return _on_engine(_sqlite_engine(make_url(url), instance_path))
    return _on_engine(_postgresql_engine(make_url(url)))


def check_address(url: str) -> None:
    """Raises: ValueError, with the rest of a sentence about the setting, for what is wrong with *url* itself."""
    scheme = url.partition(":")[0]
    if scheme not in ("memory", *_REDIS, *_SQLITE, *_POSTGRESQL):
        raise ValueError(f"must be one of {FORMS}")
    if not url.isprintable():
        raise ValueError("must not hold control characters")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"cannot be read as a URL; it must be one of {FORMS}") from None
    if scheme in _SQLITE and parsed.database in (None, "", ":memory:") and not parsed.host:
        raise ValueError(_IN_MEMORY)
    if scheme in _SQLITE and (parsed.host or parsed.query):
        raise ValueError("must name a file as in sqlite:///file (in the instance folder) or sqlite:////absolute/file")


def _mistake(sentence: str) -> ConfigurationError:
    return ConfigurationError([f"{KEY} {sentence}"])


# -- memory ---------------------------------------------------------------------------------------------------------


def _memory() -> Store:
    workers = announced_workers(os.environ, sys.argv)
    if workers > 1:
        raise _mistake(f"is memory://, which no two workers share, and {workers} workers are about to start.")
    log.warning(
        "The store is memory://: registrations and sign-ins end with this process, and it must be the only one."
    )
    return MemoryStore()


def announced_workers(environ: Mapping[str, str], argv: Sequence[str]) -> int:
    """How many processes the server was told to start, as far as can be known: gunicorn's and granian's options."""
    words = [*shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), *_server_words(argv)]
    counts = [environ.get("WEB_CONCURRENCY", ""), environ.get("GRANIAN_WORKERS", "")]
    counts += [following for word, following in pairwise(words) if word in ("-w", "--workers")]
    counts += [found[1] for word in words if (found := _WORKERS.fullmatch(word))]
    return max((int(count) for count in counts if count.isdecimal()), default=1)


def _server_words(argv: Sequence[str]) -> Sequence[str]:
    """The command line, if it is a server's: elsewhere ``-w`` may mean anything."""
    if not argv:
        return ()
    program = Path(argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name  # the latter: python -m
    return argv[1:] if name in ("gunicorn", "granian") else ()


# -- SQL --------------------------------------------------------------------------------------------------------------


def _on_engine(engine: Engine) -> Store:
    if engine.dialect.name == "sqlite":
        return _on_sqlite(engine)
    if engine.dialect.name == "postgresql" and engine.dialect.driver == "psycopg":
        from .postgresql import PostgreSQLStore

        return PostgreSQLStore(engine)
    raise _mistake(f"is an engine for {engine.dialect.name}+{engine.dialect.driver}; use sqlite or postgresql+psycopg.")


def _on_sqlite(engine: Engine) -> Store:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise _mistake(f"needs SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer; here is {sqlite3.sqlite_version}.")
    if engine.url.database in (None, "", ":memory:"):
        raise _mistake(f"{_IN_MEMORY}.")
    try:
        store = SQLiteStore(engine)
    except StoreUnavailable as error:
        raise _mistake(f"names a SQLite file that cannot be used: {error}.") from error
    for remark in store.remarks():
        log.warning("%s %s", remark.sentence, remark.advice)
    return store


def _sqlite_engine(url: URL, instance_path: str | None) -> Engine:
    path = Path(url.database or "")
    if not path.is_absolute():
        if instance_path is None:
            raise _mistake("is a relative path, and there is no instance folder to put it in.")
        path = Path(instance_path) / path
    _make_private(path)
    return create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"check_same_thread": False}
    )


def _make_private(path: Path) -> None:
    """A new folder is for its owner alone (0700), and so is a new file (0600); SQLite gives its side files the same."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _mistake(f"names a SQLite file that cannot be used: {error.strerror}.") from error


def _postgresql_engine(url: URL) -> Engine:
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    except ImportError:
        raise _mistake("is PostgreSQL, which needs: pip install 'flask-sentry-mcp[postgres]'.") from None


# -- Redis ------------------------------------------------------------------------------------------------------------


def _redis_client(url: str) -> "redis_driver.Redis":
    try:
        import redis
    except ImportError:
        raise _mistake("is Redis, which needs: pip install 'flask-sentry-mcp[redis]'.") from None
    try:
        return redis.Redis.from_url(
            url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, health_check_interval=0
        )
    except ValueError:
        raise _mistake(f"cannot be read as a URL; it must be one of {FORMS}.") from None


def _on_redis(client: "redis_driver.Redis", *, ours: bool) -> Store:
    import redis

    from .redis import RedisStore

    if not isinstance(client, redis.Redis):
        raise _mistake("is on a client that is no redis.Redis: one of a cluster, or an asynchronous one.")
    return RedisStore(client, ours=ours)
