"""JSON Schemas in a short notation, for what is read of an answer.

``thing(id=TEXT, culprit=maybe(TEXT))`` is an object that has both members; more members are allowed, unless it is
``only`` these.
"""

from typing import Any

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
NUMBER: Shape = {"type": "number"}
WHOLE: Shape = {"type": "integer"}
FLAG: Shape = {"type": "boolean"}
NULL: Shape = {"type": "null"}
ANY: Shape = {}
DIGITS: Shape = {"type": "string", "pattern": "^[0-9]+$"}
NOTHING: Shape = {"const": ""}
"""An empty body."""

HEX64: Shape = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
HEX32: Shape = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
HEX16: Shape = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
TIME: Shape = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$"}


def maybe(shape: Shape) -> Shape:
    return {"anyOf": [shape, NULL]}


def one_of(*values: str | None) -> Shape:
    return {"enum": list(values)}


def list_of(shape: Shape) -> Shape:
    return {"type": "array", "items": shape}


def without(name: str, shape: Shape) -> Shape:
    """*shape*, of which the member *name* is never there."""
    return {
        **shape,
        "required": [one for one in shape["required"] if one != name],
        "properties": shape["properties"] | {name: False},
    }


def any_of(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


def thing(**members: Shape) -> Shape:
    """An object with these members; ``__`` in a name stands for a dot."""
    named = {name.replace("__", "."): shape for name, shape in members.items()}
    return {"type": "object", "properties": named, "required": list(named)}


def only(shape: Shape) -> Shape:
    """*shape*, an object, and no member besides."""
    return shape | {"additionalProperties": False}
