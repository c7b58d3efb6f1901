"""Every setting once: ``Settings`` is the table that the loader, the command line, the docs and the tests read.

A field of ``Settings`` is a row: its key in ``app.config``, how a value is read, its default and its sentence. ``load``
reads all rows, checks them, and tells every mistake at once.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from . import settings_values as read
from .errors import ConfigurationError
from .security.addresses import is_of_closed_network
from .settings_values import VaultKeys

PREFIX = "SENTRY_MCP_"


def _row(
    key: str,
    reader: Callable[[object], Any],
    doc: str,
    default: Any = MISSING,
    *,
    secret: bool = False,
    may_be_empty: bool = False,
) -> Any:
    """A row of the table. Without a default the setting is required; *secret* values are never printed.

    An empty text is an absent value, unless it *may_be_empty*.
    """
    metadata = {"key": key, "read": reader, "doc": doc, "default": default, "secret": secret}
    return field(metadata={**metadata, "may_be_empty": may_be_empty})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one application, checked. Lives are in seconds."""

    public_url: str = _row(
        "SENTRY_MCP_PUBLIC_URL",
        read.public_url,
        "The address under which clients reach us, exactly: also the issuer. Its path is where the blueprints are "
        "mounted. Never guessed from a request.",
    )
    resource_path: str = _row(
        "SENTRY_MCP_RESOURCE_PATH", read.path, "Where the MCP endpoint is, below the public URL.", "/mcp"
    )
    client_id: str = _row("SENTRY_CLIENT_ID", read.text, "The client id of your OAuth application at Sentry.")
    client_secret: str = _row(
        "SENTRY_CLIENT_SECRET", read.text, "The client secret of your OAuth application at Sentry.", secret=True
    )
    cookie_secret: str = _row(
        "COOKIE_SECRET",
        read.secret,
        "Signs cookies, forms and state; 32 random characters. Flask's SECRET_KEY is used when it is absent, and then "
        "SECRET_KEY_FALLBACKS too.",
        secret=True,
    )
    cookie_secret_fallbacks: tuple[str, ...] = _row(
        "COOKIE_SECRET_FALLBACKS", read.secrets, "Earlier cookie secrets, still accepted.", (), secret=True
    )
    vault_keys: VaultKeys = _row(
        "SENTRY_MCP_VAULT_KEYS",
        read.vault_keys,
        "Seal the Sentry tokens in the store: name:base64 of 32 random bytes, newest last, separated by commas.",
        secret=True,
    )
    host: str = _row("SENTRY_HOST", read.host, "The Sentry server; with a port if it needs one.", "sentry.io")
    insecure_http: bool = _row(
        "SENTRY_MCP_INSECURE_HTTP",
        read.flag,
        "Speak plain http to exactly that server: for closed networks and the sandbox.",
        False,
    )
    region_domains: tuple[str, ...] = _row(
        "SENTRY_ALLOWED_REGION_DOMAINS",
        read.hosts,
        "Region hosts that we may speak to besides SENTRY_HOST; none when it is empty.",
        ("sentry.io", "us.sentry.io", "de.sentry.io"),
        may_be_empty=True,
    )
    ca_bundle: str | None = _row(
        "SENTRY_MCP_CA_BUNDLE",
        read.optional(read.certificates),
        "A PEM file with the authorities that may vouch for the Sentry server, instead of the public ones.",
        None,
    )
    upstream_force_prompt: bool = _row(
        "SENTRY_MCP_UPSTREAM_FORCE_PROMPT", read.flag, "Have Sentry show its own consent page every time.", False
    )
    store: str = _row(
        "SENTRY_MCP_STORE",
        read.store,
        "Where grants are kept: sqlite:///file (relative to the instance folder), postgresql+psycopg://..., "
        "redis://..., or memory:// for tests.",
        "sqlite:///sentry_mcp.sqlite",
        secret=True,
    )
    approval_mode: str = _row(
        "SENTRY_MCP_APPROVAL_MODE",
        read.choice("remember", "always"),
        "remember: an approved client may skip the page for 30 days under strict conditions; always: never.",
        "remember",
    )
    read_only: bool = _row("SENTRY_MCP_READ_ONLY", read.flag, "Offer no tool that changes anything.", False)
    tool_list: str = _row(
        "SENTRY_MCP_TOOL_LIST",
        read.choice("short", "full"),
        "short: clients see the nine tools that find and run the others, which saves their context; full: all of them.",
        "short",
    )
    registration: bool = _row("SENTRY_MCP_REGISTRATION", read.flag, "Let clients register themselves (RFC 7591).", True)
    client_documents: bool = _row(
        "SENTRY_MCP_CLIENT_DOCUMENTS", read.flag, "Accept client ids that are URLs of metadata documents.", True
    )
    client_domains: tuple[str, ...] = _row(
        "SENTRY_MCP_CLIENT_DOMAINS",
        read.domains,
        "Take client documents from these domains and what is below them alone; from anywhere when it is empty. A "
        "domain such as corp.internal, which nobody can buy, is taken only if it is listed.",
        (),
    )
    refused_client_domains: tuple[str, ...] = _row(
        "SENTRY_MCP_REFUSED_CLIENT_DOMAINS",
        read.domains,
        "Take no client documents from these domains and what is below them.",
        (),
    )
    endpoint_aliases: bool = _row(
        "SENTRY_MCP_ENDPOINT_ALIASES",
        read.flag,
        "Answer at /authorize, /token and /register at the root of the site as well: for clients of protocol "
        "2025-03-26, which read no metadata.",
        False,
    )
    direct_tokens: bool = _row(
        "SENTRY_MCP_DIRECT_TOKENS",
        read.flag,
        "Accept a Sentry token of a machine without a browser: Authorization: Sentry-Bearer.",
        False,
    )
    private_schemes: tuple[str, ...] = _row(
        "SENTRY_MCP_PRIVATE_SCHEMES",
        read.private_schemes,
        "Redirect schemes of desktop programs that we accept besides https and loopback; none when it is empty.",
        ("cursor", "vscode", "vscode-insiders", "windsurf", "warp", "raycast", "zed"),
        may_be_empty=True,
    )
    advertise_iss: bool = _row(
        "SENTRY_MCP_ADVERTISE_ISS", read.flag, "Advertise RFC 9207; off only for a client known to break on it.", True
    )
    error_redirect: str = _row(
        "SENTRY_MCP_ERROR_REDIRECT",
        read.choice("redirect", "interstitial"),
        "redirect: an error of an authorization request goes to the client at once (RFC 6749); interstitial: for "
        "self-registered web clients a page with a link stands before it, so that nobody can use us to send people on.",
        "redirect",
    )
    access_ttl_s: int = _row("SENTRY_MCP_ACCESS_TTL", read.whole(60, 86_400), "Life of an access token.", 3_600)
    refresh_idle_ttl_s: int = _row(
        "SENTRY_MCP_REFRESH_IDLE_TTL", read.whole(3_600, 31_536_000), "A grant ends when unused for so long.", 2_592_000
    )
    grant_max_ttl_s: int = _row(
        "SENTRY_MCP_GRANT_MAX_TTL", read.whole(3_600, 31_536_000), "A grant ends after so long in any case.", 7_776_000
    )
    code_ttl_s: int = _row("SENTRY_MCP_CODE_TTL", read.whole(30, 600), "Life of an authorization code.", 300)
    state_ttl_s: int = _row(
        "SENTRY_MCP_STATE_TTL", read.whole(60, 600), "Time a person has for our page, and again for Sentry's.", 600
    )
    refresh_grace_s: int = _row(
        "SENTRY_MCP_REFRESH_GRACE",
        read.whole(0, 3_600),
        "Time in which an old refresh token still finds its successor.",
        60,
    )
    call_limit: str = _row("SENTRY_MCP_CALL_LIMIT", read.rate, "MCP requests that one person may make.", "120/minute")
    address_limit: str = _row(
        "SENTRY_MCP_ADDRESS_LIMIT", read.rate, "MCP requests from one address, before authentication.", "300/minute"
    )
    limits_storage: str | None = _row(
        "SENTRY_MCP_LIMITS_STORAGE",
        read.optional(read.counters),
        "Where rate limits are counted, as flask-limiter writes it. Default: the store if it is Redis, else memory.",
        None,
        secret=True,
    )
    audit_log: str = _row(
        "SENTRY_MCP_AUDIT_LOG",
        read.choice("text", "json", "off"),
        "One line per security event on the logger flask_sentry_mcp.audit: text, json or off.",
        "text",
    )
    trusted_proxy_hops: int = _row(
        "SENTRY_MCP_TRUSTED_PROXY_HOPS", read.whole(0, 10), "Reverse proxies that append to X-Forwarded-For.", 0
    )
    allowed_hosts: tuple[str, ...] = _row(
        "SENTRY_MCP_ALLOWED_HOSTS",
        read.hosts,
        "Values of the Host header that the MCP endpoint accepts besides the public URL's.",
        (),
    )
    allowed_origins: tuple[str, ...] = _row(
        "SENTRY_MCP_ALLOWED_ORIGINS",
        read.origins,
        "Origins of web pages that may call the MCP endpoint besides our own, as in https://chat.example.",
        (),
    )
    sentry_timeout_s: int = _row(
        "SENTRY_MCP_SENTRY_TIMEOUT", read.whole(1, 300), "How long one request to Sentry may take.", 30
    )
    tool_timeout_s: int = _row(
        "SENTRY_MCP_TOOL_TIMEOUT",
        read.whole(1, 3_600),
        "How long a call may take that runs beside its request: of a tool for long work, or one whose client hears of "
        "it meanwhile. A tool's own timeout_s comes first.",
        120,
    )
    streams_per_worker: int = _row(
        "SENTRY_MCP_STREAMS_PER_WORKER",
        read.whole(1, 100_000),
        "Streams to listening clients that one worker holds open. On a server with threads, fewer than it has.",
        24,
    )
    streams_per_grant: int = _row(
        "SENTRY_MCP_STREAMS_PER_GRANT", read.whole(1, 100_000), "How many of them may be of one grant.", 16
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
    def callback_url(self) -> str:
        """Where Sentry sends the browser back to; to be registered there."""
        return f"{self.public_url}/oauth/callback"

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
    mistakes += _contradictions(values)
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings(**values)


def _read(row: Field[Any], mapping: Mapping[str, Any], mistakes: list[str]) -> Any:
    key, default = _key_of(row, mapping), row.metadata["default"]
    value = mapping.get(key)
    if value is None or (value == "" and not row.metadata["may_be_empty"]):
        if default is MISSING:
            mistakes.append(f"{key} is missing. {row.metadata['doc']}")
            return None
        return default
    try:
        return row.metadata["read"](value)
    except ValueError as error:
        mistakes.append(f"{key} {error}.")
        return None


def _key_of(row: Field[Any], mapping: Mapping[str, Any]) -> str:
    """The key that *row* is read from: Flask's SECRET_KEY and its fallbacks stand in where we have no secret."""
    key: str = row.metadata["key"]
    stands_in = key.startswith("COOKIE_SECRET") and not mapping.get("COOKIE_SECRET") and mapping.get("SECRET_KEY")
    return key.replace("COOKIE_SECRET", "SECRET_KEY") if stands_in and not mapping.get(key) else key


def settings_from(environment: Mapping[str, str]) -> dict[str, str]:
    """What *environment* (``os.environ``) says to us, for ``app.config``: our keys, and those that seem to be misspelt.

    >>> app.config.from_mapping(settings_from(os.environ))
    """
    return {key: value for key, value in environment.items() if key in _keys() or _nearest(key) is not None}


def _keys() -> list[str]:
    return [row.metadata["key"] for row in rows()]


def _misspelt(mapping: Mapping[str, Any]) -> list[str]:
    strangers = {key: _nearest(key) for key in mapping if isinstance(key, str) and key not in _keys()}
    return [
        f"{key} is not a setting." + (f" Did you mean {near}?" if near else "")
        for key, near in strangers.items()
        if near is not None
    ]


def _nearest(key: str) -> str | None:
    """The setting that *key* seems to mean, ``""`` if it cannot be told which; None when it is not meant for us.

    Sentry's SDK has SENTRY_ keys too, so there only near misses count.
    """
    if key.startswith(PREFIX):
        return next(iter(difflib.get_close_matches(key, _keys(), 1, 0.6)), "")
    if not key.startswith(("SENTRY_", "COOKIE_")):
        return None
    return next(iter(difflib.get_close_matches(key, _keys(), 1, 0.9)), None)


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Values that are fine alone and wrong together; those that could not be read are None."""
    mistakes = []
    host, idle_s, longest_s = values["host"], values["refresh_idle_ttl_s"], values["grant_max_ttl_s"]
    if values["insecure_http"] and host and not is_of_closed_network(host.partition(":")[0]):
        mistakes.append("SENTRY_MCP_INSECURE_HTTP must not be used with a public SENTRY_HOST.")
    if idle_s and longest_s and idle_s > longest_s:
        mistakes.append("SENTRY_MCP_REFRESH_IDLE_TTL must not exceed SENTRY_MCP_GRANT_MAX_TTL.")
    return mistakes
