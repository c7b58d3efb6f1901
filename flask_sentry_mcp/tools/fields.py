"""Parameters that tools share, and the schema that all inputs are made from.

Every word of a schema is paid for by each model that lists the tools, so a shared parameter has a short one: what is
checked beyond its type (the form of a slug, of an ID) is checked here and told when it is wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from ..security.slugs import is_slug


class Input(Schema):
    """Base of every tool's input: unknown arguments are refused, ``snake_case`` is ``camelCase`` outside, and null
    means that an argument was not given.
    """

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Name the field as callers write it."""
        head, *rest = field_name.split("_")
        field_obj.data_key = head + "".join(part.capitalize() for part in rest)

    @pre_load
    def _null_is_absent(self, given: Any, **_: Any) -> Any:
        return (
            {name: value for name, value in given.items() if value is not None} if isinstance(given, Mapping) else given
        )


class Word(fields.String):
    """Text without the blanks around it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


def text(description: str = "", *, required: bool = False, default: str | None = None, **more: Any) -> Word:
    """Any words; *default* when absent. Empty text counts as given."""
    if description:
        more["metadata"] = {"description": description}
    return Word(required=True, **more) if required else Word(load_default=default, allow_none=False, **more)


def org_slug(*, required: bool = True) -> Word:
    return text(required=required, validate=_slug)


def project_slug(*, required: bool = False) -> Word:
    return text(required=required, validate=_slug)


def project_slug_or_id() -> Word:
    return text(validate=_slug)


def region_url() -> Word:
    """Where the organization's data lives. Hardly ever needed, so it has no words of its own."""
    return text(default=None)


def search_text(things: str) -> Word:
    return text(f"Part of the name or slug of the {things}")


def issue_id() -> Word:
    return text("WEB-4F or 6620113")


def issue_url() -> Word:
    return text("Instead of issueId and organizationSlug")


def event_id(*, default: str | None = None) -> Word:
    return text(default=default, validate=_event_id)


def choice(options: Sequence[str], *, default: str | None = None, description: str = "") -> Word:
    """One of *options*."""
    return text(description, default=default, validate=validate.OneOf(options))


def limit(default: int, highest: int) -> fields.Integer:
    """How many to show."""
    return fields.Integer(load_default=default, strict=True, validate=validate.Range(1, highest))


def count(highest: int | None = None) -> fields.Integer:
    """A positive whole number."""
    return fields.Integer(load_default=None, allow_none=False, strict=True, validate=validate.Range(1, highest))


def flag(*, default: bool = False) -> fields.Boolean:
    return fields.Boolean(load_default=default)


def _slug(value: str) -> None:
    if not is_slug(value):
        raise ValidationError("A slug has 1 to 100 letters, digits, dots, dashes and underscores, as in acme-web.")


def _matches(pattern: str, sentence: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise ValidationError(sentence)

    return check


_event_id = _matches(r"latest|[0-9a-fA-F]{32}", "An event ID has 32 hexadecimal digits.")
assignee = _matches(
    r"|me|user:[0-9]{1,20}|team:[A-Za-z0-9][A-Za-z0-9._-]{0,99}|[^\s@:]+@[^\s@:]+",
    "An assignee is user:<numeric id>, team:<id or slug>, me, an e-mail address, or empty for nobody.",
)
note = validate.Length(1, 4096)
