"""SentryConnections: an honest reason for every way in which a server fails, limits on what it sends."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_sentry_mcp.errors import SentryFailed, SentryUnreachable
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry import connections as module
from flask_sentry_mcp.sentry.connections import SentryConnections
from tests.oauth.document_host import document_host
from tests.store.processes import forked


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


def test_an_authority_of_ones_own_may_vouch_for_the_server(tmp_path: Path) -> None:
    with document_host(tmp_path, "localhost") as host:
        connections = SentryConnections(Regions("localhost", ()), user_agent="tests", ca_bundle=host.ca_certs)
        strangers = SentryConnections(Regions("localhost", ()), user_agent="tests")
        url = f"https://localhost:{host.port}/"

        assert connections.send("GET", url, headers={}, body=None, timeout_s=5).status == 200
        assert reason(strangers, url, 5) == "tls"
        for one in (connections, strangers):
            one.close()


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


def _every_while(connection: socket.socket, piece: bytes) -> None:
    for _ in range(200):
        connection.sendall(piece)
        time.sleep(0.1)


def _head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _every_while(connection, b"x")


def _interim_answers(connection: socket.socket) -> None:
    _every_while(connection, b"HTTP/1.1 100 Continue\r\n\r\n")


def _body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _every_while(connection, b"x")


def _body_that_stalls(connection: socket.socket) -> None:
    time.sleep(0.2)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
    connection.recv(1)  # until the client hangs up


@pytest.mark.parametrize("answer", [_head, _interim_answers, _body, _body_that_stalls])
def test_an_answer_that_trickles_in_does_not_outlast_its_time(
    connections: SentryConnections, answer: Callable[[socket.socket], None]
) -> None:
    """Each piece is in time, the whole is not: one limit holds from the first byte sent to the last one read."""
    with server(answer) as url:
        started = time.monotonic()
        assert reason(connections, url, 0.4) == "timeout"
        assert time.monotonic() - started < 15


def test_a_slow_answer_takes_no_time_from_the_next(connections: SentryConnections) -> None:
    """Both come over one connection."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"

    def answer(connection: socket.socket) -> None:
        for _ in range(2):
            time.sleep(0.3)
            connection.sendall(ok)
            connection.recv(65_536)

    with server(answer) as url:
        answers = [connections.send("GET", url, headers={}, body=None, timeout_s=limit).body for limit in (0.4, 2)]
        connections.close()

    assert answers == [b"x", b"x"]


def test_an_answer_that_is_too_large_is_not_read(
    connections: SentryConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10_000)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)

    with server(answer) as url, pytest.raises(SentryFailed):
        connections.send("GET", url, headers={}, body=None, timeout_s=2)


def test_no_connection_crosses_a_fork(connections: SentryConnections) -> None:
    """UP-6: two processes that share a connection read each other's answers, which are other people's."""
    ok, taken = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", []

    def answer(connection: socket.socket) -> None:
        taken.append(connection)
        connection.sendall(ok)
        while connection.recv(65_536):
            connection.sendall(ok)

    with server(answer) as url:

        def ask() -> None:
            assert connections.send("GET", url, headers={}, body=None, timeout_s=2).body == b"x"

        ask()
        connections.memo.recall("token", ("region", "northwind"), lambda: "us")

        assert forked(lambda: _is_alone(connections, url))
        ask()
        connections.close()

    assert len(taken) == 1


def _is_alone(connections: SentryConnections, url: str) -> None:
    """The child has no connection of its parent's: its first request needs one, and there is nobody to take it."""
    assert reason(connections, url, 0.3) == "timeout"
    assert connections.gather(*[lambda: 7] * 3) == [7] * 3
    assert connections.memo.recall("token", ("region", "northwind"), lambda: "asked again") == "asked again"


def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_process(connections: SentryConnections) -> None:
    """At its end the interpreter waits for threads, unless they are daemons."""
    _, beside = connections.gather(lambda: None, threading.current_thread)

    assert beside.daemon
