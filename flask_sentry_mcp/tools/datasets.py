"""What each dataset of search_events has: default columns, orders, and the rules to tell when a search is wrong."""

import json
import re
from collections.abc import Iterator, Sequence

from ..errors import InvalidInput

NAMES = ("errors", "logs", "spans", "metrics", "profiles", "replays")

_DEFAULT = {
    "errors": "issue title project timestamp level message error.type culprit user.email user.id",
    "logs": "timestamp project message severity trace",
    "spans": "id span.op span.description span.duration transaction timestamp project trace",
    "metrics": "id timestamp project trace metric.name metric.type metric.unit value",
    "profiles": "project profile.id profiler.id thread.id timestamp transaction transaction.duration release "
    "environment trace precise.start_ts precise.finish_ts",
    "replays": "",
}
_IDENTITY = ("metric.name", "metric.type", "metric.unit")
REPLAY_ORDERS = (
    "activity",
    "browser.name",
    "browser.version",
    "count_dead_clicks",
    "count_errors",
    "count_infos",
    "count_rage_clicks",
    "count_urls",
    "count_warnings",
    "device.brand",
    "device.family",
    "device.model",
    "device.name",
    "dist",
    "duration",
    "finished_at",
    "os.name",
    "os.version",
    "platform",
    "project_id",
    "sdk.name",
    "started_at",
    "user.email",
    "user.id",
    "user.username",
)
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,"]+')
_ENVIRONMENT = re.compile(
    r'(?<![\w.!])(?P<negated>!?)environment:(?P<values>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[^\s()"]+)|"(?:[^"\\]|\\.?)*(?:"|$)'
)
QUOTES = 'Text with a colon goes in quotes, as in "KeyError: discount".'
_COMMON = f"Everywhere: project, timestamp, environment, release, platform, user.id, user.email, sdk.name. {QUOTES}"
RULES = {
    "errors": f"Errors: message, level, error.type, error.value, error.handled, culprit, title, os.name, browser.name, "
    f"any tag. Functions: count(), count_unique(x), last_seen(), eps(), epm(); no averages or percentiles. {_COMMON}",
    "logs": f"Logs: message, severity, trace, own attributes. Functions as for spans. Time goes into period. {_COMMON}",
    "spans": f"Spans: span.op, span.description, span.duration (ms), span.status, transaction, is_transaction, trace, "
    f"http.*, db.*, gen_ai.*, mcp.*. Functions: count(), count_unique(x), avg, sum, min, max, p50, p75, p90, p95, "
    f"p99 of a number, epm(), failure_rate(). {_COMMON}",
    "metrics": "Metrics: metric.name, metric.type, metric.unit, value, trace. Functions carry the identity: "
    "sum(value,<name>,<type>,<unit>), unit - when there is none; also avg, min, max, count, p50, p75, p90, p95, p99.",
    "profiles": f"Profiles: profile.id, transaction, transaction.duration (ns), trace. Functions: count(), "
    f"last_seen(), p50(), p75(), p95(), p99(). {_COMMON}",
    "replays": "Replays: count_errors:>0, count_rage_clicks:>0, url:*checkout*, user.email:x, duration:>60.",
}


def is_aggregate(fields: Sequence[str]) -> bool:
    """Whether rows are groups: a column is a function."""
    return any("(" in field for field in fields)


def defaults(dataset: str) -> list[str]:
    """The columns of a search that names none."""
    return _DEFAULT[dataset].split()


def columns(dataset: str, fields: Sequence[str] | None, sort: str) -> tuple[list[str], str]:
    """The columns to ask for and the order, completed: Sentry sorts only by a column that is chosen. An empty *sort* is
    the usual order.

    Raises: InvalidInput for a replay order that does not exist, too many columns, or columns of replays.
    """
    if dataset == "replays":
        return [], _replay_order(fields, sort)
    chosen = list(fields or defaults(dataset))
    if len(chosen) > 20:
        raise InvalidInput("fields may name at most 20 columns.")
    grouped = is_aggregate(chosen)
    if not sort.removeprefix("-"):
        functions = [one for one in chosen if "(" in one]
        sort = f"-{functions[0]}" if grouped else "-timestamp"
    column = sort.removeprefix("-")
    if column not in chosen and not (grouped and "(" not in column):
        chosen.append(column)
    if dataset == "metrics" and not grouped:
        chosen += [one for one in _IDENTITY if one not in chosen]
    return chosen, sort


def _replay_order(fields: Sequence[str] | None, sort: str) -> str:
    if fields and is_aggregate(fields):
        raise InvalidInput("Replays cannot be counted or grouped; count errors or spans instead.")
    order = sort if sort.removeprefix("-") else "-started_at"
    if order.removeprefix("-") not in REPLAY_ORDERS:
        raise InvalidInput(f"Replays can be sorted by: {', '.join(REPLAY_ORDERS)}.")
    return order


def in_environments(query: str, environments: Sequence[str] | None) -> str:
    """*query* narrowed to *environments*, unless it says exactly that already.

    >>> in_environments("level:error", ["production", "two words"])
    'level:error environment:[production,"two words"]'

    Raises: InvalidInput when it excludes them all: nothing could be found.
    """
    if not environments:
        return query
    names = [one if re.fullmatch(r"[\w./-]+", one) else json.dumps(one, ensure_ascii=False) for one in environments]
    told = names[0] if len(names) == 1 else f"[{','.join(names)}]"
    if re.search(r"\bOR\b", query):
        return f"({query}) environment:{told}"
    wanted = set(environments)
    for negated, values in _environments(query):
        if not values or any("*" in one for one in values):
            continue
        if wanted <= values if negated else wanted.isdisjoint(values):
            raise InvalidInput("environment and the environment: filter of the query contradict each other; give one.")
        if wanted == values:
            return query
    return f"{query} environment:{told}".strip()


def _environments(query: str) -> Iterator[tuple[bool, set[str]]]:
    """``(is negated, names)`` of every filter by environment in *query*; what is quoted is text, not a filter."""
    for found in _ENVIRONMENT.finditer(query):
        if found["values"]:
            values = _VALUE.findall(found["values"].strip("[]"))
            names = {re.sub(r"\\(.)", r"\1", one[1:-1]) if one[0] == '"' else one for one in values}
            yield found["negated"] == "!", names
