"""Which tools a caller may see, and with which parameters.

A grant has skills and scopes; a connection may be fixed to an organization or a project. What is fixed is not asked:
its parameters leave the advertised schema and are filled in at the call. Compiled once for each combination.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from ..context import Context
from ..errors import InsufficientScope, OutsideConstraint, ProtocolError
from ..skills import SKILLS, Skill, implied
from .messages import INVALID_PARAMS, encode
from .schema import HeaderParameter
from .tool import Tool, Toolbox

FIXED_BY: Mapping[str, str] = {
    "organizationSlug": "organization_slug",
    "organization_slug": "organization_slug",
    "projectSlug": "project_slug",
    "project_slug": "project_slug",
    "projectSlugOrId": "project_slug",
    "project_slug_or_id": "project_slug",
    "regionUrl": "region_url",
    "region_url": "region_url",
}
"""Parameters that a constraint fills in, and the attribute of ``Constraint`` that each takes its value from."""

_Key: TypeAlias = tuple[int, frozenset[str], frozenset[str], bool, bool, bool]
_MOST_VIEWS = 256


class VisibleTool(NamedTuple):
    """A tool as one kind of caller sees it: ``filled`` are the names and sources of what is not asked for."""

    tool: Tool
    filled: tuple[tuple[str, str], ...]
    hidden: frozenset[str]
    header_parameters: tuple[HeaderParameter, ...]

    def keywords(self, context: Context, given: dict[str, Any]) -> dict[str, Any]:
        """The handler's keywords from what the caller gave and what its connection fixes.

        Raises: OutsideConstraint when the caller gave another value than the fixed one; InvalidInput.
        """
        if self.filled:
            given = dict(given)
            for name, source in self.filled:
                fixed = getattr(context.constraint, source)
                if given.get(name) not in (None, fixed):
                    raise OutsideConstraint(name)
                given[name] = fixed
        return self.tool.arguments.read(given, self.hidden)

    def input_schema(self) -> dict[str, Any]:
        """The tool's input schema without what is filled in."""
        schema = self.tool.arguments.json_schema
        if not self.hidden:
            return schema
        shown = {name: part for name, part in schema["properties"].items() if name not in self.hidden}
        pruned = {**schema, "properties": shown}
        if required := [name for name in schema.get("required", ()) if name not in self.hidden]:
            pruned["required"] = required
        else:
            pruned.pop("required", None)
        return pruned


class View:
    """The tools of one kind of caller. ``listing`` is ``tools/list``'s array, encoded once per era."""

    __slots__ = ("_listings", "tools")

    def __init__(self, tools: Mapping[str, VisibleTool]) -> None:
        self.tools = tools
        self._listings: dict[bool, bytes] = {}

    def listing(self, *, modern: bool) -> bytes:
        """The listed tools as a JSON array. Before 2026-07-28 an output schema has to describe an object."""
        encoded = self._listings.get(modern)
        if encoded is None:
            entries = [seen.tool.listing(seen.input_schema()) for seen in self.tools.values() if seen.tool.listed]
            for entry in entries:
                if not modern and entry.get("outputSchema", {}).get("type", "object") != "object":
                    del entry["outputSchema"]
            encoded = self._listings[modern] = encode(entries)
        return encoded


class Views:
    """The compiled views of one application. *read_only* leaves out every tool that changes something."""

    def __init__(self, toolbox: Toolbox, *, read_only: bool = False, skills: tuple[Skill, ...] = SKILLS) -> None:
        self._toolbox = toolbox
        self._read_only = read_only
        self._skills = skills
        self._compiled: dict[_Key, View] = {}

    def of(self, context: Context) -> View:
        """What the caller of *context* sees."""
        fixed = context.constraint
        key = (
            self._toolbox.revision,
            context.skills,
            context.scopes,
            fixed.organization_slug is not None,
            fixed.project_slug is not None,
            fixed.region_url is not None,
        )
        view = self._compiled.get(key)
        if view is None:
            view = self._compile(context)
            if len(self._compiled) >= _MOST_VIEWS:
                self._compiled.clear()
            self._compiled[key] = view
        return view

    def tool(self, context: Context, name: str) -> VisibleTool:
        """The tool by that name.

        Raises: InsufficientScope for one that the grant does not include; ProtocolError (-32602) for one that does not
        exist here.
        """
        seen = self.of(context).tools.get(name)
        if seen is not None:
            return seen
        tool = self._toolbox.tools.get(name)
        if tool is None or not self._exists_for(tool, context):
            raise ProtocolError(INVALID_PARAMS, "There is no tool by that name.", status=200)
        raise InsufficientScope(self._scopes_needed(tool, context), f"tool {name}")

    def _compile(self, context: Context) -> View:
        reach = implied(context.scopes)
        return View(
            {
                name: _as_seen(tool, context)
                for name, tool in self._toolbox.tools.items()
                if self._exists_for(tool, context)
                and tool.scopes <= reach
                and (tool.skills is None or tool.skills & context.skills)
            }
        )

    def _exists_for(self, tool: Tool, context: Context) -> bool:
        fixed = context.constraint
        if "organization" in tool.hidden_by and fixed.organization_slug is not None:
            return False
        if "project" in tool.hidden_by and fixed.project_slug is not None:
            return False
        return tool.reads_only or not self._read_only

    def _scopes_needed(self, tool: Tool, context: Context) -> list[str]:
        """What to authorize again with: the present scopes, the tool's, and those of its least demanding skill."""
        needed = context.scopes | tool.scopes
        if tool.skills is not None and not tool.skills & context.skills:
            candidates = [skill.scopes for skill in self._skills if skill.id in tool.skills]
            needed |= min(candidates, key=len, default=frozenset())
        return sorted(needed)


def _as_seen(tool: Tool, context: Context) -> VisibleTool:
    filled = tuple(
        (name, source)
        for name, source in FIXED_BY.items()
        if name in tool.arguments.names and getattr(context.constraint, source) is not None
    )
    hidden = frozenset(name for name, _ in filled)
    mirrored = tuple(one for one in tool.arguments.header_parameters if one.path[0] not in hidden)
    return VisibleTool(tool, filled, hidden, mirrored)
