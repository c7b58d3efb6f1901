"""Tool, a record, and Toolbox, whose decorator makes one of a function.

>>> toolbox = Toolbox()
>>> @toolbox.tool({"name": fields.Str(required=True)}, reads_only=True)
... def greet(ctx: Context, *, name: str) -> str:
...     '''Greet somebody by name.'''
...     return f"Hello, {name}!"
"""

import re
import threading
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, Unpack

from .content import Annotations
from .offer import Offer, Told, check_offer, check_plain, members
from .output import Output, OutputLike
from .prompt import Prompt
from .resource import Resource, check_resource, template_in
from .schema import Arguments, SchemaLike

Handler = TypeVar("Handler", bound=Callable[..., Any])
Completer: TypeAlias = Callable[..., Sequence[str]]
Watcher: TypeAlias = Callable[[str], None]
KINDS = ("tools", "prompts", "resources")
_RULE = re.compile(r"[1-9]\d{0,8}/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool(Offer):
    """One action that a model may call. An unlisted tool can be called, but is not in ``tools/list``.

    One that ``runs_others`` changes nothing itself, so a read-only server has it: what it runs is guarded as ever. To
    each caller it is described as no less safe than what that caller could have it run. ``needs`` is what a project
    must have for the tool to be of use; a connection fixed to one that lacks it has no such tool.
    """

    arguments: Arguments
    reads_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    output: Output | None = None
    timeout_s: float | None = None
    limit: str | None = None
    listed: bool = True
    runs_others: bool = False
    needs: frozenset[str] = frozenset()
    task: str | None = None
    task_from_start: bool = True

    def listing(self, input_schema: Mapping[str, Any]) -> dict[str, Any]:
        """The tool's entry in ``tools/list``, with *input_schema* as this caller sees it."""
        hints: dict[str, Any] = {"readOnlyHint": self.reads_only}
        if not self.reads_only:
            hints |= {"destructiveHint": self.destructive, "idempotentHint": self.idempotent}
        hints["openWorldHint"] = self.open_world
        return self.described(
            name=self.name,
            description=self.description,
            inputSchema=input_schema,
            outputSchema=self.output.json_schema if self.output else None,
            annotations=hints,
        )


class Toolbox:
    """What a server offers, in order: tools, resources, prompts. ``revision`` changes with every change."""

    def __init__(self) -> None:
        self._shelves: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._completions: dict[tuple[str, str], Completer] = {}
        self._watchers: list[weakref.WeakMethod[Watcher]] = []
        self._rules: list[Callable[[Offer], None]] = []
        self._lock = threading.Lock()
        self.revision = 0

    # Each is a snapshot by name or address: a later change makes another.

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name."""
        return self._shelves["tools"]

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The prompts by name."""
        return self._shelves["prompts"]

    @property
    def resources(self) -> Mapping[str, Resource]:
        """The resources by address; those built from a template by the template's text."""
        return self._shelves["resources"]

    @property
    def completions(self) -> Mapping[tuple[str, str], Completer]:
        """The completers by prompt name or template, and argument."""
        return self._completions

    def tool(
        self,
        schema: SchemaLike | None = None,
        *,
        reads_only: bool,
        destructive: bool | None = None,
        idempotent: bool = False,
        open_world: bool = True,
        output: OutputLike | None = None,
        timeout_s: float | None = None,
        limit: str | None = None,
        listed: bool = True,
        runs_others: bool = False,
        needs: Collection[str] = (),
        task: str | None = None,
        task_from_start: bool = True,
        **told: Unpack[Told],
    ) -> Callable[[Handler], Handler]:
        """A decorator that records a function as a tool and hands it back unchanged.

        *schema* is a marshmallow Schema (class or instance), a dict of fields, a RawSchema, or None for a tool without
        arguments.
        The function is called as ``function(ctx, **arguments)``; its name and docstring are the tool's. *reads_only*
        has no default, and a tool that writes must say whether it is *destructive*: no tool is safe by accident.
        *output* is a marshmallow schema, a dataclass or a RawSchema: the result is checked against it. *limit*
        (``"10/minute"``) is counted per grant, *timeout_s* ends the wait for a call or a task. *needs*
        (``{"traces"}``) hides it from connections that are fixed to a project without these. *task* is for long work:
        ``optional`` (a client that knows tasks gets one, any other waits) or ``required``; with *task_from_start* off
        the tool first asks its questions and then calls ``ctx.continue_as_task()``. *told* is what every offer may have
        (see ``Told``): name, title, description, skills, scopes, icons ...

        Raises: TypeError or ValueError, at declaration, for what cannot work.
        """

        def declare(handler: Handler) -> Handler:
            own = members(handler, told)
            self.add(
                Tool(
                    **own,
                    arguments=_arguments(own["name"], schema),
                    reads_only=reads_only,
                    destructive=_is_destructive(reads_only, destructive),
                    idempotent=idempotent or reads_only,
                    open_world=open_world,
                    output=None if output is None else Output(output),
                    timeout_s=timeout_s,
                    limit=limit,
                    listed=listed,
                    runs_others=runs_others,
                    needs=frozenset(needs),
                    task=task,
                    task_from_start=task_from_start,
                )
            )
            return handler

        return declare

    def resource(
        self,
        uri: str,
        *,
        mime_type: str | None = None,
        size: int | None = None,
        annotations: Annotations | None = None,
        ttl_ms: int = 0,
        cache_scope: str = "private",
        **told: Unpack[Told],
    ) -> Callable[[Handler], Handler]:
        """A decorator that records a function as a resource, and hands it back unchanged.

        *uri* may hold variables: ``report://{year}`` (one segment) or ``file:///{+path}`` (with slashes). The function
        is called as ``function(ctx, **variables)`` and returns text, bytes, a dict, Contents or a list of these.
        Variables are decoded text from a stranger: check them. Clients of 2026-07-28 may keep the contents for *ttl_ms*
        milliseconds, for their own user or (*cache_scope* ``public``) for anybody.
        """

        def declare(handler: Handler) -> Handler:
            own = members(handler, told)
            self.add(
                Resource(
                    **own,
                    uri=uri,
                    template=template_in(uri),
                    mime_type=mime_type,
                    size=size,
                    annotations=annotations,
                    ttl_ms=ttl_ms,
                    cache_scope=cache_scope,
                )
            )
            return handler

        return declare

    def prompt(self, schema: SchemaLike | None = None, **told: Unpack[Told]) -> Callable[[Handler], Handler]:
        """A decorator that records a function as a prompt, and hands it back unchanged.

        The function is called as ``function(ctx, **arguments)`` and returns text, a record of content, a Message, or a
        list of these.
        """

        def declare(handler: Handler) -> Handler:
            own = members(handler, told)
            self.add(Prompt(**own, arguments=_arguments(own["name"], schema)))
            return handler

        return declare

    def completion(self, of: str, argument: str) -> Callable[[Handler], Handler]:
        """A decorator for what completes an *argument* of a prompt (by name) or of a resource template (by its text).

        The function is called as ``function(ctx, value, others)``: what is typed so far, and the arguments already
        chosen, by name; it returns the values to offer, best first.
        """

        def declare(handler: Handler) -> Handler:
            check_plain(handler, f"the completion of {argument}")
            self._put((), {(of, argument): handler})
            return handler

        return declare

    def add(self, offer: Tool | Prompt | Resource) -> None:
        """Add a finished record. Raises ValueError or TypeError if it cannot work or the name is taken."""
        self._put((offer,), {})

    def include(self, *others: "Toolbox") -> "Toolbox":
        """Add what *others* hold, in order, and return this toolbox. When something cannot be added, nothing is."""
        offers = [
            offer
            for other in others
            for shelf in (other.tools, other.prompts, other.resources)
            for offer in shelf.values()
        ]
        self._put(offers, {key: completer for other in others for key, completer in other.completions.items()})
        return self

    def _put(
        self, offers: Sequence[Tool | Prompt | Resource], completions: Mapping[tuple[str, str], Completer]
    ) -> None:
        for offer in offers:
            check_offer(offer, _keywords(offer))
            if isinstance(offer, Tool):
                _check_tool(offer)
            if isinstance(offer, Resource):
                check_resource(offer)
            for rule in self._rules:
                rule(offer)
        with self._lock:
            shelves = {kind: dict(shelf) for kind, shelf in self._shelves.items()}
            for offer in offers:
                kind, key = _place(offer)
                if key in shelves[kind]:
                    raise ValueError(f"there is a {kind[:-1]} named {key} already")
                shelves[kind][key] = offer
            self._shelves, self._completions = shelves, {**self._completions, **completions}
            self.revision += 1
        for kind in dict.fromkeys(_place(offer)[0] for offer in offers):
            self._tell(kind)

    def remove(self, name: str) -> None:
        """Take out a tool or prompt by name or a resource by address, also while the application runs.

        Raises: KeyError if there is none.
        """
        with self._lock:
            kind = next((kind for kind in KINDS if name in self._shelves[kind]), None)
            if kind is None:
                raise KeyError(name)
            kept = {key: offer for key, offer in self._shelves[kind].items() if key != name}
            self._shelves = {**self._shelves, kind: kept}
            self.revision += 1
        self._tell(kind)

    def require(self, rule: Callable[[Offer], None]) -> None:
        """Have every offer, present and to come, pass *rule*, which raises what is wrong with one."""
        for shelf in self._shelves.values():
            for offer in shelf.values():
                rule(offer)
        if rule not in self._rules:
            self._rules.append(rule)

    def watch(self, watcher: Watcher) -> None:
        """Have *watcher* called with the kind (``tools``, ``prompts``, ``resources``) after every change.

        It is a method, and its object is not kept alive: a toolbox may outlive the applications that it serves.
        """
        with self._lock:
            living = [one for one in self._watchers if one() is not None]
            self._watchers = [*living, weakref.WeakMethod(watcher)]

    def _tell(self, kind: str) -> None:
        for one in self._watchers:
            if (watcher := one()) is not None:
                watcher(kind)


def _place(offer: Tool | Prompt | Resource) -> tuple[str, str]:
    if isinstance(offer, Resource):
        return "resources", offer.uri
    return ("tools" if isinstance(offer, Tool) else "prompts"), offer.name


def _keywords(offer: Tool | Prompt | Resource) -> dict[str, bool]:
    if isinstance(offer, Resource):
        return dict.fromkeys(offer.template.variables if offer.template else (), False)
    return offer.arguments.keywords


def _arguments(name: str, schema: SchemaLike | None) -> Arguments:
    """What *schema* declares; what is wrong with it is told with the name of the tool or prompt."""
    try:
        return Arguments(schema)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _is_destructive(reads_only: bool, destructive: bool | None) -> bool:
    _check_flags(reads_only=reads_only)
    if reads_only:
        if destructive:
            raise ValueError("a tool that only reads cannot be destructive")
        return False
    if destructive is None:
        raise TypeError("a tool that writes must say destructive=True or destructive=False")
    return destructive


def _check_flags(**flags: object) -> None:
    """Raises TypeError for what is neither True nor False: ``"no"`` would count as true."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False")


def _check_tool(tool: Tool) -> None:
    _check_flags(
        reads_only=tool.reads_only,
        destructive=tool.destructive,
        idempotent=tool.idempotent,
        open_world=tool.open_world,
        listed=tool.listed,
        runs_others=tool.runs_others,
    )
    if tool.limit is not None and not _RULE.fullmatch(tool.limit):
        raise ValueError(f"the limit of {tool.name} must look like 10/minute (second, minute, hour or day)")
    if tool.task not in (None, "optional", "required"):
        raise ValueError(f"the task of {tool.name} is optional, required or None")
    if tool.timeout_s is not None and not tool.timeout_s > 0:
        raise ValueError(f"the timeout of {tool.name} must be more than 0 seconds")
