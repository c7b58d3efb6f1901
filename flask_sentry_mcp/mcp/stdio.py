"""The same server for a program on the same machine: messages in lines, on standard input and output.

There are no headers here: what they repeat elsewhere is in the messages alone. The process is the session of a client
of 2025. A client of 2026-07-28 cancels by a notification, as there is no stream of its own to close.
Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from ..context import Context
from ..errors import BadJSON, ProtocolError, SentryMCPError
from . import messages
from .door import error_message_for
from .endpoint import Server
from .messages import INTERNAL_ERROR, Id, error_message
from .methods import handle
from .streams import Stream

LARGEST_LINE = 1024 * 1024
AT_ONCE = 32
PATIENCE_S = 5.0
_IN_ORDER = (b'"initialize"', b'"notifications/cancelled"')


class Stdio:
    """One conversation over a pair of byte streams. *caller* is asked anew for each message."""

    def __init__(self, server: Server, caller: Callable[[], Context], sink: BinaryIO) -> None:
        self._server, self._caller, self._sink = server, caller, sink
        self._writing = threading.Lock()
        self._session_id: str | None = None
        self._cancelled: set[Id] = set()
        self._streams: dict[Id, Stream] = {}
        self._busy: set[threading.Thread] = set()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def serve(self, source: BinaryIO) -> None:
        """Read lines until *source* ends, and answer each; requests do not wait for one another.

        At the end, what was asked is still answered, for a few seconds; subscriptions are not waited for.
        """
        while line := source.readline(LARGEST_LINE + 1):
            if len(line) > LARGEST_LINE:
                self._write(error_message(None, messages.INVALID_REQUEST, "A message may have one mebibyte."))
                break
            if not line.strip():
                continue
            if any(word in line for word in _IN_ORDER):
                self._server.carry(partial(self._answer, line))()  # what follows depends on it
            else:
                self._begin(line)
        until = time.monotonic() + PATIENCE_S
        for thread in list(self._busy):
            thread.join(max(0.0, until - time.monotonic()))

    def _begin(self, line: bytes) -> None:
        self._places.acquire()

        def work() -> None:
            try:
                self._server.carry(partial(self._answer, line))()
            finally:
                self._busy.discard(threading.current_thread())
                self._places.release()

        thread = threading.Thread(target=work, daemon=True, name="mcp-stdio")
        self._busy.add(thread)
        thread.start()

    def _answer(self, line: bytes) -> None:
        id: Id | None = None
        envelope: messages.JSON = {}
        try:
            try:
                envelope = messages.envelope_of(line)
                id = messages.id_of(envelope)
                if envelope.get("method") == "notifications/cancelled":
                    self._cancel(envelope)
            except (BadJSON, ProtocolError):
                pass  # handle says it properly
            answer = handle(self._server, self._caller(), line, None, session_id=self._session_id)
            if answer.session is not None:
                self._session_id = answer.session.id
            if isinstance(answer.body, Stream):
                if envelope.get("method") == "subscriptions/listen":
                    self._busy.discard(threading.current_thread())
                self._relay(id, answer.body)
            elif answer.body:
                self._write(answer.body)
        except SentryMCPError as error:  # what HTTP has answers of its own for
            self._write(error_message(id, INTERNAL_ERROR, error.public))
        except Exception as error:  # noqa: BLE001 - one message must not end the conversation
            self._write(error_message_for(id, error))

    def _relay(self, id: Id | None, stream: Stream) -> None:
        """The messages of a stream, as lines, until it ends or the client cancels it."""
        if id is None:
            return
        self._streams[id] = stream
        try:
            for chunk in stream:
                if id in self._cancelled:
                    return
                for part in chunk.split(b"\n"):
                    if part.startswith(b"data: ") and len(part) > 6:
                        self._write(part[6:])
        finally:
            stream.close()
            self._streams.pop(id, None)
            self._cancelled.discard(id)

    def _cancel(self, envelope: messages.JSON) -> None:
        params = envelope.get("params")
        id = params.get("requestId") if isinstance(params, dict) else None
        if isinstance(id, str | int) and (stream := self._streams.get(id)) is not None:
            self._cancelled.add(id)
            stream.close()

    def _write(self, message: bytes) -> None:
        with self._writing:
            self._sink.write(message + b"\n")
            self._sink.flush()
