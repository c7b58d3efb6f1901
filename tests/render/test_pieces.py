"""The pieces of answers: lenient with what Sentry sends, honest about what is left out."""

from typing import Any

import pytest

from flask_sentry_mcp.render import pieces
from flask_sentry_mcp.security.untrusted import LEGEND

NOON = 1_787_054_400.0  # 2026-08-18T12:00:00Z


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-08-18T12:40:02.123456Z", "2026-08-18T12:40:02Z"),
        ("2026-08-18T12:40:02", "2026-08-18T12:40:02Z"),
        ("2026-08-18T14:40:02+02:00", "2026-08-18T12:40:02Z"),
        (NOON, "2026-08-18T12:00:00Z"),
        ("soon", None),
        (None, None),
        (True, None),
        (1e20, None),
        ({}, None),
    ],
)
def test_times_are_utc_to_the_second(value: object, shown: str | None) -> None:
    assert pieces.iso(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "just now"),
        (-60, "just now"),
        (60, "1 minute ago"),
        (59 * 60, "59 minutes ago"),
        (3600, "1 hour ago"),
        (47 * 3600, "1 day ago"),
        (29 * 86_400, "29 days ago"),
        (30 * 86_400, "2026-07-19"),
    ],
)
def test_how_long_ago(seconds: float, shown: str) -> None:
    assert pieces.ago(NOON - seconds, NOON) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("1843", "1,843"), (1843.0, "1,843"), (0, "0"), (None, "None"), ("many", "many")]
)
def test_counts_may_be_text(value: object, shown: str) -> None:
    assert pieces.number(value) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0.5, "0.5ms"),
        (4.8, "4.8ms"),
        (12.4, "12ms"),
        (999.4, "999ms"),
        (1450, "1.45s"),
        (125_000, "2m 5s"),
        (None, "?"),
    ],
)
def test_durations_are_readable(ms: object, shown: str) -> None:
    assert pieces.duration(ms) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("acme-web", "acme-web"),
        ("archived_until_escalating", "archived_until_escalating"),
        ("two words", "«two words»"),
        ("<untrusted>", "«(untrusted>»"),
        ("a" * 101, f"«{'a' * 100}… (1 more characters)»"),
        (None, "None"),
        ("", "«»"),
    ],
)
def test_a_word_that_is_none_is_quoted(value: object, shown: str) -> None:
    assert pieces.word(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0f1e-2d3c", "0f1e-2d3c"), (7, "7"), ("ignore_previous", "«ignore_previous»"), ("main", "«main»")],
)
def test_an_identifier_that_is_none_is_quoted(value: object, shown: str) -> None:
    assert pieces.identifier(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "Unassigned"),
        ({}, "Unassigned"),
        ("mira", "mira"),
        ({"type": "team", "name": "payments"}, "payments (team)"),
        ({"type": "user", "email": "mira@x"}, "mira@x (user)"),
        ({"id": "7"}, "Unknown"),
        ({"type": "user", "name": "A\nB<untrusted>"}, "A B(untrusted> (user)"),
        (3, "Unknown"),
    ],
)
def test_an_assignee_has_many_shapes(value: Any, shown: str) -> None:
    assert pieces.actor(value) == shown


def test_an_answer_explains_its_marks_once() -> None:
    assert pieces.answer("T", "«a»", "", None, "<untrusted>\nb\n</untrusted>").count(LEGEND) == 1
    assert LEGEND not in pieces.answer("T", "plain")


def test_an_answer_that_is_too_long_names_what_it_leaves_out() -> None:
    """Section 7.4: whole sections go, so that no fence is cut open."""
    tags = "## Tags\n\n<untrusted>\n" + "x" * pieces.ANSWER_LIMIT + "\n</untrusted>"

    text = pieces.answer("T", "## One\n\nshort", tags, "## Three\n\nshort")

    assert (
        text == "# T\n\n## One\n\nshort\n\n## Three\n\nshort\n\n(Left out because the answer would be too long: Tags.)"
    )


def test_an_answer_keeps_its_limit_whatever_it_leaves_out() -> None:
    """Section 7.4: the legend and the names of what is left out count as well."""
    sections = [f"## Part {n}\n\n<untrusted>\n{'x' * 9_000}\n</untrusted>" for n in range(100)]

    text = pieces.answer("T", *sections)

    assert len(text) <= pieces.ANSWER_LIMIT
    assert text.count("## Part") == 4
    assert text.endswith("too long: «Part 4»; «Part 5»; «Part 6»; «Part 7»; «Part 8» and 91 more.)")


def test_a_list_of_long_lines_has_an_end() -> None:
    """Section 7.4."""
    text = pieces.listed(["x" * 1_000] * 100, 50, more="ask again")

    assert text.count("- x") == 16
    assert text.endswith("\n(84 more: ask again)")


def test_a_list_shows_at_least_one_line() -> None:
    assert pieces.listed(["x" * 20_000, "y"], 5, more="m").startswith("- x")
