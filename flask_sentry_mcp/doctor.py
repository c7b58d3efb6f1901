"""``flask sentry-mcp doctor``: looks at settings, store, limits, clock and the way to Sentry, and says what to do.

Each check is a function that yields findings. None of them changes anything that lasts or signs anybody in.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlencode

from . import clock
from .config import Settings
from .errors import SentryMCPError
from .security.addresses import is_loopback
from .security.limits import Limits
from .sentry.connections import Answer, SentryConnections
from .store.base import Store

KINDS = (
    *("client", "registration", "transaction", "form", "code", "grant", "token"),
    *("mcp-session", "mcp-listener", "mcp-task", "mcp-worker"),
)
CLOCK_TOLERANCE_S = 30.0
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it is, what was looked at, and, unless all is well, what to do."""

    verdict: Literal["ok", "note", "fault"]
    sentence: str
    advice: str = ""


def examine(settings: Settings, store: Store, limits: Limits, connections: SentryConnections) -> Iterator[Finding]:
    """All findings, in the order in which they matter."""
    yield from _settings(settings)
    yield from _store(store)
    yield from _limits(limits)
    yield from _sentry(settings, connections)


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"The settings are complete. Clients use {settings.resource_url}.")
    host = settings.public_origin.partition("://")[2].rpartition(":")[0] or settings.public_origin.partition("://")[2]
    if is_loopback(host.strip("[]")):
        yield Finding(
            "note",
            "The public URL is a loopback address: only programs on this machine can sign in.",
            "Set SENTRY_MCP_PUBLIC_URL to the https address that clients use.",
        )
    elif settings.trusted_proxy_hops == 0:
        yield Finding(
            "note",
            "Requests are counted by the address of the socket: behind a proxy, all of them together.",
            "Set SENTRY_MCP_TRUSTED_PROXY_HOPS to the number of proxies that append to X-Forwarded-For.",
        )
    if settings.insecure_http:
        yield Finding(
            "note",
            "Sentry is spoken to over plain http: tokens are readable on the way.",
            "Unset SENTRY_MCP_INSECURE_HTTP unless this is the sandbox or a closed network.",
        )
    if settings.cookie_secret_fallbacks or len(settings.vault_keys) > 1:
        yield Finding(
            "note",
            "Earlier keys are still accepted.",
            "After 30 days the COOKIE_SECRET_FALLBACKS can go; old vault keys can go after rotate-keys.",
        )


def _store(store: Store) -> Iterator[Finding]:
    probe = secrets.token_hex(16)
    try:
        store.put("doctor", probe, b"probe", ttl_s=60)
        taken = store.take("doctor", probe)
        counts = {kind: store.count(kind) for kind in KINDS}
        over = sum(store.count(kind, is_over=True) for kind in KINDS)
    except SentryMCPError as error:
        yield Finding("fault", f"The store does not work: {error.public}", "Check SENTRY_MCP_STORE and its server.")
        return
    if taken is None or taken.value != b"probe":
        yield Finding("fault", "The store does not give back what was put into it.", "Check what else writes to it.")
        return
    told = ", ".join(counted(count, kind) for kind, count in counts.items())
    yield Finding("ok", f"The store reads and writes. It holds {told}, and {counted(over, 'record')} to purge.")
    for remark in store.remarks():
        yield Finding("note", remark.sentence, remark.advice)


def counted(number: int, noun: str) -> str:
    """``1 grant``, ``2 grants``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _limits(limits: Limits) -> Iterator[Finding]:
    if limits.can_count():
        yield Finding("ok", "The rate limits can be counted.")
    else:
        yield Finding(
            "fault",
            "The storage of the rate limits does not answer: each process counts for itself until it does.",
            "Check SENTRY_MCP_LIMITS_STORAGE (the store, where that is Redis and it is not set) and its server.",
        )


def _sentry(settings: Settings, connections: SentryConnections) -> Iterator[Finding]:
    try:
        answer = connections.send("GET", f"{settings.upstream_url}/api/0/", headers={}, body=None, timeout_s=TIMEOUT_S)
    except SentryMCPError as error:
        yield Finding("fault", f"No way to Sentry at {settings.upstream_url}: {error.public}", "Check SENTRY_HOST.")
        return
    yield Finding("ok", f"Sentry answers at {settings.upstream_url}.")
    yield from _clock(answer)
    yield from _application(settings, connections)
    yield from _regions(settings, connections)


def _application(settings: Settings, connections: SentryConnections) -> Iterator[Finding]:
    """Whether Sentry knows our client id and secret: it judges them before the code, which is made up."""
    form = {
        "grant_type": "authorization_code",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "code": "doctor",
        "redirect_uri": f"{settings.public_url}/oauth/callback",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = connections.send(
            "POST",
            f"{settings.upstream_url}/oauth/token/",
            headers=headers,
            body=urlencode(form).encode(),
            timeout_s=TIMEOUT_S,
        )
        error = json.loads(answer.body).get("error")
    except (SentryMCPError, ValueError, AttributeError):
        error = None
    if error == "invalid_grant":
        yield Finding("ok", "Sentry knows the OAuth application and its secret.")
    elif error == "invalid_client":
        yield Finding(
            "fault",
            "Sentry does not know the OAuth application, or the secret is wrong.",
            "Compare SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET with the application's page at Sentry.",
        )
    else:
        yield Finding("note", "Sentry's token endpoint did not say whether it knows the OAuth application.")


def _regions(settings: Settings, connections: SentryConnections) -> Iterator[Finding]:
    if not connections.regions.is_saas:
        return
    for domain in settings.region_domains:
        try:
            connections.send("GET", f"https://{domain}/api/0/", headers={}, body=None, timeout_s=TIMEOUT_S)
        except SentryMCPError as error:
            yield Finding("fault", f"No way to the region {domain}: {error.public}", "Let this machine reach it.")
        else:
            yield Finding("ok", f"The region {domain} answers.")


def _clock(answer: Answer) -> Iterator[Finding]:
    try:
        difference_s = clock.now() - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        yield Finding("note", "Sentry's answer has no date to compare our clock with.")
        return
    if abs(difference_s) > CLOCK_TOLERANCE_S:
        yield Finding(
            "fault",
            f"Our clock and Sentry's differ by {abs(difference_s):.0f} s.",
            "Keep the clock of this machine by NTP: the ends of tokens and of sign-ins depend on it.",
        )
    else:
        yield Finding("ok", f"Our clock and Sentry's differ by {abs(difference_s):.1f} s.")
