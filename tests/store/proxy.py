"""A relay in front of a server that loses or delays what the test tells it to: a request, or the answer to one."""

import socket
import threading
import time
from contextlib import suppress
from typing import Literal

Fault = Literal["request", "answer"]
Address = tuple[str, int] | str  # host and port, or the path of a Unix socket


class Proxy:
    """Relays *listen* to *upstream*. While ``fault`` is set, the next bytes of that direction end the connection.

    Answers come ``delay_s`` late.
    """

    def __init__(self, listen: Address, upstream: Address) -> None:
        self.fault: Fault | None = None
        self.delay_s = 0.0
        self._upstream = upstream
        self._listener = socket.socket(_family(listen))
        self._listener.bind(listen)
        self._listener.listen()
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        for one in self._open:
            _end(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(_family(self._upstream))
                server.connect(self._upstream)
                self._open += [client, server]
                threading.Thread(target=self._relay, args=(client, server, "request"), daemon=True).start()
                threading.Thread(target=self._relay, args=(server, client, "answer"), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, direction: Fault) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and self.fault != direction:
                if direction == "answer" and self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(data)
        _end(source)
        _end(target)


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_UNIX if isinstance(address, str) else socket.AF_INET


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
