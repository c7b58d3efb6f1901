"""Parameters that clients mirror into headers, so that a gateway can route by them: ``x-mcp-header`` in a schema.

Source: https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[0-9A-Za-z-]+")  # no underscore: WSGI cannot tell it from a dash
_TYPES = ("string", "integer", "boolean")
_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OF_VALUES = ("const", "enum", "default", "examples")


@dataclass(frozen=True, slots=True)
class HeaderParameter:
    """A parameter that clients mirror into a header (``x-mcp-header``): its name there, and where it is in the body."""

    header: str
    path: tuple[str, ...]

    def value_in(self, arguments: Any) -> Any:
        """The value that the header must repeat, or None when there is none."""
        for name in self.path:
            if not isinstance(arguments, dict):
                return None
            arguments = arguments.get(name)
        return arguments


def header_parameters(schema: Mapping[str, Any]) -> tuple[HeaderParameter, ...]:
    """The parameters that ``x-mcp-header`` marks in *schema*.

    Raises: ValueError when a mark breaks a rule for which clients would drop the tool.
    """
    found = tuple(_marked(schema, ()))
    names = [one.header.lower() for one in found]
    if len(set(names)) != len(names):
        raise ValueError("x-mcp-header names a header twice")
    if _marks(schema) != len(found):
        raise ValueError("x-mcp-header may only stand on properties that are reached through properties alone")
    return found


def _marked(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[HeaderParameter]:
    for name, part in schema.get("properties", {}).items():
        if not isinstance(part, Mapping):
            continue
        header = part.get("x-mcp-header")
        if header is not None:
            types = part.get("type")
            kinds = [kind for kind in (types if isinstance(types, list) else [types]) if kind != "null"]
            if not isinstance(header, str) or not _NAME.fullmatch(header):
                raise ValueError(f"x-mcp-header of {name} must be letters, digits and dashes")
            if len(kinds) != 1 or kinds[0] not in _TYPES:
                raise ValueError(f"x-mcp-header of {name} needs type string, integer or boolean")
            yield HeaderParameter(header, (*path, name))
        yield from _marked(dict(part), (*path, name))


def _marks(schema: Any) -> int:
    """How many schemas inside *schema* are marked. A property may have that name, and a value may hold it."""
    if isinstance(schema, list):
        return sum(map(_marks, schema))
    if not isinstance(schema, Mapping):
        return 0
    below = [_schemas_in(name, part) for name, part in schema.items() if name not in _OF_VALUES]
    return ("x-mcp-header" in schema) + _marks(below)


def _schemas_in(keyword: str, part: Any) -> Any:
    return list(part.values()) if keyword in _OF_SCHEMAS and isinstance(part, Mapping) else part
