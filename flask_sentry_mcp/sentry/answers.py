"""What Sentry's answers mean: JSON, or one of our errors. Nothing that Sentry said becomes part of ``error.public``."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from .. import clock
from ..errors import SentryFailed, SentryMisaddressed, SentryRateLimited, SentryRefused
from ..security.shapes import as_map
from ..security.slugs import is_slug
from .connections import Answer

Segments = Sequence[str | int]

_LOOK_ELSEWHERE = {
    "sso-required": "This organization requires single sign-on: sign in to it at Sentry, then repeat the call.",
    "2fa-required": "This organization requires two-factor authentication: set it up at Sentry, then repeat the call.",
    "sudo-required": "Sentry wants the password again for this: do it in Sentry itself.",
    "Unauthorized organization access.": "The sign-in at Sentry is for another organization only.",
    "This token access is limited to organization endpoints.": "The sign-in at Sentry is for one organization only: "
    "name that organization, or authorize again.",
}
"""Answers 401 that no other token would change: they concern one organization, not the sign-in.

By the code of the answer's detail, or by the whole of it where it is a text.
"""

_ONE_PROJECT = re.compile(r"multi project|multiple projects", re.IGNORECASE)
_MOVED = "resource-moved"
_KINDS = {
    "organizations": ("organization", "organizationSlug"),
    "projects": ("project", "the project slug"),
    "teams": ("team", "the team slug"),
    "issues": ("issue", "the issue ID"),
    "events": ("event", "eventId"),
    "tags": ("tag", "tagKey (case-sensitive)"),
    "releases": ("release", "the version"),
    "trace": ("trace", "traceId"),
}


def body_of(answer: Answer) -> Any:
    """The JSON of a successful answer, with None for a number that JSON does not have; None when there is no body.

    Raises: SentryFailed when it is something else.
    """
    if not answer.body.strip():
        return None
    if "json" not in answer.headers.get("Content-Type", ""):
        raise SentryMisaddressed(f"{answer.status} with {answer.headers.get('Content-Type')!r} instead of JSON")
    try:
        text = answer.body.decode()
        found = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise SentryFailed(f"{answer.status} with JSON that cannot be read: {type(error).__name__}") from error
    return _encodable(found) if "\\ud" in text or "\\uD" in text else found


def found_in(answer: Answer) -> Any:
    """The JSON of a successful answer that has to have one. Raises: SentryFailed."""
    if not answer.body.strip():
        raise SentryFailed(f"{answer.status} without a body")
    return body_of(answer)


def items_of(answer: Answer) -> list[Any]:
    """The list of a successful answer, or the one that it wraps in ``data``. Raises: SentryFailed when it has none."""
    found = found_in(answer)
    items = found.get("data") if isinstance(found, Mapping) else found
    if not isinstance(items, list):
        raise SentryFailed(f"{answer.status} with {type(items).__name__} instead of a list")
    return items


def is_rejected(answer: Answer, segments: Segments) -> bool:
    """Whether Sentry does not accept the token: 401, or on ``/auth/`` a 400 without a body."""
    if answer.status == 401:
        return _reason(_peek(answer)) not in _LOOK_ELSEWHERE
    return answer.status == 400 and tuple(segments) == ("auth",) and not answer.body.strip()


def raise_for(answer: Answer, segments: Segments, *, sent: Any = None) -> None:
    """Raise what an unsuccessful answer means. *sent* is the JSON of the request: only its own names are repeated."""
    if 200 <= answer.status < 300:
        return
    body = _peek(answer)
    detail = f"{'/'.join(map(str, segments))[:200]}: {answer.body[:500]!r}"
    if answer.status == 429:
        raise SentryRateLimited(rate_limit_wait(answer), detail)
    if 300 <= answer.status < 400 and _reason(body) != _MOVED:
        raise SentryMisaddressed(f"{answer.status} to {answer.headers.get('Location')!r}: {detail}")
    if answer.status >= 500 or answer.status < 300:
        raise SentryFailed(f"{answer.status} {detail}", error_id=_error_id(body))
    error = SentryRefused(answer.status, detail, fields=_refused_fields(body, sent))
    error.public = _sentence(answer, body, segments, error)
    error.said = _said(body)
    raise error


def rate_limit_wait(answer: Answer) -> int:
    """Whole seconds to wait after a 429: ``Retry-After``, else Sentry's own reset header, else the body; at least 1."""
    body = _peek(answer)
    for wait in (
        _seconds(answer.headers.get("Retry-After")),
        _until(_seconds(answer.headers.get("X-Sentry-Rate-Limit-Reset"))),
        _seconds(body.get("retry_after")) if isinstance(body, Mapping) else None,
        _seconds(body.get("retryAfter")) if isinstance(body, Mapping) else None,
    ):
        if wait is not None:
            return max(1, min(math.ceil(wait), 3600))
    return 1


def _sentence(answer: Answer, body: Any, segments: Segments, error: SentryRefused) -> str:
    if answer.status == 401:
        return _LOOK_ELSEWHERE.get(_reason(body), error.public)
    if answer.status in (400, 403) and _ONE_PROJECT.search(_said(body)):
        return "This organization can search only one project at a time: name the project."
    if answer.status == 403:
        return error.public + _missing_scope(answer)
    if answer.status == 404:
        return _not_found(segments) or error.public
    if _reason(body) == _MOVED:
        return f"This project has another slug at Sentry now{_new_slug(body)}."
    if error.fields:
        return f"Sentry does not accept the value of: {', '.join(error.fields)}."
    return error.public


def _not_found(segments: Segments) -> str | None:
    """What to check, named after the kinds of things in the path: the last named one is what is missing."""
    named = [_KINDS[str(segment)] for segment in segments[:-1] if str(segment) in _KINDS]
    if not named:
        return None
    kind = named[-1][0]
    check = " and ".join(dict.fromkeys(parameter for _, parameter in reversed(named)))
    return f"Sentry has no such {kind}, or you cannot see it. Check {check}."


def _missing_scope(answer: Answer) -> str:
    """The scope that the challenge of RFC 6750 names, if it looks like one of Sentry's."""
    found = re.search(r'scope="([a-z:]+(?: [a-z:]+)*)"', answer.headers.get("WWW-Authenticate", ""))
    return f" Any of these scopes would do: {found[1]}." if found else ""


def _refused_fields(body: Any, sent: Any) -> tuple[str, ...]:
    if not isinstance(body, Mapping) or not isinstance(sent, Mapping):
        return ()
    return tuple(name for name in sent if name in body)


def _reason(body: Any) -> str:
    """The code of an answer, if its detail is an object; else its detail."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    return str(detail.get("code")) if isinstance(detail, Mapping) else str(detail)


def _new_slug(body: Any) -> str:
    """``: web-shop``, as far as the answer tells and it is a slug; an answer that moves has an object as its detail."""
    slug = as_map(body["detail"].get("extra")).get("slug")
    return f": {slug}" if isinstance(slug, str) and is_slug(slug) else ""


def _said(body: Any) -> str:
    """Sentry's own sentence: the ``detail``, or the whole body where that is a text."""
    detail = body.get("detail") if isinstance(body, Mapping) else body
    return detail[:500] if isinstance(detail, str) else ""


def _error_id(body: Any) -> str | None:
    found = body.get("errorId") if isinstance(body, Mapping) else None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{32}", found) else None


def _peek(answer: Answer) -> Any:
    """The JSON of an answer that may be anything."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | None:
    """The number, None if it is larger than any."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _seconds(value: object) -> float | None:
    """From a number of seconds or an HTTP date, None for anything else."""
    try:
        return _finite(str(value))
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(str(value)).timestamp() - clock.now()
    except (ValueError, OverflowError):
        return None


def _until(moment: float | None) -> float | None:
    return None if moment is None else moment - clock.now()


def _encodable(value: Any) -> Any:
    """*value* with lone surrogates replaced: JSON can spell them, no encoder accepts them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_encodable(one) for one in value]
    if isinstance(value, dict):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    return value
