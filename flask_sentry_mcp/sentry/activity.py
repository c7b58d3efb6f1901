"""What people and Sentry did with an issue: activity, comments, and how its tags are distributed."""

from typing import Any

from ..errors import InvalidInput, SentryRefused
from .client import Page, SentryClient
from .links import IssueReference

SAME_TEXT = "Sentry did not take the comment: the same text was posted here within the last hour."
_ALREADY = "already posted"


def list_activity(sentry: SentryClient, issue: IssueReference) -> list[Any]:
    """The newest 100: ``[{"type": "set_ignored", "user": {...}, "dateCreated": "...", "data": {...}}]``."""
    found = sentry.get(*_path(issue), "activities", region_url=issue.region_url)
    listed = found.get("activity") if isinstance(found, dict) else None
    return listed if isinstance(listed, list) else []


def list_notes(sentry: SentryClient, issue: IssueReference, *, limit: int) -> Page:
    """Comments, newest first; the shape is that of activity, with ``data.text``."""
    return sentry.get_page(*_path(issue), "notes", params={"per_page": limit}, region_url=issue.region_url)


def add_note(sentry: SentryClient, issue: IssueReference, text: str) -> dict[str, Any]:
    """Comment on an issue.

    Raises: InvalidInput when the same person posted the same text within an hour (400 ``You have already posted that
    comment.``); SentryRefused for whatever else Sentry does not take, with the name of the refused field.
    """
    try:
        found = sentry.post(*_path(issue), "notes", json={"text": text}, region_url=issue.region_url)
    except SentryRefused as error:
        if error.status == 400 and _ALREADY in error.said:
            raise InvalidInput(SAME_TEXT, str(error)) from error
        raise
    return found if isinstance(found, dict) else {}


def get_tag_values(sentry: SentryClient, issue: IssueReference, key: str) -> dict[str, Any]:
    """``{"key": "browser", "totalValues": 1843, "topValues": [{"value": "Chrome 139", "count": 1201, ...}]}``

    Source: https://docs.sentry.io/api/events/retrieve-tag-details/
    """
    found = sentry.get(*_path(issue), "tags", key, region_url=issue.region_url)
    return found if isinstance(found, dict) else {}


def _path(issue: IssueReference) -> tuple[str, ...]:
    return ("organizations", issue.organization_slug, "issues", issue.issue_id)
