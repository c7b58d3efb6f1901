"""Resources: contents at an address, fixed or built from a template (RFC 6570, levels 1 and 2).

>>> template = UriTemplate("test://item/{id}/data")
>>> template.match("test://item/a%20b/data")
{'id': 'a b'}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

from .content import Annotations, Bytes, compact, resource_contents
from .offer import Offer
from .output import BrokenPromise

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")  # RFC 3986
_EXPRESSION = re.compile(r"\{(\+?)([A-Za-z_][A-Za-z0-9_]*)\}")
_BOUNDS = "/?#"
LARGEST_URI = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """Contents of a resource, when they have an address or a type of their own."""

    contents: str | Bytes
    mime_type: str | None = None
    uri: str | None = None


class UriTemplate:
    """An address with variables: ``{id}`` stands for (a part of) one segment, ``{+path}`` also for slashes.

    Where a segment holds several variables, each ends where the text between them first begins: of ``{name}.{kind}``
    in ``a.b.c`` the name is ``a``. So there is one way to read an address, and no second try.
    """

    __slots__ = ("_pattern", "text", "variables")

    def __init__(self, text: str) -> None:
        self.text = text
        self.variables = tuple(name for _, name in _EXPRESSION.findall(text))
        fixed = _EXPRESSION.sub("", text)
        if not self.variables or len(set(self.variables)) != len(self.variables) or "{" in fixed or "}" in fixed:
            raise ValueError(f"{text!r} is no template: use {{name}} or {{+name}}, each name once")
        self._pattern = re.compile("".join(_pieces(text)))

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables in *uri*, decoded; None if it is not built from this template."""
        found = self._pattern.fullmatch(uri)
        if found is None:
            return None
        try:
            return {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
        except UnicodeDecodeError:
            return None


def _pieces(text: str) -> Iterator[str]:
    """The pieces of the pattern for the template *text*. Raises ValueError where it could be read in many ways."""
    found = [*_EXPRESSION.finditer(text)]
    if sum(one[1] == "+" for one in found) > 1:
        raise ValueError(f"{text!r} holds more than one {{+name}}")
    at = 0
    for one, following in zip_longest(found, found[1:]):
        between = text[one.end() : following.start() if following else len(text)]
        if following and not between:
            raise ValueError(f"{text!r} has nothing between two variables")
        if one[1] and following and between[0] not in _BOUNDS:
            raise ValueError(f"{text!r} needs a slash after {{+{one[2]}}}")
        shares_segment = following and not one[1] and not any(bound in between for bound in _BOUNDS)
        barred = "?#" if one[1] else _BOUNDS + (between[0] if shares_segment else "")
        yield f"{re.escape(text[at : one.start()])}(?P<{one[2]}>[^{re.escape(barred)}]+)"
        at = one.end()
    yield re.escape(text[at:])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource(Offer):
    """A resource at a fixed address, or at all addresses of ``template``.

    For ``ttl_ms`` milliseconds a client may take what it has read for good; with ``cache_scope`` public it may also
    show it to others.
    """

    uri: str
    template: UriTemplate | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None
    ttl_ms: int = 0
    cache_scope: str = "private"

    def listing(self) -> dict[str, Any]:
        """The entry in ``resources/list`` or ``resources/templates/list``."""
        return self.described(
            **{"uriTemplate" if self.template else "uri": self.uri},
            name=self.name,
            description=self.description,
            mimeType=self.mime_type,
            size=self.size,
            annotations=dict(self.annotations) if self.annotations else None,
        )


def check_resource(resource: Resource) -> None:
    """Raises ValueError for hints on caching that cannot be meant."""
    if type(resource.ttl_ms) is not int or resource.ttl_ms < 0:
        raise ValueError(f"the ttl_ms of {resource.name} must be a whole number of milliseconds")
    if resource.cache_scope not in ("private", "public"):
        raise ValueError(f"the cache_scope of {resource.name} is private or public")
    if resource.cache_scope == "public" and (resource.skills is not None or resource.scopes):
        raise ValueError(f"{resource.name} is not for everybody, so its cache_scope cannot be public")


def template_in(uri: str) -> UriTemplate | None:
    """The template that *uri* is, if it is one. Raises ValueError when it is neither address nor template."""
    template = UriTemplate(uri) if "{" in uri else None
    if not is_uri(_EXPRESSION.sub("x", uri)):
        raise ValueError(f"{uri!r} is no absolute URI")
    return template


def is_uri(text: str) -> bool:
    """Whether *text* is an absolute URI by RFC 3986, of a length that is served."""
    return len(text) <= LARGEST_URI and _URI.fullmatch(text) is not None


def read_result(resource: Resource, uri: str, value: Any) -> dict[str, Any]:
    """The members of ``resources/read``'s result for what the handler returned.

    Raises: BrokenPromise for what is neither text, bytes, a dict, Contents nor a list of these.
    """
    parts = value if isinstance(value, list | tuple) else [value]
    return {"contents": [_written(resource, uri, part) for part in parts]}


def _written(resource: Resource, uri: str, part: Any) -> dict[str, Any]:
    mime_type = resource.mime_type
    if isinstance(part, Contents):
        uri, mime_type, part = part.uri or uri, part.mime_type or mime_type, part.contents
    if isinstance(part, Mapping):
        part = compact(part)
        mime_type = mime_type or "application/json"
    if not isinstance(part, str | Bytes):
        raise BrokenPromise(f"a resource cannot be {type(part).__name__}")
    return resource_contents(uri, part, mime_type)
