"""What the official client meets: all that the conformance suite asks for, and what it does not look at."""

import os
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask
from marshmallow import fields

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.content import ResourceLink, Result, Text
from flask_sentry_mcp.mcp.endpoint import tell_updated
from flask_sentry_mcp.mcp.questions import ElicitURL
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.opening import open_store
from tests.conformance import fixture
from tests.conformance.offers import offers

PAGE_SIZE = 7
ICON = {"src": "https://app.example/icon.png", "mimeType": "image/png", "sizes": ["48x48"]}
ANNOTATIONS = {"audience": ["user"], "priority": 0.5, "lastModified": "2026-07-28T12:00:00Z"}


@dataclass
class Weather:
    """What ``weather`` promises to return."""

    degrees: float
    sky: str


def create_app() -> Flask:
    """The application; port and store are read as the conformance server does."""
    return fixture.create_app(toolbox=_add(offers()), page_size=PAGE_SIZE)


def _add(toolbox: Toolbox) -> Toolbox:
    store = open_store(os.environ["CONFORMANCE_STORE"])

    @toolbox.tool(
        {"town": fields.Str(required=True)},
        reads_only=True,
        output=Weather,
        title="The weather",
        icons=[ICON],
        meta={"app.example/season": "summer"},
    )
    def weather(ctx: Context, *, town: str) -> Weather:
        """Tell the weather in a town."""
        return Weather(21.5, "clear")

    @toolbox.tool(reads_only=True)
    def everything(ctx: Context) -> Result:
        """Return content with all that can be said about it."""
        link = ResourceLink(
            "test://static-text", "text", "Text", "Never changes.", "text/plain", 48, ANNOTATIONS, {"app.example/n": 1}
        )
        return Result([Text("Look:", ANNOTATIONS), link], structured={"n": 1}, meta={"app.example/n": 2})

    @toolbox.tool(reads_only=True)
    def visit(ctx: Context) -> str:
        """Send the person to a page."""
        page = ElicitURL("Please sign the form.", "https://app.example/form", "form-1")
        return str(ctx.ask(page=page)["page"].action)

    @toolbox.tool({"name": fields.Str(required=True)}, reads_only=True)
    def linger(ctx: Context, *, name: str) -> str:
        """Tell that it began, and work until cancelled."""
        ctx.progress(1, 2, "begun")
        until = time.monotonic() + 10
        while not ctx.is_cancelled and time.monotonic() < until:
            time.sleep(0.02)
        store.put("official-test", name, str(ctx.is_cancelled).encode(), ttl_s=60)
        return "lingered"

    @toolbox.tool({"name": fields.Str(required=True)}, reads_only=True)
    def was_cancelled(ctx: Context, *, name: str) -> dict[str, Any]:
        """Tell whether ``linger`` was cancelled; nothing while it still runs."""
        kept = store.get("official-test", name)
        return {"cancelled": None if kept is None else kept.value == b"True"}

    @toolbox.tool({"uri": fields.Str(required=True)}, reads_only=False, destructive=False)
    def touch(ctx: Context, *, uri: str) -> str:
        """Say that a resource has changed."""
        tell_updated(store, uri)
        return "touched"

    @toolbox.tool(reads_only=False, destructive=False)
    def add_and_remove_a_resource(ctx: Context) -> str:
        """Change the list of resources."""
        toolbox.resource("test://passing", mime_type="text/plain")(passing)
        toolbox.remove("test://passing")
        return "changed"

    return toolbox


def passing(ctx: Context) -> str:
    """Soon gone."""
    return ""
