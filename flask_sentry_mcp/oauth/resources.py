"""Resources: what a token is good for (RFC 8707). The whole account, one organization, or one project of it.

A resource is read from what a client sends (``resource=``), from a path of ours, or from the store. Its audience and
the constraint on API calls come from the same parsed parts, so they cannot differ (SLUG-1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import OAuthError
from ..security.slugs import is_slug

_QUERY = re.compile(r"[A-Za-z0-9._~%&=,+-]{0,256}")
_MAX_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Resource:
    """``https://app.example/mcp`` (the *root*), ``/mcp/acme`` or ``/mcp/acme/web``."""

    root: str
    organization_slug: str | None = None
    project_slug: str | None = None

    @property
    def url(self) -> str:
        """The identifier, as in the metadata: no slash at its end, no query."""
        return "/".join(part for part in (self.root, self.organization_slug, self.project_slug) if part)

    @property
    def path(self) -> str:
        """The path of ``url``: ``/mcp/acme``."""
        return urlsplit(self.url).path

    def covers(self, other: "Resource") -> bool:
        """Whether a token for this may be used at *other*: the same, or within it by whole segments (RES-4)."""
        return (
            self.root == other.root
            and self.organization_slug in (None, other.organization_slug)
            and self.project_slug in (None, other.project_slug)
        )

    def to_dict(self) -> dict[str, str | None]:
        """For the store: ``{"root": "https://app.example/mcp", "organization": "acme", "project": None}``."""
        return {"root": self.root, "organization": self.organization_slug, "project": self.project_slug}

    @classmethod
    def from_dict(cls, value: Mapping[str, str | None]) -> "Resource":
        """The inverse of ``to_dict``."""
        return cls(value["root"] or "", value["organization"], value["project"])


def is_query(text: str) -> bool:
    """Whether *text* may stand behind a resource's ``?`` (META-3): it is repeated, never interpreted here."""
    return _QUERY.fullmatch(text) is not None


def from_segments(root: str, segments: str) -> Resource | None:
    """The resource that the rest of a path names: ``""``, ``"acme"``, ``"acme/web"``, each with one ``/`` behind it.

    None when it names none: a segment that is no slug, an empty one, or too many.
    """
    parts = segments.removesuffix("/").split("/") if segments else []
    if len(parts) > 2 or not all(is_slug(part) for part in parts):
        return None
    return Resource(root, *parts)


def parse_resource(root: str, text: str) -> Resource:
    """The resource that a client's ``resource`` parameter names (RES-1).

    Scheme and host may be in any case and the default port may be written; all else is compared exactly.
    Raises: OAuthError ``invalid_target``.
    """
    address, _, query = text.partition("?")
    own = urlsplit(root)
    found = re.fullmatch(r"([A-Za-z]+)://([^/@\\]+)(/.*)", address)
    if len(text) <= _MAX_LENGTH and text.isascii() and "#" not in text and is_query(query) and found:
        scheme, authority, path = found[1].lower(), found[2].lower(), found[3]
        same_place = scheme == own.scheme and _with_port(scheme, authority) == _with_port(own.scheme, own.netloc)
        if same_place and (path == own.path or path.startswith(own.path + "/")):
            resource = from_segments(root, path[len(own.path) + 1 :])
            if resource:
                return resource
    raise OAuthError("invalid_target", "The resource is not one of this server's. Use the address of the MCP endpoint.")


def _with_port(scheme: str, authority: str) -> str:
    has_port = re.search(r":[0-9]+$", authority) is not None
    return authority if has_port else f"{authority}:{443 if scheme == 'https' else 80}"
