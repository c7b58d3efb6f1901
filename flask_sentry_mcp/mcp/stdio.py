"""The same server for a program on the same machine: messages in lines, on standard input and output.

There are no headers here: what they repeat elsewhere is in the messages alone. The process is the session of a client
of 2025, which hears of changes on the same channel. A client of 2026-07-28 cancels by a notification, as there is no
stream of its own to close; of a request that was cancelled nothing more is said.
Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from ..context import Context
from ..errors import BadJSON, ProtocolError, SentryMCPError
from . import messages
from .call import log
from .door import error_message_for
from .endpoint import Server
from .listening import listen_in_session
from .messages import INTERNAL_ERROR, Id, error_message
from .methods import handle
from .sessions import Session
from .streams import Stream

LARGEST_LINE = 1024 * 1024
AT_ONCE, MOST_WAITING = 32, 1000
PATIENCE_S, PAUSE_S = 5.0, 0.1


class Stdio:
    """One conversation over a pair of byte streams. *caller* is asked anew for each message."""

    def __init__(self, server: Server, caller: Callable[[], Context], sink: BinaryIO) -> None:
        self._server, self._caller, self._sink = server, caller, sink
        self._writing = threading.Lock()
        self._is_over = False
        self._session: Session | None = None
        self._asked: dict[Id, _Asked] = {}
        self._threads = _Threads()

    def serve(self, source: BinaryIO) -> None:
        """Read lines until *source* ends, and answer each; requests do not wait for one another.

        At the end, what was asked is still answered, for a few seconds; subscriptions are not waited for.
        """
        while line := source.readline(LARGEST_LINE + 1):
            if len(line) > LARGEST_LINE:
                self._write(error_message(None, messages.INVALID_REQUEST, "A message may have one mebibyte."))
                break
            if line.strip():
                self._take(line)
        self._threads.join(PATIENCE_S)
        self._session = None
        with self._writing:
            self._is_over = True

    def _take(self, line: bytes) -> None:
        """What is short, or decides about what follows, is done before the next line; each request in a thread."""
        try:
            envelope = messages.envelope_of(line)
        except (BadJSON, ProtocolError):
            envelope = {}  # handle says it properly
        id, method = messages.id_of(envelope), envelope.get("method")
        if method == "notifications/cancelled":
            self._cancel(envelope.get("params"))
        if id is None or method is None or method == "initialize":
            self._server.carry(partial(self._answer, line, id, _Asked()))()
            return
        asked = self._asked[id] = _Asked()
        work = self._server.carry(partial(self._answer, line, id, asked))
        if method == "subscriptions/listen":
            threading.Thread(target=work, daemon=True, name="mcp-stdio-listen").start()
        elif not self._threads.add(work):
            del self._asked[id]
            self._write(error_message(id, INTERNAL_ERROR, "The server is busy. Try again shortly."))

    def _cancel(self, params: object) -> None:
        id = messages.id_of({"id": params.get("requestId")}) if isinstance(params, dict) else None
        if id is not None and (asked := self._asked.get(id)) is not None:
            asked.cancel()

    def _answer(self, line: bytes, id: Id | None, asked: "_Asked") -> None:
        session_id = None if self._session is None else self._session.id
        try:
            if asked.is_cancelled:
                return
            context = self._caller()
            answer = handle(
                self._server, context, line, None, session_id=session_id, given_up=lambda: asked.is_cancelled
            )
            if isinstance(answer.body, Stream):
                self._relay(answer.body, asked)
            elif answer.body:
                self._write(answer.body, asked)
            if answer.session is not None:
                self._begin(answer.session)
        except SentryMCPError as error:  # what HTTP has answers of its own for
            self._write(error_message(id, INTERNAL_ERROR, error.public), asked)
        except Exception as error:  # noqa: BLE001 - one message must not end the conversation
            self._write(error_message_for(id, error), asked)
        finally:
            if id is not None and self._asked.get(id) is asked:
                del self._asked[id]

    def _begin(self, session: Session) -> None:
        """A client of 2025 has said hello: from now on it is told of changes."""
        self._session = session
        work = self._server.carry(partial(self._tell_changes, session))
        threading.Thread(target=work, daemon=True, name="mcp-stdio-changes").start()

    def _tell_changes(self, session: Session) -> None:
        """What a client fetches by a stream of its own elsewhere. By it the session stays alive as the process does."""
        try:
            while self._session is session:
                self._server.sessions.find(session.id, session.grant_id)
                self._relay(listen_in_session(self._server, session, None), _Asked())
                time.sleep(PAUSE_S)
        except SentryMCPError as error:
            log.info("A client is told of no more changes: %s: %s", error.code, error)

    def _relay(self, stream: Stream, asked: "_Asked") -> None:
        """The messages of a stream, as lines, until it ends or the client cancels it."""
        asked.stream = stream
        try:
            for chunk in stream:
                if asked.is_cancelled or self._is_over:
                    return
                for part in chunk.split(b"\n"):
                    if part.startswith(b"data: ") and len(part) > 6:
                        self._write(part[6:], asked)
        finally:
            stream.close()

    def _write(self, message: bytes, asked: "_Asked | None" = None) -> None:
        with self._writing:
            if self._is_over or (asked is not None and asked.is_cancelled):
                return
            try:
                self._sink.write(message + b"\n")
                self._sink.flush()
            except OSError:
                log.info("The program that asked has gone")
                self._is_over = True


class _Asked:
    """A request that is not answered yet: whether it was cancelled, and its stream once there is one."""

    __slots__ = ("is_cancelled", "stream")

    def __init__(self) -> None:
        self.is_cancelled = False
        self.stream: Stream | None = None

    def cancel(self) -> None:
        """Say nothing more, and let go of the stream."""
        self.is_cancelled = True
        if self.stream is not None:
            self.stream.close()


class _Threads:
    """A few threads for much work. Who adds some never waits; the work does, in the order of its arrival."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = 0
        self._changed = threading.Condition()

    def add(self, work: Callable[[], None]) -> bool:
        """Do *work* soon; False when too much waits already."""
        with self._changed:
            if self._running >= AT_ONCE:
                if len(self._waiting) >= MOST_WAITING:
                    return False
                self._waiting.append(work)
                return True
            self._running += 1
        threading.Thread(target=self._work, args=(work,), daemon=True, name="mcp-stdio").start()
        return True

    def join(self, timeout_s: float) -> None:
        """Wait until all is done, but no longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, timeout_s)

    def _work(self, work: Callable[[], None] | None) -> None:
        while work is not None:
            work()
            with self._changed:
                work = self._waiting.popleft() if self._waiting else None
                if work is None:
                    self._running -= 1
                    self._changed.notify_all()
