"""The same two things from the official Python SDK: a trivial call, and a list of 54 tools. Served by uvicorn."""

import logging

from mcp.server import MCPServer
from starlette.applications import Starlette

from tests.bench.open_apps import TOOLS

logging.disable(logging.WARNING)  # it would log a line for every call


def app() -> Starlette:
    """Stateless, with JSON answers: the SDK at its quickest."""
    server = MCPServer("peer")

    @server.tool(structured_output=False)
    def echo(text: str) -> str:
        """Say the same again."""
        return text

    return server.streamable_http_app(json_response=True, stateless_http=True)


def many() -> Starlette:
    """54 tools with five parameters each."""
    server = MCPServer("peer")

    def search(organization: str, query: str = "", sort: str = "date", limit: int = 10, full: bool = False) -> str:
        return f"{organization} {query} {sort} {limit} {full}"

    for number in range(TOOLS):
        server.add_tool(search, name=f"tool_{number}", description="Search for something.", structured_output=False)
    return server.streamable_http_app(json_response=True, stateless_http=True)
