"""Headers of our answers: who may read them from another origin, who may keep them, and what a page may do.

A machine endpoint may be called by any web page (CORS-1): what it needs is in the request, never in a cookie. The
browser steps are navigations; beside our own page only Sentry's origins may address them (B17).
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping

from ..config import Settings

_REQUEST_HEADERS = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID"
)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_SENTRY_ORIGIN = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*sentry\.io")

NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CORS_ANY: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After, Mcp-Session-Id",
}


def for_all(settings: Settings) -> dict[str, str]:
    """On every answer of ours (HDR-2)."""
    headers = {"X-Content-Type-Options": "nosniff"}
    if settings.public_url.startswith("https:"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def preflight(methods: Iterable[str]) -> dict[str, str]:
    """The answer to a preflight of a machine endpoint."""
    return {
        "Access-Control-Allow-Methods": ", ".join((*methods, "OPTIONS")),
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Max-Age": "86400",
    }


def for_page(html: str) -> dict[str, str]:
    """On an HTML page (CON-6). Its inline styles are allowed by their hash; a replaced template needs no setting.

    There is no ``form-action``: browsers apply it to the whole chain of redirects behind the post, so it would stop the
    jump to Sentry. No ``no-referrer`` either: the browser would send ``Origin: null`` with the form.
    """
    hashes = [hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(html)]
    sources = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes) or "'none'"
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {sources}; frame-ancestors 'none'; base-uri 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "X-Robots-Tag": "noindex",
    }


def browser_cors(settings: Settings, origin: str | None) -> dict[str, str]:
    """CORS of the browser steps: for Sentry's own origins, and nobody else's (B17)."""
    headers = {"Vary": "Origin"}
    if origin and _is_sentry_origin(settings, origin):
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "GET, POST"}
    return headers


def _is_sentry_origin(settings: Settings, origin: str) -> bool:
    if settings.host == "sentry.io" or settings.host.endswith(".sentry.io"):
        return _SENTRY_ORIGIN.fullmatch(origin) is not None
    return origin == settings.upstream_url
