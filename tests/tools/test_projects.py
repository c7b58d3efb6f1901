"""find_projects: slugs for the searches that follow."""

from collections.abc import Callable

from flask_sentry_mcp.sandbox import Sandbox
from tests.tools.callers import Caller


def test_lists_the_slugs(mira: Caller) -> None:
    assert mira.call("find_projects", organizationSlug="northwind") == {
        "projects": [
            {"slug": "billing"},
            {"slug": "checkout-api"},
            {"slug": "mobile-app"},
            {"slug": "shop-web"},
            {"slug": "warehouse-jobs"},
        ],
        "hasMore": False,
    }


def test_narrows_by_words(mira: Caller) -> None:
    assert mira.call("find_projects", organizationSlug="northwind", query="shop")["projects"] == [{"slug": "shop-web"}]


def test_keeps_the_case_of_a_slug(mira: Caller, sandbox: Sandbox) -> None:
    found = mira.call("find_projects", organizationSlug="Aurora-Labs", regionUrl=f"http://{sandbox.region_hosts[1]}")

    assert found["projects"]
    assert (sandbox.requests[-1].silo, sandbox.requests[-1].path) == (
        "de",
        "/api/0/organizations/Aurora-Labs/projects/",
    )


def test_an_unknown_organization_names_the_parameter_to_check(mira: Caller) -> None:
    assert (
        mira.refused("find_projects", organizationSlug="nowhere")
        == "Sentry has no such organization, or you cannot see it. Check organizationSlug."
    )


def test_a_foreign_organization_is_not_shown(as_user: Callable[..., Caller]) -> None:
    """B15: Jonas is no member of Aurora-Labs."""
    assert "Sentry" in as_user("jonas").refused("find_projects", organizationSlug="Aurora-Labs")


def test_a_foreign_region_is_refused_before_anything_is_sent(mira: Caller, sandbox: Sandbox) -> None:
    """B8: the token goes to no host that is not listed."""
    refused = mira.refused("find_projects", organizationSlug="northwind", regionUrl="https://evil.example")

    assert "may speak to" in refused
    assert len(sandbox.requests) == 0


def test_a_slug_that_cannot_be_is_refused_here(mira: Caller, sandbox: Sandbox) -> None:
    """B9: dots and slashes do not reach an address."""
    for slug in ("..", "a/b", "a%2fb", "", "-a"):
        assert "organizationSlug" in mira.refused("find_projects", organizationSlug=slug)
    assert len(sandbox.requests) == 0


def test_null_is_not_given(mira: Caller) -> None:
    assert mira.call("find_projects", organizationSlug="northwind", query=None, regionUrl=None)["projects"]


def test_a_project_without_a_slug_is_a_missing_line(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        path="organizations/northwind/projects/",
        status=200,
        body=[{"id": "1"}, {"slug": "web"}, None, {"slug": "x" * 101}],
    )

    assert mira.call("find_projects", organizationSlug="northwind")["projects"] == [{"slug": "web"}]
