"""Traces: what is folded hides nothing, and every issue has a name."""

from collections.abc import Sequence
from typing import Any

from flask_sentry_mcp.render import traces as render

TOOLS = {"get_span_details": "get_span_details"}


def span(number: int, ms: float, op: str = "db", label: str = "SELECT 1", **more: Any) -> dict[str, Any]:
    return {"event_id": f"{number:016x}", "op": op, "description": label, "duration": ms, "children": [], **more}


def error(**given: Any) -> dict[str, Any]:
    return {"event_type": "error", "issue_id": 6620113, "level": "error", "description": "ValueError"} | given


def told(*trace: dict[str, Any]) -> str:
    return render.trace(
        render.TraceView(organization="acme", trace_id="f" * 32, url="https://x", trace=trace, tools=TOOLS)
    )


def below(children: Sequence[dict[str, Any]]) -> str:
    return told(span(0, 9_000.0, "http.server", "GET /", children=list(children)))


def test_operations_count_every_span_by_itself() -> None:
    """One slow span among 39 quick ones: the average knows of it, the 95th percentile does not."""
    text = below([*(span(number, 1.0) for number in range(1, 40)), span(40, 1_000.0)])

    assert "db: 40 spans, 26ms on average, p95 1ms\n" in text


def test_the_longest_of_equal_spans_is_told_with_its_id() -> None:
    text = below([*(span(number, 2.0) for number in range(1, 19)), span(0xABC, 5_000.0)])

    assert "└─ SELECT 1 [db · 19 times · 5.04s in all · longest 5s 0000000000000abc]" in text


def test_a_span_that_stands_out_is_not_folded_into_its_kind() -> None:
    quick = [span(number, 2.0, label=f"SELECT {number}") for number in range(1, 19)]

    text = below([*quick, span(0xABC, 5_000.0, label="SELECT slow")])

    assert "├─ SELECT 1, SELECT 2, ... [db · 18 times · 36ms in all · longest 2ms 0000000000000001]" in text
    assert "└─ SELECT slow [db · 5s · 0000000000000abc]" in text


def test_many_that_stand_out_are_folded_with_each_other() -> None:
    quick = [span(number, 2.0, label=f"SELECT {number}") for number in range(1, 19)]
    slow = [span(number, 500.0, label=f"UPDATE {number}") for number in range(100, 108)]

    text = below([*quick, *slow])

    assert "SELECT 1, SELECT 2, ... [db · 18 times · 36ms in all" in text
    assert "UPDATE 100, UPDATE 101, ... [db · 8 times · 4s in all" in text


def test_what_is_quick_never_stands_out() -> None:
    """Five times almost nothing is almost nothing."""
    cached = [span(number, 0.1, "cache.get", f"key {number}") for number in range(1, 19)]

    assert "[cache.get · 19 times · 4.8ms in all" in below([*cached, span(99, 3.0, "cache.get", "key 99")])


def test_an_issue_of_a_span_is_named_once() -> None:
    """Section 7.5: also one that hangs below a span as a node of its own."""
    first = span(1, 3.0, errors=[error()], children=[error()])
    text = below([first, span(2, 4.0, "http", "GET /x", occurrences=[error(issue_id=7, short_id="WEB-7")])])

    assert (
        "## Issues of spans\n\n- error «ValueError», issue 6620113, span 0000000000000001, 2 times\n"
        "- error «ValueError», issue WEB-7, span 0000000000000002\n" in f"{text}\n"
    )
    assert "2 errors" in text


def test_a_trace_without_spans_offers_none() -> None:
    text = told(error(project_slug="web"))

    assert "## Issues without a span\n\n- error «ValueError» in web, issue 6620113" in text
    assert "get_span_details" not in text
