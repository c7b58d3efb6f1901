"""What never leaves in logs: a filter for the loggers that may see a token (LOG-1, LOG-3, LOG-4).

The filter rewrites the finished message, and the text of an exception, so it also covers the libraries under us:
Authlib logs issued tokens at DEBUG, urllib3 query strings.
"""

import logging
import re

LOGGERS = ("flask_sentry_mcp", "authlib", "urllib3", "requests", "requests_oauthlib", "werkzeug")

_NAMES = (
    "code|state|client_secret|code_verifier|access_token|refresh_token|id_token|token|csrf|authorization|cookie"
    "|set-cookie|device_code|password|email"
)
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"mcp[arz]_[A-Za-z0-9_-]{20,}"), "[token]"),
    (re.compile(r"sntry[a-z]{1,2}_[A-Za-z0-9_=+/.-]+"), "[token]"),
    (re.compile(r"(?i)\b(sentry-bearer|bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [token]"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "[token]"),
    (re.compile(rf"(?i)\b({_NAMES})=[^\s\"'&,;}}<>\[]+"), r"\1=[hidden]"),
    (re.compile(rf"(?i)([\"'](?:{_NAMES})[\"']\s*:\s*)([\"']).*?\2"), r"\1\2[hidden]\2"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[email]"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")


def redact(text: str) -> str:
    """*text* without anything that looks like a secret.

    >>> redact("GET /oauth/callback?code=abc&state=xyz")
    'GET /oauth/callback?code=[hidden]&state=[hidden]'
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def escape_control(text: str) -> str:
    """*text* on one line of printable characters, against forged log lines (LOG-4)."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text).replace("\n", "\\n")


class RedactFilter(logging.Filter):
    """Rewrites every record that passes; drops none."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the finished, redacted message in the record's place."""
        record.msg, record.args = escape_control(redact(record.getMessage())), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def install() -> None:
    """Put the filter on every logger of LOGGERS and on those below them, which a filter on the parent does not see.

    Call it after the imports, which is when libraries make their loggers. Once is enough; more does no harm.
    """
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in LOGGERS]
    for name in {*LOGGERS, *names}:
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactFilter) for one in logger.filters):
            logger.addFilter(RedactFilter())
