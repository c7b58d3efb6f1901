"""Somebody who calls tools as the endpoint would let them."""

import dataclasses
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import SentryMCPError, SignInEnded
from flask_sentry_mcp.mcp.gateway import Gateway
from flask_sentry_mcp.mcp.visible import Views, VisibleTool
from flask_sentry_mcp.tools import catalogue

SCOPES = frozenset({"org:read", "project:write", "team:write", "event:write"})
SKILLS = frozenset({"inspect", "seer", "triage", "project-management"})


class OneToken:
    """A token that cannot be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def renew(self, rejected: str) -> str:
        raise SignInEnded


class Caller:
    """Calls tools as the endpoint does: what the connection fixes is filled in, the schema is applied."""

    def __init__(self, context: Callable[[], Context], hosts: dict[str, str]) -> None:
        self._context, self._hosts = context, hosts
        self._views = Views(catalogue())

    def call(self, name: str, /, **arguments: Any) -> Any:
        context = self._context()
        return self._run(context, self._views.tool(context, name), arguments)

    def read(self, name: str, /, **arguments: Any) -> str:
        """The answer as text in which addresses and times are the same on every machine and day."""
        text = str(self.call(name, **arguments))
        for host, name_ in self._hosts.items():
            text = text.replace(host, name_)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>", text)
        return re.sub(r"\d{4}-\d\d-\d\d(?=, last)|\d+ (?:minute|hour|day)s? ago|just now", "<ago>", text)

    def refused(self, name: str, /, **arguments: Any) -> str:
        """The sentence with which the call is refused."""
        with pytest.raises(SentryMCPError) as refusal:
            self.call(name, **arguments)
        return refusal.value.public

    def context(self) -> Context:
        return self._context()

    def names(self) -> set[str]:
        return set(self._views.of(self._context()).tools)

    def _run(self, context: Context, seen: VisibleTool, arguments: dict[str, Any]) -> Any:
        gateway = Gateway(self._views, context, partial(self._run, context))
        context = dataclasses.replace(context, tools=gateway)
        return seen.tool.handler(context, **seen.keywords(context, arguments))
