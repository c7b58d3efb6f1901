"""How values of settings are read: each function returns the value, or raises ValueError with the rest of a sentence.

The sentence is about the key, so it begins with a verb: ``must be true or false``. It never quotes a value, which may
be a secret. A value is native or, as it is in the environment, text.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Callable
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlsplit

from .security.addresses import is_loopback
from .security.schemes import may_be_private
from .store.opening import check_address

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_COUNTERS = {
    "": ("memory",),
    "pymemcache": ("memcached",),
    "pymongo": ("mongodb", "mongodb+srv"),
    "redis": ("redis", "rediss", "redis+unix", "redis+cluster", "redis+sentinel"),
    "valkey": ("valkey", "valkeys", "valkey+unix", "valkey+cluster", "valkey+sentinel"),
}
"""Where limits may be counted: the schemes of flask-limiter's addresses, by the package that each needs."""

SAMPLES = frozenset({"change-me", "changeme", "secret", "dev", "replace-with-32-random-characters"})
VaultKeys = tuple[tuple[str, bytes], ...]


def text(value: object) -> str:
    """Text that says something, without the blanks around it; a number that Flask made of digits is text again."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("must be text")
    if not value.strip():
        raise ValueError("must not be empty")
    if not value.strip().isprintable():
        raise ValueError("must not hold control characters")
    return value.strip()


def flag(value: object) -> bool:
    """True or false, in any of the usual words, or 1 and 0."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in known:
        return known[value.strip().lower()]
    raise ValueError("must be true or false")


def whole(low: int, high: int) -> Callable[[object], int]:
    """A whole number from *low* to *high*."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,12}\s*", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


def words(value: object) -> tuple[str, ...]:
    """A list of words; as text, separated by blanks or commas."""
    parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a list of words")
    return tuple(part for part in parts if part)


def secret(value: object) -> str:
    """32 random characters or bytes, or more (CFG-1)."""
    given = value.decode("latin-1") if isinstance(value, bytes) else text(value)
    if given.lower() in SAMPLES or len(set(given)) < 8:
        raise ValueError("is a sample value; make a random one")
    if len(given) < 32:
        raise ValueError("must have at least 32 random characters")
    return given


def secrets(value: object) -> tuple[str, ...]:
    """A list of them."""
    found = words(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise ValueError("must be a list")
    return tuple(secret(one) for one in found)


def rate(value: object) -> str:
    """A rule of flask-limiter's, or ``""`` for none."""
    given = text(value)
    if given.lower() == "off":
        return ""
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", given):
        raise ValueError("must look like 60/minute (second, minute, hour or day), or be off")
    return given


def host(value: object) -> str:
    """The name of a host, with a port if it needs one."""
    given = text(value)
    name, colon, port = given.partition(":")
    if not _is_host_name(name) or (colon and not _is_port(port)):
        raise ValueError(
            "must hold host names in lower case, like sentry.io, without scheme or path; a port is a number up to 65535"
        )
    return given


def hosts(value: object) -> tuple[str, ...]:
    """A list of them."""
    return tuple(host(one) for one in words(value))


def domains(value: object) -> tuple[str, ...]:
    """A list of domains, without ports."""
    found = words(value)
    if not all(_is_host_name(one) for one in found):
        raise ValueError("must list domains in lower case, like example.com, without scheme, port or path")
    return found


def _is_host_name(name: str) -> bool:
    """A name, or an IPv4 address in its usual form; what else ends in a number is an address to some programs only."""
    last = name.rpartition(".")[2]
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return _is_address(IPv4Address, name)
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def _is_address(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,4}", text) is not None and int(text) <= 65535


def _is_authority(text: str) -> bool:
    """A host or an IPv6 address in brackets, either with a port if need be."""
    found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]*))(?::(.*))?", text)
    if found is None or (found[3] is not None and not _is_port(found[3])):
        return False
    return _is_address(IPv6Address, found[1]) if found[1] else _is_host_name(found[2])


def origins(value: object) -> tuple[str, ...]:
    """A list of origins, each as a browser writes it (RFC 6454 section 6.2)."""
    found = words(value)
    for one in found:
        scheme, _, authority = one.partition("://")
        is_default = (scheme, authority.rpartition(":")[2]) in (("https", "443"), ("http", "80"))
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or not _is_authority(authority) or is_default:
            raise ValueError(
                "must list origins like https://chat.example, in lower case, without the default port, a path or a "
                "slash at the end"
            )
    return found


def private_schemes(value: object) -> tuple[str, ...]:
    """A list of schemes that programs may have for their own (REDIR-1)."""
    found = words(value)
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*", one) and may_be_private(one) for one in found):
        raise ValueError("must list schemes of programs like cursor, in lower case, and none that browsers know")
    return found


def certificates(value: object) -> str:
    """The path of a PEM file that can be read."""
    bundle = text(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except OSError:
        raise ValueError("must be the path of a PEM file with certificates, which this server can read") from None
    return bundle


def path(value: object) -> str:
    """A path below the public URL."""
    given = text(value)
    if not re.fullmatch(r"(?:/[A-Za-z0-9_-]+)+", given):
        raise ValueError("must be a path like /mcp, without a slash at its end")
    if f"{given}/".startswith("/oauth/"):
        raise ValueError("must not be /oauth or below it, where the sign-in is")
    return given


def public_url(value: object) -> str:
    """An issuer (RFC 8414 section 2): compared by clients character by character, so it has one spelling only."""
    given = text(value)
    found = re.fullmatch(r"(https?)://([^/]*)((?:/[A-Za-z0-9._~-]+)*)", given)
    if found is None or not _is_authority(found[2]) or re.search(r"/\.{1,2}(/|$)", found[3]):
        raise ValueError(
            "must be an absolute URL in lower case like https://app.example or https://app.example/sentry, "
            "without user, query, fragment or a slash at its end"
        )
    parts = urlsplit(given)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https (plain http is for loopback addresses only)")
    if parts.port == {"https": 443, "http": 80}[parts.scheme]:
        raise ValueError("must not write out the default port")
    return given


def store(value: object) -> str:
    """The address of a store."""
    given = text(value)
    check_address(given)
    return given


def counters(value: object) -> str:
    """An address where flask-limiter can count, with the package that it needs at hand."""
    given = text(value)
    scheme = given.partition(":")[0]
    driver = next((package for package, schemes in _COUNTERS.items() if scheme in schemes), None)
    if driver is None:
        raise ValueError("must be memory://, redis://host:6379 or another address that flask-limiter knows")
    if driver and find_spec(driver) is None:
        raise ValueError(f"needs the package {driver}, which is not installed")
    place = r"(?:\[[^]/?#]*\]|[^:/?#,]*)(?::[0-9]{1,5})?"
    if not re.fullmatch(rf"[^:]+://(?:[^/?#]*@)?{place}(?:,{place})*(?:[/?#].*)?", given):
        raise ValueError("must name its host and port as in redis://host:6379")
    return given


def vault_keys(value: object) -> VaultKeys:
    """Keys, newest last. As text: ``2026a:<base64>,2026b:<base64>``."""
    pairs = [one.partition(":")[::2] for one in words(value)] if isinstance(value, str) else value
    if not isinstance(pairs, list | tuple) or not pairs:
        raise ValueError("must list at least one key as name:base64")
    keys = tuple(_vault_key(pair) for pair in pairs)
    if len({kid for kid, _ in keys}) != len(keys):
        raise ValueError("names a key twice")
    return keys


def _vault_key(pair: object) -> tuple[str, bytes]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", str(pair[0])):
        raise ValueError("must list keys as name:base64, with names of letters and digits")
    name, key = pair
    if isinstance(key, str):
        try:
            key = base64.b64decode(key.replace("-", "+").replace("_", "/") + "=" * (-len(key) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("holds a key that is not base64") from None
    if not isinstance(key, bytes) or len(key) < 32 or len(set(key)) < 8:
        raise ValueError("holds a key of fewer than 32 random bytes")
    return str(name), key


def choice(*options: str) -> Callable[[object], str]:
    """One of *options*."""

    def read(value: object) -> str:
        if value not in options:
            raise ValueError(f"must be one of {', '.join(options)}")
        return str(value)

    return read


def optional(read: Callable[[object], Any]) -> Callable[[object], Any]:
    """What *read* reads, or None for nothing."""
    return lambda value: None if value is None or value == "" else read(value)
