"""Resources: contents at an address, fixed or built from a template (RFC 6570, levels 1 and 2).

>>> template = UriTemplate("test://item/{id}/data")
>>> template.match("test://item/a%20b/data")
{'id': 'a b'}
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from .content import Annotations, Bytes, plain, resource_contents
from .offer import Offer
from .output import BrokenPromise

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_EXPRESSION = re.compile(r"\{(\+?)([A-Za-z_][A-Za-z0-9_]*)\}")
LARGEST_URI = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """Contents of a resource, when they have an address or a type of their own."""

    contents: str | Bytes
    mime_type: str | None = None
    uri: str | None = None


ContentsLike: TypeAlias = "str | bytes | Mapping[str, Any] | Contents | Sequence[str | bytes | Contents]"


class UriTemplate:
    """An address with variables: ``{id}`` stands for one segment, ``{+path}`` also for slashes."""

    __slots__ = ("_pattern", "text", "variables")

    def __init__(self, text: str) -> None:
        self.text = text
        self.variables = tuple(name for _, name in _EXPRESSION.findall(text))
        fixed = _EXPRESSION.sub("", text)
        if not self.variables or len(set(self.variables)) != len(self.variables) or "{" in fixed or "}" in fixed:
            raise ValueError(f"{text!r} is no template: use {{name}} or {{+name}}, each name once")
        parts, at = [], 0
        for found in _EXPRESSION.finditer(text):
            allowed = "[^?#]+" if found[1] else "[^/?#]+"
            parts += [re.escape(text[at : found.start()]), f"(?P<{found[2]}>{allowed})"]
            at = found.end()
        self._pattern = re.compile("".join(parts) + re.escape(text[at:]))

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables in *uri*, decoded; None if it is not built from this template."""
        found = self._pattern.fullmatch(uri)
        if found is None:
            return None
        try:
            return {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource(Offer):
    """A resource at a fixed address, or at all addresses of ``template``."""

    uri: str
    template: UriTemplate | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None

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


def template_in(uri: str) -> UriTemplate | None:
    """The template that *uri* is, if it is one. Raises ValueError when it is neither address nor template."""
    template = UriTemplate(uri) if "{" in uri else None
    if not _URI.fullmatch(uri):
        raise ValueError(f"{uri!r} is no absolute URI")
    return template


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
        part = json.dumps(part, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)
        mime_type = mime_type or "application/json"
    if not isinstance(part, str | Bytes):
        raise BrokenPromise(f"a resource cannot be {type(part).__name__}")
    return resource_contents(uri, part, mime_type)
