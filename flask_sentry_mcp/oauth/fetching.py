"""Fetching a client's document from an address that a stranger chose, without being led anywhere else (CIMD-3, CIMD-4).

The name is resolved once, every address of it must be public, and the connection goes to one of those addresses: there
is no second look-up that could answer differently. No redirect is followed; no proxy, netrc, cookie or header of ours
goes along. One clock runs over all of it, and when it is over the connection is torn down, wherever it stands.
"""

import re
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPResponse
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import NewConnectionError

from .. import clock
from ..forks import on_fork
from ..security.addresses import is_public

DEADLINE_S = 5.0
MAX_BYTES = 5 * 1024
_CHUNK = 1024
_WORKERS = 8
_DEFAULT_LIFE_S, _MAX_LIFE_S = 300, 86_400
_KEPT = 1_000
_MEDIA_TYPE = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json")


class DocumentRefused(Exception):
    """A document that is not used. The text is for the log alone: outside, all reasons look the same (CIMD-7)."""

    @property
    def reason(self) -> str:
        """Which of our rules it broke, in a word or two; what the host or its document said is behind the colon."""
        return str(self).partition(":")[0]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body and how long it may be kept; 0: not at all (CIMD-6)."""

    body: bytes = field(repr=False)
    life_s: int


def resolve(host: str) -> list[str]:
    """Every address of *host*, IPv4 and IPv6."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Fetches and remembers the documents of one application.

    The arguments are for tests, which have no public addresses; nothing in an application's settings reaches them.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[str], Iterable[str]] = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        port: int = 443,
        ca_certs: str | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._resolve, self._is_allowed = resolve, is_allowed
        self._port, self._ca_certs, self._deadline_s = port, ca_certs or DEFAULT_CA_BUNDLE_PATH, deadline_s
        self._start_afresh()
        on_fork(in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """Nothing kept or on its way, and no thread: those of a parent do not work in the child of a fork."""
        self._guard = threading.Lock()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="client-documents")
        self._flying: dict[str, Future[Fetched]] = {}
        self._kept: OrderedDict[str, tuple[float, Mapping[str, Any]]] = OrderedDict()

    def recall(self, url: str) -> Mapping[str, Any] | None:
        """What was kept for *url*, while it may be."""
        with self._guard:
            ends_at, value = self._kept.get(url, (0.0, None))
            if value is not None and ends_at > clock.now():
                self._kept.move_to_end(url)
                return value
            self._kept.pop(url, None)
            return None

    def keep(self, url: str, value: Mapping[str, Any], life_s: int) -> None:
        """Remember *value*, which was validated, for *life_s* seconds; the least recently used gives way."""
        with self._guard:
            if life_s > 0:
                self._kept[url] = clock.now() + life_s, value
                self._kept.move_to_end(url)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def fetch(self, url: str, host: str, target: str, admit: Callable[[], None] = lambda: None) -> Fetched:
        """The body at https://*host* *target*; those who ask for the same *url* at the same time share one fetch.

        *admit* is asked before a fetch begins, and refuses it by raising. Raises: DocumentRefused, what *admit* raises.
        """
        ends_at = time.monotonic() + self._deadline_s
        own: Future[Fetched] = Future()
        with self._guard:
            flight = self._flying.setdefault(url, own)
        if flight is own:
            own.add_done_callback(lambda _: self._landed(url))
            self._take_off(own, admit, lambda: self._fetch(host, target, ends_at))
        try:
            return flight.result(timeout=max(0.0, ends_at - time.monotonic()))
        except TimeoutError:
            raise DocumentRefused("timeout") from None

    def _take_off(self, flight: Future[Fetched], admit: Callable[[], None], work: Callable[[], Fetched]) -> None:
        try:
            admit()
            self._workers.submit(_fly, flight, work)
        except Exception as fault:  # noqa: BLE001 - whoever has joined meanwhile is told as well
            flight.set_exception(fault)

    def _landed(self, url: str) -> None:
        with self._guard:
            self._flying.pop(url, None)

    def _fetch(self, host: str, target: str, ends_at: float) -> Fetched:
        """In a worker; nothing is looked up any more for those who have given up meanwhile."""
        if time.monotonic() >= ends_at:
            raise DocumentRefused("timeout")
        try:
            addresses = list(self._resolve(host))
        except OSError as fault:
            raise DocumentRefused(f"dns: {fault}") from None
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise DocumentRefused("address")
        for address in addresses:
            try:
                return self._fetch_from(address, host, target, ends_at)
            except NewConnectionError:
                continue  # another of its addresses may take connections
        raise DocumentRefused("connection")

    def _fetch_from(self, address: str, host: str, target: str, ends_at: float) -> Fetched:
        """Speak to *address* as *host*: its name goes into SNI and Host, and the certificate has to be for it."""
        remaining_s = ends_at - time.monotonic()
        if remaining_s <= 0:
            raise DocumentRefused("timeout")
        connection = HTTPSConnection(
            address,
            self._port,
            timeout=remaining_s,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=self._ca_certs,
            cert_reqs="CERT_REQUIRED",
        )
        end = threading.Timer(remaining_s, _tear_down, [connection])
        end.start()
        try:
            return _read(connection, host, target)
        finally:
            end.cancel()
            connection.close()


def _fly(flight: Future[Fetched], work: Callable[[], Fetched]) -> None:
    """Bring *flight* to its end. Whatever fails on the way, a stranger's answer made it fail: a refusal (CIMD-7)."""
    try:
        flight.set_result(work())
    except DocumentRefused as refusal:
        flight.set_exception(refusal)
    except Exception as fault:  # noqa: BLE001 - as above
        flight.set_exception(DocumentRefused(type(fault).__name__))


def _tear_down(connection: HTTPSConnection) -> None:
    """Wake whoever waits on the connection: a byte now and then would otherwise hold a worker for ever."""
    open_socket = connection.sock  # read once: the worker may be closing it at this moment
    if open_socket is not None:
        try:
            open_socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has just been closed


def _read(connection: HTTPSConnection, host: str, target: str) -> Fetched:
    headers = {
        "Host": host,
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "flask-sentry-mcp",
    }
    connection.request("GET", target, headers=headers, preload_content=False, decode_content=False)
    response = connection.getresponse()
    try:
        _check(response)
        return Fetched(_body(response), _life_s(response.headers))
    finally:
        response.close()


def _check(response: HTTPResponse) -> None:
    media_type = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if response.status != 200:
        raise DocumentRefused(f"status {response.status}")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise DocumentRefused("media type")
    if (response.headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise DocumentRefused("content encoding")
    if int(response.headers.get("Content-Length") or 0) > MAX_BYTES:
        raise DocumentRefused("size")


def _body(response: HTTPResponse) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise DocumentRefused("size")
    return bytes(body)


def _life_s(headers: Mapping[str, str]) -> int:
    """How long the answer may be kept: as it says, at most a day; five minutes when it says nothing."""
    parts = (part.partition("=") for part in (headers.get("Cache-Control") or "").split(","))
    said = {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}
    if {"no-store", "no-cache", "private"} & set(said):
        return 0
    for name in ("s-maxage", "max-age"):
        if re.fullmatch(r"[0-9]{1,10}", said.get(name, "")):
            return min(int(said[name]), _MAX_LIFE_S)
    if "Expires" in headers:
        try:
            ends_at = parsedate_to_datetime(headers["Expires"]).timestamp()
        except (ValueError, OverflowError):
            return 0  # RFC 9111 section 5.3: an invalid date is in the past
        return max(0, min(int(ends_at - clock.now()), _MAX_LIFE_S))
    return _DEFAULT_LIFE_S
