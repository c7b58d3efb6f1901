"""What callers write otherwise than the schema says, and is understood all the same."""

from typing import Any

import pytest
from marshmallow import ValidationError

from flask_sentry_mcp.tools import fields

HEX = "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80"
UUID = "7B1D0C5E-9F0A-4C7E-8A2F-3B4C5D6E7F80"


class Everything(fields.Input):
    organization_slug = fields.org_slug(required=False)
    issue_id = fields.issue_id()
    event_id = fields.event_id()
    project = fields.project_slug_or_id()
    environment = fields.words("Environments")
    period = fields.period(default="14d")
    kind = fields.choice(("a", "b"), default="a")
    limit = fields.limit(10, 100)
    query = fields.text(default="is:unresolved")
    arguments = fields.any_object()


def read(**given: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = Everything().load(given)
    return loaded


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("issueId", 6620113, "6620113"),
        ("project", 4509100, "4509100"),
        ("limit", 10.0, 10),
        ("eventId", UUID, HEX),
        ("eventId", "Latest", "latest"),
        ("environment", "production", ["production"]),
        ("arguments", '{"issueId": "WEB-4F"}', {"issueId": "WEB-4F"}),
        ("arguments", "", {}),
    ],
)
def test_the_same_thing_in_another_spelling_is_understood(name: str, given: Any, meant: Any) -> None:
    field = {"issueId": "issue_id", "eventId": "event_id"}.get(name, name)

    assert read(**{name: given})[field] == meant


@pytest.mark.parametrize("name", ["organizationSlug", "issueId", "eventId", "project", "environment", "period", "kind"])
def test_what_can_never_be_empty_is_absent_when_it_is(name: str) -> None:
    assert read(**{name: ""}) == read(**{name: None}) == read()


def test_an_empty_text_counts() -> None:
    """An empty query means every status, where none at all means is:unresolved."""
    assert read(query="")["query"] == ""


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("issueId", True),
        ("issueId", 1.5),
        ("limit", 10.5),
        ("limit", float("inf")),
        ("limit", True),
        ("eventId", HEX[1:]),
        ("eventId", 5),
        ("arguments", "[1]"),
        ("arguments", "issueId=WEB-4F"),
        ("arguments", '{"a": NaN}'),
        ("arguments", r'{"a": "\ud800"}'),
        ("arguments", "[" * 100_000),
        ("arguments", 7),
    ],
)
def test_anything_else_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ValidationError):
        read(**{name: given})


def test_what_an_object_looks_like_is_said() -> None:
    with pytest.raises(ValidationError) as refused:
        read(arguments="issueId=WEB-4F")

    assert refused.value.messages == {"arguments": ["Send an object: the arguments of the tool by their names."]}
