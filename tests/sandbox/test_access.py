"""Who may ask what: the texts of 401, scopes, memberships, silos."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import Asker

FORBIDDEN = {"detail": "You do not have permission to perform this action."}
MISSING = {"detail": "The requested resource does not exist"}


def ask(sandbox: Sandbox, path: str, authorization: str | None) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return requests.get(f"{sandbox.url}/api/0/{path}", headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Basic bWlyYTo=", "Authentication credentials were not provided."),
        ("Bearer", "Invalid token header. No credentials provided."),
        ("Bearer one two", "Invalid token header. Token string should not contain spaces."),
        ("Bearer unknown", "Invalid token"),
    ],
)
def test_a_bad_token_is_a_401_with_sentrys_words(sandbox: Sandbox, authorization: str | None, detail: str) -> None:
    answer = ask(sandbox, "organizations/northwind/", authorization)

    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["WWW-Authenticate"] == 'xBasic realm="api"'
    assert "X-Sentry-Rate-Limit-Remaining" in answer.headers


def test_an_expired_token_is_a_401(sandbox: Sandbox) -> None:
    token = sandbox.issue_token(life_s=60).access_token

    with clock.shifted(61):
        answer = ask(sandbox, "organizations/", f"Bearer {token}")

    assert answer.json() == {"detail": "Token expired"}


def test_auth_answers_a_bad_token_with_an_empty_400(sandbox: Sandbox) -> None:
    """Not 401: its authentication classes take a bad token for nobody."""
    answer = ask(sandbox, "auth/", "Bearer unknown")

    assert (answer.status_code, answer.content) == (400, b"")


def test_auth_names_the_person(mira: Asker) -> None:
    body = mira.get("auth/").json()

    assert (body["id"], body["name"], body["email"]) == ("3104522", "Mira Okafor", "mira@northwind.example")


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        ("org:read", "organizations/northwind/", 200),
        ("org:admin", "organizations/northwind/", 200),
        ("event:read", "organizations/northwind/", 403),
        ("event:write", "organizations/northwind/issues/", 200),
        ("org:read", "organizations/northwind/issues/", 403),
        ("org:read", "organizations/northwind/events/?field=title", 200),
        ("event:read", "organizations/northwind/events/?field=title", 403),
        ("org:read", "projects/northwind/billing/", 403),
        ("project:write", "projects/northwind/billing/", 200),
        ("project:releases", "organizations/northwind/releases/", 200),
        ("org:ci", "organizations/northwind/releases/", 200),
        ("event:write", "users/me/regions/", 403),
    ],
)
def test_any_scope_of_the_list_is_enough_and_none_is_403(sandbox: Sandbox, scopes: str, path: str, status: int) -> None:
    asker = Asker(sandbox, scopes=scopes)

    answer = asker.get(path)

    asker.session.close()
    assert answer.status_code == status
    assert status == 200 or answer.json() == FORBIDDEN


def test_a_role_takes_away_what_the_token_would_allow(sandbox: Sandbox) -> None:
    """jonas owns tidepool and is a plain member of northwind, whose role does not have org:ci."""
    asker = Asker(sandbox, "jonas", "org:ci")

    statuses = [asker.get(f"organizations/{slug}/releases/").status_code for slug in ("tidepool", "northwind")]

    asker.session.close()
    assert statuses == [200, 403]


def test_a_plain_member_reads_with_a_token_that_could_write(sandbox: Sandbox) -> None:
    """The scopes that MCP servers ask for are the writing ones; most people are plain members."""
    asker = Asker(sandbox, "jonas", "project:write")

    status = asker.get("projects/northwind/shop-web/").status_code

    asker.session.close()
    assert status == 200


def test_a_foreign_organization_is_403_and_an_unknown_one_404(mira: Asker) -> None:
    foreign, unknown = mira.get("organizations/tidepool/"), mira.get("organizations/nowhere/")

    assert (foreign.status_code, foreign.json()) == (403, FORBIDDEN)
    assert (unknown.status_code, unknown.json()) == (404, MISSING)


def test_slugs_compare_exactly_and_ids_work(mira: Asker) -> None:
    paths = ("organizations/Aurora-Labs/", "organizations/aurora-labs/", "organizations/58/")

    assert [mira.get(path).status_code for path in paths] == [200, 404, 200]


def test_a_closed_organization_shows_only_the_projects_of_ones_teams(mira: Asker, sandbox: Sandbox) -> None:
    shapes = {one["slug"]: one["hasAccess"] for one in mira.get("organizations/Aurora-Labs/projects/").json()}

    assert shapes == {"telemetry-hub": True, "lab-portal": True, "firmware": False}
    assert mira.get("projects/Aurora-Labs/firmware/").status_code == 403
    hidden = sandbox.landmarks["closed_project"]
    assert mira.get(f"organizations/Aurora-Labs/issues/{hidden}/").status_code == 403


def test_an_organization_lives_in_one_region_and_the_control_host_forwards(mira: Asker) -> None:
    statuses = {at: mira.get("organizations/Aurora-Labs/", at=at).status_code for at in ("control", "us", "de")}

    assert statuses == {"control": 200, "us": 404, "de": 200}


@pytest.mark.parametrize("path", ["auth/", "users/me/regions/"])
def test_control_paths_are_empty_404s_in_a_region(mira: Asker, path: str) -> None:
    answer = mira.get(path, at="us")

    assert (answer.status_code, answer.content) == (404, b"")


def test_regions_are_those_of_ones_memberships(sandbox: Sandbox, mira: Asker, jonas: Asker) -> None:
    us, de = sandbox.region_hosts

    assert mira.get("users/me/regions/").json() == {
        "regions": [{"name": "us", "url": f"http://{us}"}, {"name": "de", "url": f"http://{de}"}]
    }
    assert jonas.get("users/me/regions/").json() == {"regions": [{"name": "us", "url": f"http://{us}"}]}


def test_lists_of_organizations_are_by_region_and_whole_on_the_control_host(mira: Asker, sandbox: Sandbox) -> None:
    slugs = {at: [one["slug"] for one in mira.get("organizations/", at=at).json()] for at in ("control", "us", "de")}

    assert slugs == {"control": ["Aurora-Labs", "northwind"], "us": ["northwind"], "de": ["Aurora-Labs"]}
    links = mira.get("organizations/northwind/").json()["links"]
    assert links["regionUrl"] == f"http://{sandbox.region_hosts[0]}"


@pytest.mark.parametrize(
    ("query", "slugs"),
    [("aurora", ["Aurora-Labs"]), ("slug:northwind", ["northwind"]), ("id:58", ["Aurora-Labs"]), ("nothing", [])],
)
def test_organizations_are_searched_by_text_slug_and_id(mira: Asker, query: str, slugs: list[str]) -> None:
    found = mira.get("organizations/", params={"query": query}).json()

    assert [one["slug"] for one in found] == slugs


def test_a_renamed_project_answers_302_with_an_object_as_detail(mira: Asker) -> None:
    answer = mira.get("projects/northwind/invoices/")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/api/0/projects/northwind/billing/"
    assert answer.json()["detail"]["code"] == "resource-moved"
    assert answer.json()["detail"]["extra"]["slug"] == "billing"


def test_a_self_hosted_server_has_one_address_no_regions_and_no_links() -> None:
    with Sandbox(self_hosted=True) as sandbox:
        asker = Asker(sandbox)
        regions = asker.get("users/me/regions/")
        organization = asker.get("organizations/Aurora-Labs/").json()
        slugs = [one["slug"] for one in asker.get("organizations/").json()]
        asker.session.close()

    assert regions.status_code == 404
    assert "links" not in organization
    assert slugs == ["Aurora-Labs", "northwind"]


def test_every_answer_counts_against_a_rate(mira: Asker) -> None:
    first, second = mira.get("organizations/northwind/"), mira.get("organizations/northwind/teams/")

    for answer in (first, second):
        for name in ("Limit", "Remaining", "Reset", "ConcurrentLimit", "ConcurrentRemaining"):
            assert int(answer.headers[f"X-Sentry-Rate-Limit-{name}"]) > 0


def test_a_rate_limit_is_kept_when_one_is_set() -> None:
    with Sandbox(rate_limit=5) as sandbox:
        asker = Asker(sandbox)
        answers = [asker.get("auth/") for _ in range(40)]
        asker.session.close()

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert "Limit is 5 requests in 1 seconds" in refused[0].json()["detail"]
    assert refused[0].headers["X-Sentry-Rate-Limit-Remaining"] == "0"
    assert "Retry-After" not in refused[0].headers


def test_a_change_that_is_refused_for_its_rate_has_not_been_made() -> None:
    with Sandbox(rate_limit=1) as sandbox:
        asker = Asker(sandbox)
        notes = f"organizations/northwind/issues/{sandbox.landmarks['chained']}/notes/"
        statuses = [asker.ask("POST", notes, json={"text": f"note {n}"}).status_code for n in range(8)]
        kept = [note for note in asker.get(notes).json() if note["data"]["text"].startswith("note ")]
        asker.session.close()

    assert 429 in statuses
    assert len(kept) == statuses.count(201)


def test_more_tokens_of_one_person_do_not_help() -> None:
    """Section 7: the limit is the person's."""
    with Sandbox(rate_limit=5) as sandbox:
        askers = [Asker(sandbox) for _ in range(20)]
        statuses = [asker.get("auth/").status_code for asker in askers]
        for asker in askers:
            asker.session.close()

    assert 429 in statuses


def test_too_many_at_once_are_refused_in_their_own_words() -> None:
    """Section 7."""
    with Sandbox(concurrency_limit=1) as sandbox:
        sandbox.faults.add(path="auth/", delay_s=0.3)
        askers = [Asker(sandbox) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda asker: asker.get("auth/"), askers))
        for asker in askers:
            asker.session.close()

    one, other = sorted(answers, key=lambda answer: answer.status_code)
    assert (one.status_code, other.status_code) == (200, 429)
    assert "Concurrency limit is 1" in other.json()["detail"]
    assert other.headers["X-Sentry-Rate-Limit-ConcurrentRemaining"] == "0"


# -- tokens for one organization ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("organizations/northwind/", 200, None),
        ("projects/northwind/checkout-api/", 200, None),
        ("organizations/Aurora-Labs/", 401, "Unauthorized organization access."),
        ("organizations/no-such/", 401, "Unauthorized organization access."),
        ("users/me/regions/", 401, "This token access is limited to organization endpoints."),
    ],
)
def test_a_token_for_one_organization_is_good_nowhere_else(
    sandbox: Sandbox, path: str, status: int, detail: str | None
) -> None:
    """Section 4."""
    token = sandbox.issue_token(organization="northwind").access_token

    answer = ask(sandbox, path, f"Bearer {token}")

    assert (answer.status_code, answer.json().get("detail")) == (status, detail)


def test_a_token_for_one_organization_lists_that_one(sandbox: Sandbox) -> None:
    """Section 1."""
    token = sandbox.issue_token(organization="northwind").access_token

    answer = ask(sandbox, "organizations/", f"Bearer {token}")

    assert [one["slug"] for one in answer.json()] == ["northwind"]
