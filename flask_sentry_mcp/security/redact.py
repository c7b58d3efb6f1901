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
_KEY = rf"(?i)([\"'](?:{_NAMES}|(?:[a-z0-9]{{1,40}}_){{1,4}}(?:{_SENSITIVE}))\\*+[\"']\s*+:\s*+\\*+b?)"
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
    (r"(?i)(?<![a-z0-9])((?:access|refresh|id)_token|client_secret|password): *+[^\s\"'&,;}<>\[]+", r"\1: [hidden]"),
    (rf'{_KEY}"(?:[^"\\]|\\.)*+"?', r'\1"[hidden]"'),
    (rf"{_KEY}'(?:[^'\\]|\\.)*+'?", r"\1'[hidden]'"),
    (r"(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.-]+", "[email]"),
)
"""Each is linear in the text: it begins at few places, or gives nothing back of what it took (``++``, ``*+``)."""

_SECRETS = tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LINE_CHARS, _CUT_LINES = 8_192, 50


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
    """*text* on one line of printable characters in the order of reading, against forged log lines (LOG-4)."""
    return _CONTROL.sub(_escaped, text).replace("\n", "\\n")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class RedactFilter(logging.Filter):
    """Rewrites every record that passes; drops none."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the finished, redacted message in the record's place."""
        record.msg, record.args = escape_control(redact(_cut(_message(record)))), None
        if record.exc_info and not record.exc_text:
            record.exc_text = _indented(self._formatter.formatException(record.exc_info))
        return True


def _message(record: logging.LogRecord) -> str:
    """What is to be logged. A format that does not fit its arguments is no reason to fail in whoever logs it."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  arguments are anybody's objects
        return f"{record.msg} (the arguments do not fit)" if isinstance(record.msg, str) else "(cannot be shown)"


def _cut(line: str) -> str:
    """The beginning of *line* if it is very long, and how much is missing. A secret at the cut goes with the rest."""
    if len(line) <= _LINE_CHARS:
        return line
    space = line.rfind(" ", _LINE_CHARS // 2, _LINE_CHARS)
    end = space if space > 0 else _LINE_CHARS
    return f"{line[:end]} ({len(line) - end:,} more characters)"


def _indented(text: str) -> str:
    """The text of an exception, redacted and cut, none of whose lines begins as those of the log do (LOG-4)."""
    lines = text.split("\n")
    if len(lines) > 2 * _CUT_LINES:
        lines[_CUT_LINES:-_CUT_LINES] = [f"({len(lines) - 2 * _CUT_LINES:,} more lines)"]
    shown = redact("\n".join(map(_cut, lines)))
    return "\n".join(f"  {escape_control(line)}" for line in shown.split("\n"))


def install() -> None:
    """Put the filter on every logger of LOGGERS and on those below them, which a filter on the parent does not see.

    Call it after the imports, which is when libraries make their loggers. Once is enough; more does no harm.
    """
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in LOGGERS]
    for name in {*LOGGERS, *names}:
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactFilter) for one in logger.filters):
            logger.addFilter(RedactFilter())
