"""How each MCP client is told about this server; the start page and the terminal show the same."""

import json
from dataclasses import dataclass

NAME = "sentry"


@dataclass(frozen=True, slots=True)
class Guide:
    """What to paste, and where."""

    client: str
    where: str
    paste: str


def guides(url: str) -> tuple[Guide, ...]:
    """The guides for the MCP endpoint at *url*."""
    entry = {"type": "http", "url": url}
    return (
        Guide("Claude Code", "In a terminal", f"claude mcp add --transport http {NAME} {url}"),
        Guide("Cursor", "In ~/.cursor/mcp.json", _file("mcpServers", {"url": url})),
        Guide("VS Code", "In a terminal", f"code --add-mcp '{json.dumps({'name': NAME, **entry})}'"),
        Guide("VS Code", "Or in .vscode/mcp.json", _file("servers", entry)),
    )


def _file(member: str, entry: dict[str, str]) -> str:
    """A file with one server in it: valid JSON, short enough to read."""
    return f'{{\n  "{member}": {{\n    "{NAME}": {json.dumps(entry)}\n  }}\n}}'
