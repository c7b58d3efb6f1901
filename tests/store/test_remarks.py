"""What a store tells its operator: who can read the file, what a crash undoes, what is thrown away."""

import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.redis_durability import SETTINGS, remarks_on
from tests.store.servers import Redis

DURABLE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "save": "3600 1 300 100 60 10000",
    "maxmemory-policy": "noeviction",
}


def test_memory_says_what_it_is() -> None:
    [remark] = MemoryStore().remarks()

    assert "in memory" in remark.sentence


def test_a_file_that_others_can_read_is_told_wherever_it_came_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also that of an engine that was handed in, which we did not make."""
    (tmp_path / "app.sqlite").touch()
    os.chmod(tmp_path / "app.sqlite", 0o644)
    engine = create_engine(f"sqlite:///{tmp_path}/app.sqlite")
    store = open_store("memory://", engine=engine)

    [remark] = store.remarks()

    assert "can be read by other users" in remark.sentence
    assert remark.sentence in caplog.text
    store.close()
    engine.dispose()


def test_of_a_durable_redis_there_is_nothing_to_say() -> None:
    assert set(DURABLE) == set(SETTINGS)
    assert list(remarks_on(DURABLE)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"appendonly": "no"}, "snapshots alone"),
        ({"appendonly": "no", "save": ""}, "nothing on the disk"),
        ({"appendfsync": "everysec"}, "a second or two"),
        ({"appendfsync": "no"}, "half a minute"),
        ({"no-appendfsync-on-rewrite": "yes"}, "writes its log anew"),
        ({"maxmemory-policy": "allkeys-lru"}, "throws sign-ins away"),
        ({"maxmemory-policy": "allkeys-lfu", "save": ""}, "throws sign-ins away"),
    ],
)
def test_each_setting_that_undoes_something_is_told(changes: dict[str, str], sentence: str) -> None:
    [remark] = remarks_on({**DURABLE, **changes})

    assert sentence in remark.sentence


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_is_asked_for_its_settings(redis_server: Redis, protocol: int) -> None:
    store = open_store(f"{redis_server.url}?protocol={protocol}")
    with redis_server.connect() as client:
        client.config_set("appendfsync", "everysec")
        told = [remark.sentence for remark in store.remarks()]
        client.config_set("appendfsync", "always")

    assert told == ["Redis may lose a second or two when its machine ends, revocations too."]
    assert list(store.remarks()) == []
    store.close()


def test_a_redis_that_does_not_tell_is_no_fault(redis_server: Redis) -> None:
    """Hosts that sell Redis forbid CONFIG."""
    with redis_server.connect() as client:
        client.acl_setuser("careful", enabled=True, passwords=["+pw"], keys="*", commands=["+@all", "-config"])
        store = open_store(redis_server.url.replace("redis://", "redis://careful:pw@"))

        [remark] = store.remarks()

        assert remark.sentence == "Redis does not tell how it is set up."
        store.close()
        client.acl_deluser("careful")
