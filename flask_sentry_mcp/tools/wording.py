"""Questions in natural words: recognised, and answered with the search that would answer them.

Searches take Sentry's own query language (there is no model in this server). A model that passes on a person's question
gets an example to follow instead of an empty result.
"""

import re
from dataclasses import dataclass

_STRUCTURED = re.compile(r"(?:^|[\s(])!?[a-z_][\w.\[\]-]*(?:\([^)]*\))?:(?!//)\S", re.IGNORECASE)
_THINGS = "errors|issues|problems|bugs|crashes|events|logs|spans|traces|transactions|endpoints|requests|replays|users"
_OPENING = re.compile(
    r"(please |can you |could you )*"
    r"(how (many|much|often|long|slow|fast|do|does|did|is|are)|(which|what|who|whose|what's|who's) |"
    r"(why|when|where) (is|are|was|were|do|does|did)|(show|give|tell|find|get) (me|us)|(show|list) (all|the|my|every)|"
    rf"(the )?most (common|frequent|recent)|top \d+ |(list|show|count)( \w+){{0,2}} ({_THINGS}))\b",
    re.IGNORECASE,
)
_AGGREGATING = re.compile(
    r"\bp(50|75|90|95|99)\b.* (of|for|per|by) |\b(average|avg|median)\b.* (of|for|per|by) |"
    rf"\b({_THINGS}|counts?|latency|duration|throughput) (grouped by|by|per) \w|"
    rf"^select\b.+\bfrom ({_THINGS})\b",
    re.IGNORECASE,
)
_TELLING = re.compile(
    rf"\b({_THINGS}|unresolved|unassigned|assigned to|slow(est)?|latency|p\d\d|production|staging|yesterday|today)\b",
    re.IGNORECASE,
)
QUOTE_IT = "To search for this text, put it in quotes."


@dataclass(frozen=True, slots=True)
class Example:
    """A search that answers a kind of question, as arguments of the tool."""

    words: re.Pattern[str]
    arguments: str


def _example(words: str, arguments: str) -> Example:
    return Example(re.compile(rf"\b({words})" if words else "", re.IGNORECASE), arguments)


_EVENTS = (
    _example(
        "slow|latency|duration|p\\d\\d\\b|response time|performance",
        'dataset="spans", query="is_transaction:true", fields=["transaction", "p95(span.duration)", "count()"], '
        'sort="-p95(span.duration)"',
    ),
    _example("replay|rage\\b|dead click", 'dataset="replays", query="count_rage_clicks:>0"'),
    _example("logs?\\b", 'dataset="logs", query="severity:error message:*timeout*"'),
    _example(
        "tokens?\\b|model|ai\\b|llm|agent",
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
        "browser|device|os\\b",
        'dataset="errors", query="has:browser.name", fields=["browser.name", "count()"], sort="-count()"',
    ),
    _example("", 'dataset="errors", query="level:error", fields=["title", "count()"], sort="-count()"'),
)
_ISSUES = (
    _example("mine\\b|my\\b|assigned to me", 'query="is:unresolved assigned:me"'),
    _example("feedback|complain", 'query="issue.category:feedback is:unresolved"'),
    _example("new\\b|today|recent|yesterday", 'query="is:unresolved firstSeen:-24h", sort="new"'),
    _example("regress|came back|again\\b", 'query="is:regressed"'),
    _example("user|affect|impact", 'query="is:unresolved", sort="user"'),
    _example("often|frequent|common|top\\b|most\\b", 'query="is:unresolved", sort="freq"'),
    _example("release|deploy|version", 'query="is:unresolved firstRelease:latest"'),
    _example("slow|performance|latency|database", 'query="is:unresolved issue.category:[db_query,http_client]"'),
    _example("unassigned|nobody", 'query="is:unresolved is:unassigned"'),
    _example("crash|fatal|unhandled", 'query="is:unresolved error.unhandled:true"'),
    _example("prod\\b|production", 'query="is:unresolved environment:production"'),
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
    """Whether *query* is a question in natural words, not a search: it begins as one, or asks for a calculation.

    A text that merely resembles one is searched: exceptions say "list index out of range" and "please try again".

    >>> is_question("show me the slowest endpoints"), is_question("cart total is negative")
    (True, False)
    """
    if len(query.split()) < 3 or _is_literal(query):
        return False
    return _OPENING.match(query) is not None or _AGGREGATING.search(query) is not None


def may_mean_a_filter(query: str) -> bool:
    """Whether *query*, which was searched as text, has words that a filter could stand for.

    >>> may_mean_a_filter("slow endpoints"), may_mean_a_filter("cart total is negative")
    (True, False)
    """
    return len(query.split()) >= 2 and not _is_literal(query) and _TELLING.search(query) is not None


def events_example(question: str) -> str:
    """Arguments of search_events that answer a question like this."""
    return _fitting(_EVENTS, question, ("1h", "24h", "7d", "30d"))


def issues_example(question: str) -> str:
    """Arguments of search_issues that answer a question like this."""
    return _fitting(_ISSUES, question, ("24h", "7d", "30d"))


def _is_literal(query: str) -> bool:
    """Whether *query* is written as a search, or as an exception is: ``KeyError: 'discount'``."""
    return '"' in query or ": " in query or is_structured(query)


def _fitting(examples: tuple[Example, ...], question: str, periods: tuple[str, ...]) -> str:
    chosen = next(one.arguments for one in examples if one.words.search(question))
    period = next((name for words, name in _PERIODS if words.search(question)), None)
    if period is None:
        return chosen
    return f'{chosen}, period="{period if period in periods else periods[0]}"'
