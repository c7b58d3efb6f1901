"""Tables that are written from the code: settings, skills, tools, and the tests behind the security rules."""

import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from typing import Any

from flask_sentry_mcp import SKILLS, catalogue, config
from flask_sentry_mcp.skills import SCOPE_WORDS
from tests.test_brief_security import SHOWN_BY

RULES = {
    "B1": "Client, our authorization server, Sentry's OAuth, Sentry's API: the server is an OAuth proxy.",
    "B2": "The authorization server manages clients, stores tokens safely and handles state.",
    "B3": "A client that is new needs the person's approval; approvals are remembered in a signed cookie, and each "
    "organization needs its own.",
    "B4": "Sentry's tokens are encrypted at rest, ours kept as hashes; a token is good for its organization only.",
    "B5": "Authorize, approve and callback are separate steps, each with its own failures.",
    "B6": "``issue:read`` and ``issue:write`` are accepted for Sentry's ``event:read`` and ``event:write``.",
    "B7": "One frozen context carries host, token and organization to the tools; there is no other way to a token.",
    "B8": "A ``regionUrl`` has to be the base host itself or a listed one, over https.",
    "B9": "Every input is validated by a schema, addresses are parsed before use, nothing given is executed.",
    "B10": "The state is signed, good for 10 minutes, once, and in the browser where it was made.",
    "B11": "Whatever a client says of itself is escaped, its addresses are validated.",
    "B12": "The approval cookie is signed, ``HttpOnly``, ``Secure``, ``SameSite=Lax``, and lives 30 days.",
    "B13": "No error carries a token or a secret; details are in the server's log only.",
    "B14": "Tenants are kept apart: each organization has its own approval and its own tokens.",
    "B15": "Membership of the organization is verified at sign-in and at use.",
    "B16": "Missing, short or sample secrets stop the start, by name.",
    "B17": "Only Sentry's own pages may call the browser's steps across origins.",
}


def settings() -> list[str]:
    """Every setting with its key, sentence and default."""
    return _list_table(("Setting", "What it is for"), (_setting(row.metadata) for row in config.rows()))


def _setting(row: Any) -> tuple[str, str]:
    default = row["default"]
    if default is MISSING:
        then = "**Required.**"
    elif default is None or default == ():
        then = "Default: none."
    elif isinstance(default, tuple):
        then = f"Default: {' '.join(f'``{one}``' for one in default)}."
    else:
        then = f"Default: ``{str(default).lower() if isinstance(default, bool) else default}``."
    return f"``{row['key']}``", f"{_literal(row['doc'])} {then}"


def _literal(sentence: str) -> str:
    """*sentence* with setting names and addresses set as code."""
    return re.sub(r"(?<![\w`])([A-Z]+(?:_[A-Z]+)+|https?://[\w./-]*\w)", r"``\1``", sentence)


def skills() -> list[str]:
    """The lines of the approval page."""
    rows = (
        (f"``{skill.id}``", skill.label, skill.sentence, "yes" if skill.preselected else "no", _codes(skill.scopes))
        for skill in SKILLS
    )
    return _list_table(("Skill", "On the page", "In words", "Ticked at first", "Sentry's scopes"), rows)


def scopes() -> list[str]:
    """What is ever asked of Sentry."""
    return _list_table(("Scope", "In words"), ((f"``{scope}``", words) for scope, words in SCOPE_WORDS.items()))


def tools() -> list[str]:
    """The catalogue."""
    rows = (
        (
            f"``{tool.name}``",
            "reads" if tool.reads_only else "writes",
            "every sign-in" if tool.skills is None else _codes(tool.skills),
            tool.description.partition("\n")[0],
        )
        for tool in catalogue().tools.values()
    )
    return _list_table(("Tool", "", "Skills", "What it does"), rows)


def rules() -> list[str]:
    """The rules, each with the files of the tests that show it."""
    rows = ((row, rule, _files(SHOWN_BY[row])) for row, rule in RULES.items())
    return _list_table(("Rule", "What holds", "Shown by"), rows)


def _files(tests: Iterable[str]) -> str:
    return ", ".join(f"``{file}``" for file in sorted({test.partition("::")[0] for test in tests}))


def _codes(words: Iterable[str]) -> str:
    return " ".join(f"``{word}``" for word in sorted(words))


def _list_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'  ' if number else '* '}- {cell}" for number, cell in enumerate(row)]
    return lines


TABLES: dict[str, Callable[[], list[str]]] = {
    "settings": settings,
    "skills": skills,
    "scopes": scopes,
    "tools": tools,
    "rules": rules,
}
