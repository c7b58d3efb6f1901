"""Questions in natural words: told from searches, and answered with the search that is meant."""

import pytest

from flask_sentry_mcp.sandbox import Sandbox
from tests.tools.callers import Caller
from tests.tools.test_explore import failed

NORTHWIND = {"organizationSlug": "northwind"}


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("show me the slowest endpoints in the last hour", 'fields=["transaction", "p95(span.duration)"'),
        ("show me the slowest endpoints in the last hour", 'period="1h"'),
        ("how many errors per day", 'fields=["title", "count()"]'),
        ("which users were affected this week", "count_unique(user)"),
        ("find me the logs from yesterday", 'dataset="logs"'),
        ("how many tokens did the model use", "gen_ai.usage"),
        ("list replays with rage clicks please", 'dataset="replays"'),
        ("what are the most frequent database queries", "span.op:db*"),
    ],
)
def test_a_question_is_answered_with_the_search_for_it(
    mira: Caller, sandbox: Sandbox, question: str, part: str
) -> None:
    """Decision 9: natural words are refused with an example of the right search for what was asked."""
    refused = mira.refused("search_events", **NORTHWIND, query=question)

    assert "Sentry's search syntax, not a question" in refused
    assert part in refused
    assert question not in refused
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("show me my open issues", "assigned:me"),
        ("what broke since the last deploy", "firstRelease:latest"),
        ("which issues affect most users", 'sort="user"'),
        ("list new crashes of today", "firstSeen:-24h"),
        ("what are people complaining about in feedback", "issue.category:feedback"),
        ("how many errors in production", "environment:production"),
    ],
)
def test_a_question_about_issues_as_well(mira: Caller, question: str, part: str) -> None:
    """Decision 9."""
    assert part in mira.refused("search_issues", **NORTHWIND, query=question)


@pytest.mark.parametrize(
    "query",
    [
        "cart total is negative",
        "which:x how many",
        "TypeError",
        "show cart",
        "list index out of range",
        '"how many items are left"',
        "Cannot find module 'react'",
        "pop from empty list",
        "Couldn't find User with ID",
        "The request timed out when calling /pay",
        "Something went wrong, please try again",
        "Maximum number of retries exceeded",
        "When using this you must be careful",
    ],
)
def test_words_of_a_title_are_no_question(mira: Caller, query: str) -> None:
    assert mira.read("search_issues", **NORTHWIND, query=query).startswith("# Issues in northwind")


@pytest.mark.parametrize("query", ["TypeError: list indices must be integers", "What went wrong: a build failed"])
def test_a_text_with_a_colon_is_no_question_and_told_to_be_quoted(mira: Caller, query: str) -> None:
    """Sentry takes the word before the colon for a field."""
    for tool in ("search_issues", "search_events"):
        text = failed(mira, tool, query=query)

        assert "Empty string after" in text
        assert 'Text with a colon goes in quotes, as in "KeyError: discount".' in text


@pytest.mark.parametrize(
    "question",
    [
        "count errors by release",
        "p95 latency of POST /pay",
        "average response time of checkout",
        "SELECT count(*) FROM errors",
        "top 10 slow queries",
        "most common errors this week",
    ],
)
def test_what_asks_for_a_calculation_is_a_question(mira: Caller, sandbox: Sandbox, question: str) -> None:
    """Decision 9: words that no event contains would only find nothing."""
    refused = mira.refused("search_events", **NORTHWIND, query=question)

    assert "To search for this text, put it in quotes." in refused
    assert "fields=[" in refused
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize("question", ["how many login errors are there", "how many errors in the dialog"])
def test_a_word_within_another_one_is_not_meant(mira: Caller, question: str) -> None:
    assert 'dataset="errors"' in mira.refused("search_events", **NORTHWIND, query=question)


def test_a_question_within_an_issue_is_refused(mira: Caller) -> None:
    refused = mira.refused("search_issue_events", **NORTHWIND, issueId="A-1", query="which users are affected today")

    assert 'query="environment:production"' in refused


@pytest.mark.parametrize("tool", ["search_issues", "search_events", "search_issue_events"])
def test_a_query_has_an_end(mira: Caller, sandbox: Sandbox, tool: str) -> None:
    """What is looked at word by word has to be short, and Sentry takes no longer address."""
    more = {"issueId": "A-1"} if tool == "search_issue_events" else {}

    assert "query: Longer than maximum length 4096." in mira.refused(tool, **NORTHWIND, **more, query="p50 " * 1_200)
    assert len(sandbox.requests) == 0
