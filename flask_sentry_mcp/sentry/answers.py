"""What Sentry's answers mean: JSON, or one of our errors. Nothing that Sentry said becomes part of ``error.public``."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from .. import clock
from ..errors import SentryFailed, SentryRateLimited, SentryRefused
from .connections import Answer

Segments = Sequence[str | int]

_LOOK_ELSEWHERE = {
    "sso-required": "This organization requires single sign-on: sign in to it at Sentry, then repeat the call.",
    "2fa-required": "This organization requires two-factor authentication: set it up at Sentry, then repeat the call.",
    "sudo-required": "Sentry wants the password again for this: do it in Sentry itself.",
}
"""Answers 401 that no other token would change: they concern one organization, not the sign-in."""

_ONE_PROJECT = re.compile(r"multi project|multiple projects", re.IGNORECASE)
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
    """The JSON of a successful answer; None when there is none. Raises SentryFailed when it is something else."""
    if not answer.body.strip():
        return None
    if "json" not in answer.headers.get("Content-Type", ""):
        raise SentryFailed(f"{answer.status} with {answer.headers.get('Content-Type')!r} instead of JSON")
    try:
        text = answer.body.decode()
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SentryFailed(f"{answer.status} with JSON that cannot be read: {type(error).__name__}") from error
    return _encodable(found) if "\\ud" in text or "\\uD" in text else found


def is_rejected(answer: Answer, segments: Segments) -> bool:
    """Whether Sentry does not accept the token: 401, or on ``/auth/`` a 400 without a body."""
    if answer.status == 401:
        return _code(_peek(answer)) not in _LOOK_ELSEWHERE
    return answer.status == 400 and tuple(segments) == ("auth",) and not answer.body.strip()


def raise_for(answer: Answer, segments: Segments, *, sent: Any = None) -> None:
    """Raise what an unsuccessful answer means. *sent* is the JSON of the request: only its own names are repeated."""
    if 200 <= answer.status < 300:
        return
    body = _peek(answer)
    detail = f"{'/'.join(map(str, segments))}: {answer.body[:500]!r}"
    if answer.status == 429:
        raise SentryRateLimited(rate_limit_wait(answer), detail)
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
        return _LOOK_ELSEWHERE.get(_code(body), error.public)
    if answer.status in (400, 403) and _ONE_PROJECT.search(_said(body)):
        return "This organization can search only one project at a time: name the project."
    if answer.status == 403:
        return error.public + _missing_scope(answer)
    if answer.status == 404:
        return _not_found(segments) or error.public
    if 300 <= answer.status < 400:
        return "This has moved at Sentry: the project has a new slug. Look up its present slug."
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


def _code(body: Any) -> str:
    detail = body.get("detail") if isinstance(body, Mapping) else None
    return str(detail.get("code")) if isinstance(detail, Mapping) else ""


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


def _seconds(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(str(value)).timestamp() - clock.now()
    except ValueError:
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
