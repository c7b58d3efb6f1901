"""Which hosts we may speak to (B8, SSRF-1), and which links are links to our Sentry (B9).

A region URL comes from a tool's argument or from Sentry's own answer; both are judged here, first as the raw string
(one spelling only, so that no two parsers can disagree about it), then parsed. An application can use the same
rule for its own routes and tools:

>>> regions = Regions("sentry.io", ("us.sentry.io", "de.sentry.io"))
>>> regions.resolve("https://de.sentry.io/")
'https://de.sentry.io'
>>> regions.resolve(None)
'https://sentry.io'
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ForbiddenRegion
from .addresses import is_loopback

_ROOT = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?/?")
_PORTS = {"http": 80, "https": 443}
_SAAS = "sentry.io"


@dataclass(frozen=True)
class Regions:
    """The hosts of one application's Sentry. ``host`` and ``domains`` may carry a port, which then counts.

    ``insecure_http`` speaks plain http to exactly ``host``; when that is a loopback address, also to the listed
    domains that are loopback addresses (the sandbox's regions).
    """

    host: str
    domains: Collection[str]
    insecure_http: bool = False

    @property
    def base_url(self) -> str:
        """Root of the base host: ``https://sentry.io``."""
        return f"{'http' if self.insecure_http else 'https'}://{self.host}"

    @property
    def is_saas(self) -> bool:
        """Whether the base host is Sentry's own service, which has several regions and a host per organization."""
        return _is_saas(_name(self.host))

    @property
    def is_single(self) -> bool:
        """Whether all data is at the base host: a server of one's own, unless others are listed beside it."""
        return not self.is_saas and all(domain == self.host or _is_saas(_name(domain)) for domain in self.domains)

    def resolve(self, region_url: str | None) -> str:
        """The root URL to speak to for *region_url*; the base host when it is absent or empty.

        Raises: ForbiddenRegion.
        """
        if not region_url:
            return self.base_url
        scheme, netloc = _root_of(region_url)
        if scheme == "http":
            allowed = self._plain_hosts()
        else:
            allowed = {_bare(host, "https") for host in (self.host, *self.domains)}
        if netloc not in allowed:
            raise ForbiddenRegion("not the base host, and not an allowed domain")
        return f"{scheme}://{netloc}"

    def is_ours(self, url: str) -> bool:
        """Whether *url*, a web link, leads to our Sentry: judged by its parsed host, never by a part of the text.

        Sentry's own service has a host per organization (``acme.sentry.io``); to a self-hosted
        server those are foreign.
        """
        try:
            parts = urlsplit(url)
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.scheme not in _PORTS or "@" in parts.netloc or "\\" in url or not name.isascii():
            return False
        netloc = name if port in (None, _PORTS[parts.scheme]) else f"{name}:{port}"
        if netloc == _bare(self.host, parts.scheme):
            return True
        if self.is_saas:
            return parts.scheme == "https" and _is_saas(netloc)
        return not _is_saas(name) and netloc in {_bare(domain, parts.scheme) for domain in self.domains}

    def region_of(self, url: str) -> str | None:
        """The region that a link to our Sentry names by its host, if it names one other than the base host."""
        parts = urlsplit(url)
        try:
            root = self.resolve(f"{parts.scheme}://{parts.netloc}")
        except ForbiddenRegion:
            return None
        return None if root == self.base_url else root

    def _plain_hosts(self) -> set[str]:
        if not self.insecure_http:
            return set()
        hosts = {_bare(self.host, "http")}
        if is_loopback(_name(self.host)):
            hosts |= {_bare(domain, "http") for domain in self.domains if is_loopback(_name(domain))}
        return hosts


def _root_of(region_url: str) -> tuple[str, str]:
    """Scheme and host (with its port unless that is the default): by the raw string, and again by the parser."""
    found = _ROOT.fullmatch(region_url)
    if found is None or ".." in region_url:
        raise ForbiddenRegion("not a plain root URL")
    scheme, name, port = found[1], found[2], int(found[3] or _PORTS[found[1]])
    parsed = urlsplit(region_url)
    if (parsed.scheme, parsed.hostname) != (scheme, name) or port > 65535:
        raise ForbiddenRegion("host is not what it seems")
    return scheme, name if port == _PORTS[scheme] else f"{name}:{port}"


def _name(host: str) -> str:
    return host.partition(":")[0]


def _bare(host: str, scheme: str) -> str:
    """*host* without the port that *scheme* implies."""
    return host.removesuffix(f":{_PORTS[scheme]}")


def _is_saas(host: str) -> bool:
    return host == _SAAS or host.endswith(f".{_SAAS}")
