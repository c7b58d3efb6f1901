"""SentryClient: what goes out, what comes back, and what every failure is called."""

import threading
import time
from collections.abc import Iterator

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import (
    ForbiddenRegion,
    InvalidInput,
    SentryFailed,
    SentryMisaddressed,
    SentryRateLimited,
    SentryRefused,
    SentryUnreachable,
    SignInEnded,
)
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry import client as module
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections

ORGANIZATION = ("organizations", "northwind")
SECRET = "a-secret-token-of-somebody"


class Tokens:
    """Hands out one token after the other; ``asked`` are those that were rejected."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.asked: list[str] = []

    def current(self) -> str:
        return self._tokens[0]

    def renew(self, rejected: str) -> str:
        self.asked.append(rejected)
        self._tokens.pop(0)
        if not self._tokens:
            raise SignInEnded("no other token")
        return self._tokens[0]


@pytest.fixture
def connections(sandbox: Sandbox) -> Iterator[SentryConnections]:
    regions = Regions(sandbox.host, sandbox.region_hosts, insecure_http=True)
    connections = SentryConnections(regions, user_agent="flask-sentry-mcp/tests (https://example.test)")
    yield connections
    connections.close()


@pytest.fixture
def token(sandbox: Sandbox) -> str:
    return sandbox.issue_token(user="mira").access_token


@pytest.fixture
def client(connections: SentryConnections, token: str) -> SentryClient:
    return SentryClient(connections, Tokens(token))


# -- what goes out --------------------------------------------------------------------------------------------------


def test_sends_the_token_and_who_we_are_and_nothing_else(client: SentryClient, sandbox: Sandbox, token: str) -> None:
    """UP-6: the token is in the Authorization header only; no cookie, whatever a server may have set."""
    client.get(*ORGANIZATION)

    (sent,) = sandbox.requests
    assert sent.headers["Authorization"] == f"Bearer {token}"
    assert sent.headers["User-Agent"] == "flask-sentry-mcp/tests (https://example.test)"
    assert "Cookie" not in sent.headers
    assert token not in sent.raw_path


def test_keeps_no_cookie(client: SentryClient, sandbox: Sandbox) -> None:
    """UP-6: one person's cookie must never travel with another's request."""
    cookie = {"Set-Cookie": "session=mira; Path=/"}
    sandbox.faults.add(path="organizations/northwind/", status=200, body={}, headers=cookie, times=1)

    client.get(*ORGANIZATION)
    client.get(*ORGANIZATION)

    assert "Cookie" not in sandbox.requests[-1].headers


def test_the_environment_changes_nothing(
    client: SentryClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """UP-6: no proxy and no netrc of the environment gets to see a token."""
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="ascii") as file:
        file.write("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", netrc)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    client.get(*ORGANIZATION)

    assert sandbox.requests[-1].headers["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("a/b", "/api/0/organizations/a%2Fb/"),
        ("a?b#c", "/api/0/organizations/a%3Fb%23c/"),
        ("%2e%2e", "/api/0/organizations/%252e%252e/"),
        ("back\\slash", "/api/0/organizations/back%5Cslash/"),
        ("ü", "/api/0/organizations/%C3%BC/"),
        ("app@1.0+2", "/api/0/organizations/app%401.0%2B2/"),
        ("a\nb", "/api/0/organizations/a%0Ab/"),
        (7, "/api/0/organizations/7/"),
    ],
)
def test_a_value_is_one_segment_whatever_it_contains(
    client: SentryClient, sandbox: Sandbox, segment: str | int, path: str
) -> None:
    """SLUG-1."""
    with pytest.raises(SentryRefused):
        client.get("organizations", segment)

    assert sandbox.requests[-1].raw_path == path


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_dots_do_not_climb(client: SentryClient, sandbox: Sandbox, segment: str) -> None:
    """SLUG-1."""
    with pytest.raises(InvalidInput):
        client.get("organizations", segment, "issues")

    assert len(sandbox.requests) == 0


def test_half_a_character_is_the_callers_mistake(client: SentryClient, sandbox: Sandbox) -> None:
    """SLUG-1: JSON can spell it, no address can."""
    with pytest.raises(InvalidInput):
        client.get("organizations", "north\ud800wind")
    with pytest.raises(InvalidInput):
        client.get(*ORGANIZATION, params={"query": "\udfff"})

    assert len(sandbox.requests) == 0


def test_parameters_may_repeat_or_be_absent(client: SentryClient, sandbox: Sandbox) -> None:
    params = {"project": [1, 2], "query": "", "cursor": None, "returnIds": True}

    with pytest.raises(SentryRefused):
        client.get("nowhere", params=params)

    assert sandbox.requests[-1].query == {"project": ["1", "2"], "query": [""], "returnIds": ["true"]}


def test_speaks_to_the_region_that_is_asked(connections: SentryConnections, sandbox: Sandbox, token: str) -> None:
    us, de = (f"http://{host}" for host in sandbox.region_hosts)
    client = SentryClient(connections, Tokens(token), region_url=us)

    client.get("organizations")
    client.get("organizations", region_url=de)
    client.get("auth", base=True)

    assert [one.silo for one in sandbox.requests] == ["us", "de", "control"]


def test_asks_an_organization_where_it_lives(client: SentryClient, sandbox: Sandbox) -> None:
    """Section 1: what is kept in one region does not travel through another. Where that is, is asked once."""
    client.get_page("organizations", "Aurora-Labs", "teams")
    client.get_page("organizations", "Aurora-Labs", "projects")

    look_up, *asked = [(one.silo, one.path.removeprefix("/api/0/organizations/")) for one in sandbox.requests]
    assert look_up == ("control", "Aurora-Labs/")
    assert asked == [("de", "Aurora-Labs/teams/"), ("de", "Aurora-Labs/projects/")]


def test_what_is_known_is_not_looked_up(connections: SentryConnections, sandbox: Sandbox, token: str) -> None:
    """Section 1.13: the caller's region, or the connection's; an empty one is the base host."""
    us, de = (f"http://{host}" for host in sandbox.region_hosts)
    free, fixed = SentryClient(connections, Tokens(token)), SentryClient(connections, Tokens(token), us)

    free.get_page("organizations", "Aurora-Labs", "teams", region_url=de)
    free.get_page("organizations", "Aurora-Labs", "teams", region_url="")
    fixed.get_page(*ORGANIZATION, "teams")

    assert [one.silo for one in sandbox.requests] == ["de", "control", "us"]


@pytest.mark.parametrize(
    "order",
    [
        {"status": 500, "body": {"detail": "Internal Error"}},
        {"status": 200, "body": {"links": {"regionUrl": "https://elsewhere.example"}}},
    ],
)
def test_a_home_that_cannot_be_found_out_is_the_base_host_for_once(
    client: SentryClient, sandbox: Sandbox, order: dict[str, object]
) -> None:
    """Not for a quarter of an hour. B8, SSRF-1: nor is it any host that Sentry names."""
    sandbox.faults.add(path="organizations/Aurora-Labs/", times=1, **order)

    for _ in range(2):
        client.get_page("organizations", "Aurora-Labs", "teams")

    assert [one.silo for one in sandbox.requests] == ["control", "control", "control", "de"]


def test_speaks_to_no_other_host(client: SentryClient, sandbox: Sandbox) -> None:
    """B8, UP-6: refused before the token is taken out."""
    with pytest.raises(ForbiddenRegion):
        client.get("organizations", region_url="https://evil.example")

    assert len(sandbox.requests) == 0


def test_follows_no_redirect(client: SentryClient, sandbox: Sandbox) -> None:
    """SSRF-1, UP-6: a redirect could carry the token elsewhere."""
    elsewhere = {"Location": f"http://{sandbox.region_hosts[0]}/api/0/organizations/"}
    sandbox.faults.add(path="organizations/northwind/", status=302, headers=elsewhere, body={"detail": "moved"})

    with pytest.raises(SentryMisaddressed):
        client.get(*ORGANIZATION)

    assert len(sandbox.requests) == 1


# -- what comes back ------------------------------------------------------------------------------------------------


def test_a_page_knows_where_it_goes_on(client: SentryClient) -> None:
    first = client.get_page(*ORGANIZATION, "issues", params={"limit": 2, "query": ""})
    second = client.get_page(*ORGANIZATION, "issues", params={"limit": 2, "query": "", "cursor": first.next_cursor})

    assert (len(first.items), len(second.items)) == (2, 2)
    assert first.items[0]["id"] not in [one["id"] for one in second.items]
    assert first.hits is not None
    assert first.hits > 2


def test_the_last_page_has_no_next(client: SentryClient) -> None:
    assert client.get_page(*ORGANIZATION, "projects").next_cursor is None


def test_an_empty_answer_is_none(client: SentryClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/northwind/", status=202)

    assert client.delete(*ORGANIZATION) is None


def test_halves_of_characters_are_replaced(client: SentryClient, sandbox: Sandbox) -> None:
    """JSON can spell a lone surrogate, and nothing can encode it again."""
    sandbox.faults.add(path="organizations/northwind/", status=200, body={"na\ud800me": ["\udfff", "😀"]})

    found = client.get(*ORGANIZATION)

    assert found == {"na\ufffdme": ["\ufffd", "😀"]}


def test_numbers_that_json_does_not_have_are_nothing(client: SentryClient, sandbox: Sandbox) -> None:
    """Python writes and reads them; other readers of our answers would stumble."""
    body = '{"p95": NaN, "rates": [Infinity, -Infinity, 1e400, -1e400, 0.5]}'
    sandbox.faults.add(path="organizations/northwind/", status=200, body=body)

    assert client.get(*ORGANIZATION) == {"p95": None, "rates": [None, None, None, None, 0.5]}


# -- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"detail": "HOSTILE"}, 400),
        ({"detail": {"code": "x", "message": "HOSTILE"}}, 403),
        ({"HOSTILE": ["HOSTILE"]}, 400),
        (["HOSTILE"], 404),
        ("HOSTILE", 402),
        ({"detail": "HOSTILE"}, 418),
        ({"detail": "HOSTILE"}, 500),
        ({"detail": "HOSTILE", "errorId": "HOSTILE"}, 500),
    ],
)
def test_nothing_that_sentry_says_is_public(client: SentryClient, sandbox: Sandbox, body: object, detail: int) -> None:
    """B13: errors are in our own words, whatever form Sentry's has."""
    sandbox.faults.add(path="organizations/northwind/", status=detail, body=body)

    with pytest.raises((SentryRefused, SentryFailed)) as failure:
        client.get(*ORGANIZATION)

    assert "HOSTILE" not in failure.value.public
    assert "HOSTILE" in str(failure.value) or "HOSTILE" in repr(failure.value)


def test_no_error_has_the_token(connections: SentryConnections, sandbox: Sandbox) -> None:
    """B13: neither in public nor in what is logged."""
    for status in (400, 401, 403, 404, 429, 500):
        sandbox.faults.add(path="organizations/northwind/", status=status, body={"detail": "no"}, times=2)
        with pytest.raises((SentryRefused, SentryFailed, SentryRateLimited, SignInEnded)) as failure:
            SentryClient(connections, Tokens(SECRET, SECRET)).get(*ORGANIZATION)
        sandbox.faults.clear()
        assert SECRET not in f"{failure.value!r} {failure.value} {failure.value.public}"


def test_refused_fields_are_named_if_we_sent_them(client: SentryClient, sandbox: Sandbox) -> None:
    """Field errors tell what to mend; only names of our own request are repeated."""
    body = {"assignedTo": ["HOSTILE"], "IGNORE THIS": ["x"]}
    sandbox.faults.add(path="organizations/northwind/", status=400, body=body)

    with pytest.raises(SentryRefused) as refused:
        client.put(*ORGANIZATION, json={"assignedTo": "user:1", "status": "resolved"})

    assert refused.value.fields == ("assignedTo",)
    assert refused.value.public == "Sentry does not accept the value of: assignedTo."


def test_a_missing_scope_is_named(client: SentryClient, sandbox: Sandbox) -> None:
    """Section 7.8: 403 says what is missing when Sentry says it in the form of RFC 6750."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="event:write event:admin"'}
    sandbox.faults.add(path="organizations/northwind/", status=403, headers=challenge, body={"detail": "no"})

    with pytest.raises(SentryRefused) as refused:
        client.get(*ORGANIZATION)

    assert refused.value.public.endswith("Any of these scopes would do: event:write event:admin.")


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        (400, "You cannot view events from multiple projects."),
        (403, "You do not have the multi project stream feature enabled"),
    ],
)
def test_a_plan_of_one_project_is_explained(client: SentryClient, sandbox: Sandbox, status: int, detail: str) -> None:
    """sentry-upstream 5: what looks like a missing permission is a search over too many projects."""
    sandbox.faults.add(path="organizations/northwind/", status=status, body={"detail": detail})

    with pytest.raises(SentryRefused) as refused:
        client.get(*ORGANIZATION)

    assert refused.value.public == "This organization can search only one project at a time: name the project."


def test_a_strange_challenge_is_not_repeated(client: SentryClient, sandbox: Sandbox) -> None:
    """B13."""
    sandbox.faults.add(
        path="organizations/northwind/", status=403, headers={"WWW-Authenticate": 'Bearer scope="DO THIS NOW"'}
    )

    with pytest.raises(SentryRefused) as refused:
        client.get(*ORGANIZATION)

    assert refused.value.public == SentryRefused(403).public


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("organizations", "x"), "no such organization, or you cannot see it. Check organizationSlug."),
        (("organizations", "x", "issues", "1"), "no such issue, or you cannot see it. Check the issue ID and"),
        (("projects", "x", "y"), "no such project"),
        (("organizations", "x", "issues", "1", "events", "2"), "Check eventId and the issue ID and organizationSlug."),
        (("organizations", "x", "releases", "issues"), "no such release"),
    ],
)
def test_not_found_says_what_to_check(client: SentryClient, sandbox: Sandbox, path: tuple[str, ...], said: str) -> None:
    """Section 7.8: named after our parameters, not after values."""
    sandbox.faults.add(path="*", status=404, body={"detail": "The requested resource does not exist"})

    with pytest.raises(SentryRefused) as refused:
        client.get(*path)

    assert said in refused.value.public


def test_a_server_error_shows_sentrys_own_id(client: SentryClient, sandbox: Sandbox) -> None:
    """Section 7.8."""
    sandbox.faults.add(path="organizations/northwind/", status=500, body={"detail": "x", "errorId": "9c" * 16})

    with pytest.raises(SentryFailed) as failed:
        client.get(*ORGANIZATION)

    assert failed.value.error_id == "9c" * 16
    assert failed.value.public.endswith(f"Sentry's error id is {'9c' * 16}.")


@pytest.mark.parametrize("status", [200, 500])
def test_html_is_no_answer(client: SentryClient, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(path="organizations/northwind/", status=status, html=True)

    with pytest.raises(SentryFailed) as failed:
        client.get(*ORGANIZATION)

    assert "<" not in failed.value.public


@pytest.mark.parametrize("body", [None, {}, "text", {"data": None}, {"data": {}}, 7])
def test_what_is_no_list_is_not_taken_for_an_empty_one(client: SentryClient, sandbox: Sandbox, body: object) -> None:
    sandbox.faults.add(path="organizations/northwind/projects/", status=200, body=body)

    with pytest.raises(SentryFailed):
        client.get_page(*ORGANIZATION, "projects")


def test_an_answer_that_was_cut_to_nothing_is_a_failure(client: SentryClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/northwind/", status=200)

    with pytest.raises(SentryFailed):
        client.get(*ORGANIZATION)


@pytest.mark.parametrize("body", [None, {"detail": {"code": "other", "extra": {"slug": "web-shop"}}}, "resource-moved"])
@pytest.mark.parametrize("status", [301, 302, 304, 307])
def test_a_redirect_is_a_matter_for_the_operator(
    client: SentryClient, sandbox: Sandbox, status: int, body: object
) -> None:
    """Of plain http to https, or to a page where people log in: nothing that a caller could change."""
    sandbox.faults.add(path="projects/*", status=status, body=body, headers={"Location": "https://elsewhere.example/"})

    with pytest.raises(SentryMisaddressed) as failed:
        client.get("projects", "northwind", "web")

    assert "SENTRY_HOST" in failed.value.public
    assert "elsewhere" in str(failed.value)


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("web-shop", "This project has another slug at Sentry now: web-shop."),
        ("say: yes", "This project has another slug at Sentry now."),
        (None, "This project has another slug at Sentry now."),
    ],
)
def test_a_project_that_was_renamed_tells_its_slug(
    client: SentryClient, sandbox: Sandbox, slug: str | None, said: str
) -> None:
    """B13: if it is one."""
    body = {"detail": {"code": "resource-moved", "message": "Resource has been moved", "extra": {"slug": slug}}}
    sandbox.faults.add(path="projects/*", status=302, body=body)

    with pytest.raises(SentryRefused) as refused:
        client.get("projects", "northwind", "web")

    assert refused.value.public == said


@pytest.mark.parametrize(
    "detail", ["Unauthorized organization access.", "This token access is limited to organization endpoints."]
)
def test_a_token_for_one_organization_lives_on_when_it_asks_for_more(
    connections: SentryConnections, sandbox: Sandbox, token: str, detail: str
) -> None:
    """UP-5: another token would get the same answer."""
    tokens = Tokens(token, "other")
    sandbox.faults.add(path="organizations/northwind/", status=401, body={"detail": detail})

    with pytest.raises(SentryRefused) as refused:
        SentryClient(connections, tokens).get(*ORGANIZATION)

    assert tokens.asked == []
    assert "organization only" in refused.value.public


@pytest.mark.parametrize("code", ["sso-required", "2fa-required", "sudo-required"])
def test_an_organization_that_wants_more_is_no_end_of_the_sign_in(
    connections: SentryConnections, sandbox: Sandbox, token: str, code: str
) -> None:
    """UP-5: such a 401 concerns one organization; another token would not help and the grant must live."""
    tokens = Tokens(token, "other")
    sandbox.faults.add(path="organizations/northwind/", status=401, body={"detail": {"code": code, "message": "M"}})

    with pytest.raises(SentryRefused) as refused:
        SentryClient(connections, tokens).get(*ORGANIZATION)

    assert tokens.asked == []
    assert refused.value.public != SentryRefused(401).public


# -- the token ------------------------------------------------------------------------------------------------------


def test_a_rejected_token_is_renewed_once(connections: SentryConnections, sandbox: Sandbox, token: str) -> None:
    """UP-5: and the call goes on as if nothing had happened."""
    tokens = Tokens("0" * 64, token)

    found = SentryClient(connections, tokens).get(*ORGANIZATION)

    assert found["slug"] == "northwind"
    assert tokens.asked == ["0" * 64]
    assert [one.status for one in sandbox.requests] == [401, 200]


def test_a_second_rejection_ends_the_sign_in(connections: SentryConnections, sandbox: Sandbox) -> None:
    """UP-5."""
    with pytest.raises(SignInEnded):
        SentryClient(connections, Tokens("0" * 64, "1" * 64)).get(*ORGANIZATION)

    assert len(sandbox.requests) == 2


def test_a_403_is_an_answer_and_no_rejection(connections: SentryConnections, sandbox: Sandbox, token: str) -> None:
    """UP-5: 403 is a permission answer for the tool."""
    tokens = Tokens(token, "other")
    sandbox.faults.add(path="organizations/northwind/", status=403, body={"detail": "no"})

    with pytest.raises(SentryRefused):
        SentryClient(connections, tokens).get(*ORGANIZATION)

    assert tokens.asked == []


# -- too much, too slow, not there -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "17"}, {}, 17),
        ({"X-Sentry-Rate-Limit-Reset": "{in 9}"}, {}, 9),
        ({}, {"retry_after": 8.2}, 9),
        ({}, {"retryAfter": 30}, 30),
        ({"Retry-After": "999999"}, {}, 3600),
        ({"Retry-After": "nan"}, {"retry_after": 8}, 8),
        ({"Retry-After": "inf", "X-Sentry-Rate-Limit-Reset": "1e400"}, {"retryAfter": "NaN"}, 1),
        ({"Retry-After": "Mon, 01 Jan 0001 00:00:00 GMT"}, {}, 1),
    ],
)
def test_a_rate_limit_tells_how_long_to_wait(
    client: SentryClient, sandbox: Sandbox, headers: dict[str, str], body: dict[str, object], wait: int
) -> None:
    """Section 7.8: from the header, Sentry's reset time, or the body."""
    told = {name: value.replace("{in 9}", str(int(clock.now()) + 9)) for name, value in headers.items()}
    base = {"X-Sentry-Rate-Limit-Reset": ""} | told
    sandbox.faults.add(path="organizations/northwind/", status=429, headers=base, body={"detail": "x"} | body)

    with pytest.raises(SentryRateLimited) as limited:
        client.get(*ORGANIZATION)

    assert limited.value.retry_after_s is not None
    assert abs(limited.value.retry_after_s - wait) <= 1
    assert f"Wait {limited.value.retry_after_s} s" in limited.value.public


@pytest.mark.parametrize("method", ["get", "put"])
def test_a_short_wait_is_waited_out(client: SentryClient, sandbox: Sandbox, method: str) -> None:
    """Nothing has happened at a 429, so a change may be repeated as well."""
    sandbox.faults.add(
        path="organizations/northwind/", status=429, headers={"Retry-After": "1"}, body={"detail": "x"}, times=1
    )
    sandbox.faults.add(path="organizations/northwind/", status=200, body={"slug": "northwind"})

    assert getattr(client, method)(*ORGANIZATION)["slug"] == "northwind"


def test_those_who_were_refused_together_do_not_come_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 7: a random part is added to each wait."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with Sandbox(rate_limit=1) as sandbox:
        near = SentryConnections(Regions(sandbox.host, (), insecure_http=True), user_agent="t")
        client = SentryClient(near, Tokens(sandbox.issue_token().access_token))
        client.attempt(*[lambda: client.get("auth")] * 12)
        near.close()

    assert all(1 <= pause <= 2 + module.JITTER_S for pause in pauses)
    assert len({round(pause % 1, 6) for pause in pauses}) == len(pauses) > 4


def test_a_concurrency_limit_is_waited_out() -> None:
    """Section 7: 25 side by side on Sentry's own service, and a call of ours makes several."""
    with Sandbox(concurrency_limit=2) as sandbox:
        sandbox.faults.add(path="auth/", delay_s=0.05)
        near = SentryConnections(Regions(sandbox.host, (), insecure_http=True), user_agent="t")
        client = SentryClient(near, Tokens(sandbox.issue_token().access_token))
        found = client.gather(*[lambda: client.get("auth")] * 4)
        near.close()
        refused = [one for one in sandbox.requests if one.status == 429]

    assert [one["id"] for one in found] == [found[0]["id"]] * 4
    assert refused


def test_a_read_is_repeated_when_a_gateway_fails(client: SentryClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/northwind/", status=502, html=True, times=1)

    assert client.get(*ORGANIZATION)["slug"] == "northwind"


@pytest.mark.parametrize("order", [{"status": 502, "html": True}, {"drop": True}])
def test_a_change_is_never_sent_twice(client: SentryClient, sandbox: Sandbox, order: dict[str, object]) -> None:
    """It may have happened before the answer was lost."""
    sandbox.faults.add(path="organizations/northwind/", **order)

    with pytest.raises((SentryFailed, SentryUnreachable)):
        client.put(*ORGANIZATION, json={"name": "x"})

    assert len(sandbox.requests) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced(client: SentryClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/northwind/", drop=True, times=1)

    assert client.get(*ORGANIZATION)["slug"] == "northwind"


def test_a_broken_connection_is_called_so(client: SentryClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(path="organizations/northwind/", drop=True)

    with pytest.raises(SentryUnreachable) as failure:
        client.get(*ORGANIZATION)

    assert failure.value.reason == "broken"


def test_a_slow_answer_is_not_waited_for() -> None:
    with Sandbox() as slow:  # which lets go of its delayed answer when it ends
        slow.faults.add(path="organizations/northwind/", delay_s=60)
        regions = Regions(slow.host, (), insecure_http=True)
        connections = SentryConnections(regions, user_agent="t", timeout_s=0.3)
        started = time.monotonic()

        with pytest.raises(SentryUnreachable) as failure:
            SentryClient(connections, Tokens(slow.issue_token().access_token)).get(*ORGANIZATION)

        connections.close()
    assert failure.value.reason == "timeout"
    assert time.monotonic() - started < 30


def test_all_calls_of_one_client_share_its_time(connections: SentryConnections, sandbox: Sandbox, token: str) -> None:
    sandbox.faults.add(path="organizations/northwind/", delay_s=0.2)
    client = SentryClient(connections, Tokens(token), time_s=0.5)

    def ask_often() -> None:
        for _ in range(5):
            client.get(*ORGANIZATION)

    with pytest.raises(SentryUnreachable) as failure:
        ask_often()

    assert failure.value.reason == "timeout"
    assert len(sandbox.requests) <= 3


# -- side by side ---------------------------------------------------------------------------------------------------


def test_calls_run_side_by_side(client: SentryClient) -> None:
    """None of the six goes on before all have begun."""
    all_have_begun = threading.Barrier(6, timeout=20)

    def ask() -> str:
        all_have_begun.wait()
        return str(client.get(*ORGANIZATION)["slug"])

    results = client.gather(*[ask] * 6)

    assert results == ["northwind"] * 6


def test_gather_raises_the_first_failure_and_attempt_returns_it(client: SentryClient) -> None:
    def missing() -> object:
        return client.get("organizations", "nowhere")

    def there() -> object:
        return client.get(*ORGANIZATION)["slug"]

    kept = client.attempt(missing, there)

    assert isinstance(kept[0], SentryRefused)
    assert kept[1] == "northwind"
    with pytest.raises(SentryRefused):
        client.gather(there, missing)


def test_a_failure_of_what_is_needed_waits_for_nothing_else(client: SentryClient) -> None:
    go_on, ended = threading.Event(), []

    def missing() -> object:
        return client.get("organizations", "nowhere")

    def slow() -> None:
        go_on.wait(5)
        ended.append("slow")

    with pytest.raises(SentryRefused):
        client.attempt(missing, slow, needs_first=True)

    assert ended == []
    go_on.set()


def test_an_ended_sign_in_is_never_set_aside(connections: SentryConnections) -> None:
    """UP-5: also in a call that only enriches an answer."""
    client = SentryClient(connections, Tokens("0" * 64))

    def ask() -> object:
        return client.get(*ORGANIZATION)

    with pytest.raises(SignInEnded):
        client.attempt(ask, ask)


def test_gathers_within_gathers_do_not_wait_for_themselves(sandbox: Sandbox, token: str) -> None:
    regions = Regions(sandbox.host, sandbox.region_hosts, insecure_http=True)
    connections = SentryConnections(regions, user_agent="t", pool_size=1)
    client = SentryClient(connections, Tokens(token))

    def leaf() -> object:
        return client.get(*ORGANIZATION)["slug"]

    def branch() -> object:
        return client.gather(leaf, leaf, leaf)

    found = client.gather(branch, branch, branch)

    connections.close()
    assert found == [["northwind"] * 3] * 3


def test_connections_are_reused_across_threads(client: SentryClient, sandbox: Sandbox) -> None:
    """No new connection to Sentry in steady state."""

    def ask() -> object:
        return client.get(*ORGANIZATION)

    sandbox.faults.add(delay_s=0.5)  # so that all eight are under way at once, with a connection each
    client.gather(*[ask] * 8)
    sandbox.faults.clear()
    before = sandbox.connections
    for _ in range(5):
        client.gather(*[ask] * 4)

    assert sandbox.connections == before
