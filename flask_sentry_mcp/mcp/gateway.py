"""The tools of one caller, for a tool that names others in its answer or runs them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..context import Context
from ..errors import InvalidInput
from .visible import Views, VisibleTool

Run = Callable[[VisibleTool, dict[str, Any]], Any]


class Gateway:
    """What ``Context.tools`` is during a call. *run* is the guard that every call goes through."""

    __slots__ = ("_context", "_run", "_views")

    def __init__(self, views: Views, context: Context, run: Run) -> None:
        self._views = views
        self._context = context
        self._run = run

    def names(self) -> Collection[str]:
        """What this caller may call, listed or not."""
        return self._views.of(self._context).tools.keys()

    def ways(self) -> Mapping[str, str]:
        """How an answer names each: a host may let its model call only what is listed."""
        return self._views.of(self._context).ways

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Each as ``tools/list`` would show it to this caller."""
        return [seen.tool.listing(seen.input_schema()) for seen in self._views.of(self._context).tools.values()]

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run one, guarded as any call. Raises: InvalidInput when this caller has no tool by that name."""
        seen = self._views.of(self._context).tools.get(name)
        if seen is None:
            raise InvalidInput("There is no such tool here. search_sentry_tools finds the ones there are.")
        return self._run(seen, arguments)
