"""redact: no secret reaches a log (B13, LOG-1, LOG-3, LOG-4)."""

import logging
import sys
import time

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
        ("SENTRY_CLIENT_SECRET=hunter2", "hunter2"),
        ("COOKIE_SECRET=hunter2 SECRET_KEY=x", "hunter2"),
        ("Cookie: sid=hunter2; theme=dark", "hunter2"),
        ("Set-Cookie: sid=hunter2; Path=/", "hunter2"),
        ("Authorization: Digest hunter2", "hunter2"),
        ("store postgresql://mcp:hunter2@db.example/mcp", "hunter2"),
        ("store redis://:hun@ter2@db.example", "ter2"),
        ("next=/callback%3Fcode%3D4f0c%26state%3D1", "4f0c"),
        ("x%3D" + "0f" * 32, "0f" * 32),
        ("x%3d" + "0f" * 32, "0f" * 32),
        (r'{"password": "quo\"hunter2", "x": 1}', "hunter2"),
        (r"{'password': 'quo\'hunter2', 'x': 1}", "hunter2"),
        (r"{\"access_token\": \"hunter2\"}", "hunter2"),
        ('{"SENTRY_CLIENT_SECRET": "hunter2"}', "hunter2"),
        ("Cookie: __Host-mcp_csrf=hunter2", "hunter2"),
        ("access_token: hunter2", "hunter2"),
        ("{'refresh_token': b'hunter2'}", "hunter2"),
        ('{"password": "cut off: hunter2', "hunter2"),
    ],
)
def test_hides_the_secret_and_keeps_the_rest(text: str, secret: str) -> None:
    """B13: every form in which a secret may stand in a line."""
    shown = redact.redact(text)

    assert secret not in shown
    assert "[" in shown


def test_leaves_ordinary_lines_alone() -> None:
    line = (
        "GET /mcp/acme 200 in 12 ms, grant 9f3c, event 0123456789abcdef0123456789abcdef, status_code=200, "
        """{"status_code": "200", "email": null, "token_type": "Bearer"}, http://sentry.corp:9000/a@b"""
    )

    assert redact.redact(line) == line


def test_a_value_is_hidden_and_its_neighbours_are_not() -> None:
    line = r"""{"a": 1, "token": "x\"y", 'csrf': 'z', "b": "c"}"""

    assert redact.redact(line) == """{"a": 1, "token": "[hidden]", 'csrf': '[hidden]', "b": "c"}"""


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a.",
        "a@",
        "a_",
        "f",
        "%3d",
        "://a:",
        "://a:b@",
        "bearer ",
        "basic",
        " ",
        "\\",
        '"',
        '\\"',
        '"token":"',
        "'a_a_",
    ],
)
def test_time_grows_with_the_length_of_a_line_and_no_faster(piece: str) -> None:
    """Whoever fills a log line must not be able to stop a worker: with the square of this length it takes minutes."""
    started = time.process_time()

    redact.redact("password" + piece * 50_000)

    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [("%d of %s", ("x",), "%d of %s"), ("100 %", ("x",), "100 %"), (object(), ("x",), "(cannot be shown)")],
)
def test_a_format_that_does_not_fit_fails_nobody(message: object, arguments: tuple[object, ...], shown: str) -> None:
    """The record is a library's, and the exception would be raised in the application."""
    record = logging.LogRecord("urllib3", logging.INFO, "x.py", 1, message, arguments, None)

    assert redact.RedactFilter().filter(record)
    assert shown in record.getMessage()


def test_a_forged_line_break_stays_on_one_line() -> None:
    """LOG-4: a client name with a line break cannot make a log line of its own."""
    assert redact.escape_control("name\n2026-01-01 all is well\x1b[0m") == "name\\n2026-01-01 all is well\\x1b[0m"


@pytest.mark.parametrize("character", "\r\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069")
def test_nothing_ends_a_line_or_turns_its_order(character: str) -> None:
    """LOG-4: terminals obey the control characters of Latin-1 too, and editors the marks of direction."""
    assert redact.escape_control(f"a{character}b").isascii()
    assert redact.escape_control(f"a{character}b").isprintable()


def test_no_line_of_an_exception_looks_like_one_of_the_log() -> None:
    """LOG-4: an exception may quote what somebody sent."""
    record = _failed(ValueError("broken\n2026-01-01 00:00:00 all is well\x1b[0m"))

    redact.RedactFilter().filter(record)

    lines = (record.exc_text or "").split("\n")
    assert lines[-2:] == ["  ValueError: broken", "  2026-01-01 00:00:00 all is well\\x1b[0m"]
    assert all(line.startswith("  ") for line in lines)


def test_a_line_that_is_very_long_is_cut_between_words() -> None:
    """What is cut off cannot be half of a secret, which no pattern would know."""
    record = logging.LogRecord("urllib3", logging.INFO, "x.py", 1, "a " * 4_090 + "0f" * 32 + " b" * 90_000, None, None)

    redact.RedactFilter().filter(record)

    assert record.getMessage() == "a " * 4_090 + "(180,065 more characters)"


def test_an_exception_that_is_very_long_keeps_its_beginning_and_its_end() -> None:
    record = _failed(ValueError("x\n" * 5_000 + "y " * 50_000))

    redact.RedactFilter().filter(record)

    shown = record.exc_text or ""
    assert shown.startswith("  Traceback (most recent call last):\n")
    assert " more lines)\n" in shown
    assert shown.endswith(" more characters)")
    assert len(shown) < 10_000


def _failed(error: Exception) -> logging.LogRecord:
    """What a logger is told of *error*."""
    try:
        raise error
    except type(error):
        return logging.LogRecord("urllib3", logging.ERROR, "x.py", 1, "failed", None, sys.exc_info())


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
