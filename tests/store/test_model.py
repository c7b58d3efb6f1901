"""The same random history on every backend: each answer agrees with a plain model, and so with every other backend."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from flask_sentry_mcp.clock import now, shifted
from flask_sentry_mcp.store.base import Record, Store
from flask_sentry_mcp.store.opening import open_store

R = TypeVar("R")
Plain = tuple[str, bytes, int]  # id, value, version

kinds = st.sampled_from(["grant", "code"])
ids = st.sampled_from(["a", "b", "B", "é", "a:b"])
owners = st.sampled_from(["", "ada", "eve"])
values = st.binary(max_size=8)
lives = st.sampled_from([10.0, 100.0, 1000.0])
versions = st.none() | st.integers(0, 4)


@dataclass
class Row:
    value: bytes
    version: int
    expires_at: float
    owner: str


class Model:
    """What the contract says, in the plainest way."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}

    def alive(self, kind: str, id: str) -> Row | None:
        row = self.rows.get((kind, id))
        return row if row and row.expires_at > now() else None

    def write(self, kind: str, id: str, value: bytes, ttl_s: float, owner: str) -> None:
        row = self.alive(kind, id)
        self.rows[kind, id] = Row(value, row.version + 1 if row else 1, now() + ttl_s, owner)

    def forget(self, kind: str, id: str) -> None:
        """Only what is alive: the rest waits for purge."""
        if self.alive(kind, id):
            del self.rows[kind, id]

    def get(self, kind: str, id: str) -> Plain | None:
        row = self.alive(kind, id)
        return (id, row.value, row.version) if row else None

    def find(self, kind: str, owner: str | None) -> list[Plain | None]:
        alive = [id for one, id in sorted(self.rows) if one == kind and self.alive(kind, id)]
        return [self.get(kind, id) for id in alive if owner is None or owner == self.rows[kind, id].owner != ""]


class History(RuleBasedStateMachine):
    """Does each step on every one of ``stores`` and on the model, and compares the answers."""

    stores: ClassVar[list[Store]]

    def __init__(self) -> None:
        super().__init__()
        self._model = Model()
        self._time = ExitStack()

    def teardown(self) -> None:
        self._time.close()
        with shifted(10_000):
            for store in self.stores:
                while store.purge():
                    pass

    @rule(kind=kinds, id=ids, value=values, ttl_s=lives, owner=owners)
    def put(self, kind: str, id: str, value: bytes, ttl_s: float, owner: str) -> None:
        self._same(lambda store: store.put(kind, id, value, ttl_s=ttl_s, owner=owner), None)
        self._model.write(kind, id, value, ttl_s, owner)

    @rule(kind=kinds, id=ids, expected=versions, value=values, ttl_s=lives, owner=owners)
    def swap(self, kind: str, id: str, expected: int | None, value: bytes, ttl_s: float, owner: str) -> None:
        row = self._model.alive(kind, id)
        fits = (row.version if row else None) == expected
        self._same(lambda store: store.swap(kind, id, expected, value, ttl_s=ttl_s, owner=owner), fits)
        if fits:
            self._model.write(kind, id, value, ttl_s, owner)

    @rule(kind=kinds, id=ids)
    def take(self, kind: str, id: str) -> None:
        self._same(lambda store: _plain(store.take(kind, id)), self._model.get(kind, id))
        self._model.forget(kind, id)

    @rule(kind=kinds, id=ids)
    def delete(self, kind: str, id: str) -> None:
        self._same(lambda store: store.delete(kind, id), self._model.alive(kind, id) is not None)
        self._model.forget(kind, id)

    @rule(kind=kinds, id=ids)
    def get(self, kind: str, id: str) -> None:
        self._same(lambda store: _plain(store.get(kind, id)), self._model.get(kind, id))

    @rule(kind=kinds, owner=st.none() | owners)
    def find(self, kind: str, owner: str | None) -> None:
        self._same(
            lambda store: [_plain(record) for record in store.find(kind, owner=owner)], self._model.find(kind, owner)
        )

    @rule(kind=kinds)
    def count(self, kind: str) -> None:
        self._same(lambda store: store.count(kind), len(self._model.find(kind, None)))

    @rule(limit=st.integers(1, 3))
    def purge(self, limit: int) -> None:
        over = [key for key in self._model.rows if self._model.alive(*key) is None]
        self._same(lambda store: sum(iter(lambda: store.purge(limit), 0)), len(over))
        for key in over:
            del self._model.rows[key]

    @rule(seconds=st.sampled_from([5.0, 50.0, 500.0]))
    def time_passes(self, seconds: float) -> None:
        self._time.enter_context(shifted(seconds))

    def _same(self, ask: Callable[[Store], R], expected: R) -> None:
        answers = {type(store).__name__: ask(store) for store in self.stores}
        assert answers == dict.fromkeys(answers, expected)


def _plain(record: Record | None) -> Plain | None:
    return (record.id, record.value, record.version) if record else None


def test_every_store_answers_as_the_model_does(every_url: list[str]) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(open_store(url))) for url in every_url]

        class OnAll(History):
            stores = opened

        run_state_machine_as_test(OnAll, settings=settings(max_examples=40, stateful_step_count=40))
