"""Which tool is meant by some words: what people say that the words of the tools were not fitted to."""

import pytest

from tests.tools.callers import Caller
from tests.tools.test_catalogue import THIRTY_REQUESTS, found

OTHER_REQUESTS = (
    ("organisation", "find_organizations"),
    ("my organisations", "find_organizations"),
    ("tell me about SHOP-WEB-9", "get_issue_details get_sentry_resource"),
    ("https://northwind.sentry.io/issues/SHOP-WEB-9/", "get_sentry_resource"),
    ("session replays", "search_events"),
    ("what are my most common errors", "search_issues search_events"),
    ("requests that failed", "search_events"),
    ("local variables at the crash", "get_event_stacktrace get_issue_details"),
    ("analyse the root cause", "analyze_issue_with_seer"),
    ("mark it as done", "update_issue"),
    ("who is signed in", "whoami"),
    ("list of users affected", "get_issue_tag_values"),
    ("which version introduced this", "find_releases"),
    ("latest deploys", "find_releases"),
    ("write a note on the issue", "add_issue_note"),
    ("teams I can assign to", "find_teams"),
    ("slowest database queries", "search_events"),
    ("average response time", "search_events"),
    ("all open issues", "search_issues"),
    ("regressions this week", "search_issues"),
    ("error rate over time", "search_events"),
    ("user feedback", "search_issues"),
    ("close the issue", "update_issue"),
    ("snooze for a day", "update_issue"),
    ("what led to the error", "get_issue_breadcrumbs"),
    ("call tree of the request", "get_trace_details"),
    ("span attributes", "get_span_details"),
    ("browser breakdown", "get_issue_tag_values"),
    ("occurrences in production", "search_issue_events"),
    ("comment history", "get_issue_activity"),
    ("how do I fix this", "analyze_issue_with_seer"),
    ("my projects", "find_projects"),
    ("services", "find_projects"),
    ("stack trace of the worker thread", "get_event_stacktrace"),
    ("resolved yesterday by whom", "get_issue_activity"),
    ("issue 6620113", "get_issue_details"),
    ("find traces", "get_trace_details search_events"),
    ("exceptions in checkout", "search_issues"),
    ("assign to the payments team", "update_issue"),
    ("console logs", "search_events"),
    ("show me the stack trace", "get_issue_details get_event_stacktrace"),
    ("unassigned crashes", "search_issues"),
    ("metrics", "search_events"),
    ("behaviour of the user before the error", "get_issue_breadcrumbs"),
    ("p99 by endpoint", "search_events"),
    ("new releases", "find_releases"),
    ("what organizations am I a member of", "find_organizations"),
    ("identify the current user", "whoami"),
    ("show the error for CHECKOUT-API-4F", "get_issue_details"),
    ("resolve CHECKOUT-API-4F", "update_issue"),
    ("comment on WEB-9 that it is fixed", "add_issue_note"),
    ("breadcrumbs of WEB-9", "get_issue_breadcrumbs"),
    ("why did CHECKOUT-API-4F happen", "analyze_issue_with_seer"),
    ("https://sentry.io/organizations/acme/issues/1/ what is this", "get_sentry_resource"),
    ("database query performance", "search_events"),
    ("endpoint latency by release", "search_events"),
    ("error count by browser", "search_events get_issue_tag_values"),
    ("which customers hit this issue", "get_issue_tag_values search_issue_events"),
    ("mute this issue for a week", "update_issue"),
    ("reopen the issue", "update_issue"),
    ("unresolved issues assigned to me", "search_issues"),
    ("most frequent errors today", "search_issues search_events"),
    ("waterfall", "get_trace_details"),
    ("timeline of an issue", "get_issue_activity"),
    ("sample events of this issue", "search_issue_events"),
    ("deadlock between threads", "get_event_stacktrace"),
    ("suggest a patch", "analyze_issue_with_seer"),
    ("release notes", "find_releases"),
    ("teams in the org", "find_teams"),
    ("what apps do we have", "find_projects"),
    ("clicks before the crash", "get_issue_breadcrumbs"),
    ("recordings with rage clicks", "search_events"),
    ("log lines containing timeout", "search_events"),
    ("span duration details", "get_span_details search_events"),
    ("leave a note", "add_issue_note"),
    ("triage new crashes", "search_issues"),
    ("behaviours analysed by seer", "analyze_issue_with_seer"),
    ("local variables of the failing frame", "get_issue_details get_event_stacktrace"),
    ("what is my user id", "whoami"),
    ("paste of a sentry address", "get_sentry_resource"),
    ("rollout of yesterday", "find_releases search_issues"),
    ("distributed request across services", "get_trace_details"),
)
"""What else people say, and the tool that they mean; several where more than one would do."""


def test_nine_of_ten_other_requests_find_their_tool_first_and_all_find_it(mira: Caller) -> None:
    """Section 7: a plain request finds its tool also when nobody has thought of these words."""
    results = {request: found(mira, request) for request, _ in OTHER_REQUESTS}

    first = [request for request, tools in OTHER_REQUESTS if results[request][0] in tools.split()]
    among_three = [request for request, tools in OTHER_REQUESTS if set(results[request][:3]) & set(tools.split())]
    assert len(first) >= 0.9 * len(OTHER_REQUESTS)
    assert len(among_three) == len(OTHER_REQUESTS)


@pytest.mark.parametrize(
    ("request_", "tool"),
    [
        ("tell me about SHOP-WEB-9", "get_issue_details"),
        ("6620113", "get_issue_details"),
        ("resolve CHECKOUT-API-4F", "update_issue"),
        ("https://acme.sentry.io/issues/WEB-1/", "get_sentry_resource"),
    ],
)
def test_an_id_or_a_link_is_seen_for_what_it_is(mira: Caller, request_: str, tool: str) -> None:
    assert found(mira, request_)[0] == tool


@pytest.mark.parametrize(
    ("request_", "same"),
    [
        ("organisation", "organization"),
        ("analysing the behaviour", "analyzing the behavior"),
        ("recordings", "recorded"),
        ("releases", "release"),
    ],
)
def test_spellings_and_forms_are_one(mira: Caller, request_: str, same: str) -> None:
    assert found(mira, request_) == found(mira, same) != []


def test_the_lists_share_nothing() -> None:
    assert not {request for request, _ in THIRTY_REQUESTS} & {request for request, _ in OTHER_REQUESTS}
