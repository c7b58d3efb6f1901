"""Regions: which hosts the server may be aimed at, and which links are links to our Sentry."""

import pytest

from flask_sentry_mcp.errors import ForbiddenRegion
from flask_sentry_mcp.security.regions import Regions

LISTED = ("sentry.io", "us.sentry.io", "de.sentry.io")


@pytest.mark.parametrize(
    ("region_url", "host", "root"),
    [
        ("https://sentry.io", "sentry.io", "https://sentry.io"),
        ("https://mycompany.com", "mycompany.com", "https://mycompany.com"),
        ("https://us.sentry.io", "sentry.io", "https://us.sentry.io"),
        ("https://de.sentry.io", "mycompany.com", "https://de.sentry.io"),
        ("https://sentry.io", "mycompany.com", "https://sentry.io"),
        ("", "sentry.io", "https://sentry.io"),
        (None, "mycompany.com", "https://mycompany.com"),
        ("https://us.sentry.io/", "sentry.io", "https://us.sentry.io"),
        ("https://us.sentry.io:443", "sentry.io", "https://us.sentry.io"),
        ("https://mycompany.com:8443", "mycompany.com:8443", "https://mycompany.com:8443"),
        ("https://mycompany.com", "mycompany.com:443", "https://mycompany.com"),
    ],
)
def test_speaks_to_the_base_host_and_listed_domains(region_url: str | None, host: str, root: str) -> None:
    """B8, SSRF-1: the rows that are allowed."""
    assert Regions(host, LISTED).resolve(region_url) == root


@pytest.mark.parametrize(
    ("region_url", "host"),
    [
        ("https://evil.com", "sentry.io"),
        ("http://us.sentry.io", "sentry.io"),
        ("https://eu.sentry.io", "sentry.io"),
        ("https://sub.mycompany.com", "mycompany.com"),
        ("http://sentry.io", "sentry.io"),
        ("https://sentry.io.evil.com", "sentry.io"),
        ("https://evil-sentry.io", "sentry.io"),
        ("https://sentry.io@evil.com", "sentry.io"),
        ("https://evil.com@sentry.io", "sentry.io"),
        ("https://user:secret@sentry.io", "sentry.io"),
        ("https://sentry.io:8443", "sentry.io"),
        ("https://sentry.io:0443", "sentry.io"),
        ("https://sentry.io:99999", "sentry.io"),
        ("https://sentry.io:", "sentry.io"),
        ("https://mycompany.com", "mycompany.com:8443"),
        ("https://sentry.io/api", "sentry.io"),
        ("https://sentry.io//", "sentry.io"),
        ("https://sentry.io?", "sentry.io"),
        ("https://sentry.io#", "sentry.io"),
        ("https://sentry.io?x=1", "sentry.io"),
        ("https://sentry.io/#@evil.com", "sentry.io"),
        ("https://sentry.io.", "sentry.io"),
        ("https://sentry..io", "sentry.io"),
        ("https://Sentry.io", "sentry.io"),
        ("HTTPS://sentry.io", "sentry.io"),
        ("https:sentry.io", "sentry.io"),
        ("https:///sentry.io", "sentry.io"),
        ("//sentry.io", "sentry.io"),
        ("sentry.io", "sentry.io"),
        ("https:\\\\sentry.io", "sentry.io"),
        ("https://evil.com\\@sentry.io", "sentry.io"),
        ("https://sentry.io\\.evil.com", "sentry.io"),
        (" https://sentry.io", "sentry.io"),
        ("https://sentry.io ", "sentry.io"),
        ("https://sentry.io\n", "sentry.io"),
        ("https://sentry.io\t", "sentry.io"),
        ("https://sen\ntry.io", "sentry.io"),
        ("https://sentry.io\x00", "sentry.io"),
        ("https://s\u0435ntry.io", "sentry.io"),
        ("https://sentry\u3002io", "sentry.io"),
        ("https://xn--sntry-8of.io", "sentry.io"),
        ("https://sentry%2eio", "sentry.io"),
        ("https://[::1]", "sentry.io"),
        ("https://127.0.0.1", "sentry.io"),
        ("https://169.254.169.254", "sentry.io"),
        ("https://2130706433", "sentry.io"),
        ("file:///etc/passwd", "sentry.io"),
        ("gopher://sentry.io", "sentry.io"),
        ("javascript:alert(1)", "sentry.io"),
    ],
)
def test_refuses_every_other_address(region_url: str, host: str) -> None:
    """B8, SSRF-1: the rows that are refused, and the ways in which an address can lie about its host."""
    with pytest.raises(ForbiddenRegion) as refused:
        Regions(host, LISTED).resolve(region_url)

    assert region_url not in refused.value.public


def test_plain_http_reaches_the_base_host_and_nothing_else() -> None:
    """B8: a server on plain http answers its own region URL; listed domains still need https."""
    regions = Regions("sentry.internal:9000", LISTED, insecure_http=True)

    assert regions.base_url == "http://sentry.internal:9000"
    assert regions.resolve("http://sentry.internal:9000/") == "http://sentry.internal:9000"
    assert regions.resolve("https://us.sentry.io") == "https://us.sentry.io"
    for refused in ("http://us.sentry.io", "http://sentry.internal", "http://sentry.internal:9001", "http://127.0.0.1"):
        with pytest.raises(ForbiddenRegion):
            regions.resolve(refused)


def test_plain_http_on_this_machine_reaches_its_listed_neighbours() -> None:
    """B8: the sandbox's regions are other ports of a loopback address; only the listed ones are spoken to."""
    regions = Regions("127.0.0.1:9000", ("127.0.0.1:9001", "us.sentry.io", "10.0.0.1"), insecure_http=True)

    assert regions.resolve("http://127.0.0.1:9001") == "http://127.0.0.1:9001"
    for refused in ("http://127.0.0.1:9002", "http://localhost:9001", "http://us.sentry.io", "http://10.0.0.1"):
        with pytest.raises(ForbiddenRegion):
            regions.resolve(refused)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://sentry.io/organizations/acme/issues/1/", "sentry.io"),
        ("https://acme.sentry.io/issues/1/", "sentry.io"),
        ("https://us.sentry.io/organizations/acme/issues/1/", "sentry.io"),
        ("https://sentry.corp/organizations/acme/issues/1/", "sentry.corp"),
        ("https://sentry.corp:8443/organizations/acme/issues/1/", "sentry.corp:8443"),
        ("https://region.corp/organizations/acme/issues/1/", "sentry.corp"),
    ],
)
def test_recognises_links_to_our_sentry(url: str, host: str) -> None:
    assert Regions(host, (*LISTED, "region.corp")).is_ours(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://evil.com/sentry.io/issues/1/", "sentry.io"),
        ("https://evil.com/?https://sentry.io/issues/1/", "sentry.io"),
        ("https://sentry.io.evil.com/issues/1/", "sentry.io"),
        ("https://evilsentry.io/issues/1/", "sentry.io"),
        ("https://sentry.io@evil.com/issues/1/", "sentry.io"),
        ("https://evil.com\\@sentry.io/issues/1/", "sentry.io"),
        ("https://user@sentry.io/issues/1/", "sentry.io"),
        ("http://acme.sentry.io/issues/1/", "sentry.io"),
        ("https://acme.sentry.io:8443/issues/1/", "sentry.io"),
        ("https://acme.sentry.io/issues/1/", "sentry.corp"),
        ("https://sentry.io/organizations/acme/issues/1/", "sentry.corp"),
        ("https://other.corp/issues/1/", "sentry.corp"),
        ("https://[bad/issues/1/", "sentry.io"),
        ("ftp://sentry.io/issues/1/", "sentry.io"),
        ("", "sentry.io"),
    ],
)
def test_refuses_links_to_anybody_elses(url: str, host: str) -> None:
    """B9: a link is judged by its parsed host, not by a part of the text."""
    assert not Regions(host, LISTED).is_ours(url)


def test_a_link_may_name_its_region_by_its_host() -> None:
    regions = Regions("sentry.io", LISTED)

    assert regions.region_of("https://de.sentry.io/organizations/acme/issues/1/") == "https://de.sentry.io"
    assert regions.region_of("https://acme.sentry.io/issues/1/") is None
    assert regions.region_of("https://sentry.io/organizations/acme/issues/1/") is None


@pytest.mark.parametrize(
    ("host", "domains", "is_single"),
    [
        ("sentry.io", ("us.sentry.io",), False),
        ("sentry.io", (), False),
        ("sentry.corp", ("sentry.io", "us.sentry.io", "de.sentry.io"), True),
        ("sentry.corp:9000", ("sentry.corp:9000",), True),
        ("sentry.corp", (), True),
        ("sentry.corp", ("eu.sentry.corp",), False),
        ("127.0.0.1:1", ("127.0.0.1:2", "127.0.0.1:3"), False),
    ],
)
def test_a_server_of_ones_own_is_one_place(host: str, domains: tuple[str, ...], is_single: bool) -> None:
    """Section 1.13: unless others are listed beside it; Sentry's own service is never a region of it."""
    assert Regions(host, domains).is_single is is_single
