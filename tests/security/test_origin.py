"""origin_rule: who may speak to the MCP endpoint, by Host and Origin (RS-5)."""

import pytest

from flask_sentry_mcp.errors import ForbiddenOrigin
from flask_sentry_mcp.security.origin import OriginRule, origin_rule

PUBLIC = origin_rule("https://mcp.acme.example", hosts=("internal:8000",), origins=("https://chat.example",))
LOCAL = origin_rule("http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("rule", "host", "origin"),
    [
        (PUBLIC, "mcp.acme.example", None),
        (PUBLIC, "MCP.acme.example:443", None),
        (PUBLIC, "internal:8000", None),
        (PUBLIC, "mcp.acme.example", "https://mcp.acme.example"),
        (PUBLIC, "mcp.acme.example", "https://chat.example"),
        (LOCAL, "127.0.0.1:5000", "http://127.0.0.1:5000"),
        (LOCAL, "localhost:5000", "http://localhost:6274"),
        (LOCAL, "[::1]:5000", None),
    ],
)
def test_serves(rule: OriginRule, host: str | None, origin: str | None) -> None:
    rule.check(host, origin)


@pytest.mark.parametrize(
    ("rule", "host", "origin"),
    [
        (PUBLIC, "evil.example", None),
        (PUBLIC, None, None),
        (PUBLIC, "", None),
        (PUBLIC, "127.0.0.1:5000", None),
        (PUBLIC, "mcp.acme.example.evil.example", None),
        (PUBLIC, "mcp.acme.example:8443", None),
        (PUBLIC, "mcp.acme.example", "https://evil.example"),
        (PUBLIC, "mcp.acme.example", "null"),
        (PUBLIC, "mcp.acme.example", "http://mcp.acme.example"),
        (PUBLIC, "mcp.acme.example", "http://localhost:6274"),
        (LOCAL, "evil.example", None),
        (LOCAL, "127.0.0.1:5000", "http://evil.example"),
        (LOCAL, "127.0.0.1:5000", "http://127.0.0.1.evil.example"),
        (LOCAL, "127.0.0.1:5000", "http://127.0.0.1:80@evil.example"),
        (LOCAL, "127.0.0.1:5000", "null"),
        (LOCAL, "127.0.0.1:5000", "file://"),
        (LOCAL, "localhost.evil.example:5000", None),
    ],
)
def test_refuses(rule: OriginRule, host: str | None, origin: str | None) -> None:
    """A name that merely points at us, a look-alike, another scheme or port: none is us."""
    with pytest.raises(ForbiddenOrigin):
        rule.check(host, origin)
