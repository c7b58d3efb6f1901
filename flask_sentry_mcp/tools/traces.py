"""Tools about traces: the whole of one, and one span of it."""

from functools import partial
from typing import Any

from ..context import Context
from ..errors import InvalidInput
from ..mcp.tool import Toolbox
from ..render import traces as render
from ..render.pieces import opener
from ..render.spantree import Span, read, walk
from ..sentry import traces as sentry
from ..sentry.links import WebLinks
from ..skills import INSPECT
from . import fields

toolbox = Toolbox()


class GetTraceDetails(fields.Input):
    organization_slug = fields.org_slug()
    region_url = fields.region_url()
    trace_id = fields.trace_id()
    span_id = fields.span_id(required=False)


class GetSpanDetails(GetTraceDetails):
    span_id = fields.span_id(required=True)


@toolbox.tool(GetTraceDetails, skills={INSPECT}, scopes={"org:read"}, reads_only=True, listed=False, needs={"traces"})
def get_trace_details(
    ctx: Context, *, organization_slug: str, region_url: str | None, trace_id: str, span_id: str | None
) -> str:
    """Show a trace: how much it holds, where the time went, the tree of its spans, and its errors.

    Use it for latency and across services. With spanId, only that span.
    """
    view = _gather(ctx, organization_slug, region_url, trace_id)
    return render.span(view, _find(view, span_id)) if span_id else render.trace(view)


@toolbox.tool(GetSpanDetails, skills={INSPECT}, scopes={"org:read"}, reads_only=True, listed=False, needs={"traces"})
def get_span_details(
    ctx: Context, *, organization_slug: str, region_url: str | None, trace_id: str, span_id: str
) -> str:
    """Show one span of a trace: timing, attributes, errors, and the spans below it."""
    view = _gather(ctx, organization_slug, region_url, trace_id)
    return render.span(view, _find(view, span_id))


def _gather(ctx: Context, org: str, region_url: str | None, trace_id: str) -> render.TraceView:
    """The tree and its counts, side by side; without the counts the tree is still worth showing."""
    trace: Any
    counts: Any
    trace, counts = ctx.sentry.attempt(
        partial(sentry.get_trace, ctx.sentry, org, trace_id, region_url=region_url),
        partial(sentry.get_trace_meta, ctx.sentry, org, trace_id, region_url=region_url),
        needs_first=True,
    )
    return render.TraceView(
        organization=org,
        trace_id=trace_id,
        url=WebLinks(ctx.sentry.regions, org).trace(trace_id),
        trace=trace,
        counts=None if isinstance(counts, Exception) else counts,
        tools=ctx.tools.ways(),
    )


def _find(view: render.TraceView, span_id: str) -> Span:
    roots, _ = read(view.trace, fold=False)
    spans = list(walk(roots))
    if not spans:
        raise InvalidInput(render.EMPTY)
    for span in spans:
        if span.id.lower() == span_id.lower():
            return span
    counted = int((view.counts or {}).get("spans") or 0)
    if counted > len(spans):
        raise InvalidInput(f"No such span among the {len(spans):,} of {counted:,} spans that Sentry returned.")
    way = opener(view.tools, "get_trace_details", "trace")
    raise InvalidInput(f"This trace has no span by that ID.{f' {way} shows the IDs of its spans.' if way else ''}")
