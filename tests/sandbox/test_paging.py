"""Pages: Link with both rels on every list, opaque cursors, the limit of 100."""

import pytest

from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker, cursor_of

ISSUE = "organizations/northwind/issues/CHECKOUT-API-4F"
LISTS = [
    "organizations/",
    "organizations/northwind/projects/",
    "organizations/northwind/teams/",
    "organizations/northwind/issues/",
    "organizations/northwind/releases/",
    "organizations/northwind/replays/",
    "organizations/northwind/events/?field=title",
    "organizations/northwind/trace-items/attributes/?itemType=spans",
    "projects/northwind/checkout-api/releases/",
    f"{ISSUE}/events/",
    f"{ISSUE}/notes/",
    f"{ISSUE}/user-reports/",
]


@pytest.mark.parametrize("path", LISTS)
def test_every_list_has_both_rels(mira: Asker, path: str) -> None:
    answer = mira.get(path)

    assert answer.status_code == 200
    assert cursor_of(answer, "previous")[1] is False
    assert isinstance(cursor_of(answer, "next")[1], bool)


@pytest.mark.parametrize("path", LISTS)
def test_more_than_a_hundred_and_bad_cursors_are_refused(mira: Asker, path: str) -> None:
    size = "limit" if path.endswith("issues/") else "per_page"
    glue = "&" if "?" in path else "?"

    too_many = mira.get(f"{path}{glue}{size}=101")
    no_number = mira.get(f"{path}{glue}{size}=many")
    bad_cursor = mira.get(f"{path}{glue}cursor=here")

    assert (too_many.status_code, no_number.status_code, bad_cursor.status_code) == (400, 400, 400)
    assert "100" in too_many.json()["detail"]
    assert bad_cursor.json() == {"detail": "Invalid cursor parameter."}


def test_following_the_cursors_gives_everything_once(mira: Asker) -> None:
    whole = [one["id"] for one in mira.get("organizations/northwind/releases/?per_page=100").json()]

    seen: list[int] = []
    cursor = ""
    while True:
        answer = mira.get("organizations/northwind/releases/", params={"per_page": "30", "cursor": cursor})
        seen += [one["id"] for one in answer.json()]
        cursor, more = cursor_of(answer, "next")
        if not more:
            break

    assert len(seen) > 60
    assert seen == whole


def test_the_addresses_in_link_keep_the_query_and_always_have_a_question_mark(mira: Asker, sandbox: Sandbox) -> None:
    plain = mira.get("organizations/northwind/teams/").headers["Link"]
    asked = mira.get("organizations/northwind/teams/?per_page=1&query=p").headers["Link"]

    assert plain.startswith(f"<{sandbox.url}/api/0/organizations/northwind/teams/?&cursor=")
    assert "?per_page=1&query=p&cursor=" in asked
