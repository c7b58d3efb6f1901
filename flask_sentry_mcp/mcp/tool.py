"""Tool, a record, and Toolbox, whose decorator makes one of a function.

>>> toolbox = Toolbox()
>>> @toolbox.tool({"name": fields.Str(required=True)}, reads_only=True)
... def greet(ctx: Context, *, name: str) -> str:
...     '''Greet somebody by name.'''
...     return f"Hello, {name}!"
"""

import inspect
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .output import Output, OutputLike
from .schema import Arguments, SchemaLike, is_keyword_name

Handler = TypeVar("Handler", bound=Callable[..., Any])
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_RULE = re.compile(r"[1-9]\d{0,8}/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """One action that a model may call.

    ``skills`` is None for a tool that every grant may call; otherwise a grant needs one of them. ``scopes`` are all
    needed. ``hidden_by`` names what makes it pointless when fixed: ``organization``, ``project``. An unlisted tool can
    be called, but is not in ``tools/list``.
    """

    name: str
    handler: Callable[..., Any]
    description: str
    arguments: Arguments
    reads_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    title: str | None = None
    output: Output | None = None
    skills: frozenset[str] | None = None
    scopes: frozenset[str] = frozenset()
    hidden_by: frozenset[str] = frozenset()
    icons: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    limit: str | None = None
    listed: bool = True

    def listing(self, input_schema: Mapping[str, Any]) -> dict[str, Any]:
        """The tool's entry in ``tools/list``, with *input_schema* as this caller sees it."""
        hints: dict[str, Any] = {"readOnlyHint": self.reads_only}
        if not self.reads_only:
            hints |= {"destructiveHint": self.destructive, "idempotentHint": self.idempotent}
        hints["openWorldHint"] = self.open_world
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "inputSchema": input_schema,
            "annotations": hints,
        }
        optional = {
            "title": self.title,
            "outputSchema": self.output.json_schema if self.output else None,
            "icons": [dict(icon) for icon in self.icons] or None,
            "_meta": dict(self.meta) if self.meta else None,
        }
        return entry | {name: value for name, value in optional.items() if value is not None}


class Toolbox:
    """An ordered collection of tools. ``revision`` changes with every change, at run time too."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._lock = threading.Lock()
        self.revision = 0

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name, in the order in which they were added. A snapshot: later changes make another."""
        return self._tools

    def tool(
        self,
        schema: SchemaLike | None = None,
        *,
        reads_only: bool,
        destructive: bool | None = None,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        skills: Collection[str] | None = None,
        scopes: Collection[str] = (),
        idempotent: bool = False,
        open_world: bool = True,
        output: OutputLike | None = None,
        icons: Sequence[Mapping[str, Any]] | None = None,
        meta: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        limit: str | None = None,
        listed: bool = True,
        hidden_by: Collection[str] = (),
    ) -> Callable[[Handler], Handler]:
        """A decorator that records a function as a tool and hands it back unchanged.

        *schema* is a marshmallow Schema (class or instance), a dict of fields, or None for a tool without arguments.
        The function is called as ``function(ctx, **arguments)``; its name and docstring are the tool's. *reads_only*
        has no default, and a tool that writes must say whether it is *destructive*: no tool is safe by accident.
        *output* is a marshmallow schema or a dataclass: the result is checked against it. *limit* (``"10/minute"``) is
        counted per grant, *timeout_s* ends the wait for a call.

        Raises: TypeError or ValueError, at declaration, for what cannot work.
        """

        def declare(handler: Handler) -> Handler:
            self.add(
                Tool(
                    name=name or str(getattr(handler, "__name__", "")),
                    handler=handler,
                    description=_description(handler, description),
                    arguments=Arguments(schema),
                    reads_only=reads_only,
                    destructive=_is_destructive(reads_only, destructive),
                    idempotent=idempotent or reads_only,
                    open_world=open_world,
                    title=title,
                    output=None if output is None else Output(output),
                    skills=None if skills is None else frozenset(skills),
                    scopes=frozenset(scopes),
                    hidden_by=frozenset(hidden_by),
                    icons=tuple(icons or ()),
                    meta=meta,
                    timeout_s=timeout_s,
                    limit=limit,
                    listed=listed,
                )
            )
            return handler

        return declare

    def add(self, tool: Tool) -> None:
        """Add a finished record. Raises ValueError or TypeError if it cannot work or the name is taken."""
        _check(tool)
        with self._lock:
            if tool.name in self._tools:
                raise ValueError(f"there is a tool named {tool.name} already")
            self._tools = {**self._tools, tool.name: tool}
            self.revision += 1

    def include(self, *others: "Toolbox") -> "Toolbox":
        """Add the tools of *others*, in order, and return this toolbox."""
        for other in others:
            for tool in other.tools.values():
                self.add(tool)
        return self

    def remove(self, name: str) -> None:
        """Take a tool out, also while the application runs. Raises KeyError if there is none by that name."""
        with self._lock:
            tools = dict(self._tools)
            del tools[name]
            self._tools = tools
            self.revision += 1


def _description(handler: Callable[..., Any], given: str | None) -> str:
    text = inspect.cleandoc(given or getattr(handler, "__doc__", None) or "")
    if not text:
        raise TypeError(f"{handler!r} needs a docstring: it is what the model reads to choose the tool")
    return text


def _is_destructive(reads_only: bool, destructive: bool | None) -> bool:
    if reads_only:
        if destructive:
            raise ValueError("a tool that only reads cannot be destructive")
        return False
    if destructive is None:
        raise TypeError("a tool that writes must say destructive=True or destructive=False")
    return destructive


def _check(tool: Tool) -> None:
    """Everything about *tool* that can be known to fail before it is called."""
    if not _NAME.fullmatch(tool.name):
        raise ValueError(f"{tool.name!r} cannot name a tool: 1 to 64 letters, digits, dots, dashes and underscores")
    if tool.limit is not None and not _RULE.fullmatch(tool.limit):
        raise ValueError(f"the limit of {tool.name} must look like 10/minute (second, minute, hour or day)")
    if tool.timeout_s is not None and not tool.timeout_s > 0:
        raise ValueError(f"the timeout of {tool.name} must be more than 0 seconds")
    if unknown := tool.hidden_by - {"organization", "project"}:
        raise ValueError(f"{tool.name} cannot be hidden by {', '.join(sorted(unknown))}")
    _check_signature(tool)


def _check_signature(tool: Tool) -> None:
    parameters = inspect.signature(tool.handler).parameters
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    first = next(iter(parameters.values()), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD, first.VAR_POSITIONAL):
        raise TypeError(f"{tool.name} must take the context as its first argument")
    keywords = tool.arguments.keywords
    for name, may_be_absent in keywords.items():
        if not is_keyword_name(name):
            raise TypeError(f"{tool.name}: {name!r} cannot be a keyword; name the field otherwise and set data_key")
        parameter = parameters.get(name)
        if parameter is None and not takes_all:
            raise TypeError(f"{tool.name} does not take {name!r}, which its schema declares")
        if parameter is not None and may_be_absent and parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{tool.name}: {name!r} is optional, so give it load_default or a default value")
    _check_nothing_is_missing(tool, list(parameters.values())[1:], keywords)


def _check_nothing_is_missing(tool: Tool, rest: Iterable[inspect.Parameter], keywords: Collection[str]) -> None:
    for parameter in rest:
        variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if not variadic and parameter.default is parameter.empty and parameter.name not in keywords:
            raise TypeError(f"{tool.name} needs {parameter.name!r}, which its schema does not declare")
