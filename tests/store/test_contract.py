"""Every store keeps the same promises: all of these tests run against memory, SQLite, PostgreSQL and Redis."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from flask_sentry_mcp.clock import now, shifted
from flask_sentry_mcp.store.base import STEP, Message, Store

R = TypeVar("R")
LONG = 3_600.0
STRANGE_IDS = ["", "a\0b", "\ud800", "x" * 513, "new\nline"]


class TestReadingAndWriting:
    def test_returns_what_was_put(self, store: Store) -> None:
        """Bytes come back as they are, whatever they hold, with a version and an end."""
        everything = bytes(range(256)) * 40
        before = now()

        store.put("grant", "g1", everything, ttl_s=60)
        record = store.get("grant", "g1")

        assert record is not None
        assert (record.id, record.value, record.version) == ("g1", everything, 1)
        assert before + 60 <= record.expires_at <= now() + 60

    def test_an_empty_value_is_a_value(self, store: Store) -> None:
        store.put("grant", "g1", b"", ttl_s=LONG)

        record = store.get("grant", "g1")

        assert record is not None
        assert record.value == b""

    def test_what_was_never_put_is_absent(self, store: Store) -> None:
        assert store.get("grant", "g1") is None
        assert store.take("grant", "g1") is None
        assert store.delete("grant", "g1") is False

    def test_kinds_are_apart(self, store: Store) -> None:
        store.put("code", "same", b"code", ttl_s=LONG)
        store.put("grant", "same", b"grant", ttl_s=LONG)

        assert store.delete("code", "same") is True

        record = store.get("grant", "same")
        assert record is not None
        assert record.value == b"grant"

    def test_each_put_counts_the_version_up(self, store: Store) -> None:
        for _ in range(3):
            store.put("grant", "g1", b"x", ttl_s=LONG)

        assert _version(store) == 3

    def test_a_deleted_record_starts_again_at_one(self, store: Store) -> None:
        for _ in range(3):
            store.put("grant", "g1", b"x", ttl_s=LONG)
        store.delete("grant", "g1")

        store.put("grant", "g1", b"x", ttl_s=LONG)

        assert _version(store) == 1

    @pytest.mark.parametrize("id", STRANGE_IDS)
    def test_an_id_that_cannot_exist_is_absent_and_cannot_be_written(self, store: Store, id: str) -> None:
        """Ids may come from strangers: reading one never fails, and no backend keeps what another could not."""
        assert store.get("grant", id) is None
        assert store.take("grant", id) is None
        assert store.delete("grant", id) is False
        with pytest.raises(ValueError, match="printable"):
            store.put("grant", id, b"x", ttl_s=LONG)
        with pytest.raises(ValueError, match="printable"):
            store.swap("grant", id, None, b"x", ttl_s=LONG)

    @pytest.mark.parametrize("id", ["x" * 512, "😀" * 512, "https://client.example/a?b=c&d={e}|'\"%s:*", "%", "_"])
    def test_any_printable_id_is_one_record(self, store: Store, id: str) -> None:
        store.put("grant", id, b"x", ttl_s=LONG, owner=id)

        assert _ids(store) == [id]
        assert [record.id for record in store.find("grant", owner=id)] == [id]
        assert store.delete("grant", id) is True
        assert _ids(store) == []


class TestTake:
    def test_gives_the_record_once(self, store: Store) -> None:
        store.put("code", "c1", b"x", ttl_s=LONG)

        taken = store.take("code", "c1")

        assert taken is not None
        assert (taken.id, taken.value, taken.version) == ("c1", b"x", 1)
        assert store.take("code", "c1") is None
        assert store.get("code", "c1") is None

    def test_of_many_callers_exactly_one_gets_it(self, store: Store) -> None:
        for round in range(10):
            store.put("code", "c1", bytes([round]), ttl_s=LONG)

            taken = _at_once(8, lambda _: store.take("code", "c1"))

            assert sum(record is not None for record in taken) == 1


class TestSwap:
    def test_writes_over_the_version_it_expects(self, store: Store) -> None:
        store.put("grant", "g1", b"one", ttl_s=LONG)

        assert store.swap("grant", "g1", 1, b"two", ttl_s=LONG) is True

        record = store.get("grant", "g1")
        assert record is not None
        assert (record.value, record.version) == (b"two", 2)

    @pytest.mark.parametrize("expected", [None, 0, 1, 3])
    def test_leaves_any_other_version_alone(self, store: Store, expected: int | None) -> None:
        store.put("grant", "g1", b"one", ttl_s=LONG)
        store.put("grant", "g1", b"two", ttl_s=LONG)

        assert store.swap("grant", "g1", expected, b"three", ttl_s=LONG) is False

        record = store.get("grant", "g1")
        assert record is not None
        assert (record.value, record.version) == (b"two", 2)

    def test_creates_only_what_is_absent(self, store: Store) -> None:
        assert store.swap("grant", "g1", None, b"one", ttl_s=LONG) is True
        assert store.swap("grant", "g1", None, b"two", ttl_s=LONG) is False
        assert _version(store) == 1

    @pytest.mark.parametrize("expected", [0, 1])
    def test_does_not_revive_what_is_gone(self, store: Store, expected: int) -> None:
        """A revoked grant stays revoked, whoever still holds its last version."""
        store.put("grant", "g1", b"one", ttl_s=LONG)
        store.delete("grant", "g1")

        assert store.swap("grant", "g1", expected, b"two", ttl_s=LONG) is False
        assert store.get("grant", "g1") is None

    def test_of_many_callers_none_loses_what_it_was_promised(self, store: Store) -> None:
        """Every True is one step of the version; a counter raised by swaps misses none."""
        store.put("grant", "g1", b"0", ttl_s=LONG)

        def add_ten(_: int) -> None:
            for _ in range(10):
                while not _add_one(store):
                    pass

        _at_once(4, add_ten)

        record = store.get("grant", "g1")
        assert record is not None
        assert (record.value, record.version) == (b"40", 41)

    def test_of_many_creators_one_wins(self, store: Store) -> None:
        created = _at_once(8, lambda n: store.swap("grant", "g1", None, str(n).encode(), ttl_s=LONG))

        record = store.get("grant", "g1")
        assert record is not None
        assert created.count(True) == 1
        assert record.value == str(created.index(True)).encode()


class TestTime:
    """Nothing is readable after its time, purged or not."""

    def test_what_is_over_is_absent_everywhere(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=60, owner="ada")

        with shifted(60.5):
            assert store.get("grant", "g1") is None
            assert store.count("grant") == 0
            assert _ids(store) == []
            assert list(store.find("grant", owner="ada")) == []
            assert store.swap("grant", "g1", 1, b"y", ttl_s=60) is False
            assert store.delete("grant", "g1") is False
            assert store.take("grant", "g1") is None

    def test_it_lives_until_then(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=60)

        with shifted(58):
            assert store.get("grant", "g1") is not None
            assert store.count("grant") == 1
            assert _ids(store) == ["g1"]

    def test_a_new_record_may_take_the_place_of_one_that_is_over(self, store: Store) -> None:
        for _ in range(2):
            store.put("grant", "g1", b"x", ttl_s=60)
            store.put("code", "c1", b"x", ttl_s=60)

        with shifted(61):
            assert store.swap("grant", "g1", None, b"new", ttl_s=60) is True
            store.put("code", "c1", b"new", ttl_s=60)

            assert _version(store) == 1
            assert _version(store, "code", "c1") == 1

    def test_a_write_moves_the_end(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=60)
        store.swap("grant", "g1", 1, b"x", ttl_s=600)

        with shifted(300):
            assert _version(store) == 2

        store.put("grant", "g1", b"x", ttl_s=10)

        with shifted(11):
            assert store.get("grant", "g1") is None

    def test_real_time_counts_as_well(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=0.05)
        store.put("grant", "g2", b"x", ttl_s=0)

        assert store.get("grant", "g2") is None
        time.sleep(0.06)
        assert store.get("grant", "g1") is None

    def test_purge_removes_what_is_over_in_steps_and_nothing_else(self, store: Store) -> None:
        for n in range(5):
            store.put("code", f"c{n}", b"x", ttl_s=60)
        for n in range(5):
            store.put("grant", f"g{n}", b"x", ttl_s=LONG, owner="ada")

        with shifted(61):
            assert [store.purge(limit=3) for _ in range(3)] == [3, 2, 0]

        assert store.count("grant") == 5
        assert len(list(store.find("grant", owner="ada"))) == 5
        assert store.get("code", "c0") is None  # purged: not even a clock set back revives it

    def test_what_awaits_purge_is_counted(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=60)
        store.put("grant", "g2", b"x", ttl_s=LONG)
        store.put("code", "c1", b"x", ttl_s=60)

        with shifted(61):
            assert (store.count("grant"), store.count("grant", is_over=True)) == (1, 1)
            store.purge()
            assert (store.count("grant"), store.count("grant", is_over=True)) == (1, 0)

    def test_purge_spares_what_was_written_again(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=60)
        store.put("grant", "g1", b"x", ttl_s=LONG)
        store.put("grant", "g2", b"x", ttl_s=60)
        store.take("grant", "g2")

        with shifted(61):
            assert store.purge() == 0
            assert _ids(store) == ["g1"]

    @pytest.mark.parametrize("backend", ["memory", "sqlite", "postgresql"])
    def test_purge_until_nothing_is_left_removes_messages_too(self, store: Store) -> None:
        """Redis drops its messages by itself."""
        rooms = [f"room {n}" for n in range(7)]
        for room in rooms:
            store.publish(room, b"x", ttl_s=60)

        with shifted(61):
            while store.purge(limit=3):
                pass

        assert [store.wait(room, 0, timeout_s=0) for room in rooms] == [[]] * 7  # the clock is set back: not even then


class TestFinding:
    def test_by_kind_in_the_order_of_the_ids(self, store: Store) -> None:
        """By code point, so that capitals, digits and other alphabets sort alike on every backend."""
        ids = ["b", "a", "B", "_", "10", "9", "é", "ß", "z", "日", "😀"]
        for id in ids:
            store.put("grant", id, id.encode(), ttl_s=LONG)
        store.put("code", "c", b"x", ttl_s=LONG)

        assert [(record.id, record.value.decode()) for record in store.find("grant")] == [(i, i) for i in sorted(ids)]
        assert store.count("grant") == len(ids)

    def test_by_owner(self, store: Store) -> None:
        store.put("grant", "g3", b"x", ttl_s=LONG, owner="ada")
        store.put("grant", "g1", b"x", ttl_s=LONG, owner="ada")
        store.put("grant", "g2", b"x", ttl_s=LONG, owner="adam")
        store.put("client", "c1", b"x", ttl_s=LONG, owner="ada")
        store.put("grant", "g4", b"x", ttl_s=LONG)

        assert [record.id for record in store.find("grant", owner="ada")] == ["g1", "g3"]
        assert list(store.find("grant", owner="nobody")) == []
        assert list(store.find("grant", owner="")) == []

    def test_a_record_moves_with_its_owner(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=LONG, owner="ada")
        store.swap("grant", "g1", 1, b"x", ttl_s=LONG, owner="eve")

        assert list(store.find("grant", owner="ada")) == []
        assert [record.version for record in store.find("grant", owner="eve")] == [2]

        store.delete("grant", "g1")

        assert list(store.find("grant", owner="eve")) == []

    def test_more_than_one_step(self, store: Store) -> None:
        """A walk goes on while others write; what was deleted before its turn is not seen."""
        ids = [f"g{n:04}" for n in range(STEP + 20)]
        for id in ids:
            store.put("grant", id, b"x", ttl_s=LONG, owner="ada")

        seen = []
        for record in store.find("grant", owner="ada"):
            seen.append(record.id)
            if len(seen) == 1:
                store.delete("grant", ids[-1])

        assert seen == ids[:-1]


class TestStamp:
    def test_stays_while_nothing_changes(self, store: Store) -> None:
        store.put("grant", "g1", b"x", ttl_s=LONG)
        stamp = store.stamp()

        store.get("grant", "g1")
        store.count("grant")
        list(store.find("grant"))

        assert stamp is not None
        assert store.stamp() == stamp

    @pytest.mark.parametrize(
        "change",
        [
            lambda store: store.put("grant", "g1", b"y", ttl_s=LONG),
            lambda store: store.put("grant", "other", b"y", ttl_s=LONG),
            lambda store: store.swap("grant", "g1", 1, b"y", ttl_s=LONG),
            lambda store: store.swap("grant", "g2", None, b"y", ttl_s=LONG),
            lambda store: store.take("grant", "g1"),
            lambda store: store.delete("grant", "g1"),
        ],
        ids=["put", "put another", "swap", "create", "take", "delete"],
    )
    def test_differs_after_every_change(self, store: Store, change: Callable[[Store], object]) -> None:
        store.put("grant", "g1", b"x", ttl_s=LONG)
        stamp = store.stamp()

        change(store)

        assert store.stamp() != stamp

    def test_is_one_for_all_threads(self, store: Store) -> None:
        """A reader shared by threads compares the stamps of all of them."""
        store.put("grant", "g1", b"x", ttl_s=LONG)

        assert len(set(_at_once(8, lambda _: store.stamp()))) == 1


class TestMessages:
    def test_wait_returns_what_was_published_in_order(self, store: Store) -> None:
        for body in (b"one", b"two"):
            store.publish("room", body)
        store.publish("other", b"not for us")

        messages = store.wait("room", 0, timeout_s=1)

        assert [message.body for message in messages] == [b"one", b"two"]
        assert 0 < messages[0].sequence < messages[1].sequence
        assert store.wait("room", messages[0].sequence, timeout_s=1) == [messages[1]]

    def test_everyone_who_waits_gets_it(self, store: Store) -> None:
        def read(_: int) -> list[Message]:
            return store.wait("room", 0, timeout_s=60)

        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(read, n) for n in range(3)]
            time.sleep(0.1)
            store.publish("room", b"hello")
            published = time.monotonic()
            bodies = [[message.body for message in one.result()] for one in waiting]

        assert bodies == [[b"hello"]] * 3
        assert time.monotonic() - published < 15

    def test_gives_up_when_the_time_is_over(self, store: Store) -> None:
        started = time.monotonic()

        assert store.wait("room", 0, timeout_s=0.2) == []
        assert 0.19 < time.monotonic() - started < 15

    def test_does_not_wait_at_all_when_told_so(self, store: Store) -> None:
        assert store.wait("room", 0, timeout_s=0) == []

        store.publish("room", b"x")

        assert [message.body for message in store.wait("room", 0, timeout_s=0)] == [b"x"]

    def test_a_message_ends_with_its_time(self, store: Store) -> None:
        store.publish("room", b"short", ttl_s=10)
        store.publish("room", b"long", ttl_s=100)

        with shifted(11):
            assert [message.body for message in store.wait("room", 0, timeout_s=0)] == [b"long"]

    def test_a_sequence_never_comes_back(self, store: Store) -> None:
        """Whoever remembers the last sequence misses nothing, even when every message has been purged since."""
        store.publish("room", b"old", ttl_s=1)
        last = store.wait("room", 0, timeout_s=0)[-1].sequence

        with shifted(2):
            store.purge()
            store.publish("room", b"new")

            assert [message.body for message in store.wait("room", last, timeout_s=0)] == [b"new"]


def _version(store: Store, kind: str = "grant", id: str = "g1") -> int | None:
    record = store.get(kind, id)
    return record.version if record else None


def _ids(store: Store) -> list[str]:
    return [record.id for record in store.find("grant")]


def _add_one(store: Store) -> bool:
    record = store.get("grant", "g1")
    assert record is not None
    return store.swap("grant", "g1", record.version, str(int(record.value) + 1).encode(), ttl_s=LONG)


def _at_once(threads: int, work: Callable[[int], R]) -> list[R]:
    """What *work* returned in each of so many threads, all let go at the same moment."""
    gate = threading.Barrier(threads)

    def wait_and_work(number: int) -> R:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(wait_and_work, range(threads)))
