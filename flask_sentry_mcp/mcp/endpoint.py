"""What the MCP endpoint of one application is made of."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..config import Settings
from ..context import Authenticate
from ..errors import SentryMCPError
from ..security.limits import Limits
from ..security.origin import OriginRule
from ..skills import SKILLS, Skill
from .era import SERVER_INFO_KEY
from .messages import encode
from .tool import Toolbox
from .visible import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The parts, handed over by the extension.

    ``app`` is the sender of signals.     ``challenge`` gives the ``WWW-Authenticate`` header for an error at an address (organization, project, raw query
    string), or None when the error has none.
    """

    app: object
    settings: Settings
    toolbox: Toolbox
    authenticate: Authenticate
    challenge: Callable[[SentryMCPError, str | None, str | None, str], str | None]
    limits: Limits
    origins: OriginRule
    instructions: str | None = None
    name: str = "flask-sentry-mcp"
    version: str = "0"
    skills: tuple[Skill, ...] = SKILLS


class Server:
    """An endpoint at work: its parts, and what is computed once from them."""

    __slots__ = ("address_key", "endpoint", "info", "signature", "views")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.info: dict[str, Any] = {"name": endpoint.name, "version": endpoint.version}
        self.signature = b'"_meta":' + encode({SERVER_INFO_KEY: self.info})
        self.views = Views(endpoint.toolbox, read_only=endpoint.settings.read_only, skills=endpoint.skills)
        self.address_key = functools.lru_cache(maxsize=4096)(endpoint.limits.address_key)

    def capabilities(self) -> dict[str, Any]:
        """What this server can do, as both eras announce it."""
        return {"tools": {}}
