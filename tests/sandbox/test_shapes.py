"""Every answer of the sandbox has the shape that Sentry's would have, for everything that is seeded."""

from typing import Any

import jsonschema
import pytest
from flask import Flask

from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox import shapes
from tests.sandbox.asking import Asker, cursor_of
from tests.sandbox.notation import Shape, list_of, thing
from tests.sandbox.promises import Promises

RELEASES = list_of(shapes.RELEASE)
ORGANIZATIONS = {"northwind": "mira", "Aurora-Labs": "mira", "tidepool": "jonas"}


@pytest.fixture(params=sorted(ORGANIZATIONS))
def place(request: pytest.FixtureRequest, mira: Asker, jonas: Asker) -> tuple[Asker, str]:
    """Each organization, with somebody who may read it: the asker and ``organizations/northwind/``."""
    slug: str = request.param
    return {"mira": mira, "jonas": jonas}[ORGANIZATIONS[slug]], f"organizations/{slug}/"


def check(answer: Any, shape: Shape) -> Any:
    """The JSON of *answer*, which has *shape*."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    conforms(body, shape)
    return body


def conforms(body: Any, shape: Shape) -> None:
    """Raises: jsonschema.ValidationError."""
    jsonschema.Draft202012Validator(shape).validate(body)  # the schema itself is not checked each time: that is slow


def every(asker: Asker, path: str, **params: str) -> list[Any]:
    """All pages of a list."""
    found, cursor, more = [], "", True
    while more:
        answer = asker.get(path, params=params | {"cursor": cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()
        cursor, more = cursor_of(answer, "next")
    return found


def test_organization_teams_projects(place: tuple[Asker, str]) -> None:
    asker, base = place

    check(asker.get("organizations/"), list_of(shapes.ORGANIZATION))
    check(asker.get(base), shapes.ORGANIZATION)
    check(asker.get(f"{base}teams/"), list_of(shapes.TEAM_WITH_PROJECTS))
    for project in check(asker.get(f"{base}projects/"), list_of(shapes.PROJECT)):
        if project["hasAccess"]:
            check(asker.get(f"{base.replace('organizations', 'projects')}{project['slug']}/"), shapes.PROJECT)


def test_every_issue_in_lists_and_a_quarter_with_their_events(place: tuple[Asker, str], sandbox: Sandbox) -> None:
    asker, base = place
    issues = every(asker, f"{base}issues/", query="", project="-1", limit="100", statsPeriod="365d")

    assert len(issues) >= 60
    for issue in issues:
        conforms(issue, shapes.LISTED_ISSUE)
    marks = set(sandbox.landmarks.values())
    for issue in [one for number, one in enumerate(issues) if number % 4 == 0 or one["shortId"] in marks]:
        path = f"{base}issues/{issue['shortId']}/"
        check(asker.get(path), shapes.ISSUE_DETAIL)
        event = asker.get(f"{path}events/latest/")
        if event.status_code == 200:
            check(event, shapes.EVENT)


def test_what_hangs_on_the_issue_that_has_everything(mira: Asker, sandbox: Sandbox) -> None:
    for name in ("chained", "hostile", "feedback", "n_plus_one"):
        path = f"organizations/northwind/issues/{sandbox.landmarks[name]}/"
        check(mira.get(f"{path}events/"), list_of(shapes.LISTED_EVENT))
        check(mira.get(f"{path}notes/"), list_of(shapes.ACTIVITY))
        check(mira.get(f"{path}activities/"), thing(activity=list_of(shapes.ACTIVITY)))
        check(mira.get(f"{path}user-reports/"), list_of(shapes.REPORT))
        check(mira.get(f"{path}external-issues/"), list_of(shapes.TICKET))
        check(mira.get(f"{path}tags/environment/"), shapes.TAG_VALUES)


def test_releases_and_replays(place: tuple[Asker, str]) -> None:
    asker, base = place

    conforms(every(asker, f"{base}releases/"), RELEASES)
    check(asker.get(f"{base}replays/", params={"per_page": "100"}), thing(data=list_of(shapes.REPLAY)))


def test_traces(mira: Asker, sandbox: Sandbox) -> None:
    mine = (trace for trace in sandbox.world.traces.values() if trace.organization == "northwind")
    named = [sandbox.landmarks[name] for name in ("big_trace", "ai_trace", "snake_trace")]

    for trace in [*named, *(trace.id for _, trace in zip(range(40), mine, strict=False))]:
        check(mira.get(f"organizations/northwind/trace/{trace}/"), shapes.TRACE)
        check(mira.get(f"organizations/northwind/trace-meta/{trace}/"), shapes.TRACE_META)


@pytest.mark.parametrize("dataset", ["errors", "spans", "logs", "tracemetrics", "profiles", "uptime_results"])
def test_searches_over_events(mira: Asker, dataset: str) -> None:
    params = {"dataset": dataset, "field": ["id", "project", "timestamp"], "sort": "-timestamp"}

    check(mira.get("organizations/northwind/events/", params=params), shapes.EVENTS_SEARCH)
    check(mira.get("organizations/northwind/events/validate/", params=params), shapes.VALIDATION)


@pytest.mark.parametrize("name", ["chained", "nulls", "unassigned", "assigned_user", "csp"])
def test_runs_of_seer(mira: Asker, sandbox: Sandbox, name: str) -> None:
    check(mira.get(f"organizations/northwind/issues/{sandbox.landmarks[name]}/autofix/"), shapes.AUTOFIX)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("users/me/regions/", {"regions": [{"name": "us"}]}, 200, "'url' is a required property"),
        ("users/me/regions/", {"detail": "no", "more": 1}, 403, "Additional properties are not allowed"),
        ("users/me/regions/", {"regions": []}, 203, "knows no such answer"),
        ("new/", {}, 200, "knows no such answer"),
    ],
)
def test_an_answer_of_another_shape_is_noticed(path: str, body: dict[str, Any], status: int, said: str) -> None:
    """The test of the check that every test with a sandbox ends with."""
    promises, app = Promises(), Flask("another sandbox")
    promises.watch(app, Sandbox()._state)
    app.add_url_rule(f"/api/0/{path}", view_func=lambda: (body, status))

    app.test_client().get(f"/api/0/{path}")

    (told,) = promises.broken()
    assert said in told
    assert promises.broken() == []
