"""Issues that tests look for by name: each kind and state that a client has to get right.

``world.landmarks["chained"]`` is ``CHECKOUT-API-4F``. Names, ids and texts never change with the clock.
"""

import random

from ..records import Json
from ..wire import iso
from ..world import World
from . import performance, web_landmarks
from .issues import HOUR
from .maker import Maker, done, evidence, note, report
from .places import DAY
from .stories import CART_NEGATIVE, JAVA, NATIVE, PYTHON

CHAINED_EVENT = "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80"
BIG_TRACE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def fill(world: World, chance: random.Random) -> None:
    for section in (_chained, _states, performance.fill, _others, _threads, web_landmarks.fill):
        section(world, chance)
    world.landmarks |= {"chained_event": CHAINED_EVENT, "big_trace": BIG_TRACE}


def _chained(world: World, chance: random.Random) -> None:
    """The issue that has everything: cause, crumbs, trace, team, notes, a ticket, an id that was merged into it."""
    make = Maker(world, chance, "checkout-api")
    issue = make.raised("chained", 6620113, 143, CART_NEGATIVE, events=12, age_h=0.5)
    issue.title, issue.metadata["value"] = "ValueError: cart total is negative", "cart total is negative"
    issue.count, issue.user_count, issue.substatus, issue.priority = 20_411, 980, "regressed", "high"
    issue.fixability, issue.assigned = 0.71, ("team", "payments")
    newest = issue.events[0]
    newest.id, newest.trace_id, newest.span_id = CHAINED_EVENT, BIG_TRACE, "a1b2c3d4e5f60718"
    newest.tags += [{"key": None, "value": "lost"}, {"key": "voucher", "value": None}]
    issue.external = [
        {
            "id": "9",
            "issueId": str(issue.id),
            "serviceType": "jira",
            "displayName": "SHOP#118",
            "webUrl": "https://tracker.example/SHOP-118",
        }
    ]
    issue.notes = [
        note(world, "553302", "ines", "Happens only with voucher SPRING.", issue.last_seen - HOUR),
        note(world, "553301", "mira", "Looking into it.", issue.last_seen - 2 * HOUR),
    ]
    issue.activity = [*issue.notes, done(world, "553300", "set_regression", None, issue.last_seen - 3 * HOUR, {})]
    issue.reports = [report("21", newest.id, "Kai", "kai@shop.example", "The total was below zero.", issue.last_seen)]
    world.merged[6620099] = issue.id
    world.add_issue(issue)  # again: its newest event has another id now
    world.landmarks["merged_id"] = "6620099"


def _states(world: World, chance: random.Random) -> None:
    """One issue for each way to be ignored or resolved, and those that hardly exist."""
    make = Maker(world, chance, "billing")
    until = world.epoch + 3 * DAY
    states: tuple[tuple[str, str, str | None, Json], ...] = (
        ("ignored_until_escalating", "ignored", "archived_until_escalating", {"ignoreUntilEscalating": True}),
        ("ignored_forever", "ignored", "archived_forever", {}),
        ("ignored_for_duration", "ignored", "archived_until_condition_met", {"ignoreUntil": iso(until)}),
        ("ignored_until_count", "ignored", "archived_until_condition_met", {"ignoreCount": 100, "ignoreWindow": 60}),
        ("ignored_until_users", "ignored", "archived_until_condition_met", {"ignoreUserCount": 10}),
        ("resolved", "resolved", None, {}),
        ("resolved_next", "resolved", None, {"inNextRelease": True}),
        ("resolved_in", "resolved", None, {"inRelease": "billing@2.8.1"}),
        ("pending_deletion", "pending_deletion", None, {}),
    )
    for index, (name, status, substatus, details) in enumerate(states):
        issue = make.raised(name, 6630000 + index, 200 + index, PYTHON[index % len(PYTHON)], age_h=6 + index)
        issue.status, issue.substatus, issue.status_details = status, substatus, dict(details)
    bare = make.raised("nulls", 6630050, 250, PYTHON[0], age_h=2)
    bare.culprit = bare.platform = bare.substatus = bare.priority = bare.first_release = bare.last_release = None
    make.raised("no_event", 6630051, 251, PYTHON[1], events=0, age_h=95 * 24)
    assigned = make.raised("assigned_user", 6630052, 252, PYTHON[2], age_h=4)
    assigned.assigned = ("user", "mira")
    free = make.raised("unassigned", 6630053, 253, PYTHON[3], age_h=1)
    free.assigned = None


def _others(world: World, chance: random.Random) -> None:
    jobs = Maker(world, chance, "warehouse-jobs")
    jobs.shown(
        "cron",
        6640001,
        120,
        "Cron failure: nightly-import",
        type="generic",
        issue_type="monitor_check_in_failure",
        category="cron",
        culprit="A missed check-in was detected",
        detail=evidence(4001, "Last successful check-in", "yesterday 03:00 UTC", None),
    )
    jobs.shown(
        "outage",
        6640002,
        121,
        "Downtime detected for https://shop.example",
        type="generic",
        issue_type="uptime_domain_failure",
        category="outage",
        culprit=None,
        detail=evidence(7001, "Failure reason", "timeout", None),
    )
    jobs.shown(
        "message", 6640003, 122, "Stock of SKU 4471 is below zero", story="message", type="default", level="warning"
    )


def _threads(world: World, chance: random.Random) -> None:
    make = Maker(world, chance, "mobile-app")
    make.raised("threads", 6650001, 110, JAVA[0])
    only_thread = make.raised("stack_in_thread", 6650002, 111, JAVA[1])
    only_thread.detail |= {"stack_in": "thread", "no_exception": True}
    in_exception = make.raised("stack_in_exception", 6650003, 112, JAVA[0])
    in_exception.detail |= {"stack_in": "exception"}
    make.shown(
        "mobile",
        6650004,
        113,
        "Image decoding on main thread",
        type="transaction",
        level="info",
        issue_type="performance_image_decode_main_thread",
        category="mobile",
        detail=evidence(2001, "Suspect span", "image.decode - banner.png", "CartActivity"),
    )
    Maker(world, chance, "firmware").raised("closed_project", 6650090, 110, NATIVE[0])
