"""Connections of one process, lent to one thread at a time. None of them crosses a fork.

Neither SQLite nor PostgreSQL survives a connection that two processes hold, not even if one of them only closes it.
So a fork waits until every connection is back and closes them; both sides open new ones when they need them.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import StoreUnavailable
from ..forks import on_fork

PATIENCE_S = 3.0

C = TypeVar("C")
R = TypeVar("R")


class Pool(Generic[C]):
    """At most *limit* connections (None: as many as threads ask for), of which *keep* stay open when idle."""

    def __init__(
        self,
        connect: Callable[[], C],
        close: Callable[[C], None],
        *,
        is_fit: Callable[[C], bool] = lambda _: True,
        limit: int | None = None,
        keep: int = 8,
    ) -> None:
        self._connect, self._close, self._is_fit = connect, close, is_fit
        self._limit, self._keep = limit, keep
        self._returned = threading.Condition()
        self._idle: list[C] = []
        self._lent = 0
        self._is_forking = False
        on_fork(before=self.before_fork, in_parent=self.after_fork_in_parent, in_child=self.after_fork_in_child)

    def run(self, work: Callable[[C], R]) -> R:
        """Lend a connection to *work*. If it raises, no idle connection is trusted any longer.

        Raises: StoreUnavailable when none comes free in time, and whatever connecting and *work* raise.
        """
        connection = self._lend()
        try:
            result = work(connection)
        except BaseException:  # whatever it was, what the connection still holds is not the next one's
            self._give_back(None)
            self._close(connection)
            self.close()
            raise
        self._give_back(connection)
        return result

    def close(self) -> None:
        """Close the idle connections. The pool stays usable."""
        with self._returned:
            idle = list(self._idle)
            self._idle.clear()
        for connection in idle:
            self._close(connection)

    def _lend(self) -> C:
        with self._returned:
            if self._is_forking or self._lent == self._limit:
                self._wait_until(lambda: not self._is_forking and self._lent != self._limit)
            self._lent += 1
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is not None and not self._is_fit(connection):
                self.close()  # what ended this one, a restart most likely, ended those that waited longer as well
                self._close(connection)
                connection = None
            return self._connect() if connection is None else connection
        except BaseException:  # whatever it was, the place is free again
            self._give_back(None)
            raise

    def _give_back(self, connection: C | None) -> None:
        surplus = None
        with self._returned:
            self._lent -= 1
            if connection is not None and len(self._idle) < self._keep:
                self._idle.append(connection)
            else:
                surplus = connection
            self._returned.notify_all()
        if surplus is not None:
            self._close(surplus)

    def _wait_until(self, is_true: Callable[[], bool]) -> None:
        if not self._returned.wait_for(is_true, PATIENCE_S):
            raise StoreUnavailable(f"no connection came free in {PATIENCE_S} s")

    # -- around os.fork(): the three steps that on_fork tells of -------------------------------------------------------

    def before_fork(self) -> None:
        self._returned.acquire()
        self._is_forking = True
        self._returned.wait_for(lambda: self._lent == 0, PATIENCE_S)
        for connection in self._idle:
            self._close(connection)
        self._idle.clear()

    def after_fork_in_parent(self) -> None:
        self._is_forking = False
        self._returned.notify_all()
        self._returned.release()

    def after_fork_in_child(self) -> None:
        self._returned = threading.Condition()
        self._is_forking = False
        self._lent = 0  # what another thread of the parent still held is nobody's here, and stays untouched
