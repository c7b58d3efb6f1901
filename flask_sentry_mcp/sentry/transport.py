"""What ``SentryConnections`` stands on: the adapter of requests, with one time limit for the whole of an answer.

requests and urllib3 limit each read, which is no limit at all: a server that sends a byte of a header now and then, or
one ``100 Continue`` after the other, would hold its caller for as long as it likes.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_TIMEOUT_S = 10.0


def limits(timeout_s: float) -> Timeout:
    """*timeout_s* from connecting on; what is left of it once the request is sent is the time of the answer."""
    return Timeout(total=timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))


class PunctualAdapter(HTTPAdapter):
    """Sends a prepared request over a kept connection or a new one. ``limits`` make its ``timeout``."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As requests does, with connections whose answers are in time."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


class _Reader(io.RawIOBase):
    """Reads from a socket until the time is over that the socket gives to one read at first."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._connection, self._raw = connection, raw
        self._ends_at = time.monotonic() + (connection.gettimeout() or CONNECT_TIMEOUT_S)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As much as there is. Raises: TimeoutError."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer trickles in")
        self._connection.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Give the socket back to its connection."""
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is read with a deadline, from the first byte of its first line."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
