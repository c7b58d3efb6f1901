"""What a tool may return, and how it goes out.

Text, a dict or a dataclass, one of the records below, or a list of these. A dict or dataclass becomes structured
content, with the same as compact JSON in a text block for clients that read only text. What ``plain`` knows may be in
them, or be returned itself.

A record refuses when it is made what could not go out, so that an author is shown the line.
"""

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

from .output import BrokenPromise, Output

Bytes: TypeAlias = bytes | bytearray | memoryview
Annotations: TypeAlias = Mapping[str, Any]
"""``{"audience": ["user"], "priority": 0.9, "lastModified": "2026-07-28T12:00:00Z"}``, every member optional."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text block, for the times when a plain string is not enough."""

    text: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for a value of the wrong kind."""
        _check(self, text=str)

    def block(self) -> dict[str, Any]:
        """As the protocol writes it."""
        return _block(self, type="text", text=self.text)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: its bytes and what they are (``image/png``)."""

    data: Bytes
    mime_type: str = "image/png"
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for a value of the wrong kind."""
        _check(self, data=Bytes, mime_type=str)

    def block(self) -> dict[str, Any]:
        """As the protocol writes it."""
        return _block(self, type="image", data=base64.b64encode(self.data).decode(), mimeType=self.mime_type)


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound: its bytes and what they are (``audio/wav``)."""

    data: Bytes
    mime_type: str = "audio/wav"
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for a value of the wrong kind."""
        _check(self, data=Bytes, mime_type=str)

    def block(self) -> dict[str, Any]:
        """As the protocol writes it."""
        return _block(self, type="audio", data=base64.b64encode(self.data).decode(), mimeType=self.mime_type)


@dataclass(frozen=True, slots=True)
class EmbeddedResource:
    """A resource with its contents: text, or bytes that go out as base64."""

    uri: str
    contents: str | Bytes
    mime_type: str | None = None
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for a value of the wrong kind."""
        _check(self, uri=str, contents=str | Bytes, mime_type=str | None)

    def block(self) -> dict[str, Any]:
        """As the protocol writes it."""
        return _block(self, type="resource", resource=resource_contents(self.uri, self.contents, self.mime_type))


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """A resource by its address, for the client to read if it cares."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for a value of the wrong kind."""
        _check(self, uri=str, name=str, title=str | None, description=str | None, mime_type=str | None, size=int | None)

    def block(self) -> dict[str, Any]:
        """As the protocol writes it."""
        optional = {
            "title": self.title,
            "description": self.description,
            "mimeType": self.mime_type,
            "size": self.size,
        }
        return _block(
            self,
            type="resource_link",
            uri=self.uri,
            name=self.name,
            **{name: value for name, value in optional.items() if value is not None},
        )


Record: TypeAlias = Text | Image | Audio | EmbeddedResource | ResourceLink
_RECORDS = (Text, Image, Audio, EmbeddedResource, ResourceLink)
_SCALARS = (bool, int, float)


@dataclass(frozen=True, slots=True)
class Result:
    """A whole result, for the tool that wants to say more than its content.

    *structured* is a JSON object; *is_error* tells the model that the call failed in a way it can react to.
    """

    content: "str | Record | Sequence[str | Record]"
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    meta: Mapping[str, Any] | None = None


def resource_contents(uri: str, contents: str | Bytes, mime_type: str | None) -> dict[str, Any]:
    """Contents of a resource as the protocol writes them: ``text``, or ``blob`` in base64."""
    members: dict[str, Any] = {"uri": uri}
    if mime_type is not None:
        members["mimeType"] = mime_type
    if isinstance(contents, str):
        members["text"] = contents
    else:
        members["blob"] = base64.b64encode(contents).decode()
    return members


def call_result(value: Any, output: Output | None = None) -> dict[str, Any]:
    """The members of a tool's result for what the handler returned.

    >>> call_result("hello")
    {'content': [{'type': 'text', 'text': 'hello'}]}

    Raises: BrokenPromise when *value* is of no kind that may go out, or breaks the promise of *output*.
    """
    if isinstance(value, Result):
        return _whole(value, output)
    if output is not None:
        return _structured(_promised(output, value))
    if isinstance(value, str):
        return {"content": [{"type": "text", "text": value}]}
    if isinstance(value, Mapping):
        return _structured(dict(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, *_RECORDS)):
        return _structured(plain(value))
    if value is None:
        return {"content": []}
    if isinstance(value, list | tuple):
        return {"content": [item(one) for one in value]}
    return {"content": [item(value)]}


def error_result(sentence: str) -> dict[str, Any]:
    """The members of a failed call's result: a sentence for the model."""
    return {"content": [{"type": "text", "text": sentence}], "isError": True}


def plain(value: Any) -> Any:
    """For the JSON encoder: what else has an obvious form. Raises TypeError for the rest."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, *_RECORDS)):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _whole(value: Result, output: Output | None) -> dict[str, Any]:
    content = value.content if isinstance(value.content, list | tuple) else [value.content]
    members: dict[str, Any] = {"content": [item(one) for one in content]}
    if value.structured is not None:
        check_members(value.structured)
        check_members(value.structured)
        members["structuredContent"] = _promised(output, value.structured) if output else dict(value.structured)
    elif output is not None and not value.is_error:
        raise BrokenPromise("a Result without the structured content that its output schema promises")
    if value.is_error:
        members["isError"] = True
    if value.meta:
        members["_meta"] = dict(value.meta)
    return members


def _promised(output: Output, value: Any) -> Any:
    return output.structured(json.loads(compact(value)) if output.is_raw else value)


def _structured(value: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": compact(value)}], "structuredContent": value}


def item(value: Any) -> dict[str, Any]:
    """One block of content. Raises BrokenPromise for what cannot be one."""
    if isinstance(value, str):
        return {"type": "text", "text": value}
    if isinstance(value, _RECORDS):
        return value.block()
    if isinstance(value, _SCALARS):
        return {"type": "text", "text": compact(value)}
    try:
        said = plain(value)
    except TypeError:
        raise BrokenPromise(f"a tool cannot return {type(value).__name__}") from None
    return {"type": "text", "text": said if isinstance(said, str) else compact(said)}


def _check(record: "Record", **kinds: Any) -> None:
    for name, kind in {**kinds, "annotations": Mapping | None, "meta": Mapping | None}.items():
        if not isinstance(getattr(record, name), kind):
            wanted = getattr(kind, "__name__", str(kind))
            raise TypeError(f"{name} of {type(record).__name__} must be {wanted}")


def compact(value: Any) -> str:
    """*value* as JSON, with the obvious forms.

    Raises: ValueError or TypeError for what JSON cannot say, two members of one name among it (``{1: "a", "1": "b"}``).
    """
    check_members(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)


def check_members(value: Any) -> None:
    """Raises ValueError when two keys of a dict inside *value* would be one name in JSON."""
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            names = [name for name, _ in json.loads(json.dumps(dict.fromkeys(value)), object_pairs_hook=list)]
            if len(set(names)) != len(names):
                raise ValueError("two members of an object have one name")
        for below in value.values():
            check_members(below)
    elif isinstance(value, list | tuple):
        for below in value:
            check_members(below)


def _block(record: Record, **members: Any) -> dict[str, Any]:
    if record.annotations:
        members["annotations"] = dict(record.annotations)
    if record.meta:
        members["_meta"] = dict(record.meta)
    return members
