"""redact: no secret reaches a log (B13, LOG-1, LOG-3, LOG-4)."""

import logging

import pytest

from flask_sentry_mcp.security import redact

TOKEN = "mcpa_" + "A1b2-_xY" * 5 + "abc"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"issued {TOKEN} to a client", TOKEN),
        (f"{{'refresh_token': '{TOKEN.replace('mcpa', 'mcpr')}'}}", TOKEN[5:]),
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("authorization: sentry-bearer abcdef0123456789", "abcdef0123456789"),
        ("GET /oauth/callback?code=4f0c&state=eyJ0 HTTP/1.1", "4f0c"),
        ("GET /oauth/callback?code=4f0c&state=eyJ0 HTTP/1.1", "eyJ0"),
        ("client_secret=hunter2&grant_type=refresh_token", "hunter2"),
        ('{"access_token": "short one"}', "short one"),
        ("upstream said " + "0f" * 32, "0f" * 32),
        ("sntryu_0123456789abcdef expired", "0123456789abcdef"),
        ("user mira@northwind.example signed in", "mira@northwind.example"),
    ],
)
def test_hides_the_secret_and_keeps_the_rest(text: str, secret: str) -> None:
    """B13: every form in which a secret may stand in a line."""
    shown = redact.redact(text)

    assert secret not in shown
    assert "[" in shown


def test_leaves_ordinary_lines_alone() -> None:
    line = "GET /mcp/acme 200 in 12 ms, grant 9f3c, event 0123456789abcdef0123456789abcdef"

    assert redact.redact(line) == line


def test_a_forged_line_break_stays_on_one_line() -> None:
    """LOG-4: a client name with a line break cannot make a log line of its own."""
    assert redact.escape_control("name\n2026-01-01 all is well\x1b[0m") == "name\\n2026-01-01 all is well\\x1b[0m"


def test_every_guarded_logger_redacts_messages_arguments_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    """B13, LOG-3: arguments are formatted first, then redacted; the exception's text too."""
    redact.install()
    for name in redact.LOGGERS:
        logger = logging.getLogger(name)
        with caplog.at_level(logging.DEBUG, logger=name):
            try:
                raise ValueError(f"refused {TOKEN}")
            except ValueError:
                logger.exception("token %s", TOKEN)

    assert len(caplog.records) == len(redact.LOGGERS)
    assert TOKEN not in caplog.text
    assert "ValueError: refused [token]" in caplog.text


def test_installing_twice_adds_one_filter() -> None:
    redact.install()
    redact.install()

    filters = logging.getLogger("authlib").filters
    assert len([one for one in filters if isinstance(one, redact.RedactFilter)]) == 1
