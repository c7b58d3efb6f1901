"""Every answer that a sandbox gives in these tests has the shape of Sentry's, or the test that asked fails.

The table is by method, path as the sandbox routes it, and status; an answer that is not in it fails as well. What a
test orders as a fault is not looked at.
"""

import functools
import hashlib
import threading
from typing import Any

import jsonschema
from flask import Flask, Response, request

from flask_sentry_mcp.sandbox.faults import Fault
from flask_sentry_mcp.sandbox.state import State
from tests.sandbox import refusals, shapes
from tests.sandbox.notation import NOTHING, TEXT, Shape, any_of, list_of, thing

API = "/api/0/"
ORGANIZATION = f"{API}organizations/<organization>/"
ISSUE = f"{ORGANIZATION}issues/<issue>/"
PROJECT = f"{API}projects/<organization>/<project>/"
RELEASE = "releases/<path:version>/"

GOOD: dict[tuple[str, str, int], Shape] = {
    ("GET", f"{API}auth/", 200): shapes.SELF,
    ("GET", f"{API}users/me/regions/", 200): shapes.REGIONS,
    ("GET", f"{API}organizations/", 200): list_of(shapes.ORGANIZATION),
    ("GET", ORGANIZATION, 200): shapes.ORGANIZATION,
    ("GET", f"{ORGANIZATION}projects/", 200): list_of(shapes.PROJECT),
    ("GET", f"{ORGANIZATION}teams/", 200): any_of(list_of(shapes.TEAM_WITH_PROJECTS), list_of(shapes.TEAM)),
    ("GET", f"{ORGANIZATION}issues/", 200): list_of(shapes.LISTED_ISSUE),
    ("GET", f"{ORGANIZATION}issues/?collapse=unhandled", 200): list_of(shapes.COLLAPSED_ISSUE),
    ("GET", f"{ORGANIZATION}shortids/<short_id>/", 200): shapes.SHORT_ID,
    ("GET", f"{ORGANIZATION}eventids/<event>/", 200): shapes.EVENT_ID,
    ("GET", f"{ORGANIZATION}trace/<trace>/", 200): shapes.TRACE,
    ("GET", f"{ORGANIZATION}trace-meta/<trace>/", 200): shapes.TRACE_META,
    ("GET", f"{ORGANIZATION}events/", 200): any_of(shapes.EVENTS_SEARCH, shapes.NO_PROJECTS),
    ("GET", f"{ORGANIZATION}events/validate/", 200): shapes.VALIDATION,
    ("GET", f"{ORGANIZATION}trace-items/attributes/", 200): shapes.ATTRIBUTES,
    ("GET", f"{ORGANIZATION}tags/", 200): shapes.TAGS,
    ("GET", f"{ORGANIZATION}replay-count/", 200): shapes.REPLAY_COUNT,
    ("GET", f"{ORGANIZATION}replays/", 200): thing(data=list_of(shapes.REPLAY)),
    ("GET", f"{ORGANIZATION}replays/<replay>/", 200): thing(data=shapes.REPLAY),
    ("GET", ISSUE, 200): shapes.ISSUE_DETAIL,
    ("PUT", ISSUE, 200): shapes.ISSUE,
    ("GET", f"{ISSUE}notes/", 200): list_of(shapes.ACTIVITY),
    ("POST", f"{ISSUE}notes/", 201): shapes.ACTIVITY,
    ("GET", f"{ISSUE}activities/", 200): thing(activity=list_of(shapes.ACTIVITY)),
    ("GET", f"{ISSUE}user-reports/", 200): list_of(shapes.REPORT),
    ("GET", f"{ISSUE}external-issues/", 200): list_of(shapes.TICKET),
    ("GET", f"{ISSUE}events/", 200): list_of(shapes.LISTED_EVENT),
    ("GET", f"{ISSUE}events/<event>/", 200): shapes.EVENT,
    ("GET", f"{ISSUE}tags/<key>/", 200): shapes.TAG_VALUES,
    ("GET", f"{ISSUE}autofix/", 200): shapes.AUTOFIX,
    ("POST", f"{ISSUE}autofix/", 202): shapes.STARTED,
    ("GET", PROJECT, 200): shapes.PROJECT,
    ("GET", f"{PROJECT}stacktrace-link/", 200): shapes.CODE_LINK,
    **{("GET", f"{place}releases/", 200): list_of(shapes.RELEASE) for place in (ORGANIZATION, PROJECT)},
    **{("GET", f"{place}{RELEASE}", 200): shapes.RELEASE for place in (ORGANIZATION, PROJECT)},
    **{("GET", f"{place}{RELEASE}commits/", 200): list_of(shapes.COMMIT) for place in (ORGANIZATION, PROJECT)},
    ("GET", f"{ORGANIZATION}{RELEASE}deploys/", 200): list_of(shapes.DEPLOY),
    ("GET", "/.well-known/oauth-authorization-server", 200): refusals.METADATA,
    ("GET", "/oauth/userinfo/", 200): refusals.USER_INFO,
    ("POST", "/oauth/token/", 200): refusals.TOKENS,
    ("POST", "/oauth/token/", 400): refusals.TOKEN_REFUSAL,
    ("POST", "/oauth/token/", 401): refusals.TOKEN_REFUSAL,
    ("POST", "/oauth/device/code/", 200): refusals.DEVICE,
    ("POST", "/oauth/revoke/", 200): NOTHING,
}
BAD: dict[tuple[str, int], Shape] = {
    (f"{API}auth/", 400): NOTHING,
    (f"{ORGANIZATION}events/validate/", 400): any_of(shapes.VALIDATION, refusals.DETAIL, NOTHING),
    ("/oauth/device/code/", 400): refusals.REFUSAL,
    ("/oauth/device/code/", 401): refusals.REFUSAL,
    ("/oauth/revoke/", 400): refusals.REFUSAL,
    ("/oauth/revoke/", 401): refusals.REFUSAL,
}
REFUSALS: dict[int, Shape] = {
    302: refusals.MOVED,
    400: any_of(refusals.DETAIL, refusals.FIELDS),
    401: refusals.DETAIL,
    402: TEXT,
    403: refusals.DETAIL,
    404: any_of(refusals.DETAIL, NOTHING),
    429: refusals.DETAIL,
}
PAGES = ("/oauth/authorize/", "/oauth/device/", "/auth/login/", "/", "/organizations/<path:place>/")
"""What people see: HTML, or the way to the next page."""

LONE = {
    ("GET", f"{API}organizations/", 200): list_of(shapes.LONE_ORGANIZATION),
    ("GET", ORGANIZATION, 200): shapes.LONE_ORGANIZATION,
}
"""What differs where there is one host and no region."""


class Promises:
    """Reads along at every sandbox whose application it was shown, and notes what is not as promised."""

    def __init__(self) -> None:
        self._broken: list[str] = []
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()

    def watch(self, app: Flask, state: State) -> Flask:
        @app.after_request
        def look(answer: Response) -> Response:  # before the sandbox's own, so before a fault takes members away
            fault = request.environ.get("sandbox.fault")
            if not (isinstance(fault, Fault) and fault.replaces) and not request.path.startswith("/_sandbox/"):
                self._look(answer, is_lone=state.addresses.is_self_hosted)
            return answer

        return app

    def broken(self) -> list[str]:
        """What was not as promised since this was asked for the last time."""
        with self._lock:
            broken, self._broken = self._broken, []
        return broken

    def _look(self, answer: Response, *, is_lone: bool) -> None:
        rule = request.url_rule.rule if request.url_rule else None
        if rule and "collapse" in request.args:
            rule += f"?collapse={request.args['collapse']}"
        what = (request.method, rule, answer.status_code)
        digest = hashlib.sha256(repr((what, is_lone)).encode() + answer.get_data()).digest()
        if digest in self._seen:
            return
        wrong = _wrong_with(answer, what, is_lone)
        with self._lock:
            self._seen.add(digest)
            if wrong:
                self._broken.append(f"{what}: {wrong}")


def _wrong_with(answer: Response, what: tuple[str, str | None, int], is_lone: bool) -> str | None:
    method, rule, status = what
    if rule is None or rule in PAGES:
        return None if status in (302, 404, 405) or answer.mimetype == "text/html" else "no page"
    validator = _validator(method, rule, status, is_lone)
    if validator is None:
        return "tests/sandbox/promises.py knows no such answer"
    body = answer.get_json() if answer.is_json else answer.get_data(as_text=True)
    error = jsonschema.exceptions.best_match(validator.iter_errors(body))
    return f"{error.json_path}: {error.message[:300]}" if error else None


@functools.cache
def _validator(method: str, rule: str, status: int, is_lone: bool) -> Any:
    key = (method, rule, status)
    shape = LONE.get(key) if is_lone else None
    shape = (
        shape or GOOD.get(key) or BAD.get((rule, status)) or (REFUSALS.get(status) if rule.startswith(API) else None)
    )
    return None if shape is None else jsonschema.Draft202012Validator(shape)
