"""JSON Schema as an author wrote it, where marshmallow cannot say what is meant, and how values are held against it.

That takes the package jsonschema, which brings a compiled part with it; so it is an extra of ours for those who write
such schemas, and no dependency for everybody. Without it, a raw schema has to bring a check of its own.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from ..errors import InvalidInput

JSONSchema: TypeAlias = dict[str, Any]
Judge: TypeAlias = Callable[[Any], Any]
MOST_LINES = 20
_LONGEST_RULE = 100
_MISSING = (
    "a raw schema needs check=, or the package jsonschema to hold values against it: "
    "pip install 'flask-sentry-mcp[jsonschema]'"
)


@dataclass(frozen=True, slots=True)
class RawSchema:
    """JSON Schema that is listed word for word, where marshmallow cannot say what an author means.

    *check* is given the value (of a tool: the arguments) and raises InvalidInput, or returns what is to be used in its
    place (of a tool: the handler's keywords). Without it the value is held against the schema, by the package
    jsonschema. References to other documents are never fetched.
    """

    json: JSONSchema
    check: Judge | None = None


def judge_of(raw: RawSchema) -> Judge:
    """What holds a value against *raw*: it returns the value, or raises InvalidInput in words of ours.

    Raises: TypeError, at declaration, for what is no JSON Schema, or when there is nothing to judge by.
    """
    if raw.check is not None:
        return raw.check
    try:
        from jsonschema import Draft202012Validator, SchemaError
        from jsonschema.validators import validator_for
        from referencing import Registry
    except ImportError:
        raise TypeError(_MISSING) from None
    kind = validator_for(raw.json, default=Draft202012Validator)
    try:
        kind.check_schema(raw.json)
    except SchemaError as error:
        raise TypeError(f"this is no JSON Schema: {error.message}") from None
    validator, known = kind(raw.json, registry=Registry()), frozenset(member_names(raw.json))

    def judge(value: Any) -> Any:
        lines = list(islice((_told(error, known) for error in validator.iter_errors(value)), MOST_LINES + 1))
        if lines:
            raise InvalidInput(list_of(lines))
        return value

    return judge


def _told(error: Any, known: frozenset[str]) -> str:
    """A mistake by its place, in names of the schema's, and the rule that is broken: nothing of the value itself."""
    place = ""
    for step in error.absolute_path:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step in known:
            place += f".{step}" if place else step
    rule = json.dumps(error.validator_value, ensure_ascii=False, default=str)
    shown = f": {rule}" if len(rule) <= _LONGEST_RULE else ""
    return f"{place + ': ' if place else ''}Does not keep to {error.validator}{shown}."


def list_of(lines: Iterable[str]) -> str:
    """The sentence about arguments that are wrong in several ways, each told once, and the first of many."""
    distinct = list(dict.fromkeys(lines))
    shown = distinct[:MOST_LINES] + (["There is more."] if len(distinct) > MOST_LINES else [])
    return "The arguments cannot be used as they are.\n" + "\n".join(f"- {line}" for line in shown)


def member_names(schema: Any) -> Iterator[str]:
    """Every name of a member that *schema* mentions, at any depth."""
    if isinstance(schema, Mapping):
        yield from schema.get("properties", ())
        for below in schema.values():
            yield from member_names(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from member_names(below)
