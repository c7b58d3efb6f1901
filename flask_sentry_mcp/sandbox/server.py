"""A small HTTP/1.1 server for the sandbox: keep-alive, one thread per connection, whole answers in one write.

The servers that come with Python and werkzeug close every connection or leave sockets behind; here connections are
counted, kept, and all closed by ``stop``.
"""

import contextlib
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

MAX_LINE, MAX_HEADERS, MAX_BODY = 65_536, 100, 16 * 1024 * 1024


class DropConnection(Exception):
    """Raised by the application: close the connection without an answer."""


class _Malformed(Exception):
    """What arrived is not HTTP."""


class Listener:
    """One address on 127.0.0.1. ``silo`` is told to the application as ``environ["sandbox.silo"]``."""

    def __init__(self, silo: str, port: int, application: Application) -> None:
        self.silo = silo
        self.accepted = 0
        self._application = application
        self._socket = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name=f"sandbox-{silo}", daemon=True)

    def start(self) -> None:
        """Begin to accept. Connections made since construction are already waiting."""
        self._acceptor.start()

    def stop(self) -> None:
        """Close the address and every connection, and wait for their threads."""
        self._stopping = True
        if self._acceptor.is_alive():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass  # wakes the acceptor, which sees that it is over
            self._acceptor.join(timeout=5)
        self._socket.close()
        with self._lock:
            serving = list(self._open.items())
        for connection, _ in serving:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in serving:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            connection, address = self._socket.accept()
            if self._stopping:
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection, address[0]), daemon=True)
            with self._lock:
                self.accepted += 1
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket, address: str) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while not self._stopping and self._exchange(connection, reader, address):
                    pass
        except (OSError, DropConnection):
            pass  # the other side went away, or a fault asked us to
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def _exchange(self, connection: socket.socket, reader: BinaryIO, address: str) -> bool:
        """Serve one request; returns whether the connection stays open."""
        try:
            environ = _read_request(connection, reader)
        except (_Malformed, ValueError):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        if environ is None:
            return False
        environ |= {"SERVER_PORT": str(self.port), "REMOTE_ADDR": address, "sandbox.silo": self.silo}
        keep = bool(
            environ["SERVER_PROTOCOL"] == "HTTP/1.1" and environ.get("HTTP_CONNECTION", "").strip().lower() != "close"
        )
        connection.sendall(self._answer(environ, keep))
        return keep

    def _answer(self, environ: Environ, keep: bool) -> bytes:
        head: list[str] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
            head[:] = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]

        result = self._application(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if not any(line.lower().startswith("content-length:") for line in head):
            head.append(f"Content-Length: {len(body)}")
        if not keep:
            head.append("Connection: close")
        head_bytes = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"
        return head_bytes if environ["REQUEST_METHOD"] == "HEAD" else head_bytes + body


def _read_request(connection: socket.socket, reader: BinaryIO) -> Environ | None:
    """The next request as a WSGI environment, its body read; None when the other side has closed."""
    line = reader.readline(MAX_LINE)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or parts[2] not in ("HTTP/1.0", "HTTP/1.1") or not parts[1].startswith("/"):
        raise _Malformed
    path, _, query = parts[1].partition("?")
    environ: Environ = {
        "REQUEST_METHOD": parts[0],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": parts[1],
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PROTOCOL": parts[2],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    _read_headers(reader, environ)
    if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
        connection.sendall(f"HTTP/1.1 {HTTPStatus.CONTINUE} Continue\r\n\r\n".encode())
    body = _read_body(reader, environ)
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return environ


def _read_headers(reader: BinaryIO, environ: Environ) -> None:
    for _ in range(MAX_HEADERS):
        line = reader.readline(MAX_LINE).decode("latin-1")
        if line in ("\r\n", "\n"):
            return
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise _Malformed
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        value = value.strip()
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    raise _Malformed


def _read_body(reader: BinaryIO, environ: Environ) -> bytes:
    if environ.pop("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        return _read_chunks(reader)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not 0 <= length <= MAX_BODY:
        raise _Malformed
    return _exactly(reader, length)


def _read_chunks(reader: BinaryIO) -> bytes:
    body = b""
    while size := int(reader.readline(MAX_LINE).partition(b";")[0], 16):
        if size < 0 or len(body) + size > MAX_BODY:
            raise _Malformed
        body += _exactly(reader, size)
        reader.readline(MAX_LINE)
    while reader.readline(MAX_LINE) not in (b"\r\n", b"\n", b""):
        pass  # trailers
    return body


def _exactly(reader: BinaryIO, length: int) -> bytes:
    body = reader.read(length)
    if len(body) < length:
        raise _Malformed
    return body
