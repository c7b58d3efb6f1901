"""The connections of one application to Sentry: pooled, shared by all requests and threads, bounded.

No ``requests.Session``: its cookie jar, redirects and environment look-ups are per-session state that would be shared
between people. Each request is prepared on its own (so it has no cookies, no netrc and no proxy of the environment) and
handed to one ``HTTPAdapter``, of which only the urllib3 pools are used; those are made for threads. The adapter itself
follows no redirect and keeps nothing of a response. No connection crosses a fork: two processes on one would read each
other's answers, which are other people's.
"""

import contextvars
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NoReturn

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
)
from urllib3.exceptions import SSLError as UrllibSSLError

from ..errors import SentryFailed, SentryUnreachable
from ..forks import on_fork
from ..security.regions import Regions
from .memo import Memo
from .transport import PunctualAdapter, limits

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
    per host, so that these and the callers' own threads all find one open. *ca_bundle* is a file with the certificates
    to trust instead of the public ones.
    """

    def __init__(
        self,
        regions: Regions,
        *,
        timeout_s: float = 30,
        user_agent: str,
        pool_size: int = 64,
        ca_bundle: str | None = None,
    ) -> None:
        self.regions = regions
        self.timeout_s = timeout_s
        self.user_agent = user_agent
        self._pool_size = pool_size
        self.ca_bundle = ca_bundle
        self._start_afresh()
        on_fork(in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """Without connections and memory. The child of a fork lets go of its parent's, which does them no harm."""
        self.memo = Memo()
        self._adapter = PunctualAdapter(pool_connections=16, pool_maxsize=2 * self._pool_size, max_retries=0)
        self._places = threading.Semaphore(self._pool_size)

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        """Make one request to *url*, whose host the region rule has passed, within *timeout_s*.

        Raises: SentryUnreachable; SentryFailed when the answer is too large.
        """
        request = requests.Request(method, url, headers={**headers, "User-Agent": self.user_agent}, data=body).prepare()
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=limits(timeout_s),  # type: ignore[arg-type]  # the stubs do not know that urllib3's will do
                verify=self.ca_bundle or True,
                proxies={},
            )
        except requests.RequestException as error:
            _unreachable(error)
        try:
            content = _read(response.raw)
        except (HTTPError, OSError) as error:
            response.raw.close()
            _unreachable(error)
        except BaseException:  # whatever it was, a connection that is half read serves nobody
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
        jobs = [self._begin(call) for call in calls[1:]]
        results = [_outcome(calls[0])]
        if needs_first and isinstance(results[0], Exception):
            raise results[0]
        for call, job in zip(calls[1:], jobs, strict=True):
            results.append(_outcome(call) if job is None else job.result())
        return results

    def close(self) -> None:
        """Close the kept connections. An application never needs to; tests do."""
        self._adapter.close()

    def _begin(self, call: Callable[[], Any]) -> "Future[Any] | None":
        """Run *call* in a thread of its own, which does not hold up the end of the process; None when all are busy."""
        if not self._places.acquire(blocking=False):
            return None
        job: Future[Any] = Future()
        context, places = contextvars.copy_context(), self._places

        def work() -> None:
            try:
                job.set_result(context.run(_outcome, call))
            except BaseException as error:  # noqa: BLE001  raised again where it is waited for
                job.set_exception(error)
            finally:
                places.release()

        threading.Thread(target=work, daemon=True, name="sentry").start()
        return job


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  whatever it is, the caller of gather decides
        return error


def _read(raw: Any) -> bytes:
    """The whole body, unless it is too large."""
    pieces, size = [], 0
    while piece := raw.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise SentryFailed("the answer is too large")
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
