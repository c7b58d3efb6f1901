"""From marshmallow to JSON Schema 2020-12, and from a caller's arguments to a handler's keywords.

apispec does the conversion, with nested schemas resolved to ``$defs``. What it writes for OpenAPI is tidied to what
models and their hosts accept: every array has ``items``, nullable is ``type: [x, "null"]``, no union at the root,
nothing beyond the declared members.
"""

import json
import keyword
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, TypeAlias

import marshmallow
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, ValidationError, fields, validate

from ..errors import InvalidInput
from .mirrored import header_parameters
from .raw import MOST_LINES, JSONSchema, RawSchema, judge_of, list_of, member_names

SchemaLike: TypeAlias = type[Schema] | Schema | Mapping[str, fields.Field[Any]] | RawSchema
_TELLING = 12  # so many characters of a caller's in a sentence are no accident


# -- declared -> JSON Schema ----------------------------------------------------------------------------------------


class _Converter(OpenAPIConverter):
    """apispec's converter with the habits of OpenAPI taken off."""

    field_mapping = {
        **OpenAPIConverter.field_mapping,
        fields.URL: ("string", "uri"),
        fields.IP: ("string", None),
        fields.Tuple: ("array", None),
    }
    left_out: ClassVar[str]

    def fields2jsonschema(self, declared: Mapping[str, fields.Field[Any]], *, partial: Any = None) -> JSONSchema:
        """Members of one direction only: what is never loaded is no input, what is never dumped no output."""
        wanted = {name: field for name, field in declared.items() if not getattr(field, self.left_out)}
        converted: JSONSchema = super().fields2jsonschema(wanted, partial=partial)  # type: ignore[no-untyped-call]  # apispec
        return converted

    def schema2jsonschema(self, schema: Schema) -> JSONSchema:
        """As apispec, but a description in ``Meta`` does not open the object to further members."""
        converted: JSONSchema = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec
        if schema.unknown != marshmallow.EXCLUDE:
            converted["additionalProperties"] = schema.unknown == marshmallow.INCLUDE
        return converted

    def field2property(self, field: fields.Field[Any]) -> JSONSchema:
        """As apispec, without keywords that are OpenAPI's, empty or wrong in JSON Schema."""
        converted: JSONSchema = super().field2property(field)
        if isinstance(field, fields.Tuple):
            parts = [self.field2property(part) for part in field.tuple_fields]
            converted |= {"prefixItems": parts, "items": {}, "minItems": len(parts), "maxItems": len(parts)}
        if "default" in converted:
            _check_default(field, converted["default"])
        if isinstance(field, fields.Enum) and all(isinstance(one, str | None) for one in converted["enum"]):
            converted["type"] = ["string", "null"] if field.allow_none else "string"
        if "example" in converted:
            converted["examples"] = [converted.pop("example")]
        for keyword_ in ("readOnly", "writeOnly", "min"):
            converted.pop(keyword_, None)
        return {name: value for name, value in converted.items() if value is not None}


def _check_default(field: fields.Field[Any], written: Any) -> None:
    """Raises TypeError for a default that JSON cannot say, as *written* by apispec."""
    try:
        json.dumps(written, allow_nan=False)
    except (TypeError, ValueError):
        raise TypeError(f"the load_default of {field.name!r} has no form in JSON: clients could not be told") from None


class _Inward(_Converter):
    left_out = "dump_only"


class _Outward(_Converter):
    left_out = "load_only"


class _Form(_Inward):
    """Of a question to a person, which the protocol keeps flat: no null, and enumerations in its five kinds.

    ``OneOf(choices)`` lists plain values, ``OneOf(choices, labels)`` values with titles; the same inside a list lets
    several be chosen; ``metadata={"enumNames": [...]}`` is the kind from before there were titles.
    """

    def field2property(self, field: fields.Field[Any]) -> JSONSchema:
        """As its base, with titles, and without null."""
        converted = super().field2property(field)
        if isinstance(converted.get("type"), list):
            converted["type"] = next(kind for kind in converted["type"] if kind != "null")
        if "enum" in converted:
            converted["enum"] = [one for one in converted["enum"] if one is not None]
        labels = next((list(one.labels) for one in field.validators if isinstance(one, validate.OneOf)), [])
        if labels:
            values = converted.pop("enum")
            converted["oneOf"] = [{"const": value, "title": label} for value, label in zip(values, labels, strict=True)]
        if "enumNames" in field.metadata:
            converted["enumNames"] = list(field.metadata["enumNames"])
        if isinstance(field, fields.List) and "oneOf" in converted["items"]:
            converted["items"] = {"anyOf": converted["items"]["oneOf"]}
        return converted


class _InwardPlugin(MarshmallowPlugin):
    Converter = _Inward


class _OutwardPlugin(MarshmallowPlugin):
    Converter = _Outward


class _FormPlugin(MarshmallowPlugin):
    Converter = _Form


def json_schema(schema: Schema, *, outward: bool = False) -> JSONSchema:
    """*schema* as JSON Schema, for what comes in or (*outward*) for what goes out.

    >>> json_schema(Schema.from_dict({"name": fields.Str(required=True)})())
    {'type': 'object', 'properties': {'name': {'type': 'string'}}, 'required': ['name'], 'additionalProperties': False}
    """
    return _converted(schema, _OutwardPlugin if outward else _InwardPlugin)


def form_schema(schema: Schema) -> JSONSchema:
    """*schema* as a question to a person shows it. Raises ValueError unless it is flat."""
    converted = _converted(schema, _FormPlugin)
    converted.pop("additionalProperties", None)
    if "$defs" in converted or any(part.get("type") == "object" for part in converted["properties"].values()):
        raise ValueError("a form is flat: no nested schemas")
    return converted


def _converted(schema: Schema, plugin_class: type[MarshmallowPlugin]) -> JSONSchema:
    plugin = plugin_class(schema_name_resolver=_Names().new)
    spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[plugin])
    converter: Any = plugin.converter
    root: JSONSchema = converter.schema2jsonschema(schema)
    if schema.many:
        root = {"type": "array", "items": root}
    if spec.components.schemas:
        root["$defs"] = dict(spec.components.schemas)
    converted: JSONSchema = _rehomed(root)
    return converted


class _Names:
    """Gives each nested schema a name of its own: two classes may share one, and one class may be used in parts."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, schema: type[Schema] | Schema) -> str:
        cls = schema if isinstance(schema, type) else type(schema)
        base = name = cls.__name__.removesuffix("Schema") or "Object"
        number = 1
        while name in self._used:
            number += 1
            name = f"{base}{number}"
        self._used.add(name)
        return name


def _rehomed(node: Any) -> Any:
    """*node* with references to OpenAPI's components turned to ``$defs``."""
    if isinstance(node, Mapping):
        return {
            name: value.replace("#/components/schemas/", "#/$defs/") if name == "$ref" else _rehomed(value)
            for name, value in node.items()
        }
    return [_rehomed(item) for item in node] if isinstance(node, list | tuple) else node


def instance_of(schema: Any) -> Schema:
    """The marshmallow schema that an author declared as a class, an instance or a dict of fields."""
    if isinstance(schema, Schema):
        return schema
    if isinstance(schema, type) and issubclass(schema, Schema):
        return schema()
    if isinstance(schema, Mapping) and all(isinstance(field, fields.Field) for field in schema.values()):
        return Schema.from_dict(dict(schema), name="Arguments")()
    raise TypeError("a schema is a marshmallow Schema (class or instance) or a dict of marshmallow fields")


# -- arguments ------------------------------------------------------------------------------------------------------


class Arguments:
    """What one tool takes: ``json_schema`` for those who ask, ``read`` for what they send.

    ``names`` are the names callers use, in the order of declaration.
    """

    __slots__ = ("_judge", "_known", "_null_is_absent", "_raw", "_schema", "header_parameters", "json_schema", "names")

    def __init__(self, declared: SchemaLike | None) -> None:
        self._raw = declared if isinstance(declared, RawSchema) else None
        self._judge = None if self._raw is None else judge_of(self._raw)
        self._schema = instance_of({} if declared is None or isinstance(declared, RawSchema) else declared)
        if self._schema.many:
            raise TypeError("a tool's arguments are one object, not many")
        if self._schema.unknown == marshmallow.INCLUDE:
            raise TypeError(
                "a tool's arguments are those that it declares: Meta.unknown cannot be INCLUDE; use a fields.Dict"
            )
        closed = {"additionalProperties": False}  # whatever Meta.unknown says: read refuses what is not declared
        self.json_schema = json_schema(self._schema) | closed if self._raw is None else self._raw.json
        if self.json_schema.get("type") != "object":
            raise TypeError("a tool's arguments are an object")
        self.names = tuple(self.json_schema.get("properties", ()))
        self._known = frozenset(member_names(self.json_schema))
        self._null_is_absent = frozenset(
            field.data_key or name
            for name, field in self._schema.load_fields.items()
            if field.allow_none and field.load_default not in (marshmallow.missing, None)
        )
        self.header_parameters = header_parameters(self.json_schema)

    @property
    def keywords(self) -> dict[str, bool]:
        """The handler's keywords, each with whether it may be left out of a call."""
        if self._raw is not None:
            required = self._raw.json.get("required", ())
            return {} if self._raw.check else {name: name not in required for name in self.names}
        return {
            field.attribute or name: not field.required and field.load_default is marshmallow.missing
            for name, field in self._schema.load_fields.items()
        }

    def read(self, given: dict[str, Any], hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The handler's keywords from what a caller gave; *hidden* names are not offered when one is misspelt.

        Null for a parameter that has another default counts as not given.
        Raises: InvalidInput; its sentences quote names of ours only.
        """
        if self._raw is not None and self._judge is not None:
            if self._raw.check is None:
                self._check_names(self._raw.json, given, hidden)
            judged: dict[str, Any] = self._judge(given)
            return judged
        if lapsing := self._null_is_absent:
            given = {name: value for name, value in given.items() if value is not None or name not in lapsing}
        try:
            read: dict[str, Any] = self._schema.load(given, unknown=marshmallow.RAISE)
        except ValidationError as error:
            raise InvalidInput(self._explained(error, given, hidden)) from None
        return read

    def _check_names(self, schema: JSONSchema, given: dict[str, Any], hidden: frozenset[str]) -> None:
        """Of a raw schema: what is missing or unknown is said as for any other, with the names there are."""
        lines = [
            f"{name}: Missing data for required field." for name in schema.get("required", ()) if name not in given
        ]
        if not set(given) <= set(self.names):
            lines.insert(0, self._valid_names(hidden))
        if lines:
            raise InvalidInput(list_of(lines))

    def _valid_names(self, hidden: frozenset[str]) -> str:
        valid = ", ".join(one for one in self.names if one not in hidden) or "none"
        return f"An argument is unknown. Valid arguments: {valid}."

    def _explained(self, error: ValidationError, given: dict[str, Any], hidden: frozenset[str]) -> str:
        lines: list[str] = []
        unknown = self._schema.error_messages["unknown"]
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]  # marshmallow
        for name in [name for name, said in messages.items() if said == [unknown]]:
            del messages[name]
            if not lines:
                lines.append(self._valid_names(hidden))
        openings = {text[:_TELLING] for text in _texts(given) if len(text) >= _TELLING}
        leaves = dict.fromkeys((path, sentence[:300]) for path, sentence in _leaves(messages, self._known))
        for path, sentence in islice(leaves, MOST_LINES + 1):
            told = _not_quoting(openings, sentence)
            lines.append(f"{path}: {told}" if path else told)
        return list_of(lines)


def _not_quoting(openings: set[str], sentence: str) -> str:
    """*sentence*, unless one of the texts that a caller gave is in it, which are known by how they begin."""
    quotes = any(sentence[at : at + _TELLING] in openings for at in range(len(sentence) - _TELLING + 1))
    return "Not a valid value." if quotes else sentence


def _leaves(messages: Any, known: frozenset[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Each sentence of a validation error with the path to its field, in names of ours alone."""
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            if isinstance(name, int):
                step = f"{path}[{name}]"
            elif name in known:
                step = f"{path}.{name}" if path else name
            else:  # "_schema", "value", or a key that a caller chose
                step = path
            yield from _leaves(below, known, step)
    elif isinstance(messages, list | tuple):
        for one in messages:
            yield from _leaves(one, known, path)
    else:
        yield path, str(messages)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, below in value.items():
            yield name
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


def is_keyword_name(name: str) -> bool:
    """Whether *name* can be a keyword argument of a function."""
    return name.isidentifier() and not keyword.iskeyword(name)
