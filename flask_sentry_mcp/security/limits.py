"""How often: per address before authentication, per grant after it, per tool, and wherever an application wants it.

The counting is flask-limiter's. Its ``Limiter`` is attached to an application of its own that serves nothing: attached
to the host, its hooks would slow down every route there by about 45 us, ours or not; the engine under it costs 3 us.
"""

import functools
import hashlib
import hmac
import ipaddress
import logging
import math
import time
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from ..errors import TooManyRequests
from .counters import SCHEME, Counters

_RETRY_STORAGE_S = 5.0
log = logging.getLogger(__name__)


class Limits:
    """The counters of one application. *secret* keys the hash under which addresses are counted (RATE-1).

    When the storage fails, the same limits are counted in this process until it is back (RATE-3).
    """

    def __init__(self, storage_uri: str = "memory://", *, secret: str, storage_options: dict[str, Any] | None = None):
        self._secret = secret.encode()
        self._rule = functools.lru_cache(maxsize=256)(_parse)
        limiter = Limiter(
            lambda: "",
            app=Flask("flask_sentry_mcp.limits"),
            storage_uri=f"{SCHEME}://" if storage_uri == "memory://" else storage_uri,
            storage_options=storage_options or {},
            strategy="fixed-window",
        )
        self._engine: RateLimiter = limiter.limiter
        self._fallback: RateLimiter = FixedWindowRateLimiter(Counters())
        self._failed_at = -math.inf

    def hit(self, rule: str, *key: str) -> None:
        """Count one request under *rule* (``"60/minute"``; several joined by ``;``; ``""`` for none) for *key*.

        Raises: TooManyRequests, with ``retry_after_s``.
        """
        for item in self._rule(rule):
            if not self._count(item, key):
                raise TooManyRequests(f"{rule} for {key[0]}", retry_after_s=self._wait_s(item, key))

    def _count(self, item: RateLimitItem, key: tuple[str, ...]) -> bool:
        if time.monotonic() - self._failed_at > _RETRY_STORAGE_S:
            try:
                return self._engine.hit(item, *key)
            except Exception:  # each storage has errors of its own; all mean the same here
                self._failed_at = time.monotonic()
                log.warning("The storage of the rate limits failed; counting in memory.", exc_info=True)
        return self._fallback.hit(item, *key)

    def _wait_s(self, item: RateLimitItem, key: tuple[str, ...]) -> int:
        engine = self._fallback if time.monotonic() - self._failed_at <= _RETRY_STORAGE_S else self._engine
        try:
            reset_at = engine.get_window_stats(item, *key).reset_time
        except Exception:  # noqa: BLE001 - as above; the whole window is the safe answer
            return int(item.get_expiry())
        return max(1, math.ceil(reset_at - time.time()))

    def address_key(self, address: str) -> str:
        """What *address* is counted under: hashed, and an IPv6 address by its /64 network."""
        return hmac.new(self._secret, network_of(address).encode(), hashlib.sha256).hexdigest()[:24]


def _parse(rule: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse(one) for one in rule.split(";") if one)


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

    Never the leftmost value of X-Forwarded-For, which anybody can write (RATE-1).
    """
    if hops and forwarded_for:
        values = [value.strip() for value in forwarded_for.split(",")]
        if len(values) >= hops:
            return values[-hops]
    return remote_addr or ""
