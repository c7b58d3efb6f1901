"""Redis with Sentinel: the primary dies, a replica is promoted, and the store follows by itself."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.sentinel import Sentinel

from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.store.opening import open_store
from tests.store.servers import REDIS
from tests.tour.server import free_port

NAME, WITHIN_S = "primary", 30.0


@contextmanager
def running(folder: str, *words: object) -> Iterator["subprocess.Popen[bytes]"]:
    """``redis-server`` with these options, until the block ends."""
    command = [str(REDIS), *map(str, words), "--bind", "127.0.0.1", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(is_so: Callable[[], object]) -> None:
    """Wait for it. What is refused meanwhile is tried again."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except (redis.RedisError, StoreUnavailable):
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come to be")


def test_a_client_of_sentinel_follows_a_promotion() -> None:
    """Writes are refused until the replica is promoted; then they go on, and nobody trusts an earlier stamp."""
    first, second, watch = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "sentinel.conf"
        settings.write_text(
            f"port {watch}\nsentinel monitor {NAME} 127.0.0.1 {first} 1\n"
            f"sentinel down-after-milliseconds {NAME} 300\nsentinel failover-timeout {NAME} 2000\n"
        )
        memory = ("--save", "")
        with (
            running(folder, "--port", first, *memory) as primary,
            running(folder, "--port", second, *memory, "--replicaof", "127.0.0.1", first),
            redis.Redis(port=second, socket_timeout=3) as replica,
        ):
            until(lambda: replica.info("replication")["master_link_status"] == "up")
            with running(folder, settings, "--sentinel"), redis.Redis(port=watch, socket_timeout=3) as sentinel:
                until(lambda: sentinel.sentinel_slaves(NAME))
                known: Any = Sentinel([("127.0.0.1", watch)], socket_timeout=3)  # type: ignore[no-untyped-call]
                found = known.master_for(NAME, socket_timeout=3)
                with found, closing(open_store("", redis=found)) as store:
                    store.put("grant", "g1", b"x", ttl_s=3_600)
                    stamp = store.stamp()
                    until(lambda: replica.exists("{sentry_mcp}:record:grant:g1"))

                    primary.kill()
                    until(lambda: store.swap("grant", "g1", 1, b"y", ttl_s=3_600))

                    record = store.get("grant", "g1")
                    assert record is not None
                    assert (record.value, record.version) == (b"y", 2)
                    assert store.stamp() != stamp
