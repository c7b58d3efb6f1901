"""find_releases: which versions there are, and what came with them."""

import re

from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.untrusted import LEGEND
from tests.tools.callers import Caller

NORTHWIND = {"organizationSlug": "northwind"}


def test_tells_deploys_commits_and_new_issues(mira: Caller) -> None:
    text = mira.read("find_releases", **NORTHWIND, query="checkout-api@2.8.0")

    text = re.sub(r"last commit [0-9a-f]{12}", "last commit <sha>", text)
    assert text == (
        f"# Releases in northwind\n\n{LEGEND}\n\n"
        "- «checkout-api@2.8.0» · released <time> · 1 new issue · last event <time> · "
        "in checkout-api · deployed to «production» <time> · last commit <sha> «fix: round totals» · by «Mira Okafor»"
    )


def test_a_release_may_be_deployed_without_being_finalized(mira: Caller, sandbox: Sandbox) -> None:
    """A null dateReleased means no more than that."""
    one = {"version": "web@1", "dateCreated": "2026-08-17T09:00:00Z", "dateReleased": None}
    deploy = {"environment": "production", "dateFinished": "2026-08-17T09:10:00Z"}
    sandbox.faults.add(path="*/releases/", status=200, body=[one | {"lastDeploy": deploy}])

    text = mira.read("find_releases", **NORTHWIND)

    assert "«web@1» · created <time>, not finalized · no events · deployed to «production» <time>" in text
    assert "not released" not in text


def test_says_that_there_are_more(mira: Caller) -> None:
    text = mira.read("find_releases", **NORTHWIND)

    assert text.count("\n- ") == 25
    assert text.endswith("There are more: narrow by query or project.")


def test_asks_the_project_when_there_is_one(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("find_releases", **NORTHWIND, projectSlug="shop-web")
    mira.call("find_releases", **NORTHWIND, projectSlug="all")

    assert [one.path for one in sandbox.requests] == [
        "/api/0/projects/northwind/shop-web/releases/",
        "/api/0/organizations/northwind/releases/",
    ]


def test_nothing_found_is_an_answer(mira: Caller) -> None:
    assert mira.read("find_releases", **NORTHWIND, query="9.9.9") == (
        "# Releases in northwind\n\nThere are none that match."
    )


def test_an_unknown_project_is_refused(mira: Caller) -> None:
    refused = mira.refused("find_releases", **NORTHWIND, projectSlug="nothing")

    assert refused.startswith("Sentry has no such project")
