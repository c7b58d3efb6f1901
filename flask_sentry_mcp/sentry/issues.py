"""Issues: find, read, change. An issue is named by its number or its short ID, both work in every path."""

from typing import Any

from ..errors import InvalidInput, SentryRefused
from ..security.shapes import Json, as_map, as_maps
from .client import OPTIONAL_S, Page, SentryClient
from .links import IssueReference

CODE_TIMEOUT_S = 3.0
ASSIGNEE_FORMS = (
    "assignedTo must be user:<numeric id>, team:<id or slug>, me, or an e-mail address; and it must be a member of "
    "the project."
)


def search_issues(
    sentry: SentryClient,
    org: str,
    *,
    query: str,
    limit: int,
    sort: str = "date",
    period: str = "30d",
    project: str | None = None,
    region_url: str | None = None,
) -> Page:
    """Issues of *org*: ``[{"id": "6620113", "shortId": "WEB-4F", "count": "1843", ...}]``.

    *query* is always sent: empty means every status, absent would mean ``is:unresolved``.

    Source: https://docs.sentry.io/api/events/list-an-organizations-issues/
    """
    params = {
        "query": query,
        "limit": limit,
        "sort": sort,
        "statsPeriod": period,
        "project": project,
        "collapse": "unhandled",
    }
    return sentry.get_page("organizations", org, "issues", params=params, region_url=region_url)


def find_by_event(
    sentry: SentryClient, org: str, event_id: str, *, region_url: str | None = None
) -> dict[str, Any] | None:
    """The issue that an event belongs to: Sentry answers a query that is an event ID with that one issue."""
    params = {"query": event_id, "limit": 1}
    items = sentry.get_page("organizations", org, "issues", params=params, region_url=region_url).items
    return items[0] if items and isinstance(items[0], dict) else None


def get_issue(sentry: SentryClient, issue: IssueReference) -> dict[str, Any]:
    """One issue. Merged issues answer as the one that survived.

    Source: https://docs.sentry.io/api/events/retrieve-an-issue/
    """
    found = sentry.get(*_path(issue), region_url=issue.region_url)
    return found if isinstance(found, dict) else {}


def get_event(sentry: SentryClient, issue: IssueReference, event_id: str = "latest") -> dict[str, Any]:
    """One event of an issue. 404 when none is retained any more, though the issue exists.

    Source: https://docs.sentry.io/api/events/retrieve-an-issue-event/
    """
    found = sentry.get(*_path(issue), "events", event_id, region_url=issue.region_url)
    return found if isinstance(found, dict) else {}


def list_external_links(sentry: SentryClient, issue: IssueReference) -> list[Any]:
    """Tickets and pull requests: ``[{"serviceType": "jira", "displayName": "SHOP#118", "webUrl": "https://..."}]``."""
    found = sentry.get(*_path(issue), "external-issues", region_url=issue.region_url, timeout_s=OPTIONAL_S)
    return found if isinstance(found, list) else []


def list_replays(sentry: SentryClient, issue: IssueReference, number: str, *, is_error: bool) -> list[str]:
    """IDs of session replays in which the issue with this *number* happened, in the last 90 days."""
    params = {
        "query": f"issue.id:[{number}]",
        "data_source": "discover" if is_error else "search_issues",
        "returnIds": True,
        "statsPeriod": "90d",
        "project": -1,
    }
    path = ("organizations", issue.organization_slug, "replay-count")
    found = sentry.get(*path, params=params, region_url=issue.region_url, timeout_s=OPTIONAL_S)
    ids = found.get(number) if isinstance(found, dict) else None
    return [str(one) for one in ids] if isinstance(ids, list) else []


def find_code(sentry: SentryClient, issue: IssueReference, about: dict[str, Any], event: dict[str, Any]) -> str | None:
    """Where the failing line is in the repository: the frame's own link, else Sentry's code mappings, else None."""
    frame = _top_frame(event)
    if frame is None:
        return None
    if str(frame.get("sourceLink") or "").startswith("https://github.com/"):
        return str(frame["sourceLink"])
    project = as_map(about.get("project")).get("slug")
    if not project or not frame.get("filename"):
        return None
    params = {
        "file": frame["filename"],
        "platform": event.get("platform"),
        "lineNo": frame.get("lineNo"),
        "absPath": frame.get("absPath"),
        "module": frame.get("module"),
        "package": frame.get("package"),
        "groupId": about.get("id"),
        "sdkName": as_map(event.get("sdk")).get("name"),
        "commitId": as_map(as_map(event.get("release")).get("lastCommit")).get("id"),
    }
    path = ("projects", issue.organization_slug, project, "stacktrace-link")
    found = sentry.get(*path, params=params, region_url=issue.region_url, timeout_s=CODE_TIMEOUT_S)
    url = found.get("sourceUrl") if isinstance(found, dict) else None
    return url if isinstance(url, str) and url.startswith("https://") else None


def _top_frame(event: dict[str, Any]) -> Json | None:
    """The innermost frame of the application in the root cause."""
    for entry in as_maps(event.get("entries")):
        if entry.get("type") == "exception":
            for raised in as_maps(as_map(entry.get("data")).get("values")):
                frames = as_maps(as_map(raised.get("stacktrace")).get("frames"))
                return next((frame for frame in reversed(frames) if frame.get("inApp")), None)
    return None


def update_issue(sentry: SentryClient, issue: IssueReference, changes: dict[str, Any]) -> dict[str, Any]:
    """Change status or assignee; the issue as it is afterwards.

    Source: https://docs.sentry.io/api/events/update-an-issue/
    """
    try:
        found = sentry.put(*_path(issue), json=changes, region_url=issue.region_url)
    except SentryRefused as error:
        if "assignedTo" in error.fields:
            raise InvalidInput(ASSIGNEE_FORMS, str(error)) from error
        raise
    return found if isinstance(found, dict) else {}


def _path(issue: IssueReference) -> tuple[str, ...]:
    return ("organizations", issue.organization_slug, "issues", issue.issue_id)
