"""get_trace_details and get_span_details: where the time went."""

import pytest

from flask_sentry_mcp.render.traces import EMPTY
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}
TRACE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
URL = f"http://sentry.test/organizations/northwind/explore/traces/trace/{TRACE}"
SERVER = "a1b2c3d4e5f60718"
SCRIPT = "00000b160000000c"


def test_shows_numbers_operations_and_the_tree(mira: Caller) -> None:
    """Section 7.5: equal siblings folded with count and time, projects named, issues without a span kept."""
    assert (
        mira.read("get_trace_details", **NORTHWIND, traceId=TRACE)
        == f"""\
# Trace {TRACE} in northwind

{LEGEND}

**Spans**: 108
**Errors**: 2
**Logs**: 4
**Projects**: shop-web, checkout-api
**Lasted**: 1.45s
**URL**: {URL}

## Operations

<untrusted>
db: 40 spans, 13ms on average, p95 15ms
ui.react.update: 20 spans, 6ms on average, p95 6ms
resource.script: 12 spans, 24ms on average, p95 29ms
http.client.dns: 1 span, 9ms on average, p95 9ms
</untrusted>

## Tree

<untrusted>
/pay [pageload · 1.45s · 00000b1600000000]
├─ /static/chunk-0.js, /static/chunk-1.js, ... [resource.script · 12 times · 282ms in all · longest 29ms {SCRIPT}]
├─ POST /pay [http.client · 900ms · 00000b160000000d]
│  └─ POST /pay [http.server · checkout-api · 820ms · 1 error · {SERVER}]
│     ├─ flask.session, flask.auth, ... [middleware.flask · 24 times · 24ms in all · longest 1ms 00000b160000000e]
│     ├─ checkout.totals.compute [function · 640ms · 00000b1600000026]
│     │  ├─ SELECT price FROM lines WHERE cart_id = %s [db · 40 times · 520ms in all · longest 15ms 00000b160000002b]
│     │  └─ GET https://rates.example/eur [http.client · 95ms · 00000b1600000055]
│     │     └─ rates.example [http.client.dns · 9ms · 00000b1600000056]
│     └─ cart:0, cart:1, ... [cache.get · 6 times · 4.8ms in all · longest 0.8ms 00000b160000004f]
└─ <CartLine 0>, <CartLine 1>, ... [ui.react.update · 20 times · 120ms in all · longest 6ms 00000b1600000057]
</untrusted>

## Issues of spans

- error «ValueError» in checkout-api, issue 6620113, span {SERVER}

## Issues without a span

- error «TypeError» in shop-web, issue 6660001

get_sentry_resource (resourceType span, resourceId <traceId>:<spanId>) opens one span."""
    )


def test_an_empty_trace_is_explained(mira: Caller) -> None:
    """Section 7.5: the look-back window is the usual reason."""
    url = URL.replace(TRACE, "f" * 32)

    text = mira.read("get_trace_details", **NORTHWIND, traceId="f" * 32)

    assert text == f"# Trace {'f' * 32} in northwind\n\n{EMPTY}\n\n**URL**: {url}"


def test_asks_the_organizations_region(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("get_trace_details", **NORTHWIND, traceId=TRACE)

    assert [one.silo for one in sandbox.requests] == ["us", "us"]


def test_an_empty_region_is_the_base_host(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("get_trace_details", **NORTHWIND, traceId=TRACE, regionUrl="")

    assert {one.silo for one in sandbox.requests} == {"control"}


def test_counts_may_be_missing(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="*/trace-meta/*", status=500, body={"detail": "Internal Error"})

    assert "**Spans**: 108" in mira.read("get_trace_details", **NORTHWIND, traceId=TRACE)


def test_old_servers_count_in_other_words(mira: Caller, sandbox: Sandbox) -> None:
    old = {"errors": 3, "logs": 9.0, "performance_issues": 1, "span_count": 120.0}
    sandbox.faults.add(path="*/trace-meta/*", status=200, body=old)

    text = mira.read("get_trace_details", **NORTHWIND, traceId=TRACE)

    assert "**Spans**: 120\n**Errors**: 3\n**Performance issues**: 1\n**Logs**: 9" in text


@pytest.mark.parametrize("depth", [3_000])
def test_a_very_deep_trace_is_no_problem(mira: Caller, sandbox: Sandbox, depth: int) -> None:
    node: dict[str, object] = {"event_id": "0" * 16, "op": "leaf", "duration": 1.0, "children": []}
    for number in range(1, 400):
        node = {"event_id": f"{number:016x}", "op": "call", "duration": float(number), "children": [node]}
    flat = [{"event_id": f"{n:016x}", "op": f"op{n}", "duration": 1.0, "children": []} for n in range(depth)]
    sandbox.faults.add(path=f"organizations/northwind/trace/{TRACE}/", status=200, body=[node, *flat])

    text = mira.read("get_trace_details", **NORTHWIND, traceId=TRACE)

    assert f"of {400 + depth:,} spans." in text
    assert len(text) < 20_000


def test_shows_one_span_and_what_is_below_it(mira: Caller) -> None:
    text = mira.read("get_span_details", **NORTHWIND, traceId=TRACE, spanId=SERVER)

    assert (
        text
        == f"""\
# Span {SERVER} in northwind

{LEGEND}

**Description**: «POST /pay»
**Operation**: «http.server»
**Project**: checkout-api
**Duration**: 820ms
**Started**: <time>
**Parent**: 00000b160000000d
**Transaction**: «POST /pay»
**Trace**: {TRACE} {URL}

## Errors

- error «ValueError» in checkout-api, issue 6620113

## Below it

<untrusted>
POST /pay [http.server · 820ms · 1 error · {SERVER}]
├─ flask.session, flask.auth, ... [middleware.flask · 24 times · 24ms in all · longest 1ms 00000b160000000e]
├─ checkout.totals.compute [function · 640ms · 00000b1600000026]
│  ├─ SELECT price FROM lines WHERE cart_id = %s [db · 40 times · 520ms in all · longest 15ms 00000b160000002b]
│  └─ GET https://rates.example/eur [http.client · 95ms · 00000b1600000055]
│     └─ rates.example [http.client.dns · 9ms · 00000b1600000056]
└─ cart:0, cart:1, ... [cache.get · 6 times · 4.8ms in all · longest 0.8ms 00000b160000004f]
</untrusted>"""
    )


def test_the_trace_tool_shows_a_span_as_well(mira: Caller) -> None:
    arguments = NORTHWIND | {"traceId": TRACE, "spanId": SERVER.upper()}

    assert mira.read("get_trace_details", **arguments) == mira.read("get_span_details", **arguments)


def test_an_unknown_span_is_refused(mira: Caller) -> None:
    refused = mira.refused("get_span_details", **NORTHWIND, traceId=TRACE, spanId="ffff")

    assert refused == (
        "This trace has no span by that ID. get_sentry_resource (resourceType trace) shows the IDs of its spans."
    )


def test_a_span_of_an_empty_trace_is_explained(mira: Caller) -> None:
    assert mira.refused("get_span_details", **NORTHWIND, traceId="f" * 32, spanId="ffff") == EMPTY


@pytest.mark.parametrize("trace_id", ["", "xyz", "0" * 31, "0" * 33])
def test_a_trace_id_has_32_digits(mira: Caller, sandbox: Sandbox, trace_id: str) -> None:
    assert "A trace ID has 32 hexadecimal digits." in mira.refused("get_trace_details", **NORTHWIND, traceId=trace_id)
    assert len(sandbox.requests) == 0
