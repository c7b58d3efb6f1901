"""whoami and find_organizations: who is signed in, and where they can look."""

from collections.abc import Callable

import pytest

from flask_sentry_mcp.errors import SentryFailed, SignInEnded
from flask_sentry_mcp.sandbox import Sandbox
from tests.tools.callers import Caller


def test_whoami_tells_the_user_and_no_constraint(mira: Caller) -> None:
    assert mira.call("whoami") == {
        "user": {"id": "3104522", "name": "Mira Okafor", "email": "mira@northwind.example"},
        "sessionConstraints": None,
    }


def test_whoami_tells_what_the_connection_is_fixed_to(as_user: Callable[..., Caller]) -> None:
    fixed = as_user("mira", organization="northwind", project="checkout-api")

    assert fixed.call("whoami")["sessionConstraints"] == {
        "organizationSlug": "northwind",
        "projectSlug": "checkout-api",
    }


def test_whoami_asks_the_main_host(mira: Caller, sandbox: Sandbox) -> None:
    mira.call("whoami")

    assert [(one.silo, one.path) for one in sandbox.requests] == [("control", "/api/0/auth/")]


def test_an_empty_400_of_the_account_page_is_a_sign_in_that_ended(mira: Caller, sandbox: Sandbox) -> None:
    """UP-5: /auth/ does not answer 401 to a bad token, but 400 without a body."""
    sandbox.revoke_all("mira")

    assert mira.refused("whoami") == SignInEnded.public


def test_whoami_has_an_end(mira: Caller, sandbox: Sandbox) -> None:
    """Section 7.4: structured answers as well, which are sent twice."""
    sandbox.faults.add(path="auth/", status=200, body=dict.fromkeys(("id", "name", "email"), "x" * 1_000_000))

    assert len(str(mira.call("whoami"))) < 600


def test_find_organizations_asks_every_region(mira: Caller, sandbox: Sandbox) -> None:
    us, de = sandbox.region_hosts

    found = mira.call("find_organizations")

    assert found == {
        "organizations": [
            {
                "slug": "northwind",
                "webUrl": f"{sandbox.url}/organizations/northwind",
                "regionUrl": f"http://{us}",
            },
            {
                "slug": "Aurora-Labs",
                "webUrl": f"{sandbox.url}/organizations/Aurora-Labs",
                "regionUrl": f"http://{de}",
            },
        ],
        "hasMore": False,
    }
    assert {one.silo for one in sandbox.requests} == {"control", "us", "de"}


def test_find_organizations_narrows_by_words(mira: Caller) -> None:
    found = mira.call("find_organizations", query="aurora")

    assert [one["slug"] for one in found["organizations"]] == ["Aurora-Labs"]


def test_a_region_that_fails_hides_only_itself(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/", region="de", status=500, body={"detail": "Internal Error"})

    found = mira.call("find_organizations")

    assert [one["slug"] for one in found["organizations"]] == ["northwind"]
    assert found["note"] == "1 of your regions could not be asked; their organizations are missing."


def test_all_regions_failing_is_an_error(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/", status=500, body={"detail": "Internal Error", "errorId": "ab" * 16})

    assert mira.refused("find_organizations") == f"{SentryFailed.public} Sentry's error id is {'ab' * 16}."


def test_a_region_that_is_not_ours_is_not_asked(mira: Caller, sandbox: Sandbox) -> None:
    """B8, SSRF-1: region addresses are judged also when Sentry names them."""
    regions = [{"name": "us", "url": f"http://{sandbox.region_hosts[0]}"}, {"name": "x", "url": "https://evil.example"}]
    sandbox.faults.add(path="users/me/regions/", status=200, body={"regions": regions})

    found = mira.call("find_organizations")

    assert [one["slug"] for one in found["organizations"]] == ["northwind"]
    assert "note" in found


def test_an_old_server_without_regions_is_asked_directly(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="users/me/regions/", status=404)
    sandbox.faults.add(
        path="organizations/",
        status=200,
        body=[{"slug": "acme", "links": {"regionUrl": "", "organizationUrl": "x y"}}, {"slug": "old"}],
    )

    assert mira.call("find_organizations")["organizations"] == [
        {"slug": "acme", "webUrl": None, "regionUrl": None},
        {"slug": "old", "webUrl": None, "regionUrl": None},
    ]


def test_an_organization_that_could_not_be_named_in_a_call_is_left_out(mira: Caller, sandbox: Sandbox) -> None:
    links = {"organizationUrl": "https://x.example/" + "x" * 1_000_000}
    rows = [{"slug": "x" * 1_000_000}, {"slug": ".."}, {"slug": None}, {"slug": "acme", "links": links}]
    sandbox.faults.add(path="organizations/", status=200, body=rows)

    found = mira.call("find_organizations")

    assert found["organizations"] == [{"slug": "acme", "webUrl": None, "regionUrl": None}]


def test_a_long_list_says_that_there_is_more(mira: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/", region="us", status=200, body=[{"slug": f"o-{n}"} for n in range(26)])

    found = mira.call("find_organizations")

    assert (len(found["organizations"]), found["hasMore"]) == (25, True)


@pytest.mark.parametrize("tool", ["find_organizations", "find_projects"])
def test_what_is_fixed_need_not_be_found(as_user: Callable[..., Caller], tool: str) -> None:
    assert tool in as_user("mira").names()
    assert tool not in as_user("mira", organization="northwind", project="checkout-api").names()
