"""Addresses: which are of this machine."""

import pytest

from flask_sentry_mcp.security.addresses import is_loopback


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
