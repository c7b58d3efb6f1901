"""Questions in natural words: recognised, and answered with the search that would answer them.

Searches take Sentry's own query language (there is no model in this server). A model that passes on a person's question
gets an example to follow instead of an empty result.
"""

import re
from dataclasses import dataclass

_STRUCTURED = re.compile(r"(?:^|[\s(])!?[a-z_][\w.\[\]-]*(?:\([^)]*\))?:(?!//)\S", re.IGNORECASE)
_ASKING = re.compile(
    r"\b(how (many|much|often|long|slow)|show( me)?|list|which|what|who|where|why|when|give me|find( me)?|count of|"
    r"number of|top \d+|most (common|frequent)|last (hour|day|week|month|\d+)|past (hour|day|week|month|\d+)|"
    r"today|yesterday|this (week|month)|per (day|hour|minute|user|endpoint)|please|can you)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Example:
    """A search that answers a kind of question, as arguments of the tool."""

    words: re.Pattern[str]
    arguments: str


def _example(words: str, arguments: str) -> Example:
    return Example(re.compile(rf"\b({words})", re.IGNORECASE), arguments)


_EVENTS = (
    _example(
        "slow|latency|duration|p\\d\\d|response time|performance",
        'dataset="spans", query="is_transaction:true", fields=["transaction", "p95(span.duration)", "count()"], '
        'sort="-p95(span.duration)"',
    ),
    _example("replay|rage|dead click", 'dataset="replays", query="count_rage_clicks:>0"'),
    _example("log", 'dataset="logs", query="severity:error message:*timeout*"'),
    _example(
        "token|model|ai |llm|agent",
        'dataset="spans", query="has:gen_ai.request.model", fields=["gen_ai.request.model", '
        '"sum(gen_ai.usage.input_tokens)"], sort="-sum(gen_ai.usage.input_tokens)"',
    ),
    _example(
        "user",
        'dataset="errors", query="level:error", fields=["title", "count_unique(user)"], sort="-count_unique(user)"',
    ),
    _example(
        "database|quer(y|ies)|sql|n\\+1",
        'dataset="spans", query="span.op:db*", fields=["span.description", "count()", "avg(span.duration)"], '
        'sort="-count()"',
    ),
    _example(
        "release|deploy|version",
        'dataset="errors", query="release:latest", fields=["release", "count()"], sort="-count()"',
    ),
    _example(
        "browser|device|os ",
        'dataset="errors", query="has:browser.name", fields=["browser.name", "count()"], sort="-count()"',
    ),
    _example("", 'dataset="errors", query="level:error", fields=["title", "count()"], sort="-count()"'),
)
_ISSUES = (
    _example("mine|my |assigned to me", 'query="is:unresolved assigned:me"'),
    _example("feedback|complain", 'query="issue.category:feedback is:unresolved"'),
    _example("new|today|recent|yesterday", 'query="is:unresolved firstSeen:-24h", sort="new"'),
    _example("regress|came back|again", 'query="is:regressed"'),
    _example("user|affect|impact", 'query="is:unresolved", sort="user"'),
    _example("often|frequent|common|top|most", 'query="is:unresolved", sort="freq"'),
    _example("release|deploy|version", 'query="is:unresolved firstRelease:latest"'),
    _example("slow|performance|latency|database", 'query="is:unresolved issue.category:[db_query,http_client]"'),
    _example("unassigned|nobody", 'query="is:unresolved is:unassigned"'),
    _example("crash|fatal|unhandled", 'query="is:unresolved error.unhandled:true"'),
    _example("prod", 'query="is:unresolved environment:production"'),
    _example("", 'query="is:unresolved level:error"'),
)
_PERIODS = (
    (re.compile(r"\b(last|past) hour\b|\bhour\b", re.IGNORECASE), "1h"),
    (re.compile(r"\b(today|yesterday|last day|past day|24 ?h)", re.IGNORECASE), "24h"),
    (re.compile(r"\b(week|7 ?d)", re.IGNORECASE), "7d"),
    (re.compile(r"\b(month|30 ?d)", re.IGNORECASE), "30d"),
)


def is_structured(query: str) -> bool:
    """Whether some part of *query* is ``key:value``."""
    return _STRUCTURED.search(query) is not None


def is_question(query: str) -> bool:
    """Whether *query* is a question in natural words, not a search: several words, none ``key:value``, one that asks.

    >>> is_question("show me the slowest endpoints"), is_question("cart total is negative")
    (True, False)
    """
    return len(query.split()) >= 3 and not is_structured(query) and _ASKING.search(query) is not None


def events_example(question: str) -> str:
    """Arguments of search_events that answer a question like this."""
    return _fitting(_EVENTS, question, ("1h", "24h", "7d", "30d"))


def issues_example(question: str) -> str:
    """Arguments of search_issues that answer a question like this."""
    return _fitting(_ISSUES, question, ("24h", "7d", "30d"))


def _fitting(examples: tuple[Example, ...], question: str, periods: tuple[str, ...]) -> str:
    chosen = next(one.arguments for one in examples if one.words.search(question))
    period = next((name for words, name in _PERIODS if words.search(question)), None)
    if period is None:
        return chosen
    return f'{chosen}, period="{period if period in periods else periods[0]}"'
