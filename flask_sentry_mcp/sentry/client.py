"""One request to Sentry: address, token, time limit, retry, error.

``SentryClient`` is Sentry's API as one person sees it. It lives as long as one request of theirs.
"""

import json as jsonlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import ForbiddenRegion, SentryUnreachable, SignInEnded, UpstreamError
from ..security.shapes import as_map
from .answers import body_of, found_in, is_rejected, items_of, raise_for, rate_limit_wait
from .connections import Answer, SentryConnections
from .homes import region_in
from .paging import hits, next_cursor
from .paths import Params, path_of, query_of

TOOL_TIME_S = 120.0
MAX_PATIENCE_S = 3
"""The longest wait that Sentry may ask for and get without the caller being told."""

JITTER_S = 0.5
"""At most so much is added to a wait: those who were refused together do not come back together."""

PATIENT_S = 5
"""A request whose own time limit is below this is not worth a second one."""

OPTIONAL_S = 4.0
"""The time limit of a request that only enriches an answer; short enough for it not to be repeated either."""

_PASSING = frozenset({502, 503, 504})


class TokenSource(Protocol):
    """Where the upstream token of one grant comes from. Opens the seal when asked, not before."""

    def current(self) -> str:
        """The token to send now, refreshed if that was due. Raises SignInEnded when there is none any more."""

    def renew(self, rejected: str) -> str:
        """Another token after Sentry answered 401 to *rejected* (UP-5). Raises SignInEnded when there is none."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``next_cursor`` is opaque, None on the last page; ``hits`` a total, if Sentry counted."""

    items: list[Any]
    next_cursor: str | None = None
    hits: int | None = None


class SentryClient:
    """Sentry's API as one person sees it.

    Paths are given as segments, each of which becomes exactly one segment of the address:

    >>> client.get("organizations", "acme", "issues", params={"query": "is:unresolved"})
    [{"id": "6620113", ...}]

    Every method raises SentryRefused (4xx), SentryRateLimited, SentryFailed (5xx, or no JSON), SentryUnreachable,
    SignInEnded, ForbiddenRegion, and InvalidInput for a segment that is empty, ``.`` or ``..`` and for what no address
    can hold. All calls of one client together have *time_s* seconds.
    """

    def __init__(
        self,
        connections: SentryConnections,
        token: TokenSource,
        region_url: str | None = None,
        *,
        time_s: float = TOOL_TIME_S,
    ) -> None:
        self.connections = connections
        self.regions = connections.regions
        self._token = token
        self.region_url = region_url
        self._deadline = time.monotonic() + time_s

    @property
    def time_left_s(self) -> float:
        """Seconds that are left for the calls of this client."""
        return self._deadline - time.monotonic()

    def lasting(self, time_s: float) -> "SentryClient":
        """The same, with *time_s* seconds from now: for work that goes on after its request has ended."""
        return SentryClient(self.connections, self._token, self.region_url, time_s=time_s)

    def get(
        self,
        *segments: str | int,
        params: Params = None,
        region_url: str | None = None,
        base: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """The JSON at this path. *base* asks the base host, whatever the region.

        *timeout_s* is for what is not worth the usual patience.
        """
        return found_in(self._call("GET", segments, params, region_url, base=base, timeout_s=timeout_s))

    def get_page(
        self, *segments: str | int, params: Params = None, region_url: str | None = None, base: bool = False
    ) -> Page:
        """One page of a list (or of the list in ``data``); ask for the next one with ``params={"cursor": ...}``."""
        answer = self._call("GET", segments, params, region_url, base=base)
        return Page(items_of(answer), next_cursor(answer.headers), hits(answer.headers))

    def ask(self, *segments: str | int, params: Params = None, region_url: str | None = None) -> Any:
        """As ``get``, of a question to which "no" comes as a 400 with the reasons: its JSON is an answer too."""
        return body_of(self._call("GET", segments, params, region_url, answers=frozenset({400})))

    def recall(self, *key: str, ask: Callable[[], Any]) -> Any:
        """The answer of *ask*, remembered for this person for a while under *key*."""
        return self.connections.memo.recall(self._token.current(), key, ask)

    def post(self, *segments: str | int, json: Any = None, params: Params = None, region_url: str | None = None) -> Any:
        """Create something, or set it going."""
        return body_of(self._call("POST", segments, params, region_url, json=json))

    def put(self, *segments: str | int, json: Any = None, params: Params = None, region_url: str | None = None) -> Any:
        """Change something."""
        return body_of(self._call("PUT", segments, params, region_url, json=json))

    def delete(self, *segments: str | int, params: Params = None, region_url: str | None = None) -> Any:
        """Remove something."""
        return body_of(self._call("DELETE", segments, params, region_url))

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run independent calls side by side; results in order. The first failure is raised once all have ended."""
        results = self.attempt(*calls)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def attempt(self, *calls: Callable[[], Any], needs_first: bool = False) -> list[Any]:
        """As ``gather``, but a failure stands in the result's place. A sign-in that ended is raised all the same.

        With *needs_first* so is a failure of the first call, at once: the others are not waited for.
        """
        results = self.connections.gather(*calls, needs_first=needs_first)
        for result in results:
            if isinstance(result, SignInEnded):
                raise result
        return results

    def _call(
        self,
        method: str,
        segments: Sequence[str | int],
        params: Params,
        region_url: str | None,
        *,
        base: bool = False,
        json: Any = None,
        timeout_s: float | None = None,
        answers: frozenset[int] = frozenset(),
    ) -> Answer:
        root = self.regions.base_url if base else self._root(segments, region_url)
        body = None if json is None else jsonlib.dumps(json).encode()
        url = f"{root}/api/0/{path_of(segments)}{query_of(params)}"
        request = _Request(method, url, body, timeout_s or self.connections.timeout_s)
        token = self._token.current()
        answer = self._send(request, token)
        if is_rejected(answer, segments):
            answer = self._send(request, self._token.renew(token))
            if is_rejected(answer, segments):
                raise SignInEnded("Sentry rejected the renewed token as well")
        if answer.status not in answers:
            raise_for(answer, segments, sent=json)
        return answer

    def _root(self, segments: Sequence[str | int], region_url: str | None) -> str:
        """Where to ask: *region_url*, the connection's region, else where the organization of the path lives.

        An empty *region_url* is the base host, and so is the home of an organization when it cannot be found out.
        """
        named = region_url or self.region_url
        if named or region_url is not None or self.regions.is_single or not _is_within_an_organization(segments):
            return self.regions.resolve(named)
        return self._home_of(str(segments[1])) or self.regions.base_url

    def _home_of(self, org: str) -> str | None:
        def ask() -> str | None:
            try:
                found = self.get("organizations", org, params={"detailed": 0}, base=True)
                return region_in(self.regions, as_map(found)) or self.regions.base_url
            except (UpstreamError, ForbiddenRegion):
                return None

        home: str | None = self.recall("home", org, ask=ask)
        return home

    def _send(self, request: "_Request", token: str) -> Answer:
        """One request, once more when that is safe: never twice a change that may have happened."""
        try:
            answer = self._send_once(request, token)
        except SentryUnreachable as error:
            if not request.is_safe or error.reason != "broken":
                raise
            return self._send_once(request, token)  # an idle connection that the other side had closed
        pause = self._pause(request, answer)
        if pause is None:
            return answer
        time.sleep(pause)
        return self._send_once(request, token)

    def _send_once(self, request: "_Request", token: str) -> Answer:
        left = self.time_left_s
        if left <= 0:
            raise SentryUnreachable("timeout", "the call has used its time")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Accept-Encoding": "gzip"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return self.connections.send(
            request.method, request.url, headers=headers, body=request.body, timeout_s=min(request.timeout_s, left)
        )

    def _pause(self, request: "_Request", answer: Answer) -> float | None:
        """Seconds after which the same request may be sent again, None if it should not be."""
        if answer.status == 429:  # nothing has happened yet, so this is safe for changes too
            wait = rate_limit_wait(answer)
        elif answer.status in _PASSING and request.is_safe:
            wait = 1
        else:
            return None
        patience = min(MAX_PATIENCE_S, self.time_left_s - 1 - JITTER_S)
        if wait > patience or request.timeout_s < PATIENT_S:
            return None
        return wait + random.uniform(0, JITTER_S)  # noqa: S311  nothing secret


def _is_within_an_organization(segments: Sequence[str | int]) -> bool:
    return len(segments) > 2 and segments[0] in ("organizations", "projects")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    body: bytes | None
    timeout_s: float

    @property
    def is_safe(self) -> bool:
        return self.method == "GET"
