"""SentryConnections: an honest reason for every way in which a server fails, limits on what it sends."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from flask_sentry_mcp.errors import SentryFailed, SentryUnreachable
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry import connections as module
from flask_sentry_mcp.sentry.connections import SentryConnections


@contextlib.contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that handles one connection with *answer*; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            with contextlib.suppress(OSError):  # the client goes away, as it should
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()
    thread.join(timeout=5)


@pytest.fixture
def connections() -> Iterator[SentryConnections]:
    connections = SentryConnections(Regions("sentry.test", ()), user_agent="flask-sentry-mcp/tests")
    yield connections
    connections.close()


def reason(connections: SentryConnections, url: str, timeout_s: float = 2) -> str:
    with pytest.raises(SentryUnreachable) as failure:
        connections.send("GET", url, headers={}, body=None, timeout_s=timeout_s)
    return failure.value.reason


def test_an_unknown_name_is_dns(connections: SentryConnections) -> None:
    assert reason(connections, "http://sentry.invalid/") == "dns"


def test_a_closed_port_is_refused(connections: SentryConnections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert reason(connections, f"http://127.0.0.1:{port}/") == "refused"


def test_a_server_without_tls_is_tls(connections: SentryConnections) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(answer) as url:
        assert reason(connections, url.replace("http:", "https:")) == "tls"


def test_silence_is_timeout(connections: SentryConnections) -> None:
    with server(lambda _: time.sleep(1)) as url:
        assert reason(connections, url, 0.2) == "timeout"


def test_half_an_answer_is_broken(connections: SentryConnections) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

    with server(answer) as url:
        assert reason(connections, url) == "broken"


def test_no_http_is_broken(connections: SentryConnections) -> None:
    with server(lambda connection: connection.sendall(b"hello\r\n\r\n")) as url:
        assert reason(connections, url) == "broken"


def test_an_answer_that_trickles_in_does_not_outlast_its_time(connections: SentryConnections) -> None:
    """Each piece is in time, the whole is not."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"x")
            time.sleep(0.05)

    with server(answer) as url:
        started = time.monotonic()
        assert reason(connections, url, 0.4) == "timeout"
        assert time.monotonic() - started < 1.5


def test_an_answer_that_is_too_large_is_not_read(
    connections: SentryConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10_000)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)

    with server(answer) as url, pytest.raises(SentryFailed):
        connections.send("GET", url, headers={}, body=None, timeout_s=2)
