"""Parameters that tools share, and the schema that all inputs are made from.

Every word of a schema is paid for by each model that lists the tools, so a shared parameter has a short one: what is
checked beyond its type (the form of a slug, of an ID) is checked here and told when it is wrong.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from ..security.slugs import is_slug

LONGEST, MOST = 5000, 100  # of what has no limit of its own


class Input(Schema):
    """Base of every tool's input: unknown arguments are refused, ``snake_case`` is ``camelCase`` outside, and null
    means that an argument was not given.
    """

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Name the field as callers write it."""
        head, *rest = field_name.rstrip("_").split("_")
        field_obj.data_key = head + "".join(part.capitalize() for part in rest)

    @pre_load
    def _nothing_is_absent(self, given: Any, **_: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        fields_ = self.load_fields.values()
        names = {one.data_key for one in fields_ if isinstance(one, Name | Words) and not one.required}
        return {
            name: value for name, value in given.items() if value is not None and not (value == "" and name in names)
        }


class Word(fields.String):
    """Text without the blanks around it, and of no more than ``LONGEST`` characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValidationError(f"Give at most {LONGEST} characters.")
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class Name(Word):
    """A slug, an ID, one of some words: never empty, so empty text means that it was not given."""


class ID(Name):
    """An ID, which some callers write as a number. The schema says text: some clients cannot read a union."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return super()._deserialize(str(value) if is_number else value, attr, data, **kwargs)


class HexID(Name):
    """The ID of an event or a trace as Sentry writes it, without the dashes of a UUID and in lower case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return without_dashes(super()._deserialize(value, attr, data, **kwargs))


class Whole(fields.Integer):
    """A whole number. ``10.0`` is one in JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        is_whole = isinstance(value, float) and value.is_integer()
        return super()._deserialize(int(value) if is_whole else value, attr, data, **kwargs)


class Object(fields.Dict):
    """An object, which some clients write as the text of one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value or "{}")
                json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            except (ValueError, RecursionError):
                raise self.make_error("invalid") from None
        return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # marshmallow


class NumberOrName(fields.String):
    """Some words, or a whole number. The schema says text: some clients cannot read a union."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise ValidationError("Give a number or a name.")
        if len(str(value)) > LONGEST:
            raise ValidationError(f"Give at most {LONGEST} characters.")
        return value


def text(
    description: str = "",
    *,
    required: bool = False,
    default: str | None = None,
    kind: type[Word] = Word,
    **more: Any,
) -> Word:
    """Any words; *default* when absent. Empty text counts as given, unless it is of another *kind*."""
    if description:
        more["metadata"] = {"description": description}
    return kind(required=True, **more) if required else kind(load_default=default, allow_none=False, **more)


def org_slug(*, required: bool = True) -> Word:
    return text(required=required, validate=_slug, kind=Name)


def project_slug(*, required: bool = False) -> Word:
    return text(required=required, validate=_slug, kind=Name)


def project_slug_or_id() -> Word:
    return text(validate=_slug, kind=ID)


def region_url() -> Word:
    """Where the organization's data lives. Hardly ever needed, so it has no words of its own."""
    return text(default=None)


def search_text(things: str) -> Word:
    return text(f"Part of the name or slug of the {things}")


def query(description: str, *, default: str = "") -> Word:
    """A search in Sentry's syntax; what is longer would not fit into an address."""
    return text(description, default=default, validate=validate.Length(max=4_096))


def issue_id(*, required: bool = False) -> Word:
    return text("WEB-4F or 6620113", required=required, kind=ID)


def issue_url() -> Word:
    return text("Instead of issueId and organizationSlug", kind=Name)


def event_id(*, default: str | None = None) -> Word:
    return text(default=default, validate=_event_id, kind=HexID)


def trace_id() -> Word:
    return text(required=True, validate=_trace_id, kind=HexID)


def span_id(*, required: bool) -> Word:
    return text(required=required, validate=validate.Length(1, 64), kind=Name)


def without_dashes(text: str) -> str:
    """The ID of an event or a trace as Sentry writes it.

    >>> without_dashes("7B1D0C5E-9F0A-4C7E-8A2F-3B4C5D6E7F80")
    '7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80'
    """
    return text.replace("-", "").lower()


class Words(fields.List[str]):
    """A list of at most ``MOST`` words; a single one may come without the list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > MOST:
            raise ValidationError(f"Give at most {MOST}.")
        return super()._deserialize([value] if isinstance(value, str) else value, attr, data, **kwargs)


def words(description: str) -> Words:
    return Words(
        Word(validate=validate.Length(1, 300)),
        load_default=None,
        allow_none=False,
        metadata={"description": description},
    )


def period(default: str) -> Word:
    return text("As in 24h, 7d, 2w", default=default, validate=_period, kind=Name)


def choice(options: Sequence[str], *, default: str | None = None, description: str = "") -> Word:
    """One of *options*."""
    return text(description, default=default, validate=validate.OneOf(options), kind=Name)


def tag_key() -> Word:
    return text("url, browser, release, ...", required=True, validate=_tag_key)


def limit(default: int, highest: int) -> Whole:
    """How many to show."""
    return Whole(load_default=default, strict=True, validate=validate.Range(1, highest))


def count(highest: int | None = None) -> Whole:
    """A positive whole number."""
    return Whole(load_default=None, allow_none=False, strict=True, validate=validate.Range(1, highest))


def any_object() -> Object:
    """An object whose members are checked elsewhere."""
    return Object(
        keys=fields.String(),
        load_default=dict,
        error_messages={"invalid": "Send an object: the arguments of the tool by their names."},
    )


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


_tag_key = _matches(
    r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", "A tag key has letters, digits, dots, colons, dashes and underscores."
)
_period = _matches(r"[1-9][0-9]{0,3}[hdw]", "A period is a number with h, d or w, as in 24h.")
_trace_id = _matches(r"[0-9a-fA-F]{32}", "A trace ID has 32 hexadecimal digits.")
_event_id = _matches(r"latest|[0-9a-fA-F]{32}", "An event ID has 32 hexadecimal digits.")
assignee = _matches(
    r"|me|user:[0-9]{1,20}|team:[A-Za-z0-9][A-Za-z0-9._-]{0,99}|[^\s@:]+@[^\s@:]+",
    "An assignee is user:<numeric id>, team:<id or slug>, me, an e-mail address, or empty for nobody.",
)
some_words = validate.Length(1, 1_000)
note = validate.Length(1, 4096)
instruction = validate.Length(1, 1000)
