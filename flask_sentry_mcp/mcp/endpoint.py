"""What the MCP endpoint of one application is made of."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..config import Settings
from ..context import Authenticate
from ..errors import SentryMCPError, StoreUnavailable
from ..security.limits import Limits
from ..security.origin import OriginRule
from ..skills import SKILLS, Skill
from .crew import Crew
from .era import CHANGES, SERVER_INFO_KEY
from .hub import Hub
from .messages import encode
from .places import CALLS, TASKS, Places
from .presence import Presence
from .seal import Seal
from .sessions import Memory, Sessions
from .streams import Ending
from .tasks import EXTENSION, Tasks
from .tool import Toolbox
from .visible import Views

log = logging.getLogger("flask_sentry_mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The parts, handed over by the extension.

    ``app`` is the sender of signals. ``challenge`` gives the ``WWW-Authenticate`` header for an error at an address
    (organization, project, raw query string), or None when the error has none. Without a ``store`` there are no
    sessions of 2025, so no questions to its clients, and nobody is told of changes. A stream on which changes are told
    occupies a thread of a threaded server: keep ``streams_per_worker`` below the number of threads. ``workers`` is how
    many calls may run beside their requests, and how many tasks besides these. When the ``ending`` is near, streams
    that have no end of their own come to one.
    """

    app: object
    settings: Settings
    toolbox: Toolbox
    authenticate: Authenticate
    challenge: Callable[[SentryMCPError, str | None, str | None, str], str | None]
    limits: Limits
    origins: OriginRule
    store: Memory | None = None
    instructions: str | None = None
    name: str = "flask-sentry-mcp"
    version: str = "0"
    skills: tuple[Skill, ...] = SKILLS
    page_size: int = 200
    streams_per_grant: int = 16
    streams_per_worker: int = 24
    workers: int = 64
    workers_per_grant: int = 16
    ending: Ending = field(default_factory=Ending)


class Server:
    """An endpoint at work: its parts, and what is computed once from them.

    *carry* wraps what runs in another thread, so that it finds its request and application there.
    """

    def __init__(self, endpoint: Endpoint, carry: Callable[[Callable[[], None]], Callable[[], None]] | None = None):
        settings = endpoint.settings
        secrets = (settings.cookie_secret, *settings.cookie_secret_fallbacks)
        self.endpoint = endpoint
        self.carry = carry or (lambda work: work)
        self.info: dict[str, Any] = {"name": endpoint.name, "version": endpoint.version}
        self.signature = b'"_meta":' + encode({SERVER_INFO_KEY: self.info})
        self.views = Views(
            endpoint.toolbox,
            seal=Seal(secrets, "cursor"),
            read_only=settings.read_only,
            full=settings.tool_list == "full",
            skills=endpoint.skills,
            page_size=endpoint.page_size,
        )
        self.address_key = functools.lru_cache(maxsize=4096)(endpoint.limits.address_key)
        self.state_seal = Seal(secrets, "request-state")
        self.places = Places(endpoint.streams_per_grant, endpoint.streams_per_worker)
        self.crew = Crew(Places(endpoint.workers_per_grant, endpoint.workers, CALLS), "mcp-call")
        self.task_crew = Crew(Places(endpoint.workers_per_grant, endpoint.workers, TASKS), "mcp-task")
        self.memory = endpoint.store
        self.serves = False
        self._hub = None if endpoint.store is None else Hub(endpoint.store, endpoint.ending)
        self._sessions = None if endpoint.store is None else Sessions(endpoint.store)
        self._presence = None if endpoint.store is None else Presence(endpoint.store)
        self._tasks = None if endpoint.store is None else Tasks(endpoint.store, self.presence)
        if endpoint.store is not None:
            endpoint.toolbox.watch(self.list_changed)

    @property
    def hub(self) -> Hub:
        """Where changes are heard. Raises LookupError when there is no store: look at ``memory`` first."""
        if self._hub is None:
            raise LookupError("this endpoint has no store")
        return self._hub

    @property
    def sessions(self) -> Sessions:
        """The sessions of 2025. Raises LookupError when there is no store to keep them."""
        if self._sessions is None:
            raise LookupError("this endpoint has no store")
        return self._sessions

    @property
    def presence(self) -> Presence:
        """This worker's sign of life. Raises LookupError when there is no store to leave it in."""
        if self._presence is None:
            raise LookupError("this endpoint has no store")
        return self._presence

    @property
    def tasks(self) -> Tasks:
        """The tasks. Raises LookupError when there is no store to keep them."""
        if self._tasks is None:
            raise LookupError("this endpoint has no store")
        return self._tasks

    def capabilities(self) -> dict[str, Any]:
        """What this server can do, as both eras announce it."""
        toolbox, tells = self.endpoint.toolbox, self.memory is not None
        listed = {"listChanged": True} if tells else {}
        offered: dict[str, Any] = {"tools": listed}
        if toolbox.prompts:
            offered["prompts"] = listed
        if toolbox.resources:
            offered["resources"] = {**listed, "subscribe": True} if tells else {}
        if toolbox.completions:
            offered["completions"] = {}
        if tells:
            offered["logging"] = {}
        return offered

    def extensions(self) -> dict[str, Any]:
        """The extensions of 2026-07-28 that this server knows."""
        has_tasks = self.memory is not None and any(tool.task for tool in self.endpoint.toolbox.tools.values())
        return {"extensions": {EXTENSION: {}}} if has_tasks else {}

    def list_changed(self, kind: str) -> None:
        """Tell all clients that listen, at all workers, that the ``tools``, ``prompts`` or ``resources`` changed."""
        if self.memory is not None and self.serves:  # while an application starts, nobody listens yet
            _tell(self.memory, {"list": kind})


def tell_updated(memory: Memory, uri: str) -> None:
    """Tell the clients that subscribed to the resource at *uri*, at all workers, that its contents changed."""
    _tell(memory, {"uri": uri})


def _tell(memory: Memory, change: dict[str, Any]) -> None:
    try:
        memory.publish(CHANGES, encode(change))
    except StoreUnavailable:  # a notification is a courtesy: what changed is still there to be asked for
        log.warning("Nobody could be told of a change", exc_info=True)
