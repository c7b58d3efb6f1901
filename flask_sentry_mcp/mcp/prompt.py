"""Prompts: messages that a person picks, with arguments filled in."""

from dataclasses import dataclass
from typing import Any

from .content import Record, Result, item
from .offer import Offer
from .output import BrokenPromise
from .schema import Arguments


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt: text or another record of content, said by ``user`` or ``assistant``."""

    content: "str | Record"
    role: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt(Offer):
    """A prompt. Its arguments arrive as text and are read by the fields of its schema."""

    arguments: Arguments

    def listing(self) -> dict[str, Any]:
        """The prompt's entry in ``prompts/list``."""
        schema = self.arguments.json_schema
        required = schema.get("required", ())
        arguments = []
        for name, part in schema["properties"].items():
            told = {key: part[key] for key in ("title", "description") if key in part}
            arguments.append({"name": name, **told, "required": name in required})
        return self.described(name=self.name, description=self.description, arguments=arguments)


def prompt_result(prompt: Prompt, value: Any) -> dict[str, Any]:
    """The members of ``prompts/get``'s result for what the handler returned: text, a Message, or a list of these.

    Raises: BrokenPromise for anything else.
    """
    said = value if isinstance(value, list | tuple) else [value]
    if not said or isinstance(value, Result):
        raise BrokenPromise("a prompt has messages")
    messages = [one if isinstance(one, Message) else Message(one) for one in said]
    if any(message.role not in ("user", "assistant") for message in messages):
        raise BrokenPromise("a message is said by user or assistant")
    return {
        "description": prompt.description,
        "messages": [{"role": message.role, "content": item(message.content)} for message in messages],
    }
