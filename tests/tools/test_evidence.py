"""Stacks, breadcrumbs, tags, activity and comments of an issue."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_sentry_mcp.errors import OutsideConstraint, SentryFailed
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from flask_sentry_mcp.sentry.activity import SAME_TEXT
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}
CHAINED = NORTHWIND | {"issueId": "CHECKOUT-API-4F"}
EVENT = "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80"
THREADS = """\
## Threads

id | name | state | flags | frames
--- | --- | --- | --- | ---
1 | «main» | «RUNNABLE» | crashed current | {frames}
7 | «worker-1» | «WAITING» | - | 1
8 | «worker-2» | «WAITING» | - | 1
9 | «worker-2» | «WAITING» | - | 0"""


# -- get_event_stacktrace -------------------------------------------------------------------------------------------


def test_shows_the_thread_that_crashed(mira: Caller, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["threads"]
    event = mira.call("get_event_stacktrace", **NORTHWIND, issueId=issue).split("**Event ID**: ")[1][:32]

    text = mira.read("get_event_stacktrace", **NORTHWIND, issueId=issue)

    assert text == (
        f"# Stack of {issue}\n\n{LEGEND}\n\n**Event ID**: {event}\n\n"
        "**Thread**: 1 «main»: the one that crashed\n**State**: «RUNNABLE»\n**Flags**: crashed, current\n\n"
        "## Stack\n\n<untrusted>\n"
        "At example.northwind.CartFragment.onResume (CartFragment.kt:74)\n"
        "   73 |     super.onResume()\n"
        "-> 74 |     banner.show(requireContext())\n"
        "   75 |   }\n"
        "\n"
        "Stack (most recent call last):\n"
        "  at Fragment.performResume (Fragment.java:3180)  [library]\n"
        "  at CartActivity.onStart (CartActivity.kt:33)\n"
        "    cart.onResume()\n"
        "  at example.northwind.CartFragment.onResume (CartFragment.kt:74)\n"
        "    banner.show(requireContext())\n"
        f"</untrusted>\n\n{THREADS.format(frames=3)}"
    )


def test_finds_the_frames_of_the_crash_with_its_exception(mira: Caller, sandbox: Sandbox) -> None:
    """Section 7.2: the crashed thread has a stack also when it came with the exception."""
    text = mira.read("get_event_stacktrace", **NORTHWIND, issueId=sandbox.landmarks["stack_in_exception"])

    assert "The frames of this thread came with its exception." in text
    assert "at example.northwind.CartFragment.onResume (CartFragment.kt:74)" in text


def test_an_event_without_threads_shows_its_exceptions(mira: Caller) -> None:
    """Section 7.2."""
    text = mira.read("get_event_stacktrace", **CHAINED)

    assert "This event has no threads." in text
    assert text.index("KeyError: 'discount'") < text.index("ValueError: cart total is negative")


def event_with(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "error", "eventID": EVENT, "platform": "python", "entries": list(entries)}


def long_stack(frames: int) -> dict[str, Any]:
    return {"frames": [{"filename": "a.py", "function": f"m{n}", "lineNo": n, "inApp": True} for n in range(frames)]}


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "exception", "data": {"values": [{"type": "RecursionError", "stacktrace": long_stack(1_500)}]}},
        {"type": "threads", "data": {"values": [{"id": 1, "crashed": True, "stacktrace": long_stack(1_500)}]}},
    ],
    ids=["exception", "thread"],
)
def test_a_stack_is_whole_and_never_without_its_crash_point(
    mira: Caller, sandbox: Sandbox, entry: dict[str, Any]
) -> None:
    """Section 7.2, 7.4: what has no room is left out of the middle, and counted."""
    sandbox.faults.add(path="*/events/latest/", status=200, body=event_with(entry))

    text = mira.read("get_event_stacktrace", **CHAINED)

    assert "in m0\n" in text
    assert "in m1499\n</untrusted>" in text
    assert text.count("in m") > 400
    assert " of 1,500 frames are left out.)" in text


def test_a_single_exception_is_read_as_well(mira: Caller, sandbox: Sandbox) -> None:
    """sentry-tools 4.1: ``data.value`` is the alternative shape."""
    body = event_with({"type": "exception", "data": {"value": {"type": "OSError", "stacktrace": long_stack(3)}}})
    sandbox.faults.add(path="*/events/latest/", status=200, body=body)

    assert "OSError\nStack (most recent call last):" in mira.read("get_event_stacktrace", **CHAINED)


@pytest.mark.parametrize("thread", [8, "8", "worker-1"])
def test_a_thread_is_chosen_by_number_or_name(mira: Caller, sandbox: Sandbox, thread: int | str) -> None:
    text = mira.read("get_event_stacktrace", **NORTHWIND, issueId=sandbox.landmarks["threads"], thread=thread)

    assert f"**Thread**: {7 if thread == 'worker-1' else 8} «worker-" in text
    assert "LockSupport.park" in text


@pytest.mark.parametrize(
    ("thread", "said"),
    [
        ("worker-2", "Several threads have that name: choose one by its number."),
        ("nobody", "There is no such thread. These are the threads of this event:"),
        (99, "There is no such thread."),
    ],
)
def test_a_thread_that_cannot_be_told_is_answered_with_the_list(
    mira: Caller, sandbox: Sandbox, thread: int | str, said: str
) -> None:
    text = mira.read("get_event_stacktrace", **NORTHWIND, issueId=sandbox.landmarks["threads"], thread=thread)

    assert said in text
    assert THREADS.format(frames=3) in text


def test_a_thread_without_frames_says_so(mira: Caller, sandbox: Sandbox) -> None:
    text = mira.read("get_event_stacktrace", **NORTHWIND, issueId=sandbox.landmarks["threads"], thread=9)

    assert "No frames were sent for this thread." in text


BOTH = pytest.mark.parametrize("tool", ["get_event_stacktrace", "get_issue_breadcrumbs"])


@BOTH
def test_an_unknown_event_is_told_apart_from_an_unknown_issue(mira: Caller, tool: str) -> None:
    unknown = NORTHWIND | {"issueId": "CHECKOUT-API-ZZZ"}

    assert (
        mira.refused(tool, **CHAINED, eventId="f" * 32)
        == "This issue has no event by that ID, or it is not kept any more."
    )
    assert mira.refused(tool, **unknown).startswith("Sentry has no such issue")


@BOTH
def test_an_issue_without_a_retained_event_says_so(mira: Caller, sandbox: Sandbox, tool: str) -> None:
    """Section 7.3: neither eventId nor the issue's ID is wrong."""
    refused = mira.refused(tool, **NORTHWIND, issueId=sandbox.landmarks["no_event"])

    assert refused == "No event of this issue is kept any more (the retention period is over)."


@BOTH
def test_an_event_that_cannot_be_loaded_is_no_missing_one(mira: Caller, sandbox: Sandbox, tool: str) -> None:
    sandbox.faults.add(path="*/events/latest/", status=500, body={"detail": "Internal Error"})

    assert mira.refused(tool, **CHAINED) == SentryFailed.public


# -- get_issue_breadcrumbs ------------------------------------------------------------------------------------------


def test_tells_what_happened_before(mira: Caller) -> None:
    assert mira.read("get_issue_breadcrumbs", **CHAINED) == (
        f"# Breadcrumbs of CHECKOUT-API-4F\n\n{LEGEND}\n\n**Event ID**: {EVENT}\n**Crumbs**: 3\n\n<untrusted>\n"
        '<time> info    [query] SELECT price FROM lines WHERE cart_id = %s {"rows":3}\n'
        '<time> info    [httplib] GET https://rates.example/eur {"status_code":200}\n'
        "<time> warning [checkout] voucher SPRING has no discount\n"
        "</untrusted>"
    )


def test_an_event_without_breadcrumbs_says_so(mira: Caller, sandbox: Sandbox) -> None:
    text = mira.read("get_issue_breadcrumbs", **NORTHWIND, issueId=sandbox.landmarks["message"])

    assert text.endswith("This event has no breadcrumbs.")


def test_a_long_trail_keeps_its_end(mira: Caller, sandbox: Sandbox) -> None:
    """Section 7.4: capped, and honest about it."""
    crumbs = [{"timestamp": 1_790_000_000 + n, "message": f"step {n} " + "x" * 200} for n in range(500)]
    body = {"eventID": EVENT, "entries": [{"type": "breadcrumbs", "data": {"values": crumbs}}]}
    sandbox.faults.add(path="*/events/latest/", status=200, body=body)

    text = mira.read("get_issue_breadcrumbs", **CHAINED)

    assert "step 499 " in text
    assert "step 0 " not in text
    assert "oldest are left out.)" in text
    assert len(text) < 30_000


# -- get_issue_tag_values -------------------------------------------------------------------------------------------


def test_tells_how_a_tag_is_distributed(mira: Caller, sandbox: Sandbox) -> None:
    values = [
        {"value": "Chrome 139", "count": 75, "lastSeen": "2026-08-18T12:40:02Z"},
        {"value": None, "count": 20, "lastSeen": None},
        {"value": "", "count": 5},
    ]
    body = {"key": "browser", "uniqueValues": 7, "totalValues": 100, "topValues": values}
    sandbox.faults.add(path="*/tags/browser/", status=200, body=body)

    assert mira.read("get_issue_tag_values", **CHAINED, tagKey="browser") == (
        f"# Tag browser of CHECKOUT-API-4F in northwind\n\n{LEGEND}\n\n100 events with this tag, 7 values:\n\n"
        "- 75 (75%) «Chrome 139», last <time>\n- 20 (20%) (empty)\n- 5 (5%) (empty)\n\n"
        "(Sentry lists only the most common values.)"
    )


def test_an_unknown_tag_says_what_to_check(mira: Caller) -> None:
    refused = mira.refused("get_issue_tag_values", **CHAINED, tagKey="nothing")

    assert refused == (
        "Sentry has no such tag, or you cannot see it. Check tagKey (case-sensitive) and the issue ID and "
        "organizationSlug."
    )


def test_a_tag_key_that_cannot_be_is_refused_here(mira: Caller, sandbox: Sandbox) -> None:
    assert "A tag key has letters" in mira.refused("get_issue_tag_values", **CHAINED, tagKey="a/b")
    assert len(sandbox.requests) == 0


# -- get_issue_activity ---------------------------------------------------------------------------------------------


@pytest.fixture
def busy(sandbox: Sandbox) -> None:
    """An issue with a little history."""
    mira = {"id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example"}
    entries = [
        {"type": "note", "user": mira, "dateCreated": "2026-08-18T13:05:00Z", "data": {"text": "Fixed?"}},
        {
            "type": "set_ignored",
            "user": mira,
            "dateCreated": "2026-08-18T13:00:00Z",
            "data": {"ignoreUntilEscalating": True, "until": None},
        },
        {"type": "first_seen", "user": None, "dateCreated": "2026-08-18T12:00:00Z", "data": {}},
    ]
    sandbox.faults.add(path="*/activities/", status=200, body={"activity": entries})
    sandbox.faults.add(path="*/notes/", status=200, body=entries[:1])


@pytest.mark.usefixtures("busy")
def test_tells_who_did_what_and_what_was_said(as_user: Callable[..., Caller]) -> None:
    inspector = as_user("mira", skills={"inspect"})

    assert inspector.read("get_issue_activity", **CHAINED) == (
        f"# Activity of CHECKOUT-API-4F in northwind\n\n{LEGEND}\n\n## Activity\n\n"
        '- <time>: set_ignored by Mira Okafor (3104522): «{"ignoreUntilEscalating":true}»\n'
        "- <time>: first_seen by system\n\n## Comments\n\n- <time> by Mira Okafor (3104522): «Fixed?»"
    )


@pytest.mark.usefixtures("busy")
def test_names_only_tools_that_the_caller_has(as_user: Callable[..., Caller]) -> None:
    assert "add_issue_note" in as_user("mira", skills={"triage"}).read("get_issue_activity", **CHAINED)
    assert "add_issue_note" not in as_user("mira", skills={"inspect"}).read("get_issue_activity", **CHAINED)


@pytest.mark.usefixtures("busy")
def test_cuts_to_the_limit_and_says_so(mira: Caller) -> None:
    text = mira.read("get_issue_activity", **CHAINED, limit=1)

    assert "(1 more: raise limit, or see the issue in Sentry)" in text


@pytest.mark.usefixtures("busy")
def test_comments_that_are_not_wanted_are_nowhere(mira: Caller) -> None:
    """They are entries of the activity too."""
    text = mira.read("get_issue_activity", **CHAINED, includeComments=False)

    assert "Fixed?" not in text
    assert "set_ignored" in text


def test_says_that_there_are_older_comments(mira: Caller, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["assigned_user"]
    for number in range(3):
        mira.call("add_issue_note", **NORTHWIND, issueId=issue, text=f"Comment {number} of a longer talk.")

    text = mira.read("get_issue_activity", **NORTHWIND, issueId=issue, limit=2)

    assert "«Comment 1 of a longer talk.»\n(There are older ones: raise limit, or see the issue in Sentry)" in text
    assert "Comment 0" not in text


# -- add_issue_note -------------------------------------------------------------------------------------------------


def test_comments_in_the_name_of_the_user(mira: Caller, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["assigned_user"]

    text = mira.read("add_issue_note", **NORTHWIND, issueId=issue, text="  Looks like the new gateway.  ")

    assert sandbox.requests[-1].body == {"text": "Looks like the new gateway."}
    comment = text.split("Comment ")[1].split(" ")[0]
    assert text == (
        f"# Commented on {issue} in northwind\n\nComment {comment} by Mira Okafor (3104522), <time>.\n"
        f"http://sentry.test/organizations/northwind/issues/{issue}"
    )


def test_the_same_words_twice_are_explained(mira: Caller, sandbox: Sandbox) -> None:
    issue = sandbox.landmarks["assigned_user"]
    mira.call("add_issue_note", **NORTHWIND, issueId=issue, text="Once is enough.")

    assert mira.refused("add_issue_note", **NORTHWIND, issueId=issue, text="Once is enough.") == SAME_TEXT


def test_the_same_words_twice_are_known_by_their_text_alone(mira: Caller, sandbox: Sandbox) -> None:
    """Servers have answered this with a JSON text in place of an object."""
    sandbox.faults.add(path="*/notes/", status=400, body='"You have already posted that comment."')

    assert mira.refused("add_issue_note", **CHAINED, text="x") == SAME_TEXT


def test_another_refusal_of_a_comment_is_not_taken_for_a_repetition(mira: Caller, sandbox: Sandbox) -> None:
    body = {"text": ["Ensure this field has no more than 64 characters."]}
    sandbox.faults.add(path="*/notes/", status=400, body=body)

    assert mira.refused("add_issue_note", **CHAINED, text="x") == "Sentry does not accept the value of: text."


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097])
def test_a_comment_has_a_length(mira: Caller, sandbox: Sandbox, text: str) -> None:
    assert "Length must be between 1 and 4096." in mira.refused("add_issue_note", **CHAINED, text=text)
    assert len(sandbox.requests) == 0


# -- all ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "more"),
    [
        ("get_event_stacktrace", {}),
        ("get_issue_breadcrumbs", {}),
        ("get_issue_tag_values", {"tagKey": "browser"}),
        ("get_issue_activity", {}),
        ("add_issue_note", {"text": "x"}),
        ("search_issue_events", {}),
    ],
)
def test_an_issue_of_another_project_is_outside(
    as_user: Callable[..., Caller], sandbox: Sandbox, tool: str, more: dict[str, str]
) -> None:
    """RES-5, B14: the project is compared before anything of the issue is read or written."""
    fixed = as_user("mira", organization="northwind", project="shop-web")

    assert (
        fixed.refused(tool, issueId=sandbox.landmarks["chained"], **more)
        == OutsideConstraint("northwind/shop-web").public
    )
    assert [one.method for one in sandbox.requests] == ["GET"]
