"""What a tool may ask of its client while it works: a form, a visit to a page, a completion by its model, its roots.

One tool serves both eras: to a client of 2025 a question goes out on the stream of the call, and the tool waits; to a
client of 2026-07-28 the call ends with the question and comes back with the answer, and the tool runs again from its
start. So ask before anything is changed, and ask the same questions in the same order for the same arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import marshmallow

from ..context import Elicited, Question
from ..errors import InvalidInput
from .raw import RawSchema, judge_of
from .schema import SchemaLike, form_schema, instance_of

_ACTIONS = ("accept", "decline", "cancel")


class BadAnswer(Exception):
    """An answer that is not of the form that was asked for."""


@dataclass(frozen=True)
class Elicit:
    """A form for the person: *schema* is a flat marshmallow schema, or JSON Schema as the protocol narrows it (a dict,
    or a RawSchema with a check of its own).

    Never ask for a password or a key this way; send the person to a page (``ElicitURL``).
    """

    message: str
    schema: SchemaLike | Mapping[str, Any] = field(default_factory=dict)
    method: ClassVar[str] = "elicitation/create"
    capability: ClassVar[str] = "elicitation"

    def __post_init__(self) -> None:
        """Raises TypeError for a raw schema that no answer could be held against."""
        if (raw := _as_raw(self.schema)) is not None:
            judge_of(raw)

    def params(self) -> dict[str, Any]:
        """The parameters of the question."""
        raw = _as_raw(self.schema)
        asked = form_schema(instance_of(self.schema)) if raw is None else raw.json
        return {"mode": "form", "message": self.message, "requestedSchema": asked}

    def read(self, answer: Mapping[str, Any]) -> Elicited:
        """What the person did, and what they filled in. Raises BadAnswer."""
        action, content = answer.get("action"), answer.get("content")
        if action not in _ACTIONS or not isinstance(content, dict | None):
            raise BadAnswer("an elicitation is answered by an action, and content when accepted")
        if action != "accept":
            return Elicited(action, None)
        raw = _as_raw(self.schema)
        try:
            if raw is not None:
                return Elicited(action, judge_of(raw)(content or {}))
            read = instance_of(self.schema).load(content or {}, unknown=marshmallow.EXCLUDE)
        except (marshmallow.ValidationError, InvalidInput) as error:
            raise BadAnswer("the form is not filled in as asked") from error
        return Elicited(action, read)


def as_input_request(question: Question) -> dict[str, Any]:
    """*question* as 2026-07-28 writes it, which knows no ``elicitationId``."""
    params = {name: value for name, value in question.params().items() if name != "elicitationId"}
    return {"method": question.method, "params": params}


def _as_raw(schema: Any) -> RawSchema | None:
    if isinstance(schema, Mapping) and schema.get("type") == "object":
        return RawSchema(dict(schema))
    return schema if isinstance(schema, RawSchema) else None


@dataclass(frozen=True)
class ElicitURL:
    """A page for the person to visit, for what must not pass through the client. Its answer is only yes or no."""

    message: str
    url: str
    elicitation_id: str
    method: ClassVar[str] = "elicitation/create"
    capability: ClassVar[str] = "elicitation.url"

    def params(self) -> dict[str, Any]:
        """The parameters of the question."""
        return {"mode": "url", "message": self.message, "url": self.url, "elicitationId": self.elicitation_id}

    def read(self, answer: Mapping[str, Any]) -> Elicited:
        """Whether the person agreed to go there. Raises BadAnswer."""
        if answer.get("action") not in _ACTIONS:
            raise BadAnswer("an elicitation is answered by an action")
        return Elicited(answer["action"], None)


@dataclass(frozen=True)
class Sample:
    """A completion by the client's model. *messages* is a text, or messages as the protocol writes them.

    The answer is the protocol's: ``{"role": "assistant", "content": {"type": "text", "text": ...}, "model": ...}``.
    """

    messages: str | Sequence[Mapping[str, Any]]
    max_tokens: int
    system_prompt: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    method: ClassVar[str] = "sampling/createMessage"

    @property
    def capability(self) -> str:
        """``sampling``; with tools in it, or more context than the messages, what a client declares for these."""
        messages = () if isinstance(self.messages, str) else self.messages
        tools = any(name in self.options for name in ("tools", "toolChoice")) or any(map(_uses_tools, messages))
        context = self.options.get("includeContext", "none") != "none"
        return "sampling" + (".tools" if tools else "") + (".context" if context else "")

    def params(self) -> dict[str, Any]:
        """The parameters of the question."""
        messages = self.messages
        if isinstance(messages, str):
            messages = [{"role": "user", "content": {"type": "text", "text": messages}}]
        system = {"systemPrompt": self.system_prompt} if self.system_prompt else {}
        return {"messages": list(messages), "maxTokens": self.max_tokens, **system, **self.options}

    def read(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The message. Raises BadAnswer."""
        if not isinstance(answer.get("role"), str) or not isinstance(answer.get("content"), dict | list):
            raise BadAnswer("a completion has a role and content")
        return answer


def _uses_tools(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    blocks = content if isinstance(content, list | tuple) else [content]
    return any(isinstance(block, Mapping) and block.get("type") in ("tool_use", "tool_result") for block in blocks)


@dataclass(frozen=True)
class Roots:
    """The folders that the client works in: ``[{"uri": "file:///work", "name": "work"}]``."""

    method: ClassVar[str] = "roots/list"
    capability: ClassVar[str] = "roots"

    def params(self) -> dict[str, Any]:
        """The parameters of the question: none."""
        return {}

    def read(self, answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The roots. Raises BadAnswer."""
        roots = answer.get("roots")
        if not isinstance(roots, list) or not all(isinstance(root, dict) for root in roots):
            raise BadAnswer("roots are a list of objects")
        return roots
