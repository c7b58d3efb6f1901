"""How often: per address before authentication, per person after it, per tool, and wherever an application wants it.

The counting is flask-limiter's. Its ``Limiter`` is attached to an application of its own that serves nothing: attached
to the host, its hooks would slow down every route there by about 45 us, ours or not; the engine under it costs 3 us.
"""

import functools
import hashlib
import hmac
import ipaddress
import logging
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from ..errors import TooManyRequests
from .counters import SCHEME, Counters

if TYPE_CHECKING:
    from redis import Redis
CALLS = "call"
"""What the calls of one caller are counted as, wherever that is done."""

_ADDRESS = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")
_RETRY_STORAGE_S = 5.0
_PATIENCE_S = 1.0
log = logging.getLogger(__name__)


class Limits:
    """The counters of one application. *secret* keys the hash under which addresses are counted (RATE-1).

    They are kept where *storage_uri* says, or with the application's own *redis*. When the storage fails, or takes
    longer than a second, the same limits are counted in this process until it is back (RATE-3).
    """

    def __init__(self, storage_uri: str = "memory://", *, secret: str, redis: "Redis | None" = None):
        self._secret = secret.encode()
        self._windows = functools.lru_cache(maxsize=16_384)(_windows)
        limiter = Limiter(
            lambda: "",
            app=Flask("flask_sentry_mcp.limits"),
            storage_uri=_engine_uri(storage_uri, redis),
            storage_options=_options(storage_uri, redis),
            strategy="fixed-window",
        )
        self._engine: RateLimiter = limiter.limiter
        self._fallback: RateLimiter = FixedWindowRateLimiter(Counters())
        self._failed_at: float | None = None

    def hit(self, rule: str, *key: str) -> None:
        """Count one request under *rule* (``"60/minute"``; several joined by ``;``; ``""`` for none) for *key*.

        Raises: TooManyRequests, with ``retry_after_s``.
        """
        for window in self._windows(rule, key):
            if not self._count(window):
                raise TooManyRequests(f"{rule} for {key[0]}", retry_after_s=self._wait_s(window.item, key))

    def can_count(self) -> bool:
        """Whether the storage answers; until it does, this process counts alone."""
        try:
            return self._engine.storage.check()
        except Exception:  # noqa: BLE001 - each storage has errors of its own
            return False

    def _count(self, window: "Window") -> bool:
        """As the engine's fixed-window strategy counts, with the name of the window at hand."""
        if self._may_ask():
            try:
                count = self._engine.storage.incr(window.name, window.length_s)
            except Exception:  # each storage has errors of its own; all mean the same here
                self._failed_at = time.monotonic()
                log.warning("The storage of the rate limits failed; counting in memory.", exc_info=True)
            else:
                self._failed_at = None
                return count <= window.most
        return self._fallback.storage.incr(window.name, window.length_s) <= window.most

    def _may_ask(self) -> bool:
        """Whether to ask the storage: always while it answers; after a failure one caller tries, every few seconds."""
        if self._failed_at is None:
            return True
        time_now = time.monotonic()
        if time_now - self._failed_at <= _RETRY_STORAGE_S:
            return False
        self._failed_at = time_now  # for the others: they count in memory until this one knows
        return True

    def _wait_s(self, item: RateLimitItem, key: tuple[str, ...]) -> int:
        engine = self._engine if self._failed_at is None else self._fallback
        try:
            reset_at = engine.get_window_stats(item, *key).reset_time
        except Exception:  # noqa: BLE001 - as above; the whole window is the safe answer
            return int(item.get_expiry())
        return max(1, math.ceil(reset_at - time.time()))

    def address_key(self, address: str) -> str:
        """What *address* is counted under: hashed, and an IPv6 address by its /64 network."""
        return hmac.new(self._secret, network_of(address).encode(), hashlib.sha256).hexdigest()[:24]


def _engine_uri(storage_uri: str, redis: "Redis | None") -> str:
    if redis is not None:
        return "redis://"
    return f"{SCHEME}://" if storage_uri == "memory://" else storage_uri


def _options(storage_uri: str, redis: "Redis | None") -> dict[str, Any]:
    """Without a time-out, a server that hangs would hold every request up."""
    if redis is not None:
        return {"connection_pool": redis.connection_pool}
    if storage_uri.startswith(("redis", "valkey")):
        return {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
    return {}


class AtOnce:
    """At most *most* at the same time for one key, in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, key: str) -> Iterator[None]:
        """Be one of them for as long as the block lasts. Raises: TooManyRequests when all places are taken."""
        with self._lock:
            if self._taken[key] >= self._most:
                raise TooManyRequests(f"{self._most} at once", retry_after_s=1)
            self._taken[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[key] -= 1
                if not self._taken[key]:
                    del self._taken[key]


class Window(NamedTuple):
    """One limit for one key: the engine's record of it, the name it is counted under, its seconds and its most."""

    item: RateLimitItem
    name: str
    length_s: int
    most: int


def _windows(rule: str, key: tuple[str, ...]) -> tuple[Window, ...]:
    items = [parse(one) for one in rule.split(";") if one]
    return tuple(Window(item, item.key_for(*key), item.get_expiry(), item.amount) for item in items)


def network_of(address: str) -> str:
    """The part of *address* that one person owns: IPv4 whole, IPv6 its first 64 bits."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def client_address(remote_addr: str | None, forwarded_for: str | None, hops: int) -> str:
    """The client's address: the socket's, or, behind *hops* proxies of ours, the value the outermost one appended.

    Never the leftmost value of X-Forwarded-For, which anybody can write (RATE-1). A port, which some proxies append as
    well, is no part of it: ``203.0.113.9:5123``, ``[2001:db8::1]:443``.
    """
    if hops and forwarded_for:
        values = [value.strip() for value in forwarded_for.split(",")]
        if len(values) >= hops:
            found = _ADDRESS.fullmatch(values[-hops])
            return (found[1] or found[2] or "") if found else values[-hops]
    return remote_addr or ""
