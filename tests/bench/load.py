"""A load generator for one loopback server: a few keep-alive connections, one request in flight on each.

Plain sockets and one selector, because a client library would cost more than the server it measures.
"""

import selectors
import socket
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS = 16


class WrongAnswer(AssertionError):
    """The server answered something else than what is being measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run showed. Times are in milliseconds."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def http_request(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def once(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(request)
        received = b""
        while (whole := _whole_answer(received)) is None:
            chunk = sock.recv(65_536)
            if not chunk:
                raise WrongAnswer(f"the connection was closed after {received[:200]!r}")
            received += chunk
        return whole


def run(
    port: int,
    request: bytes,
    expected: bytes,
    *,
    seconds: float = 3_600.0,
    count: int = 1 << 60,
    connections: int = CONNECTIONS,
) -> Measured:
    """Send *request* for so many *seconds*, or *count* times, and hold every answer to a 200 with the *expected* body.

    Raises: WrongAnswer.
    """
    load = _Load(request, expected, count, connections)
    started = time.perf_counter()
    load.run_until(port, started + seconds)
    elapsed = time.perf_counter() - started
    cuts = statistics.quantiles(load.took, n=100)
    return Measured(len(load.took), len(load.took) / elapsed, cuts[49] * 1_000, cuts[98] * 1_000)


class _Load:
    """One run: what is under way on each connection, and how long each answer ``took``, in seconds."""

    def __init__(self, request: bytes, expected: bytes, count: int, connections: int) -> None:
        self._request, self._expected, self._left, self._connections = request, expected, count, connections
        self._sent_at: dict[socket.socket, float] = {}
        self._received: dict[socket.socket, bytes] = {}
        self.took: list[float] = []

    def run_until(self, port: int, end: float) -> None:
        with selectors.DefaultSelector() as selector:
            for _ in range(self._connections):
                sock = socket.create_connection(("127.0.0.1", port), timeout=10)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, data=sock)
                self._send(sock)
            while self._sent_at:
                ready = selector.select(timeout=10)
                if not ready:
                    raise WrongAnswer("no answer for 10 s")
                for key, _ in ready:
                    self._receive(key.data, selector, end)

    def _send(self, sock: socket.socket) -> None:
        self._left -= 1
        self._received[sock] = b""
        self._sent_at[sock] = time.perf_counter()
        sock.sendall(self._request)

    def _receive(self, sock: socket.socket, selector: selectors.BaseSelector, end: float) -> None:
        chunk = sock.recv(65_536)
        if not chunk:
            raise WrongAnswer("the server closed a connection")
        self._received[sock] += chunk
        whole = _whole_answer(self._received[sock])
        if whole is None:
            return
        now = time.perf_counter()
        if whole != (200, self._expected):
            raise WrongAnswer(f"{whole[0]} {whole[1][:200]!r}")
        self.took.append(now - self._sent_at[sock])
        if self._left > 0 and now < end:
            self._send(sock)
        else:
            del self._sent_at[sock]
            selector.unregister(sock)
            sock.close()


def _whole_answer(received: bytes) -> tuple[int, bytes] | None:
    """Status and body once all has arrived. Answers of both measured servers have a Content-Length."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise WrongAnswer(f"an answer without Content-Length: {head[:200]!r}")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0])
    return (int(head[9:12]), body) if len(body) >= length else None
