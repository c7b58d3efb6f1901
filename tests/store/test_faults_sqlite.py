"""SQLite's own faults: a file that others hold, a full disk, a folder that is gone."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store

LONG = 3_600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store("sqlite:///store.sqlite", instance_path=str(tmp_path))
    store.put("grant", "g1", b"x", ttl_s=LONG)
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else's to the same file."""
    connection = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def test_a_writer_waits_for_another_to_finish(store: Store, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()

    store.put("grant", "g2", b"x", ttl_s=LONG)

    assert store.count("grant") == 2
    timer.join()


def test_but_not_for_ever_and_readers_go_on(impatient: None, store: Store, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()

    with pytest.raises(StoreUnavailable) as caught:
        store.put("grant", "g2", b"x", ttl_s=LONG)

    assert 0.9 < time.monotonic() - started < 15
    assert (caught.value.http_status, caught.value.retry_after_s) == (503, 5)
    assert store.get("grant", "g1") is not None

    other.execute("ROLLBACK")
    store.put("grant", "g2", b"x", ttl_s=LONG)
    assert store.count("grant") == 2


def test_a_worker_waits_longer_for_one_that_makes_the_schema(impatient: None, tmp_path: Path) -> None:
    """A slow disk, or a large table that a new release changes, keeps no other worker from starting."""
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.5, other.execute, ["COMMIT"])
    timer.start()

    store = open_store("sqlite:///store.sqlite", instance_path=str(tmp_path))

    assert store.count("grant") == 0
    store.close()
    timer.join()
    other.close()


def test_a_full_disk_refuses_writes_and_keeps_what_it_has(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/store.sqlite")
    pages = "PRAGMA max_page_count = 30"
    event.listen(engine, "connect", lambda connection, _: connection.execute(pages))
    store = open_store("", engine=engine)
    store.put("grant", "small", b"x", ttl_s=LONG)

    with pytest.raises(StoreUnavailable, match="full"):
        store.put("grant", "big", b"x" * 200_000, ttl_s=LONG)

    assert [record.id for record in store.find("grant")] == ["small"]
    store.put("grant", "other", b"x", ttl_s=LONG)
    assert store.count("grant") == 2
    store.close()
    engine.dispose()


def test_a_folder_that_is_gone_is_no_store(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    store = open_store("sqlite:///store.sqlite", instance_path=str(folder))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

    with pytest.raises(StoreUnavailable):
        store.get("grant", "g1")
    with pytest.raises(StoreUnavailable):
        store.put("grant", "g1", b"x", ttl_s=LONG)
    store.close()
