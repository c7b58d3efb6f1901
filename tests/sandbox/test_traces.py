"""Traces: a mixed tree that ignores limits, and counts in two styles of names."""

from typing import Any

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker

BASE = "organizations/northwind/"


def spans(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All spans of a tree, parents before children."""
    found = []
    for node in nodes:
        if node["event_type"] == "span":
            found += [node, *spans(node["children"])]
    return found


def tree(asker: Asker, trace: str, **params: str) -> list[dict[str, Any]]:
    body = asker.get(f"{BASE}trace/{trace}/", params=params).json()
    assert isinstance(body, list)
    return body


def test_more_than_a_hundred_spans_whatever_the_limit(mira: Asker, sandbox: Sandbox) -> None:
    nodes = tree(mira, sandbox.landmarks["big_trace"], limit="10", per_page="10", project="4509101")
    found = spans(nodes)

    assert len(found) == 108
    assert {span["project_slug"] for span in found} == {"shop-web", "checkout-api"}
    assert all(len(span["event_id"]) == 16 for span in found)


def test_errors_sit_in_their_span_or_stand_alone(mira: Asker, sandbox: Sandbox) -> None:
    nodes = tree(mira, sandbox.landmarks["big_trace"])
    pay = next(span for span in spans(nodes) if span["event_id"] == sandbox.landmarks["pay_span"])
    loose = [node for node in nodes if node["event_type"] == "error"]

    assert [error["issue_id"] for error in pay["errors"]] == [6620113]
    assert [error["issue_id"] for error in loose] == [6660001]
    assert "children" not in loose[0]
    assert pay["duration"] == 820.0
    assert round(pay["end_timestamp"] - pay["start_timestamp"], 3) == 0.82


def test_attributes_are_given_when_asked_for(mira: Asker, sandbox: Sandbox) -> None:
    nodes = tree(mira, sandbox.landmarks["ai_trace"], additional_attributes="gen_ai.conversation.id")
    found = [span["additional_attributes"] for span in spans(nodes)]

    assert found.count({"gen_ai.conversation.id": "conv-7781"}) == 3


def test_counts_in_both_styles_of_names(mira: Asker, sandbox: Sandbox) -> None:
    camel = mira.get(f"{BASE}trace-meta/{sandbox.landmarks['big_trace']}/").json()
    snake = mira.get(f"{BASE}trace-meta/{sandbox.landmarks['snake_trace']}/").json()

    assert (camel["spansCount"], camel["errorsCount"], camel["logsCount"]) == (108.0, 2, 4)
    assert camel["spansCountMap"]["db"] == 40.0
    assert sum(one["count()"] for one in camel["transactionChildCountMap"]) == 108
    assert (snake["span_count"], snake["errors"]) == (2.0, 0)
    assert None in [one["transaction.event_id"] for one in snake["transaction_child_count_map"]]


def test_an_unknown_or_too_old_trace_is_empty_and_not_an_error(mira: Asker, sandbox: Sandbox) -> None:
    with clock.shifted(15 * 86_400):
        assert tree(mira, sandbox.landmarks["big_trace"]) == []
    assert tree(mira, "0" * 32) == []
    assert mira.get(f"{BASE}trace-meta/{'0' * 32}/").json()["spansCount"] == 0
    foreign = mira.get(f"organizations/Aurora-Labs/trace/{sandbox.landmarks['big_trace']}/")
    assert foreign.json() == []


def test_the_evidence_of_an_n_plus_one_issue_is_in_its_trace(mira: Asker, sandbox: Sandbox) -> None:
    event = mira.get(f"{BASE}issues/{sandbox.landmarks['n_plus_one']}/events/latest/").json()
    offenders = set(event["occurrence"]["evidenceData"]["offenderSpanIds"])

    found = spans(tree(mira, event["contexts"]["trace"]["trace_id"]))

    assert len(offenders) == 12
    assert offenders <= {span["event_id"] for span in found}
