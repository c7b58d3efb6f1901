"""SQLite's stamp: a number in shared memory that every write changes, and SQLite's own word for writes of others."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.shared import SharedNumber, shared_number
from flask_sentry_mcp.store.sqlite import LOOK_S


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    store.put("grant", "g1", b"x", ttl_s=60)
    yield store
    store.close()


def test_all_who_map_the_file_see_the_same_number(tmp_path: Path) -> None:
    one, other = SharedNumber(str(tmp_path / "n")), SharedNumber(str(tmp_path / "n"))
    before = one.read()

    other.change()

    assert one.read() == other.read() != before


def test_where_files_cannot_be_mapped_there_is_none(tmp_path: Path) -> None:
    assert shared_number(str(tmp_path / "missing" / "n")) is None


def test_a_write_by_somebody_else_is_noticed_within_a_second(store: Store, tmp_path: Path) -> None:
    """A writer that was killed between its commit and the number is the same case."""
    before = store.stamp()
    with sqlite3.connect(tmp_path / "store.sqlite") as stranger:
        stranger.execute("UPDATE sentry_mcp_records SET value = x'00'")
    stranger.close()

    time.sleep(LOOK_S + 0.05)

    assert store.stamp() != before


def test_without_the_number_sqlite_is_asked_each_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_shared", None)
    before = store.stamp()
    same = store.stamp()

    store.put("grant", "g1", b"y", ttl_s=60)

    assert same == before
    assert store.stamp() != before
