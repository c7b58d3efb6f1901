"""Addresses: which are of this machine, and which of a closed network."""

import pytest

from flask_sentry_mcp.security.addresses import is_loopback, is_of_closed_network


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.255.0.3", True),
        ("localhost", True),
        ("::1", True),
        ("127.1", False),
        ("0.0.0.0", False),
        ("127.0.0.256", False),
        ("127.0.0.1.example", False),
        ("foo.localhost", False),
        ("::ffff:127.0.0.1", False),
        ("2130706433", False),
    ],
)
def test_loopback_is_what_rfc_8252_calls_so(host: str, answer: bool) -> None:
    """REDIR-2."""
    assert is_loopback(host) is answer


@pytest.mark.parametrize(
    "host", ["sentry", "127.0.0.1", "10.2.3.4", "172.31.0.1", "192.168.7.7", "fd00::7", "sentry.internal", "a.b.test"]
)
def test_a_closed_network_is_known_by_address_suffix_or_single_label(host: str) -> None:
    assert is_of_closed_network(host)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "172.32.0.1",
        "169.254.169.254",
        "10.evil.example",
        "192.168.evil.example",
        "172.16.evil.example",
        "10.0.0.1.nip.io",
        "127.0.0.1.nip.io",
        "3627732462",
        "0x7f000001",
        "010.0.0.1",
        "internal.evil.example",
        "2001:db8::1",
    ],
)
def test_anything_else_may_be_public(host: str) -> None:
    """Anybody can own a name that begins like a private address, and a lone number is an address."""
    assert not is_of_closed_network(host)
