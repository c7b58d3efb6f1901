"""Context: who calls, what they may do, and their way to Sentry. The first argument of every tool (B7).

A context is built from a grant when a request shows its access token, lives for that request and is frozen. There is no
other way to a token of Sentry's than ``context.token``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from .sentry.client import SentryClient, TokenSource


@dataclass(frozen=True, slots=True)
class Constraint:
    """The organization or project that a connection is fixed to: the path, within what the grant allows (RES-5).

    ``lacks`` is what the project is known not to send: ``traces``, ``replays``, ``profiles``, ``logs``.
    """

    organization_slug: str | None = None
    project_slug: str | None = None
    region_url: str | None = None
    lacks: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """``acme``, ``acme/web``; empty when nothing is fixed."""
        return "/".join(one for one in (self.organization_slug, self.project_slug) if one)


@dataclass(frozen=True, slots=True)
class Elicited:
    """What a person did with a form or a page: ``accept``, ``decline`` or ``cancel``; and what they filled in."""

    action: str
    content: Mapping[str, Any] | None


class Question(Protocol):
    """Something to ask of the client: ``Elicit``, ``ElicitURL``, ``Sample`` or ``Roots`` (see ``mcp/questions``)."""

    @property
    def method(self) -> str:
        """The method that asks it."""

    @property
    def capability(self) -> str:
        """What the client must be able to do: ``elicitation``, ``sampling``, ``roots``, each with modes it needs.

        As in ``elicitation.url``, ``sampling.tools``, ``sampling.tools.context``.
        """

    def params(self) -> Mapping[str, Any]:
        """The parameters of the method."""

    def read(self, answer: Mapping[str, Any]) -> Any:
        """What the answer means."""


class Exchange(Protocol):
    """What a tool may say to its client, and ask of it, while it works."""

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is; grows with every call."""

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Send a log message (RFC 5424 level names) if the client asked for that level."""

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Ask all *questions* at once, each under a key of its own, and return the answers by key."""

    def elicit(self, message: str, schema: Any, key: str | None) -> Elicited:
        """Ask the person to fill in a form."""

    def sample(self, messages: Any, max_tokens: int, system_prompt: str | None, key: str | None) -> Mapping[str, Any]:
        """Ask the client's model."""

    def roots(self, key: str | None) -> Sequence[Mapping[str, Any]]:
        """Ask which folders the client works in."""

    def can(self, capability: str) -> bool:
        """Whether the client can be asked for ``elicitation``, ``elicitation.url``, ``sampling``, ``roots``."""

    def is_cancelled(self) -> bool:
        """Whether the client has given up on this call."""

    def continue_as_task(self) -> None:
        """Go on as a task, where the client knows tasks."""

    def detach(self, retry_ms: int) -> None:
        """Let the client hang up and come back for the result, where its version knows how to."""


class Silent:
    """The exchange of a call without a client that listens: says nothing, is never cancelled, cannot ask."""

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Nobody listens."""

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Nobody listens."""

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Nobody answers."""
        raise LookupError("there is no client to ask")

    def elicit(self, message: str, schema: Any, key: str | None) -> Elicited:
        """Nobody answers."""
        raise LookupError("there is no client to ask")

    def sample(self, messages: Any, max_tokens: int, system_prompt: str | None, key: str | None) -> Mapping[str, Any]:
        """Nobody answers."""
        raise LookupError("there is no client to ask")

    def roots(self, key: str | None) -> Sequence[Mapping[str, Any]]:
        """Nobody answers."""
        raise LookupError("there is no client to ask")

    def can(self, capability: str) -> bool:
        """Nothing."""
        return False

    def is_cancelled(self) -> bool:
        """Never."""
        return False

    def continue_as_task(self) -> None:
        """There is nobody to ask after it."""

    def detach(self, retry_ms: int) -> None:
        """There is nobody to come back."""


class Tools(Protocol):
    """The tools that this caller has, listed or not, for a tool that names or runs others."""

    def names(self) -> Collection[str]:
        """What may be called."""

    def ways(self) -> Mapping[str, str]:
        """How an answer names each to this caller: by its name, or as run through another, when it is not listed."""

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Each as ``tools/list`` shows it to this caller: name, description, inputSchema, annotations."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run one through the same guard as any call, and return what it returned.

        Raises: InvalidInput when there is no such tool for this caller, or its arguments are wrong.
        """


class NoTools:
    """The tools of a context that was made outside of a call."""

    def names(self) -> Collection[str]:
        """None."""
        return ()

    def ways(self) -> Mapping[str, str]:
        """None."""
        return {}

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """There is nothing to call."""
        raise LookupError("this context was made outside of a call")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request's caller. ``host`` is the Sentry server; ``scopes`` and ``skills`` are what was approved."""

    host: str
    token: TokenSource = field(repr=False)
    sentry: SentryClient = field(repr=False)
    constraint: Constraint = Constraint()
    skills: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    grant_id: str = ""
    client_id: str = ""
    user_id: str = ""
    exchange: Exchange = field(default_factory=Silent, repr=False, compare=False)
    tools: Tools = field(default_factory=NoTools, repr=False, compare=False)

    @property
    def organization_slug(self) -> str | None:
        """The organization this connection is fixed to, if it is."""
        return self.constraint.organization_slug

    @property
    def caller(self) -> str:
        """Whose calls are counted together: a person's at their Sentry, whatever client makes them (RATE-1).

        Where the person is not known, as an application's own ``authenticate`` may leave it, the grant's.
        """
        return f"{self.user_id}@{self.host}" if self.user_id else self.grant_id

    def during(self, exchange: Exchange, tools: Tools) -> "Context":
        """The same caller during one call."""
        return Context(
            host=self.host,
            token=self.token,
            sentry=self.sentry,
            constraint=self.constraint,
            skills=self.skills,
            scopes=self.scopes,
            grant_id=self.grant_id,
            client_id=self.client_id,
            user_id=self.user_id,
            exchange=exchange,
            tools=tools,
        )

    def lasting(self, time_s: float) -> "Context":
        """The same caller for work of at most *time_s* seconds that its request does not wait for."""
        return replace(self, sentry=self.sentry.lasting(time_s))

    # -- what a tool says and asks; mcp/questions tells what asking means in both eras of the protocol --

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the work is; each call a larger number. Nothing happens if nobody listens."""
        self.exchange.progress(progress, total, message)

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Send a log message (``debug``, ``info``, ``warning``, ``error`` ...) to a client that wants its level."""
        self.exchange.log(level, data, logger)

    def elicit(self, message: str, schema: Any, *, key: str | None = None) -> Elicited:
        """Ask the person to fill in a form: *schema* is a flat marshmallow schema or dict of fields."""
        return self.exchange.elicit(message, schema, key)

    def sample(
        self, messages: Any, *, max_tokens: int, system_prompt: str | None = None, key: str | None = None
    ) -> Mapping[str, Any]:
        """Ask the client's model: a text, or messages as the protocol writes them. Returns the model's message."""
        return self.exchange.sample(messages, max_tokens, system_prompt, key)

    def roots(self, *, key: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Ask for the folders that the client works in: ``[{"uri": "file:///work", "name": "work"}]``."""
        return self.exchange.roots(key)

    def ask(self, **questions: Question) -> dict[str, Any]:
        """Ask several questions at once, each under a name of its own, and get the answers by name."""
        return self.exchange.ask(questions)

    def can_ask(self, capability: str) -> bool:
        """Whether the client can be asked for ``elicitation``, ``elicitation.url``, ``sampling`` (with tools:
        ``sampling.tools``) or ``roots``.
        """
        return self.exchange.can(capability)

    def continue_as_task(self) -> None:
        """Of a tool with ``task_from_start=False``: all questions are asked, the rest is long work.

        To a client that knows tasks, this run ends here, and the task runs from its start with the answers at hand.
        """
        self.exchange.continue_as_task()

    @property
    def is_cancelled(self) -> bool:
        """Whether the client has given up on this call. Look at it between the steps of long work."""
        return self.exchange.is_cancelled()


class Presented(NamedTuple):
    """What a request shows at the door of the MCP endpoint.

    ``authorization`` is the raw header (servers join repeated ones by a comma) or None; the slugs are the path's,
    already checked; ``query`` is the raw query string; ``address`` the client's, by RATE-1.
    """

    authorization: str | None
    organization_slug: str | None
    project_slug: str | None
    address: str
    query: str = ""


Authenticate = Callable[[Presented], Context]
"""Turns what was presented into a context, or raises Unauthenticated, NoAccess, StoreUnavailable ..."""
