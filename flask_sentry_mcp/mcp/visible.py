"""Which tools a caller may see, and with which parameters.

A grant has skills and scopes; a connection may be fixed to an organization or a project. What is fixed is not asked:
its parameters leave the advertised schema and are filled in at the call. Compiled once for each combination.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from ..context import Context
from ..errors import InsufficientScope, OutsideConstraint, ProtocolError
from ..skills import SKILLS, Skill, implied
from .messages import INVALID_PARAMS, encode
from .mirrored import HeaderParameter
from .offer import Offer
from .prompt import Prompt
from .resource import Resource, is_uri
from .seal import Seal
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

_Key: TypeAlias = tuple[int, frozenset[str], frozenset[str], bool, bool, bool, frozenset[str]]
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
                    raise OutsideConstraint(context.constraint.place, name)
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


Listed: TypeAlias = VisibleTool | Prompt | Resource


class View:
    """What one kind of caller sees. Pages of the lists are encoded once per era."""

    __slots__ = ("_lists", "_pages", "_seal", "_size", "prompts", "resources", "templates", "tools", "ways")

    def __init__(
        self,
        tools: Mapping[str, VisibleTool],
        prompts: Mapping[str, Prompt],
        resources: Mapping[str, Resource],
        seal: Seal,
        page_size: int,
        *,
        full: bool,
    ) -> None:
        self.tools = tools
        self.prompts = prompts
        self.resources = {uri: one for uri, one in resources.items() if one.template is None}
        self.templates = {uri: one for uri, one in resources.items() if one.template is not None}
        self._lists: Mapping[str, Mapping[str, Listed]] = {
            "tools": {name: seen for name, seen in tools.items() if seen.tool.listed or full},
            "prompts": prompts,
            "resources": self.resources,
            "resourceTemplates": self.templates,
        }
        runner = next((f"{name} with " for name, seen in tools.items() if seen.tool.runs_others), "")
        self.ways = {name: name if name in self._lists["tools"] else f"{runner}{name}" for name in tools}
        self._seal, self._size = seal, page_size
        self._pages: dict[tuple[str, bool, int], bytes] = {}

    def page(self, kind: str, cursor: str | None, *, modern: bool) -> bytes:
        """One page of a list, as members of a JSON object without its braces: ``"tools":[...],"nextCursor":"..."``.

        A cursor names the last entry of the page before, so it stays good while other entries come and go.
        Raises: ProtocolError (-32602) for a cursor that is not ours, of another list, or whose entry is gone.
        """
        start = self._start(kind, cursor)
        page = self._pages.get((kind, modern, start))
        if page is None:
            page = self._pages[(kind, modern, start)] = self._encoded(kind, start, modern)
        return page

    def _start(self, kind: str, cursor: str | None) -> int:
        if cursor is None:
            return 0
        try:
            of, last = self._seal.get(cursor)
            if of == kind:
                return list(self._lists[kind]).index(last) + 1
        except (ValueError, TypeError):
            pass
        raise ProtocolError(INVALID_PARAMS, "This cursor is not one of ours. Start again without one.", status=200)

    def _encoded(self, kind: str, start: int, modern: bool) -> bytes:
        names = list(self._lists[kind])
        shown = names[start : start + self._size]
        encoded = b'"%b":%b' % (kind.encode(), encode([_entry(self._lists[kind][name], modern) for name in shown]))
        if start + self._size < len(names):
            encoded += b',"nextCursor":' + encode(self._seal.put([kind, shown[-1]]))
        return encoded


def _entry(listed: Listed, modern: bool) -> dict[str, Any]:
    """An entry of a list. Before 2026-07-28 an output schema has to describe an object."""
    if not isinstance(listed, VisibleTool):
        return listed.listing()
    entry = listed.tool.listing(listed.input_schema())
    if not modern and entry.get("outputSchema", {}).get("type", "object") != "object":
        del entry["outputSchema"]
    return entry


class Views:
    """The compiled views of one application. *read_only* leaves out every tool that changes something; with *full*
    ``tools/list`` shows those that are otherwise only found by a search.

    Without a *seal* the cursors are good in this process alone.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        *,
        seal: Seal | None = None,
        read_only: bool = False,
        full: bool = False,
        skills: tuple[Skill, ...] = SKILLS,
        page_size: int = 200,
    ) -> None:
        self._toolbox = toolbox
        self._seal = seal or Seal([secrets.token_urlsafe()], "cursor")
        self._read_only = read_only
        self._full = full
        self._skills = skills
        self._page_size = page_size
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
            fixed.lacks,
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
        raise self._absent(self._toolbox.tools.get(name), context, "There is no tool by that name.")

    def prompt(self, context: Context, name: str) -> Prompt:
        """The prompt by that name. Raises as ``tool``."""
        prompt = self.of(context).prompts.get(name)
        if prompt is not None:
            return prompt
        raise self._absent(self._toolbox.prompts.get(name), context, "There is no prompt by that name.")

    def resource(self, context: Context, uri: str) -> tuple[Resource | None, dict[str, str]]:
        """The resource at *uri* with the variables of its template; None if this caller sees none there.

        What is no URI is the address of nothing, whatever a template would make of it.
        """
        if not is_uri(uri):
            return None, {}
        view = self.of(context)
        fixed = view.resources.get(uri)
        if fixed is not None:
            return fixed, {}
        for resource in view.templates.values():
            variables = resource.template.match(uri) if resource.template else None
            if variables is not None:
                return resource, variables
        return None, {}

    def may_complete(self, context: Context, kind: str, of: str, argument: str) -> bool:
        """Whether there is such an argument of a prompt (``ref/prompt``) or template (``ref/resource``) here."""
        view = self.of(context)
        if kind == "ref/prompt":
            return of in view.prompts and argument in view.prompts[of].arguments.names
        template = view.templates[of].template if of in view.templates else None
        return template is not None and argument in template.variables

    def _absent(self, offer: Tool | Prompt | None, context: Context, sentence: str) -> Exception:
        """What to raise for *offer*, which this caller does not see."""
        if offer is None or not self._exists_for(offer, context):
            return ProtocolError(INVALID_PARAMS, sentence, status=200)
        return InsufficientScope(self._scopes_needed(offer, context), offer.name)

    def _compile(self, context: Context) -> View:
        reach, toolbox = implied(context.scopes), self._toolbox

        def sees(offer: Offer) -> bool:
            granted = offer.skills is None or not offer.skills.isdisjoint(context.skills)
            return granted and offer.scopes <= reach and self._exists_for(offer, context)

        tools = [tool for tool in toolbox.tools.values() if sees(tool)]
        return View(
            {tool.name: _as_seen(_as_safe_as(tool, tools), context) for tool in tools},
            {name: prompt for name, prompt in toolbox.prompts.items() if sees(prompt)},
            {uri: resource for uri, resource in toolbox.resources.items() if sees(resource)},
            self._seal,
            self._page_size,
            full=self._full,
        )

    def _exists_for(self, offer: Offer, context: Context) -> bool:
        fixed = context.constraint
        if "organization" in offer.hidden_by and fixed.organization_slug is not None:
            return False
        if "project" in offer.hidden_by and fixed.project_slug is not None:
            return False
        if not isinstance(offer, Tool):
            return True
        changes = not offer.reads_only and not offer.runs_others
        return offer.needs.isdisjoint(fixed.lacks) and not (self._read_only and changes)

    def _scopes_needed(self, offer: Offer, context: Context) -> list[str]:
        """What to authorize again with: the present scopes, the offer's, and those of its least demanding skill."""
        needed = context.scopes | offer.scopes
        if offer.skills is not None and offer.skills.isdisjoint(context.skills):
            candidates = [skill.scopes for skill in self._skills if skill.id in offer.skills]
            needed |= min(candidates, key=len, default=frozenset())
        return sorted(needed)


def _as_safe_as(tool: Tool, tools: Sequence[Tool]) -> Tool:
    """*tool*; one that runs others is as safe as the least safe of *tools*: a host asks a person before what is not."""
    if not tool.runs_others:
        return tool
    run = [one for one in tools if not one.runs_others]
    safe, destructive = all(one.reads_only for one in run), any(one.destructive for one in run)
    return replace(tool, reads_only=safe, destructive=destructive)


def _as_seen(tool: Tool, context: Context) -> VisibleTool:
    filled = tuple(
        (name, source)
        for name, source in FIXED_BY.items()
        if name in tool.arguments.names and getattr(context.constraint, source) is not None
    )
    hidden = frozenset(name for name, _ in filled)
    mirrored = tuple(one for one in tool.arguments.header_parameters if one.path[0] not in hidden)
    return VisibleTool(tool, filled, hidden, mirrored)
