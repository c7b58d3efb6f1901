"""The second route of the tour: all 21 tools, as two people, at an open address and at one fixed to an organization."""

from dataclasses import dataclass
from typing import Any

from mcp import Client, MCPError

from .person import Person
from .route import ORGANIZATION, Era, call
from .transcript import Transcript
from .visitor import Visitor

ISSUE, EVENT = "CHECKOUT-API-4F", "7b1d0c5e9f0a4c7e8a2f3b4c5d6e7f80"
TRACE, SPAN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "a1b2c3d4e5f60718"
SKILLS = ("inspect", "seer", "triage")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a browser: their name at the sandbox, whole, and an organization that only they are a member of."""

    user: str
    name: str
    own_organization: str


GUESTS = (Guest("mira", "Mira Okafor", "Aurora-Labs"), Guest("jonas", "Jonas Weber", "tidepool"))


async def browse(base_url: str, era: Era, guest: Guest, *, fixed: bool, transcript: Transcript) -> None:
    """Call every tool of the catalogue and hold what comes back. Raises: Difference."""
    path = f"/mcp/{ORGANIZATION}" if fixed else "/mcp"
    transcript.step(f"All tools, as {guest.name}, at {path}")
    person = Person(transcript, guest.user, SKILLS)
    visitor = Visitor(base_url + path, person, transcript)
    try:
        async with visitor.connected(era.mode) as client:
            for tool, (arguments, sign) in _calls(guest, f"{era.version}, {path}").items():
                if tool == "find_organizations" and fixed:
                    await _is_absent(client, tool, transcript)
                    continue
                given = arguments if fixed or tool in _PLACELESS else {**arguments, "organizationSlug": ORGANIZATION}
                text = await call(client, transcript, tool, **given)
                transcript.check(sign in text, f"{tool} answers what it should", text)
    finally:
        person.close()


_PLACELESS = {"whoami", "find_organizations", "search_sentry_tools", "execute_sentry_tool"}


def _calls(guest: Guest, occasion: str) -> dict[str, tuple[dict[str, Any], str]]:
    """By tool: its arguments but for the organization, and words that the answer must have."""
    issue = {"issueId": ISSUE}
    return {
        "whoami": ({}, guest.name),
        "find_organizations": ({}, guest.own_organization),
        "find_projects": ({}, "checkout-api"),
        "find_teams": ({}, "payments"),
        "search_issues": ({"query": "is:unresolved", "limit": 3}, "3 issues of "),
        "get_issue_details": (issue, "cart total is negative"),
        "get_sentry_resource": ({"resourceType": "issue", "resourceId": ISSUE}, "cart total is negative"),
        "search_events": ({"dataset": "errors", "query": "level:error", "limit": 3}, "3 results. "),
        "search_issue_events": ({**issue, "limit": 3}, ISSUE),
        "get_event_stacktrace": ({**issue, "eventId": EVENT}, EVENT),
        "get_issue_breadcrumbs": (issue, "SELECT"),
        "get_issue_tag_values": ({**issue, "tagKey": "environment"}, "production"),
        "get_issue_activity": (issue, ISSUE),
        "get_trace_details": ({"traceId": TRACE}, SPAN),
        "get_span_details": ({"traceId": TRACE, "spanId": SPAN}, SPAN),
        "find_releases": ({}, "checkout"),
        "update_issue": ({**issue, "status": "unresolved"}, ISSUE),
        "add_issue_note": ({**issue, "text": f"Seen on the tour: {guest.name}, {occasion}"}, ISSUE),
        "analyze_issue_with_seer": (issue, ISSUE),
        "search_sentry_tools": ({"query": "who am I"}, "whoami"),
        "execute_sentry_tool": ({"name": "whoami", "arguments": {}}, guest.name),
    }


async def _is_absent(client: Client, tool: str, transcript: Transcript) -> None:
    try:
        answer: object = await client.call_tool(tool, {})
    except MCPError as error:
        answer = error
    transcript.check(isinstance(answer, MCPError), f"{tool} makes no sense here, and is not there", answer)
