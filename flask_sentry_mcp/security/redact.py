"""What never leaves in logs: a filter for the loggers that may see a token (LOG-1, LOG-3, LOG-4).

The filter rewrites the finished message, and the text of an exception, so it also covers the libraries under us:
Authlib logs issued tokens at DEBUG, urllib3 query strings.
"""

import hashlib
import logging
import re
from urllib.parse import urlsplit

LOGGERS = ("flask_sentry_mcp", "authlib", "urllib3", "requests", "requests_oauthlib", "werkzeug")

_SENSITIVE = (
    "client_secret|secret_key|secret|vault_keys|code_verifier|access_token|refresh_token|id_token|token|csrf|password"
    "|authorization|set-cookie|cookie|device_code"
)
_NAMES = f"{_SENSITIVE}|code|state|email"
_KEY = rf"(?i)([\"'](?:{_NAMES}|(?:[a-z0-9]{{1,40}}_){{1,4}}(?:{_SENSITIVE}))\\*+[\"']\s*+:\s*+\\*+)"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"mcp[arz]_[A-Za-z0-9_-]{20,}", "[token]"),
    (r"sntry[a-z]{1,2}_[A-Za-z0-9_=+/.-]+", "[token]"),
    (r"(?i)\b(sentry-bearer|bearer|basic)\s++[A-Za-z0-9._~+/=-]{8,}", r"\1 [token]"),
    (r"((?i:%3d)|(?<![0-9a-f]))[0-9a-f]{64}(?![0-9a-f])", r"\1[token]"),
    (r"(://[^\s:/@\"'?#]*+:)[^\s/\"'?#]+@", r"\1[hidden]@"),
    (
        rf"(?i)((?:\b|(?<=%[0-9a-f][0-9a-f]))(?:{_NAMES})|(?<=_)(?:{_SENSITIVE}))(=|%3d)[^\s\"'&,;}}<>\[]+",
        r"\1\2[hidden]",
    ),
    (r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization): *+(?![\w-]+ \[token\])[^\r\n]+", r"\1: [hidden]"),
    (rf'{_KEY}"(?:[^"\\]|\\.)*+"?', r'\1"[hidden]"'),
    (rf"{_KEY}'(?:[^'\\]|\\.)*+'?", r"\1'[hidden]'"),
    (r"(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.-]+", "[email]"),
)
"""Each is linear in the text: it begins at few places, or gives nothing back of what it took (``++``, ``*+``)."""

_SECRETS = tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")


def redact(text: str) -> str:
    """*text* without anything that looks like a secret.

    >>> redact("GET /oauth/callback?code=abc&state=xyz")
    'GET /oauth/callback?code=[hidden]&state=[hidden]'
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def client_log_id(client_id: str) -> str:
    """*client_id* as it may stand in a log: of an address its host, and a hash that tells two apart (LOG-2).

    >>> client_log_id("https://app.example/client?tenant=7")
    'app.example#8ddbbe26'
    """
    if not client_id.startswith("https://"):
        return client_id
    return f"{urlsplit(client_id).hostname}#{hashlib.sha256(client_id.encode()).hexdigest()[:8]}"


def escape_control(text: str) -> str:
    """*text* on one line of printable characters, against forged log lines (LOG-4)."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text).replace("\n", "\\n")


class RedactFilter(logging.Filter):
    """Rewrites every record that passes; drops none."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the finished, redacted message in the record's place."""
        record.msg, record.args = escape_control(redact(_message(record))), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def _message(record: logging.LogRecord) -> str:
    """What is to be logged. A format that does not fit its arguments is no reason to fail in whoever logs it."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  arguments are anybody's objects
        return f"{record.msg} (the arguments do not fit)" if isinstance(record.msg, str) else "(cannot be shown)"


def install() -> None:
    """Put the filter on every logger of LOGGERS and on those below them, which a filter on the parent does not see.

    Call it after the imports, which is when libraries make their loggers. Once is enough; more does no harm.
    """
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in LOGGERS]
    for name in {*LOGGERS, *names}:
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactFilter) for one in logger.filters):
            logger.addFilter(RedactFilter())
