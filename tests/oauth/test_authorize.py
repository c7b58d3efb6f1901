"""Authorize: what is refused on our page, what by redirect, in which order (section 9); and that it writes nothing."""

from dataclasses import replace
from typing import Any

import pytest

from flask_sentry_mcp.oauth.clients import NEVER_USED, Client, forget_client, put_client
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.store.memory import MemoryStore
from tests.oauth.person import HTML, ISSUER, WEB, Person, answer_in, make_provider


def stored(provider: Provider) -> int:
    store = provider.store
    assert isinstance(store, MemoryStore)
    return sum(len(records) for records in store._kinds.values())


def test_shows_the_page_and_writes_nothing(person: Person, provider: Provider) -> None:
    """B5, AUTHZ-5: an unauthenticated GET must not fill a database."""
    client_id = person.register()
    before = stored(provider)

    page = person.open(client_id)

    assert page.status_code == 200
    assert "Let <bdi>Editor</bdi> use Sentry in your name?" in page.text
    assert stored(provider) == before


# -- phase A: never redirected ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "mcpc_unknown"},
        {"client_id": "mcpc_' OR 1=1"},
        {"client_id": "ü"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": WEB + "/"},
        {"redirect_uri": WEB + "?x=1"},
        {"redirect_uri": 'https://app.example/"callback'},
        {"redirect_uri": "https://app.example/cällback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"state": "s" * 4097},
        {"state": "a\nb"},
    ],
)
def test_nothing_leaves_while_client_or_address_are_in_doubt(person: Person, changes: dict[str, Any]) -> None:
    """B5, B11, A1 to A4; Authlib quirk 4: a quote or a non-ASCII character in redirect_uri is a 500 there."""
    registered = person.register()

    answer = person.open(changes.pop("client_id", registered), **changes)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "<h1>" in answer.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state"])
def test_a_repeated_identity_parameter_is_refused_here(person: Person, name: str) -> None:
    client_id = person.register()
    query = f"response_type=code&client_id={client_id}&redirect_uri={WEB}&state=s&{name}=x"

    answer = person.browser.get(f"{ISSUER}/oauth/authorize?{query}", headers=HTML)

    assert answer.status_code == 400
    assert f"{name} occurs more than once" in answer.text


def test_an_unknown_client_is_told_what_to_do(person: Person) -> None:
    """AUTHZ-1: the usual cause is an expired registration, and the cure is in the client."""
    answer = person.open("mcpc_0000000000000000000000")

    assert answer.status_code == 400
    assert "This app is not registered here" in answer.text
    assert "remove this MCP server and add it again" in answer.text


def test_a_program_gets_the_same_as_json(person: Person) -> None:
    """GATE-7."""
    answer = person.open("mcpc_0000000000000000000000", headers={"Accept": "*/*"})

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "invalid_client"
    assert "expired" in answer.get_json()["error_description"]


def test_a_deleted_client_is_unknown(person: Person, provider: Provider) -> None:
    client_id = person.register()
    forget_client(provider, client_id)

    assert person.open(client_id).status_code == 400


def test_the_address_may_be_left_out_when_there_is_only_one(person: Person) -> None:
    """REDIR-5."""
    one = person.register()
    two = person.register(redirect_uris=[WEB, "https://app.example/other"])
    loopback = person.register("http://127.0.0.1:5000/cb")

    assert [person.open(client, redirect_uri=None).status_code for client in (one, two, loopback)] == [200, 400, 400]


def test_a_loopback_address_may_have_another_port(person: Person) -> None:
    """REDIR-4: native apps listen on a new port at every run."""
    client_id = person.register("http://127.0.0.1:5000/cb")

    assert person.open(client_id, redirect_uri="http://127.0.0.1:61000/cb").status_code == 200
    assert person.open(client_id, redirect_uri="http://localhost:5000/cb").status_code == 400


def test_an_address_that_would_not_be_registered_any_more_is_refused() -> None:
    """A3: judged again, for the operator may have taken a scheme from the list."""
    provider = make_provider(SENTRY_MCP_PRIVATE_SCHEMES="cursor")
    person = Person(provider)
    client_id = person.register("cursor://anysphere/cb")
    assert person.open(client_id, redirect_uri="cursor://anysphere/cb").status_code == 200

    object.__setattr__(provider, "settings", replace(provider.settings, private_schemes=()))

    answer = person.open(client_id, redirect_uri="cursor://anysphere/cb")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


# -- phase B: the client is told -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'code"'}, "unsupported_response_type"),
        ({"response_type": "cöde"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "\u00e9"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"resource": f"{ISSUER}/mcp/a/b/c"}, "invalid_target"),
        ({"scope": 'org:read "'}, "invalid_scope"),
        ({"scope": "org:read  event:read"}, "invalid_scope"),
        ({"scope": "admin everything"}, "invalid_scope"),
        ({"scope": "o" * 1001}, "invalid_scope"),
    ],
)
def test_the_client_is_told_by_redirect(person: Person, changes: dict[str, Any], error: str) -> None:
    """B5, B1 to B8 of section 9, ISS-1. Authlib quirks 1 to 4: it takes a missing or plain challenge, sends errors
    without iss, and fails on a quote in response_type."""
    answer = person.open(person.register(), **changes)

    assert answer.status_code == 303
    assert answer.data == b""
    assert answer.location.startswith(f"{WEB}?")
    sent = answer_in(answer.location)
    assert set(sent) == {"error", "error_description", "state", "iss"}
    assert (sent["error"], sent["state"], sent["iss"]) == (error, "s+/=", ISSUER)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name",
    [
        *("response_type", "scope", "code_challenge", "code_challenge_method", "response_mode", "prompt"),
        *("request", "request_uri"),
    ],
)
def test_a_repeated_parameter_is_named(person: Person, name: str) -> None:
    """GATE-3; Authlib quirk 6. Some clients repeat response_type and scope; the text says which it was."""
    client_id = person.register()
    query = f"client_id={client_id}&redirect_uri={WEB}&response_type=code&{name}=a&{name}=a"

    answer = person.browser.get(f"{ISSUER}/oauth/authorize?{query}")

    sent = answer_in(answer.location)
    assert sent["error"] == "invalid_request"
    assert sent["error_description"] == f"The parameter {name} occurs more than once."
    assert "state" not in sent


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_an_empty_one_does_not_hide_another(person: Person, name: str) -> None:
    """B1, B2, GATE-4: an empty value counts as absent, but only alone."""
    query = f"client_id={person.register()}&redirect_uri={WEB}&response_type=code&{name}=&{name}=eyJ"

    answer = person.browser.get(f"{ISSUER}/oauth/authorize?{query}")

    assert answer_in(answer.location)["error"] == "invalid_request"


def test_two_resources_are_one_too_many(person: Person) -> None:
    """RES-2: the same twice is fine."""
    client_id = person.register()
    query = (
        f"client_id={client_id}&redirect_uri={WEB}&response_type=code&code_challenge={'a' * 43}"
        f"&code_challenge_method=S256&resource={ISSUER}/mcp"
    )

    other = person.browser.get(f"{ISSUER}/oauth/authorize?{query}&resource={ISSUER}/mcp/acme")
    same = person.browser.get(f"{ISSUER}/oauth/authorize?{query}&resource={ISSUER}/mcp")

    assert answer_in(other.location)["error"] == "invalid_target"
    assert same.status_code == 200


def test_no_error_text_repeats_what_was_sent(person: Person) -> None:
    """B11, ERR-1; Authlib quirk 4: it echoes response_type."""
    answer = person.open(person.register(), response_type="evil-words", state=None)

    assert "evil-words" not in answer.location


@pytest.mark.parametrize("prompt", ["none", "login", "consent"])
def test_no_parameter_silences_the_page(person: Person, prompt: str) -> None:
    """AUTHZ-4."""
    assert person.open(person.register(), prompt=prompt, nonce="x", display="x", login_hint="x").status_code == 200


@pytest.mark.parametrize("scope", [None, "", "offline_access", "openid offline_access", "org:read unknown:scope"])
def test_scopes_that_do_no_harm(person: Person, scope: str | None) -> None:
    """SCOPE-1: unknown ones are left out; a request without a usable one gets the default."""
    assert person.open(person.register(), scope=scope).status_code == 200


def test_the_scopes_of_the_brief_are_accepted(person: Person) -> None:
    """B6: issue:read and issue:write are Sentry's event:read and event:write."""
    page = person.open(person.register(), scope="org:read project:read issue:read issue:write")

    assert "Triage issues" in page.text
    assert "Manage projects and teams" not in page.text


def test_a_request_for_reading_offers_reading(person: Person) -> None:
    """SCOPE-2: the page offers no more than what was asked for."""
    page = person.open(person.register(), scope="org:read project:read team:read event:read")

    assert 'value="inspect"' in page.text
    assert not any(f'value="{skill}"' in page.text for skill in ("seer", "triage", "project-management"))


def test_a_registered_scope_is_the_limit(person: Person) -> None:
    """SCOPE-2."""
    client_id = person.register(scope="org:read event:read")

    page = person.open(client_id, scope="org:read event:write")
    refused = person.open(client_id, scope="event:write")

    assert 'value="triage"' not in page.text
    assert answer_in(refused.location)["error"] == "invalid_scope"


def test_a_client_without_the_code_grant(person: Person, provider: Provider) -> None:
    client = Client(client_id="mcpc_other", name="Other", redirect_uris=(WEB,), grant_types=("refresh_token",))
    put_client(provider, client, kind=NEVER_USED, ttl_s=60)

    assert answer_in(person.open("mcpc_other").location)["error"] == "unauthorized_client"


# -- the transport ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "methods", "allow"),
    [
        ("authorize", ["HEAD", "POST", "PUT", "DELETE", "TRACE", "PROPFIND", "FOO"], "GET, OPTIONS"),
        ("callback", ["HEAD", "POST", "PATCH"], "GET, OPTIONS"),
        ("approve", ["GET", "HEAD", "PUT"], "OPTIONS, POST"),
        ("token", ["GET", "HEAD", "PUT", "DELETE", "TRACE", "PROPFIND", "FOO"], "OPTIONS, POST"),
        ("register", ["GET", "HEAD", "PUT", "DELETE"], "OPTIONS, POST"),
        ("revoke", ["GET", "HEAD", "PUT"], "OPTIONS, POST"),
    ],
)
def test_other_methods_are_refused(person: Person, step: str, methods: list[str], allow: str) -> None:
    """B5, END-1: each step takes one method, and refuses every other, whether anybody defined it or not."""
    for method in methods:
        answer = person.browser.open(f"{ISSUER}/oauth/{step}", method=method)

        assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/oauth//authorize", "//oauth/authorize", "/oauth/authorize//", "/oauth//callback"])
def test_another_spelling_of_the_path_leads_nowhere(person: Person, path: str) -> None:
    """CFG-2: a redirect to the usual one would go to whichever host was asked for, with code and state."""
    answer = person.browser.get(path, headers={"Host": "evil.example"}, query_string={"code": "c", "state": "s"})

    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_a_long_address_is_refused(person: Person) -> None:
    """GATE-5."""
    assert person.open(person.register(), padding="x" * 8192).status_code == 414
    for size, status in ((4_096, 400), (4_097, 414)):
        query = "state=s&padding=".ljust(size, "x")
        assert person.browser.get(f"{ISSUER}/oauth/callback?{query}").status_code == status


def test_behind_a_proxy_that_speaks_http_to_us() -> None:
    """CFG-2; Authlib quirk 7: an http address of the request ends in a 500 there."""
    person = Person(make_provider())
    client_id = person.register()

    answer = person.browser.get(
        "/oauth/authorize",
        query_string={"client_id": client_id, "redirect_uri": WEB},
        base_url="http://10.0.0.1:8000",
        headers={"X-Forwarded-Host": "evil.example"},
    )

    assert answer_in(answer.location)["iss"] == ISSUER


def test_every_answer_of_the_browser_steps_carries_its_headers(person: Person) -> None:
    """HDR-1, HDR-2, CON-6: pages, problems and redirects."""
    client_id = person.register()
    page, problem = person.open(client_id), person.open("unknown")

    for answer in (page, problem):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert policy.endswith("'; frame-ancestors 'none'; base-uri 'none'")
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert "Cross-Origin-Opener-Policy" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    for answer in (page, problem, person.open(client_id, response_type="x"), person.press(page, "deny")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_too_many_requests(person: Person) -> None:
    """RATE-1, RATE-2: a page for a person, JSON for a program, both with the time to wait."""
    answers = [person.open("unknown") for _ in range(61)]
    program = person.open("unknown", headers={})

    assert [answer.status_code for answer in answers[-2:]] == [400, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert "<h1>" in answers[-1].text
    assert program.get_json()["error"] == "temporarily_unavailable"
    assert 1 <= int(program.headers["Retry-After"]) <= 60
