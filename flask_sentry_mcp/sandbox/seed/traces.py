"""Traces: one large with everything in it, and a small one behind every recent event of a traced project."""

import itertools
import random

from ..records import Event, Issue, Json, Project, Span, Trace
from ..world import World
from .issues import hex_id, version
from .landmarks import BIG_TRACE
from .places import DAY

RECENT_S = 40 * DAY
PAY_SPAN = "a1b2c3d4e5f60718"
SNAKE_TRACE = "5a4e0000" * 4
AI_TRACE = "a1a1c0de" * 4
MIDDLEWARE = ("session", "auth", "locale", "csrf", "flags", "gzip", "cors", "limits")
QUERIES = ("SELECT price FROM lines WHERE cart_id = %s", "SELECT * FROM orders ORDER BY total", "UPDATE carts SET open")


class _Maker:
    """Adds spans to one trace; ids follow from a counter."""

    def __init__(self, world: World, trace_id: str, organization: str, first_id: int) -> None:
        self.trace = world.traces.setdefault(trace_id, Trace(trace_id, organization, []))
        self._ids = (f"{number:016x}" for number in itertools.count(first_id))

    def span(
        self,
        project: Project,
        parent: Span | None,
        op: str,
        description: str,
        at: float,
        duration_ms: float,
        **more: object,
    ) -> Span:
        """A span below *parent*, in its transaction unless it is one itself (``is_transaction``)."""
        span = Span(
            id=str(more.pop("id", None) or next(self._ids)),
            trace_id=self.trace.id,
            parent_id=None if parent is None else parent.id,
            project=project,
            op=op,
            description=description,
            at=at,
            duration_ms=round(duration_ms, 3),
            transaction="" if parent is None else parent.transaction,
            transaction_id="" if parent is None else parent.transaction_id,
            release=version(project, 33),
        )
        for name, value in more.items():
            setattr(span, name, value)
        if span.is_transaction:
            span.transaction, span.transaction_id = description, f"{int(span.id, 16) * 7919 % 2**128:032x}"
        self.trace.spans.append(span)
        return span


def fill(world: World, chance: random.Random) -> None:
    projects = {project.slug: project for project in world.projects}
    _big(world, projects["shop-web"], projects["checkout-api"])
    _conversation(world, projects["billing"])
    for issue in world.issues.values():
        for event in issue.events:
            if event.trace_id is not None and event.trace_id != BIG_TRACE and event.at > world.epoch - RECENT_S:
                _behind(world, chance, issue, event)
    _conversation_behind(world)
    snake = _Maker(world, SNAKE_TRACE, "northwind", 0x5A << 40)
    root = snake.span(
        projects["checkout-api"], None, "http.server", "GET /health", world.epoch - DAY, 12.0, is_transaction=True
    )
    snake.span(projects["checkout-api"], root, "db", "SELECT 1", world.epoch - DAY, 4.0)
    snake.trace.snake_case = True
    world.landmarks |= {"snake_trace": SNAKE_TRACE, "ai_trace": AI_TRACE, "pay_span": PAY_SPAN}


def _big(world: World, web: Project, api: Project) -> None:
    """A page load that pays: 24 equal middleware spans, 40 equal queries, more than 100 spans, a loose error."""
    event = world.event(world.landmarks["chained_event"])
    if event is None:
        raise LookupError("the landmarks come first")
    at = event.at - 0.9
    make = _Maker(world, BIG_TRACE, "northwind", 0xB16 << 32)
    page = make.span(web, None, "pageload", "/pay", at, 1450.0, is_transaction=True)
    for number in range(12):
        make.span(web, page, "resource.script", f"/static/chunk-{number}.js", at + 0.01 * number, 18.0 + number)
    call = make.span(web, page, "http.client", "POST /pay", at + 0.2, 900.0)
    pay = make.span(
        api,
        call,
        "http.server",
        "POST /pay",
        at + 0.25,
        820.0,
        id=PAY_SPAN,
        is_transaction=True,
        status="internal_error",
        attributes={"http.method": "POST", "http.status_code": 500, "http.url": "https://shop.example/pay"},
    )
    for number in range(24):
        name = MIDDLEWARE[number % len(MIDDLEWARE)]
        make.span(api, pay, "middleware.flask", f"flask.{name}", at + 0.26 + number / 1000, 1.0)
    totals = make.span(api, pay, "function", "checkout.totals.compute", at + 0.3, 640.0)
    for number in range(40):
        attributes = {"db.system": "postgresql", "db.operation": "SELECT"}
        make.span(api, totals, "db", QUERIES[0], at + 0.31 + number * 0.012, 11.0 + number % 5, attributes=attributes)
    for number in range(6):
        make.span(api, pay, "cache.get", f"cart:{number}", at + 0.29, 0.8)
    rates = make.span(api, totals, "http.client", "GET https://rates.example/eur", at + 0.8, 95.0)
    make.span(api, rates, "http.client.dns", "rates.example", at + 0.8, 9.0)
    for number in range(20):
        make.span(web, page, "ui.react.update", f"<CartLine {number}>", at + 1.1 + number / 100, 6.0)
    make.trace.errors.append(event)
    loose = next(issue for issue in world.issues.values() if issue.short_id == world.landmarks["with_replay"]).events[0]
    loose.trace_id, loose.span_id = BIG_TRACE, None
    make.trace.loose_errors.append(loose)
    make.trace.logs = 4


def _conversation(world: World, project: Project) -> None:
    """Three calls of a model that belong to one conversation."""
    make = _Maker(world, AI_TRACE, "northwind", 0xA1 << 40)
    at = world.epoch - 0.3 * DAY
    root = make.span(project, None, "http.server", "POST /assistant", at, 5200.0, is_transaction=True)
    for number in range(3):
        attributes: Json = {
            "gen_ai.conversation.id": "conv-7781",
            "gen_ai.request.model": "small-model-2",
            "gen_ai.provider.name": "example",
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 812 + number,
            "gen_ai.usage.output_tokens": 90 + number,
        }
        make.span(
            project,
            root,
            "gen_ai.chat",
            "chat small-model-2",
            at + number * 1.6,
            1500.0 + number,
            attributes=attributes,
        )


def _conversation_behind(world: World) -> None:
    """A call of a model in the trace of an issue, so that the issue has a conversation."""
    name = world.landmarks["with_conversation"] = world.landmarks["resolved_in"]
    issue = next(issue for issue in world.issues.values() if issue.short_id == name)
    event = issue.events[0]
    make = _Maker(world, event.trace_id or "", "northwind", 0xC0 << 40)
    attributes: Json = {"gen_ai.conversation.id": "conv-9120", "gen_ai.request.model": "small-model-2"}
    root = make.trace.spans[0]
    make.span(issue.project, root, "gen_ai.chat", "chat small-model-2", event.at - 0.2, 140.0, attributes=attributes)


def _behind(world: World, chance: random.Random, issue: Issue, event: Event) -> None:
    """The trace in which an event happened: a transaction, a query, a call; more for N+1 evidence."""
    project, web = issue.project, issue.project.language == "javascript"
    make = _Maker(world, event.trace_id or "", project.organization, int(hex_id(chance, 12), 16))
    start, duration = event.at - 0.4, chance.lognormvariate(5.2, 0.8)
    name = event.transaction or issue.title
    method = name.partition(" ")[0]
    attributes: Json = {"http.method": method, "http.status_code": 500} if method in ("GET", "POST") else {}
    where = {"environment": event.environment, "release": event.release}
    root = make.span(
        project,
        None,
        "pageload" if web else "http.server" if attributes else "task",
        name,
        start,
        duration,
        id=event.span_id,
        is_transaction=True,
        status="internal_error",
        attributes=attributes,
        **where,
    )
    repeats = issue.detail.get("repeats", 1)
    for number in range(repeats):
        at, share = start + 0.01 * number, duration / (repeats + 4)
        if web:
            make.span(project, root, "ui.react.render", "<App>", at, share, **where)
            continue
        make.span(
            project,
            root,
            "db",
            issue.detail.get("query", QUERIES[chance.randrange(len(QUERIES))]),
            at,
            share,
            id=f"{0xB0000000 + number:016x}" if repeats > 1 else None,
            attributes={"db.system": "postgresql", "db.operation": "SELECT"},
            **where,
        )
    make.span(project, root, "http.client", "GET https://rates.example/eur", start + 0.05, duration / 3, **where)
    if issue.category == "error":
        make.trace.errors.append(event)
