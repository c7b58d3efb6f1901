"""SQLite's stamp: a number in shared memory that every write changes, and SQLite's own word for writes of others."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.shared import SharedNumber

ROOT = Path(__file__).parents[2]
LOOK_S = 0.1  # in these tests


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr("flask_sentry_mcp.store.sqlite.LOOK_S", LOOK_S)
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    store.put("grant", "g1", b"x", ttl_s=60)
    yield store
    store.close()


@pytest.fixture
def stamp(store: Store, tmp_path: Path) -> Path:
    """The file that the number stands in."""
    return tmp_path / "store.sqlite-stamp"


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "database"
    path.touch(mode=0o640)
    return str(path)


def test_all_who_map_the_file_see_the_same_number(database: str) -> None:
    one, other = SharedNumber(database), SharedNumber(database)
    before = one.read()

    other.change()

    assert one.read() == other.read() != before


def test_whoever_may_use_the_database_may_use_the_number(database: str) -> None:
    before = os.umask(0o077)
    try:
        SharedNumber(database)
    finally:
        os.umask(before)

    assert stat.S_IMODE(Path(f"{database}-stamp").stat().st_mode) == stat.S_IMODE(Path(database).stat().st_mode)


def test_where_files_cannot_be_mapped_there_is_none_and_a_change_is_not_kept_quiet(tmp_path: Path) -> None:
    number = SharedNumber(str(tmp_path / "missing" / "database"))

    assert number.read() is None
    with pytest.raises(FileNotFoundError):
        number.change()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.rename(path.with_name("away"))])
def test_a_file_that_was_taken_away_is_made_again(store: Store, stamp: Path, tmp_path: Path, spoil: object) -> None:
    """Workers that had mapped it meet on the new one within a second."""
    assert callable(spoil)
    other = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    other.stamp()
    spoil(stamp)
    time.sleep(LOOK_S + 0.05)
    before = store.stamp()

    other.put("grant", "g1", b"y", ttl_s=60)

    assert store.stamp() != before
    assert stamp.exists()
    other.close()


def test_a_file_that_was_cut_short_is_whole_again(store: Store, stamp: Path) -> None:
    store.stamp()
    os.truncate(stamp, 0)
    time.sleep(LOOK_S + 0.05)

    before = store.stamp()
    store.put("grant", "g1", b"y", ttl_s=60)

    assert store.stamp() != before


def test_the_file_lies_beside_the_real_database(store: Store, tmp_path: Path) -> None:
    """Workers that come by a link, or by an engine whose URL is a URI, share the number of all others."""
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "store.sqlite")
    engine = create_engine(f"sqlite:///file:{tmp_path}/store.sqlite?uri=true")
    before, files = store.stamp(), set(tmp_path.iterdir())

    others = open_store(f"sqlite:///{tmp_path}/link.sqlite"), open_store("", engine=engine)
    seen = []
    for other in others:
        other.put("grant", "g1", b"y", ttl_s=60)
        seen.append(store.stamp())
        other.close()

    assert before not in seen
    assert seen[0] != seen[1]
    assert set(tmp_path.iterdir()) == files
    engine.dispose()


FULL = """
    import os, resource, sys
    from flask_sentry_mcp.errors import StoreUnavailable
    from flask_sentry_mcp.store.opening import open_store

    folder = sys.argv[1]
    store = open_store(f"sqlite:///{folder}/store.sqlite")
    try:
        with open(f"{folder}/filler", "wb", 0) as filler:
            while filler.write(b"x" * 4096):
                pass
    except OSError:
        pass
    try:
        store.put("grant", "g1", b"x" * 20_000, ttl_s=60)
    except StoreUnavailable as fault:
        print(fault.http_status)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare, to mount a small disk of its own")
def test_a_full_disk_refuses_a_write_and_ends_no_worker(tmp_path: Path) -> None:
    """Memory that is mapped from a file with holes ends the process (SIGBUS) when the disk has no room for them."""
    mounted = f'mount -t tmpfs -o size=300k tmpfs {tmp_path} && exec "$@"'
    words = ["unshare", "-rm", "sh", "-c", mounted, "sh"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount")

    python = [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path)]
    done = subprocess.run([*words, *python], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "503\n", "")


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
