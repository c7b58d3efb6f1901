"""Releases, also those with awkward names."""

import pytest

from tests.sandbox.asking import Asker

AWKWARD = "feature%2Fnew-pay@1.0.0%2Bbuild.7"


def test_newest_first_and_searched_by_part_of_the_version(mira: Asker) -> None:
    every = mira.get("organizations/northwind/releases/").json()
    found = mira.get("organizations/northwind/releases/", params={"query": "NEW-PAY"}).json()

    dates = [one["dateCreated"] for one in every]
    assert dates == sorted(dates, reverse=True)
    assert [one["version"] for one in found] == ["feature/new-pay@1.0.0+build.7"]


def test_of_one_project(mira: Asker) -> None:
    found = mira.get("projects/northwind/shop-web/releases/").json()

    assert len(found) == 15
    assert all("shop-web" in [project["slug"] for project in one["projects"]] for one in found)
    assert [one["version"] for one in found if len(one["projects"]) > 1] == ["platform@2026.11"]


@pytest.mark.parametrize("base", ["organizations/northwind", "projects/northwind/checkout-api"])
def test_slashes_and_at_signs_are_part_of_a_version(mira: Asker, base: str) -> None:
    one = mira.get(f"{base}/releases/{AWKWARD}/")
    commits = mira.get(f"{base}/releases/{AWKWARD}/commits/")

    assert one.json()["version"] == "feature/new-pay@1.0.0+build.7"
    assert len(commits.json()) == one.json()["commitCount"]
    assert set(commits.json()[0]) == {"id", "message", "dateCreated", "author", "repository", "pullRequest"}


def test_deploys(mira: Asker) -> None:
    (deploy,) = mira.get("organizations/northwind/releases/checkout-api@2.8.1/deploys/").json()

    assert deploy["environment"] == "production"
    assert deploy["dateStarted"] is None


def test_a_release_of_another_project_is_not_there(mira: Asker) -> None:
    assert mira.get("projects/northwind/shop-web/releases/billing@2.8.1/").status_code == 404
    assert mira.get("organizations/northwind/releases/nothing/").status_code == 404


def test_the_newest_is_not_released_yet(mira: Asker) -> None:
    newest, older, *_ = mira.get("projects/northwind/billing/releases/").json()

    assert newest["dateReleased"] is None
    assert older["dateReleased"].endswith("Z")
    assert isinstance(newest["id"], int)
    assert (newest["version"], newest["shortVersion"]) == ("billing@2.8.1", "2.8.1")
