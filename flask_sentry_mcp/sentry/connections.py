"""The connections of one application to Sentry: pooled, shared by all requests and threads, bounded.

No ``requests.Session``: its cookie jar, redirects and environment look-ups are per-session state that would be shared
between people. Each request is prepared on its own (so it has no cookies, no netrc and no proxy of the environment) and
handed to one ``HTTPAdapter``, of which only the urllib3 pools are used; those are made for threads. The adapter itself
follows no redirect and keeps nothing of a response.
"""

import contextvars
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
)
from urllib3.exceptions import SSLError as UrllibSSLError

from ..errors import SentryFailed, SentryUnreachable
from ..security.regions import Regions
from .memo import Memo

CONNECT_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What Sentry sent: status, headers (any case), and the body, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class SentryConnections:
    """One per application. *timeout_s* bounds each request from its start to the last byte of its answer.

    *pool_size* calls may run side by side for tools that make several (``gather``); twice as many connections are kept
    per host, so that these and the callers' own threads all find one open.
    """

    def __init__(self, regions: Regions, *, timeout_s: float = 30, user_agent: str, pool_size: int = 64) -> None:
        self.regions = regions
        self.timeout_s = timeout_s
        self.user_agent = user_agent
        self.memo = Memo()
        self._adapter = HTTPAdapter(pool_connections=16, pool_maxsize=2 * pool_size, max_retries=0)
        self._workers = ThreadPoolExecutor(max_workers=pool_size, thread_name_prefix="sentry")

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        """Make one request to *url*, whose host the region rule has passed, within *timeout_s*.

        Raises: SentryUnreachable; SentryFailed when the answer is too large.
        """
        deadline = time.monotonic() + timeout_s
        request = requests.Request(method, url, headers={**headers, "User-Agent": self.user_agent}, data=body).prepare()
        limits = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        try:
            response = self._adapter.send(request, stream=True, timeout=limits, proxies={})
        except requests.RequestException as error:
            _unreachable(error)
        try:
            content = _read(response.raw, deadline)
        except (HTTPError, OSError) as error:
            response.raw.close()
            _unreachable(error)
        except BaseException:
            response.raw.close()
            raise
        response.raw.release_conn()
        return Answer(response.status_code, response.headers, content)

    def gather(self, *calls: Callable[[], Any], needs_first: bool = False) -> list[Any]:
        """Run independent *calls* side by side; their results, or the exceptions they raised, in order.

        The caller's thread works too: it runs the first call, then whatever no other thread has begun. So a busy
        application slows down but never waits for itself. With *needs_first* a failure of the first call is raised, and
        what becomes of the others is of no interest any more.
        """
        if not calls:
            return []
        jobs: list[Future[Any]] = [
            self._workers.submit(contextvars.copy_context().run, _outcome, call) for call in calls[1:]
        ]
        results = [_outcome(calls[0])]
        if needs_first and isinstance(results[0], Exception):
            raise results[0]
        for call, job in zip(calls[1:], jobs, strict=True):
            results.append(_outcome(call) if job.cancel() else job.result())
        return results

    def close(self) -> None:
        """Close the kept connections and end the threads. An application never needs to; tests do."""
        self._workers.shutdown(cancel_futures=True)
        self._adapter.close()


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  whatever it is, the caller of gather decides
        return error


def _read(raw: Any, deadline: float) -> bytes:
    """The whole body; a piece at a time, so that an answer that trickles in cannot outlast the deadline."""
    pieces, size = [], 0
    while piece := raw.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise SentryFailed("the answer is too large")
        if time.monotonic() > deadline:
            raise SentryUnreachable("timeout", "the answer trickles in")
        pieces.append(piece)
    return b"".join(pieces)


def _unreachable(error: BaseException) -> NoReturn:
    """Raise SentryUnreachable with the reason that is hidden in *error*: requests and urllib3 wrap it several times."""
    raise SentryUnreachable(_reason(error), type(error).__name__) from error


def _reason(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, NameResolutionError | socket.gaierror):
            return "dns"
        if isinstance(cause, UrllibSSLError | requests.exceptions.SSLError):
            return "tls"
        if isinstance(cause, ConnectTimeoutError | ReadTimeoutError | TimeoutError | requests.Timeout):
            return "timeout"
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
    return "broken"


def _causes(error: BaseException) -> list[BaseException]:
    """*error* and everything it was made of, innermost first."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending and len(found) < 16:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or one in found:
            continue
        found.append(one)
        pending += [one.__cause__, one.__context__, *one.args]
        if isinstance(one, MaxRetryError):
            pending.append(one.reason)
    return found[::-1]
