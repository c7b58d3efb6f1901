"""The way to the tools that are not listed: search_sentry_tools finds them, execute_sentry_tool runs them."""

from collections.abc import Mapping
from typing import Any

from ..context import Context
from ..errors import InvalidInput
from ..mcp.tool import Toolbox
from . import fields
from .ranking import rank

toolbox = Toolbox()
ITSELF = frozenset({"search_sentry_tools", "execute_sentry_tool"})
WITH_SCHEMA = 1


class SearchSentryTools(fields.Input):
    query = fields.text("What you want to do, or a tool's name", required=True, validate=fields.some_words)
    limit = fields.limit(8, 20)


@toolbox.tool(SearchSentryTools, reads_only=True, open_world=False)
def search_sentry_tools(ctx: Context, *, query: str, limit: int) -> dict[str, Any]:
    """Find further Sentry tools by what they do: issue details, stack traces, breadcrumbs, tags, activity, comments,
    traces, spans, releases, teams and more.

    The best match comes with its schema; search by a tool's name for another one's. Run it with execute_sentry_tool.
    """
    entries = [one for one in ctx.tools.entries() if one["name"] not in ITSELF]
    found = rank(query, entries)[:limit]
    if not found:
        return {"results": [], "tools": [one["name"] for one in entries]}
    return {"results": [_whole(one) if place < WITH_SCHEMA else _brief(one) for place, one in enumerate(found)]}


def _whole(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("name", "description", "inputSchema", "annotations")}


def _brief(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The first sentence, and the names of the arguments; those that must be given are marked."""
    schema = entry["inputSchema"]
    required = schema.get("required", ())
    names = [f"{name}*" if name in required else name for name in schema["properties"]]
    brief: dict[str, Any] = {
        "name": entry["name"],
        "description": entry["description"].split("\n\n")[0].replace("\n", " "),
    }
    return brief | {"arguments": " ".join(names) or "none"}


class ExecuteSentryTool(fields.Input):
    name = fields.text(required=True, validate=fields.some_words)
    arguments = fields.any_object()


@toolbox.tool(ExecuteSentryTool, reads_only=False, destructive=True, runs_others=True)
def execute_sentry_tool(ctx: Context, *, name: str, arguments: dict[str, Any]) -> Any:
    """Run a tool that search_sentry_tools found, with its arguments."""
    if name in ITSELF or name not in ctx.tools.names():
        raise InvalidInput("There is no such tool here. search_sentry_tools finds the ones there are.")
    return ctx.tools.call(name, arguments)
