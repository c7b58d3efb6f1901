"""Every setting once: ``Settings`` is the table that the loader, the command line, the docs and the tests read.

A field of ``Settings`` is a row: its key in ``app.config``, how a value is read, its default and its sentence. ``load``
reads all rows, checks them, and tells every mistake at once. ``app.config`` may hold native values or, when it was
filled from the environment, strings.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from .errors import ConfigurationError

PREFIX = "SENTRY_MCP_"
SAMPLES = frozenset({"change-me", "changeme", "secret", "dev", "replace-with-32-random-characters"})
VaultKeys = tuple[tuple[str, bytes], ...]


# -- how values are read: each returns the value or raises ValueError with the rest of a sentence about the key ------


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value.strip()


def _required_text(value: object) -> str:
    text = _text(value)
    if not text:
        raise ValueError("must not be empty")
    return text


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in known:
        return known[value.strip().lower()]
    raise ValueError("must be true or false")


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,12}\s*", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


def _words(value: object) -> tuple[str, ...]:
    """A list of words; as text, separated by blanks or commas."""
    parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a list of words")
    return tuple(part for part in parts if part)


def _secret(value: object) -> str:
    text = _required_text(value)
    if text.lower() in SAMPLES or len(set(text)) < 8:
        raise ValueError("is a sample value; make a random one")
    if len(text) < 32:
        raise ValueError("must have at least 32 random characters")
    return text


def _secrets(value: object) -> tuple[str, ...]:
    return tuple(_secret(one) for one in _words(value))


def _rate(value: object) -> str:
    """A rule of flask-limiter's, or ``""`` for none."""
    text = _required_text(value)
    if text.lower() == "off":
        return ""
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", text):
        raise ValueError("must look like 60/minute (second, minute, hour or day), or be off")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?", text) or ".." in text:
        raise ValueError("must hold host names in lower case, like sentry.io, without scheme or path")
    return text


def _one_host(value: object) -> str:
    return _host(_required_text(value))


def _hosts(value: object) -> tuple[str, ...]:
    return tuple(_host(one) for one in _words(value))


def _path(value: object) -> str:
    text = _required_text(value)
    if not re.fullmatch(r"(?:/[A-Za-z0-9_-]+)+", text):
        raise ValueError("must be a path like /mcp, without a slash at its end")
    return text


def _public_url(value: object) -> str:
    """An issuer (RFC 8414 section 2): compared by clients character by character, so it has one spelling only."""
    text = _required_text(value)
    if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~-]+)*", text) or re.search(r"/\.{1,2}(/|$)", text):
        raise ValueError(
            "must be an absolute URL in lower case like https://app.example or https://app.example/sentry, "
            "without user, query, fragment or a slash at its end"
        )
    parts = urlsplit(text)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https (plain http is for loopback addresses only)")
    if parts.port == {"https": 443, "http": 80}[parts.scheme]:
        raise ValueError("must not write out the default port")
    return text


def _vault_keys(value: object) -> VaultKeys:
    """Keys, newest last. As text: ``2026a:<base64>,2026b:<base64>``."""
    pairs = [one.partition(":")[::2] for one in _words(value)] if isinstance(value, str) else value
    if not isinstance(pairs, list | tuple) or not pairs:
        raise ValueError("must list at least one key as name:base64")
    keys = tuple(_vault_key(pair) for pair in pairs)
    if len({kid for kid, _ in keys}) != len(keys):
        raise ValueError("names a key twice")
    return keys


def _vault_key(pair: object) -> tuple[str, bytes]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", str(pair[0])):
        raise ValueError("must list keys as name:base64, with names of letters and digits")
    name, secret = pair
    if isinstance(secret, str):
        try:
            secret = base64.b64decode(
                secret.replace("-", "+").replace("_", "/") + "=" * (-len(secret) % 4), validate=True
            )
        except (binascii.Error, ValueError):
            raise ValueError("holds a key that is not base64") from None
    if not isinstance(secret, bytes) or len(secret) < 32 or len(set(secret)) < 8:
        raise ValueError("holds a key of fewer than 32 random bytes")
    return str(name), secret


def _choice(*options: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in options:
            raise ValueError(f"must be one of {', '.join(options)}")
        return str(value)

    return read


def _optional(read: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None or value == "" else read(value)


def is_loopback(host: str) -> bool:
    """Whether *host* (no port, no brackets) is this machine: ``127.0.0.0/8``, ``::1`` or ``localhost`` (REDIR-2)."""
    if host in ("localhost", "::1"):
        return True
    octets = host.split(".")
    return (
        len(octets) == 4
        and octets[0] == "127"
        and all(re.fullmatch(r"0|[1-9]\d{0,2}", octet) is not None and int(octet) < 256 for octet in octets)
    )


# -- the table ------------------------------------------------------------------------------------------------------


def _row(key: str, read: Callable[[object], Any], doc: str, default: Any = MISSING, *, secret: bool = False) -> Any:
    """A row of the table. Without a default the setting is required; *secret* values are never printed."""
    return field(metadata={"key": key, "read": read, "doc": doc, "default": default, "secret": secret})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one application, checked. Lives are in seconds."""

    public_url: str = _row(
        "SENTRY_MCP_PUBLIC_URL",
        _public_url,
        "The address under which clients reach us, exactly: also the issuer. Its path is where the blueprints are "
        "mounted. Never guessed from a request.",
    )
    resource_path: str = _row(
        "SENTRY_MCP_RESOURCE_PATH", _path, "Where the MCP endpoint is, below the public URL.", "/mcp"
    )
    client_id: str = _row("SENTRY_CLIENT_ID", _required_text, "The client id of your OAuth application at Sentry.")
    client_secret: str = _row(
        "SENTRY_CLIENT_SECRET", _required_text, "The client secret of your OAuth application at Sentry.", secret=True
    )
    cookie_secret: str = _row(
        "COOKIE_SECRET",
        _secret,
        "Signs cookies, forms and state; 32 random characters. Flask's SECRET_KEY is used when it is absent.",
        secret=True,
    )
    cookie_secret_fallbacks: tuple[str, ...] = _row(
        "COOKIE_SECRET_FALLBACKS", _secrets, "Earlier cookie secrets, still accepted.", (), secret=True
    )
    vault_keys: VaultKeys = _row(
        "SENTRY_MCP_VAULT_KEYS",
        _vault_keys,
        "Seal the Sentry tokens in the store: name:base64 of 32 random bytes, newest last, separated by commas.",
        secret=True,
    )
    host: str = _row("SENTRY_HOST", _one_host, "The Sentry server; with a port if it needs one.", "sentry.io")
    insecure_http: bool = _row(
        "SENTRY_MCP_INSECURE_HTTP",
        _flag,
        "Speak plain http to exactly that server: for closed networks and the sandbox.",
        False,
    )
    region_domains: tuple[str, ...] = _row(
        "SENTRY_ALLOWED_REGION_DOMAINS",
        _hosts,
        "Region hosts that we may speak to besides SENTRY_HOST.",
        ("sentry.io", "us.sentry.io", "de.sentry.io"),
    )
    upstream_force_prompt: bool = _row(
        "SENTRY_MCP_UPSTREAM_FORCE_PROMPT", _flag, "Have Sentry show its own consent page every time.", False
    )
    store: str = _row(
        "SENTRY_MCP_STORE",
        _required_text,
        "Where grants are kept: sqlite:///file (relative to the instance folder), postgresql+psycopg://..., "
        "redis://..., or memory:// for tests.",
        "sqlite:///sentry_mcp.sqlite",
        secret=True,
    )
    approval_mode: str = _row(
        "SENTRY_MCP_APPROVAL_MODE",
        _choice("remember", "always"),
        "remember: an approved client may skip the page for 30 days under strict conditions; always: never.",
        "remember",
    )
    read_only: bool = _row("SENTRY_MCP_READ_ONLY", _flag, "Offer no tool that changes anything.", False)
    tool_list: str = _row(
        "SENTRY_MCP_TOOL_LIST",
        _choice("short", "full"),
        "short: clients see the nine tools that find and run the others, which saves their context; full: all of them.",
        "short",
    )
    registration: bool = _row("SENTRY_MCP_REGISTRATION", _flag, "Let clients register themselves (RFC 7591).", True)
    client_documents: bool = _row(
        "SENTRY_MCP_CLIENT_DOCUMENTS", _flag, "Accept client ids that are URLs of metadata documents.", True
    )
    direct_tokens: bool = _row(
        "SENTRY_MCP_DIRECT_TOKENS",
        _flag,
        "Accept a Sentry token of a machine without a browser: Authorization: Sentry-Bearer.",
        False,
    )
    private_schemes: tuple[str, ...] = _row(
        "SENTRY_MCP_PRIVATE_SCHEMES",
        _words,
        "Redirect schemes of desktop programs that we accept besides https and loopback.",
        ("cursor", "vscode", "vscode-insiders", "windsurf", "warp", "raycast", "zed"),
    )
    advertise_iss: bool = _row(
        "SENTRY_MCP_ADVERTISE_ISS", _flag, "Advertise RFC 9207; off only for a client known to break on it.", True
    )
    error_redirect: str = _row(
        "SENTRY_MCP_ERROR_REDIRECT",
        _choice("redirect", "interstitial"),
        "redirect: an error of an authorization request goes to the client at once (RFC 6749); interstitial: for "
        "self-registered web clients a page with a link stands before it, so that nobody can use us to send people on.",
        "redirect",
    )
    access_ttl_s: int = _row("SENTRY_MCP_ACCESS_TTL", _whole(60, 86_400), "Life of an access token.", 3_600)
    refresh_idle_ttl_s: int = _row(
        "SENTRY_MCP_REFRESH_IDLE_TTL", _whole(3_600, 31_536_000), "A grant ends when unused for so long.", 2_592_000
    )
    grant_max_ttl_s: int = _row(
        "SENTRY_MCP_GRANT_MAX_TTL", _whole(3_600, 31_536_000), "A grant ends after so long in any case.", 7_776_000
    )
    code_ttl_s: int = _row("SENTRY_MCP_CODE_TTL", _whole(30, 600), "Life of an authorization code.", 300)
    state_ttl_s: int = _row(
        "SENTRY_MCP_STATE_TTL", _whole(60, 600), "Time a person has for our page, and again for Sentry's.", 600
    )
    refresh_grace_s: int = _row(
        "SENTRY_MCP_REFRESH_GRACE",
        _whole(0, 3_600),
        "Time in which an old refresh token still finds its successor.",
        60,
    )
    call_limit: str = _row("SENTRY_MCP_CALL_LIMIT", _rate, "MCP requests that one grant may make.", "120/minute")
    address_limit: str = _row(
        "SENTRY_MCP_ADDRESS_LIMIT", _rate, "MCP requests from one address, before authentication.", "300/minute"
    )
    limits_storage: str | None = _row(
        "SENTRY_MCP_LIMITS_STORAGE",
        _optional(_required_text),
        "Where rate limits are counted, as flask-limiter writes it. Default: the store if it is Redis, else memory.",
        None,
        secret=True,
    )
    audit_log: str = _row(
        "SENTRY_MCP_AUDIT_LOG",
        _choice("text", "json", "off"),
        "One line per security event on the logger flask_sentry_mcp.audit: text, json or off.",
        "text",
    )
    trusted_proxy_hops: int = _row(
        "SENTRY_MCP_TRUSTED_PROXY_HOPS", _whole(0, 10), "Reverse proxies that append to X-Forwarded-For.", 0
    )
    allowed_hosts: tuple[str, ...] = _row(
        "SENTRY_MCP_ALLOWED_HOSTS",
        _hosts,
        "Values of the Host header that the MCP endpoint accepts besides the public URL's.",
        (),
    )
    allowed_origins: tuple[str, ...] = _row(
        "SENTRY_MCP_ALLOWED_ORIGINS",
        _words,
        "Origins of web pages that may call the MCP endpoint besides our own, as in https://chat.example.",
        (),
    )
    sentry_timeout_s: int = _row(
        "SENTRY_MCP_SENTRY_TIMEOUT", _whole(1, 300), "How long one request to Sentry may take.", 30
    )
    tool_timeout_s: int = _row("SENTRY_MCP_TOOL_TIMEOUT", _whole(1, 3_600), "How long one tool call may take.", 120)
    streams_per_worker: int = _row(
        "SENTRY_MCP_STREAMS_PER_WORKER",
        _whole(1, 100_000),
        "Streams one worker holds open at once. On a server with threads, fewer than it has.",
        24,
    )
    streams_per_grant: int = _row(
        "SENTRY_MCP_STREAMS_PER_GRANT", _whole(1, 100_000), "How many of them may be of one grant.", 16
    )

    @property
    def resource_url(self) -> str:
        """The root of the protected resource: ``https://app.example/mcp``."""
        return self.public_url + self.resource_path

    @property
    def issuer_path(self) -> str:
        """The path of the public URL: ``""`` or ``/sentry``."""
        return urlsplit(self.public_url).path

    @property
    def public_origin(self) -> str:
        """Scheme and host of the public URL: ``https://app.example``."""
        return self.public_url.removesuffix(self.issuer_path) if self.issuer_path else self.public_url

    @property
    def upstream_url(self) -> str:
        """Root of the Sentry server: ``https://sentry.io``."""
        return f"{'http' if self.insecure_http else 'https'}://{self.host}"


def rows() -> tuple[Field[Any], ...]:
    """The table, in order. ``row.metadata`` has ``key``, ``doc``, ``default``, ``secret`` and ``read``."""
    return fields(Settings)


def load(mapping: Mapping[str, Any]) -> Settings:
    """Read and check the settings in *mapping*, which is ``app.config``.

    Raises: ConfigurationError, listing every mistake by key.
    """
    mistakes: list[str] = []
    values = {row.name: _read(row, mapping, mistakes) for row in rows()}
    mistakes += _misspelt(mapping)
    if not mistakes:
        mistakes += _contradictions(values)
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings(**values)


def _read(row: Field[Any], mapping: Mapping[str, Any], mistakes: list[str]) -> Any:
    key, default = row.metadata["key"], row.metadata["default"]
    value = mapping.get(key)
    if value is None and key == "COOKIE_SECRET":
        value = mapping.get("SECRET_KEY")
    if value is None and key == "COOKIE_SECRET_FALLBACKS":
        value = mapping.get("SECRET_KEY_FALLBACKS")
    if value is None or value == "":
        if default is MISSING:
            mistakes.append(f"{key} is missing. {row.metadata['doc']}")
            return None
        return default
    try:
        return row.metadata["read"](value)
    except ValueError as error:
        mistakes.append(f"{key} {error}.")
        return None


def _misspelt(mapping: Mapping[str, Any]) -> list[str]:
    """Keys that look like ours and are not. Sentry's SDK has SENTRY_ keys too, so there only near misses count."""
    known = [row.metadata["key"] for row in rows()]
    mistakes = []
    for key in mapping:
        if not isinstance(key, str) or key in known:
            continue
        near = difflib.get_close_matches(key, known, 1, 0.9 if not key.startswith(PREFIX) else 0.6)
        if key.startswith(PREFIX) or (near and key.startswith(("SENTRY_", "COOKIE_"))):
            mistakes.append(f"{key} is not a setting." + (f" Did you mean {near[0]}?" if near else ""))
    return mistakes


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Values that are fine alone and wrong together."""
    mistakes = []
    name = values["host"].rpartition(":")[0] or values["host"]
    if values["insecure_http"] and "." in name and not _is_closed_network(name):
        mistakes.append("SENTRY_MCP_INSECURE_HTTP must not be used with a public SENTRY_HOST.")
    if values["refresh_idle_ttl_s"] > values["grant_max_ttl_s"]:
        mistakes.append("SENTRY_MCP_REFRESH_IDLE_TTL must not exceed SENTRY_MCP_GRANT_MAX_TTL.")
    return mistakes


def _is_closed_network(host: str) -> bool:
    private = re.fullmatch(r"10\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*", host) is not None
    return private or is_loopback(host) or host.endswith((".internal", ".local", ".lan", ".localhost", ".test"))
