"""What a tool promises to return: an output schema, and structured content that keeps to it.

A promise is a marshmallow schema, a dataclass, which becomes one by its annotations, or JSON Schema word for word.
"""

import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from collections.abc import Mapping
from typing import Any, TypeAlias

from marshmallow import EXCLUDE, Schema, fields, validate

from ..errors import InvalidInput
from .raw import Judge, RawSchema, judge_of
from .schema import SchemaLike, instance_of, json_schema

OutputLike: TypeAlias = SchemaLike | type[Any]
_PLAIN: Mapping[type, type[fields.Field[Any]]] = {
    str: fields.String,
    int: fields.Integer,
    float: fields.Float,
    bool: fields.Boolean,
    uuid.UUID: fields.UUID,
    decimal.Decimal: fields.Decimal,
    datetime.datetime: fields.DateTime,
    datetime.date: fields.Date,
    dict: fields.Dict,
    object: fields.Raw,
}


class BrokenPromise(Exception):
    """A tool returned what its output schema does not allow. For the log; the caller learns only that it failed."""


class Output:
    """One tool's promise. ``json_schema`` is listed; ``structured`` makes the content that keeps to it."""

    __slots__ = ("_judge", "_schema", "json_schema")

    def __init__(self, declared: OutputLike) -> None:
        self._judge: Judge | None = None
        self._schema = Schema()
        if isinstance(declared, RawSchema):
            self._judge, self.json_schema = judge_of(declared), declared.json
            return
        if isinstance(declared, type) and dataclasses.is_dataclass(declared):
            self._schema = _schema_of(declared)()
        else:
            self._schema = instance_of(typing.cast(SchemaLike, declared))
        self.json_schema = json_schema(self._schema, outward=True)

    @property
    def is_raw(self) -> bool:
        """Whether it is JSON Schema word for word, which JSON alone can be held against."""
        return self._judge is not None

    def structured(self, value: Any) -> Any:
        """*value* (a dict or an object with the declared attributes; JSON where it is raw) as JSON can say it, checked.

        Raises: BrokenPromise.
        """
        try:
            if self._judge is not None:
                return self._judge(value)
            dumped = self._schema.dump(value)
            self._schema.load(dumped, unknown=EXCLUDE)
        except (AttributeError, TypeError, ValueError, InvalidInput) as error:  # a ValidationError is a ValueError
            raise BrokenPromise(repr(error)) from error
        return dumped


def _schema_of(cls: type[Any]) -> type[Schema]:
    hints = typing.get_type_hints(cls)
    declared = {one.name: _field(hints[one.name], one) for one in dataclasses.fields(cls)}
    return Schema.from_dict(declared, name=cls.__name__)


def _field(hint: Any, of: "dataclasses.Field[Any] | None" = None) -> fields.Field[Any]:
    """The marshmallow field for an annotation. A dataclass always has all its attributes, so each is required.

    Raises: TypeError for an annotation that has no form in JSON.
    """
    nullable = False
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        others = [arg for arg in args if arg is not types.NoneType]
        if len(others) != 1 or len(others) == len(args):
            raise TypeError(f"an output cannot be {hint}: of unions only X | None has a plain schema")
        nullable, hint = True, others[0]
        origin, args = typing.get_origin(hint), typing.get_args(hint)
    options: dict[str, Any] = {"required": of is not None, "allow_none": nullable}
    if of is not None and "description" in of.metadata:
        options["metadata"] = {"description": of.metadata["description"]}
    if origin in (list, tuple) and args:
        return fields.List(_field(args[0]), **options)
    if origin is dict:
        return fields.Dict(fields.String(), _field(args[1]), **options)
    if origin is typing.Literal:
        return (
            fields.Raw(validate=validate.OneOf(args), **options)
            if not all(isinstance(arg, str) for arg in args)
            else fields.String(validate=validate.OneOf(args), **options)
        )
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return fields.Enum(hint, by_value=True, **options)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return fields.Nested(_schema_of(hint), **options)
    kind = fields.Raw if hint is Any else _PLAIN.get(hint)
    if kind is None:
        raise TypeError(f"an output cannot hold {hint}: use str, int, float, bool, list, dict, a dataclass or X | None")
    return kind(**options)
