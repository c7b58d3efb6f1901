"""Tools that search single events: search_events over all datasets, search_issue_events within one issue."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..context import Context
from ..errors import InvalidInput
from ..mcp.content import Result
from ..mcp.tool import Toolbox
from ..render import searches as render
from ..render.nothing import Doubt
from ..sentry import events as sentry
from ..sentry.links import IssueReference, WebLinks
from ..sentry.projects import project_id
from ..skills import INSPECT, SEER, TRIAGE
from . import datasets, doubts, explaining, explorer, fields, wording
from .evidence import IssueInput, named

toolbox = Toolbox()
_PARTS = {
    "projects": "project",
    "dataset": "dataset",
    "environment": "environment",
    "field": "field",
    "query": "query",
    "orderby": "sort",
}
"""Parts of a verdict of Sentry's, and what they are called here."""

_WITHIN = 'query="environment:production", query="release:latest" or query="user.email:*"'
"""Examples of searches within one issue."""


class SearchEvents(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    dataset = fields.choice(datasets.NAMES, default="errors")
    query = fields.query("Sentry search syntax, as in level:error or span.op:db*")
    fields_ = fields.words("Columns; functions such as count() or p95(span.duration) group by the others")
    sort = fields.text("A chosen field; - before it for descending", default="")
    project_slug = fields.project_slug()
    environment = fields.words("Environments")
    period = fields.period(default="14d")
    limit = fields.limit(10, 100)
    include_explanation = fields.flag()


@toolbox.tool(SearchEvents, skills={INSPECT, TRIAGE, SEER}, scopes={"org:read"}, reads_only=True)
def search_events(
    ctx: Context,
    *,
    organization_slug: str,
    region_url: str | None,
    dataset: str,
    query: str,
    fields_: list[str] | None,
    sort: str,
    project_slug: str | None,
    environment: list[str] | None,
    period: str,
    limit: int,
    include_explanation: bool,
) -> str | Result:
    """Search or count single events: errors, logs, spans (latency, endpoints, queries), metrics, profiles, replays.

    Examples: dataset spans, fields transaction, p95(span.duration), sort -p95(span.duration); dataset errors, fields
    title, count(). For a list of problems use search_issues.
    """
    if wording.is_question(query):
        raise InvalidInput(
            f"query takes Sentry's search syntax, not a question. {wording.QUOTE_IT} A search for something like this: "
            + wording.events_example(query)
        )
    chosen, order = datasets.columns(dataset, fields_, sort)
    project = project_id(ctx.sentry, organization_slug, project_slug, region_url=region_url)
    search = sentry.Search(
        organization_slug=organization_slug,
        dataset=dataset,
        query=query if dataset == "replays" else datasets.in_environments(query, environment),
        fields=chosen,
        sort=order,
        period=period,
        limit=limit,
        project=project,
        region_url=region_url,
    )
    if dataset == "replays":
        return _replays(ctx, search, environment or [], explain=include_explanation)
    page = _mistakes(ctx, search) or explaining.run(
        ctx, dataset, partial(sentry.search_events, ctx.sentry, search), datasets.RULES[dataset]
    )
    if isinstance(page, Result):
        return page
    return render.rows(
        render.Rows(
            organization=organization_slug,
            dataset=dataset,
            rows=page.items,
            url=explorer.page(WebLinks(ctx.sentry.regions, organization_slug), search),
            is_aggregate=datasets.is_aggregate(chosen),
            more=page.next_cursor is not None,
            executed=_executed(search) if include_explanation else "",
            tools=ctx.tools.ways(),
            chosen=fields_ or (),
            doubts=() if page.items else _doubts(ctx, search, query),
        )
    )


def _replays(ctx: Context, search: sentry.Search, environments: Sequence[str], *, explain: bool) -> str | Result:
    ask = partial(sentry.search_replays, ctx.sentry, search, environments)
    page = explaining.run(ctx, "replays", ask, datasets.RULES["replays"])
    if isinstance(page, Result):
        return page
    links = WebLinks(ctx.sentry.regions, search.organization_slug)
    return render.replays(
        render.Rows(
            organization=search.organization_slug,
            dataset="replays",
            rows=page.items,
            url=explorer.page(links, search, environments),
            more=page.next_cursor is not None,
            executed=_executed(search) if explain else "",
            doubts=() if page.items else doubts.of_rows(ctx, search.query, wording.events_example(search.query)),
        ),
        links.replay,
    )


def _doubts(ctx: Context, search: sentry.Search, query: str) -> list[Doubt]:
    example = wording.events_example(query)
    if search.dataset == "errors":
        return doubts.of_events(ctx, query, example, partial(sentry.list_attributes, ctx.sentry, search, "string"))
    return doubts.of_rows(ctx, query, example)


def _executed(search: sentry.Search) -> str:
    shown = {"query": search.query, "fields": list(search.fields), "sort": search.sort, "period": search.period}
    return f"Executed on {search.dataset}: {json.dumps(shown, ensure_ascii=False, separators=(',', ':'))}"


# -- mistakes, explained --------------------------------------------------------------------------------------------


def _mistakes(ctx: Context, search: sentry.Search) -> Result | None:
    """What is wrong with a search, with the names that would be valid; None when nothing is, or nobody can tell."""
    verdict = sentry.check_search(ctx.sentry, search)
    if verdict is None or verdict.get("valid") is not False:
        return None
    wrong = list(_wrong_parts(verdict))
    if not wrong:
        return None
    known: list[str] = []
    if any(part in ("field", "query") for part, _, _ in wrong):
        kinds = ("string", "number") if search.dataset != "errors" else ("string",)
        lists = ctx.sentry.attempt(
            *(lambda kind=kind: sentry.list_attributes(ctx.sentry, search, kind) for kind in kinds)
        )
        known = sorted({name for one in lists if not isinstance(one, Exception) for name in one})
    found = [
        render.Mistake(part, name, reason, search.fields if part == "sort" else _like(name, known))
        for part, name, reason in wrong[:12]
    ]
    return explaining.refused(search.dataset, found, known, datasets.RULES[search.dataset])


def _wrong_parts(verdict: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """``(part, name, reason)`` of everything that is not valid. ``query`` may be a list or an object."""
    return [
        (ours, str(one.get("name") or ""), str(one.get("error") or "not valid"))
        for part, ours in _PARTS.items()
        for one in _items(verdict.get(part))
        if one.get("valid") is False
    ]


def _items(part: Any) -> list[Mapping[str, Any]]:
    listed = [part] if isinstance(part, Mapping) else part if isinstance(part, list) else []
    return [one for one in listed if isinstance(one, Mapping)]


def _like(name: str, known: Sequence[str]) -> list[str]:
    """Those of *known* that resemble the attribute within ``p95(name)`` or ``-name``."""
    inner = re.search(r"\(([^(),]*)", name)
    return difflib.get_close_matches((inner[1] if inner else name).lstrip("-!"), known, 4, 0.5)


# -- within one issue -----------------------------------------------------------------------------------------------


class SearchIssueEvents(IssueInput):
    project_slug = fields.project_slug()
    query = fields.query("Sentry search syntax, as in environment:production")
    sort = fields.text(default="")
    period = fields.period(default="14d")
    limit = fields.limit(50, 100)
    include_explanation = fields.flag()


@toolbox.tool(SearchIssueEvents, skills={INSPECT, TRIAGE}, scopes={"event:read"}, reads_only=True, listed=False)
def search_issue_events(
    ctx: Context,
    *,
    project_slug: str | None,
    query: str,
    sort: str,
    period: str,
    limit: int,
    include_explanation: bool,
    **issue: Any,
) -> str | Result:
    """Search the events of one issue: which users, releases, environments or URLs it happened to, and when.

    Newest first; Sentry takes no other order here.
    """
    if wording.is_question(query):
        raise InvalidInput(
            f"query takes Sentry's search syntax, not a question. {wording.QUOTE_IT} A filter looks like {_WITHIN}; "
            'with query="" all events of the period are shown.'
        )
    if sort not in ("", "-timestamp"):
        raise InvalidInput("Events of an issue come newest first; leave sort out.")
    reference = named(ctx, **issue)
    ask = partial(sentry.list_issue_events, ctx.sentry, reference, query=query, period=period, limit=limit)
    list_tags = partial(_tags, ctx, reference, project_slug, period)
    page = explaining.run(ctx, "events", ask, explaining.EVENT_RULES)
    if isinstance(page, Result):
        return page
    links = WebLinks(ctx.sentry.regions, reference.organization_slug)
    return render.rows(
        render.Rows(
            organization=reference.organization_slug,
            dataset="issue",
            rows=[_brief(one) for one in page.items[:limit] if isinstance(one, dict)],
            url=links.to(f"/issues/{reference.issue_id}/events/", query=query or None, statsPeriod=period),
            more=page.next_cursor is not None,
            executed=f"Searched the last {period}, newest first." if include_explanation else "",
            tools=ctx.tools.ways(),
            subject=f"Events of {reference.issue_id}",
            doubts=() if page.items else doubts.of_events(ctx, query, _WITHIN, list_tags),
        )
    )


def _tags(ctx: Context, issue: IssueReference, project_slug: str | None, period: str) -> list[str]:
    """Names of the tags there are, of the project if one is given."""
    org, region = issue.organization_slug, issue.region_url
    project = project_id(ctx.sentry, org, project_slug, region_url=region)
    return sentry.list_tags(ctx.sentry, org, project=project, period=period, region_url=region)


def _brief(event: dict[str, Any]) -> dict[str, Any]:
    """What tells the events of one issue apart: all of them have its title."""
    keys = ("eventID", "dateCreated", "message", "location", "user", "tags")
    return {key: event.get(key) for key in keys if event.get(key)}
