"""From one URL to a store: which forms there are, who may read the file, and which mistakes are told at start."""

import logging
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster
from sqlalchemy import create_engine, text

from flask_sentry_mcp.errors import ConfigurationError
from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.store.opening import announced_workers, open_store
from flask_sentry_mcp.store.sqlite import SQLiteStore
from tests.store.servers import PostgreSQL, Redis


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestSQLiteFile:
    def test_a_relative_file_lies_in_the_instance_folder(self, tmp_path: Path) -> None:
        open_store("sqlite:///store.sqlite", instance_path=str(tmp_path / "instance")).close()

        assert (tmp_path / "instance" / "store.sqlite").exists()

    def test_an_absolute_file_lies_where_it_says(self, tmp_path: Path) -> None:
        open_store(f"sqlite:///{tmp_path}/sub/store.sqlite", instance_path="/nowhere").close()

        assert (tmp_path / "sub" / "store.sqlite").exists()

    def test_a_new_file_and_its_folder_are_private(self, tmp_path: Path) -> None:
        """B4: 0700 and 0600, whatever the umask; the side files of SQLite as well."""
        before = os.umask(0)
        try:
            store = open_store("sqlite:///store.sqlite", instance_path=str(tmp_path / "instance"))
            store.put("grant", "g1", b"x", ttl_s=60)
        finally:
            os.umask(before)

        folder = tmp_path / "instance"
        assert _mode(folder) == 0o700
        assert {path.name: _mode(path) for path in folder.iterdir()} == {
            "store.sqlite": 0o600,
            "store.sqlite-wal": 0o600,
            "store.sqlite-shm": 0o600,
            "store.sqlite-stamp": 0o600,
        }
        store.close()

    def test_a_file_that_others_can_read_is_reported(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "store.sqlite").touch(mode=0o644)

        with caplog.at_level(logging.WARNING):
            open_store("sqlite:///store.sqlite", instance_path=str(tmp_path)).close()

        assert "0600" in caplog.text

    def test_what_was_written_is_there_after_a_restart(self, tmp_path: Path) -> None:
        for id in ("g1", "g2"):
            store = open_store("sqlite:///store.sqlite", instance_path=str(tmp_path))
            store.put("grant", id, b"x", ttl_s=60)
            store.close()

        store = open_store("sqlite:///store.sqlite", instance_path=str(tmp_path))

        assert [record.id for record in store.find("grant")] == ["g1", "g2"]
        store.close()


class TestHandedIn:
    def test_an_engine_for_a_file_stays_the_applications(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/app.sqlite")
        store = open_store("memory://", engine=engine)
        store.put("grant", "g1", b"x", ttl_s=60)

        store.close()

        assert isinstance(store, SQLiteStore)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT id FROM sentry_mcp_records").all() == [("g1",)]
        engine.dispose()

    def test_two_stores_on_one_engine_see_each_other(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/app.sqlite")
        one, two = open_store("", engine=engine), open_store("", engine=engine)
        stamp = two.stamp()

        one.put("grant", "g1", b"x", ttl_s=60)

        assert two.stamp() != stamp
        assert two.get("grant", "g1") is not None
        one.close()
        two.close()
        engine.dispose()


class TestMistakes:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "nonsense",
            "mysql://host/db",
            "postgresql+psycopg2://host/db",
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite://host/file",
            "sqlite:///file?mode=ro",
            "postgresql+psycopg://host:port/db",
            "redis://host:port",
        ],
    )
    def test_each_is_told_by_the_name_of_the_key_and_without_the_url(self, url: str, tmp_path: Path) -> None:
        """A URL may hold a password, so it is not repeated."""
        with pytest.raises(ConfigurationError) as caught:
            open_store(url, instance_path=str(tmp_path))

        [mistake] = caught.value.mistakes
        assert mistake.startswith("SENTRY_MCP_STORE ")
        assert not url or url not in mistake

    def test_a_relative_file_without_an_instance_folder(self) -> None:
        with pytest.raises(ConfigurationError, match="SENTRY_MCP_STORE is a relative path"):
            open_store("sqlite:///store.sqlite")

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(ConfigurationError, match="SENTRY_MCP_STORE names a SQLite file that cannot be used"):
            open_store(f"sqlite:///{tmp_path}/file/store.sqlite")

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "store.sqlite").write_bytes(b"something else entirely, and long enough to be looked at" * 30)

        with pytest.raises(ConfigurationError, match="SENTRY_MCP_STORE names a SQLite file that cannot be used"):
            open_store("sqlite:///store.sqlite", instance_path=str(tmp_path))

    def test_an_engine_in_memory(self) -> None:
        with pytest.raises(ConfigurationError, match="SENTRY_MCP_STORE is a SQLite database in memory"):
            open_store("", engine=create_engine("sqlite://"))


class TestMemory:
    """STORE-4: it says loudly what it is, and refuses company where that can be known."""

    def test_it_warns(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            store = open_store("memory://")

        assert isinstance(store, MemoryStore)
        assert "end with this process" in caplog.text

    def test_it_refuses_several_workers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEB_CONCURRENCY", "3")

        with pytest.raises(ConfigurationError, match="no two workers share, and 3 workers"):
            open_store("memory://")

    @pytest.mark.parametrize(
        ("environ", "argv", "workers"),
        [
            ({}, ["flask", "run"], 1),
            ({}, ["/bin/gunicorn", "-w", "4", "app:app"], 4),
            ({}, ["gunicorn", "--workers=2", "app:app"], 2),
            ({}, ["granian", "--workers", "2", "app:app"], 2),
            ({}, ["gunicorn", "-w4", "app:app"], 4),
            ({}, ["/lib/python3/site-packages/gunicorn/__main__.py", "-w", "4", "app:app"], 4),
            ({}, ["/lib/python3/site-packages/granian/__main__.py", "--workers", "4", "app:app"], 4),
            ({}, ["/lib/python3/site-packages/pytest/__main__.py", "-w4"], 1),
            ({}, [], 1),
            ({}, ["pytest", "-w", "4"], 1),
            ({"WEB_CONCURRENCY": "3"}, ["gunicorn", "app:app"], 3),
            ({"GUNICORN_CMD_ARGS": "--bind :8000 -w 5"}, ["gunicorn", "app:app"], 5),
            ({"GRANIAN_WORKERS": "2", "WEB_CONCURRENCY": "many"}, ["granian", "app:app"], 2),
        ],
    )
    def test_how_many_are_announced(self, environ: dict[str, str], argv: list[str], workers: int) -> None:
        assert announced_workers(environ, argv) == workers


class TestServers:
    """PostgreSQL and Redis: handed in, or missing."""

    def test_a_postgresql_engine_stays_the_applications(self, postgresql_server: PostgreSQL) -> None:
        """Ours to use and not to close; its pool keeps all of its places for the application."""
        postgresql_server.empty()
        engine = create_engine(postgresql_server.url, pool_size=1, max_overflow=0, pool_timeout=1)
        store = open_store("", engine=engine)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: store.put("grant", f"g{n}", b"x", ttl_s=60), range(20)))

        with engine.connect() as connection:
            count = text("SELECT count(*) FROM sentry_mcp_records")
            assert connection.execute(count).scalar() == store.count("grant") == 20
            store.close()
            assert connection.execute(count).scalar() == 20
        engine.dispose()

    @pytest.mark.parametrize("options", [{}, {"decode_responses": True}, {"protocol": 3}, {"protocol": 2}])
    def test_a_redis_client_stays_the_applications(self, redis_server: Redis, options: dict[str, Any]) -> None:
        """Whatever it makes of answers for the application, ours are bytes."""
        redis_server.empty()
        with redis.Redis(port=redis_server.port, **options) as client:
            store = open_store("", redis=client)
            store.put("grant", "g1", b"\xff", ttl_s=60)
            store.publish("room", b"\xfe")

            record = store.get("grant", "g1")
            assert record is not None
            assert record.value == b"\xff"
            assert [record.id for record in store.find("grant")] == ["g1"]
            assert [message.body for message in store.wait("room", 0, timeout_s=1)] == [b"\xfe"]
            assert store.wait("other", 0, timeout_s=0.05) == []
            assert store.take("grant", "g1") == record

            store.close()
            assert client.ping()

    def test_a_client_of_a_cluster_is_refused(self) -> None:
        """Its commands go to several servers; ours go to one."""
        client = RedisCluster.__new__(RedisCluster)

        with pytest.raises(ConfigurationError, match=r"SENTRY_MCP_STORE is on a client that is no redis\.Redis"):
            open_store("", redis=client)  # type: ignore[arg-type]

    @pytest.mark.parametrize("socket_timeout", [0.6, 1.0])
    def test_a_client_that_is_less_patient_than_we_can_wait(self, redis_server: Redis, socket_timeout: float) -> None:
        """To wait for a message is no reason to give up on the server."""
        with redis.Redis(port=redis_server.port, socket_timeout=socket_timeout) as client:
            store = open_store("", redis=client)

            assert store.wait("nothing here", 0, timeout_s=1.2) == []

            store.close()

    def test_a_redis_pool_of_one_is_enough(self, redis_server: Redis) -> None:
        """No connection of the application's pool is kept when nothing is under way."""
        source = redis.ConnectionPool(port=redis_server.port, max_connections=1)
        client = redis.Redis(connection_pool=source)
        store = open_store("", redis=client)
        store.put("grant", "g1", b"x", ttl_s=60)

        assert client.ping()

        store.close()
        client.close()
        source.disconnect()

    @pytest.mark.parametrize(
        ("driver", "url", "extra"),
        [("psycopg", "postgresql+psycopg://host/db", "postgres"), ("redis", "redis://host", "redis")],
    )
    def test_a_missing_driver_is_told_with_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, driver: str, url: str, extra: str
    ) -> None:
        monkeypatch.setitem(sys.modules, driver, None)

        with pytest.raises(ConfigurationError, match=r"SENTRY_MCP_STORE is .*pip install") as caught:
            open_store(url)

        assert f"flask-sentry-mcp[{extra}]" in caught.value.mistakes[0]

    def test_drivers_that_are_not_used_are_not_loaded(self, tmp_path: Path) -> None:
        code = (
            "import sys; from flask_sentry_mcp.store.opening import open_store; "
            f"open_store('sqlite:///{tmp_path}/store.sqlite').close(); "
            "sys.exit(bool({'psycopg', 'redis'} & set(sys.modules)))"
        )

        assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
