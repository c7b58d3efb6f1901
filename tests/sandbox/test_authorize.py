"""The authorization request at the sandbox: Sentry's order of checks, its pages and its redirects."""

from urllib.parse import urlencode

import pytest
import requests

from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.asking import CALLBACK, query_of

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B


def address(sandbox: Sandbox, **changes: str | None) -> str:
    """A request that is in order, with *changes*; None leaves a parameter out."""
    query: dict[str, str | None] = {
        "response_type": "code",
        "client_id": sandbox.client_id,
        "redirect_uri": CALLBACK,
        "scope": "org:read event:write",
        "state": "s-1",
    }
    kept = {name: value for name, value in (query | changes).items() if value is not None}
    return f"{sandbox.url}/oauth/authorize/?{urlencode(kept)}"


def sign_in(browser: requests.Session, sandbox: Sandbox, person: str = "mira") -> None:
    browser.post(
        f"{sandbox.url}/auth/login/", {"person": person, "next": "/oauth/device/"}, allow_redirects=False, timeout=10
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "0" * 64},
        {"redirect_uri": "http://127.0.0.1:5000/oauth/callback/more"},
        {"redirect_uri": "http://127.0.0.1:5001/oauth/callback"},
        {"redirect_uri": "http://evil.example/oauth/callback"},
        {"redirect_uri": "http://mira@127.0.0.1:5000/oauth/callback"},
        {"redirect_uri": "http://127.0.0.1:port/oauth/callback"},
        {"response_type": None},
        {"response_type": "token"},
    ],
)
def test_without_a_proper_client_and_redirect_there_is_a_page_and_no_redirect(
    own: Sandbox, browser: requests.Session, changes: dict[str, str | None]
) -> None:
    answer = browser.get(address(own, **changes), allow_redirects=False, timeout=10)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "org:read  event:write"}, "invalid_scope"),
        ({"scope": "issue:read"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_other_faults_go_back_with_error_and_state_alone(
    own: Sandbox, browser: requests.Session, changes: dict[str, str], error: str
) -> None:
    answer = browser.get(address(own, **changes), allow_redirects=False, timeout=10)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CALLBACK)
    assert query_of(answer.headers["Location"]) == {"error": error, "state": "s-1"}


def test_the_redirect_address_may_be_left_out_when_one_is_registered(own: Sandbox) -> None:
    assert own.approve(address(own, redirect_uri=None)).startswith(f"{CALLBACK}?code=")


def test_a_person_is_chosen_then_asked_then_sent_back(own: Sandbox, browser: requests.Session) -> None:
    asked = address(own)

    login = browser.get(asked, timeout=10)
    consent = browser.post(
        f"{own.url}/auth/login/", {"person": "jonas", "next": asked.removeprefix(own.url)}, timeout=10
    )
    back = browser.post(f"{own.url}/oauth/authorize/", {"op": "approve"}, allow_redirects=False, timeout=10)

    assert "Mira Okafor" in login.text
    assert "Jonas Weber" in login.text
    assert "stands in for Sentry" in login.text
    assert "Signed in as Jonas Weber" in consent.text
    assert "see, resolve, assign and comment on issues" in consent.text
    assert set(query_of(back.headers["Location"])) == {"code", "state"}


def test_deny_goes_back_with_access_denied(own: Sandbox) -> None:
    assert query_of(own.approve(address(own), deny=True)) == {"error": "access_denied", "state": "s-1"}


def test_state_is_absent_when_it_was_not_sent(own: Sandbox) -> None:
    assert set(query_of(own.approve(address(own, state=None)))) == {"code"}


def test_an_earlier_approval_that_covers_the_scopes_needs_no_page(own: Sandbox, browser: requests.Session) -> None:
    """Why our own approval page exists: at Sentry the second client of the same application is never asked about."""
    own.approve(address(own))
    sign_in(browser, own)

    at_once = browser.get(address(own, scope="org:read"), allow_redirects=False, timeout=10)
    more = browser.get(address(own, scope="org:read team:write"), allow_redirects=False, timeout=10)
    forced = browser.get(address(own, force_prompt="1"), allow_redirects=False, timeout=10)

    assert (at_once.status_code, more.status_code, forced.status_code) == (302, 200, 200)
    assert "code" in query_of(at_once.headers["Location"])


def test_an_answer_without_a_pending_request_must_start_again(own: Sandbox, browser: requests.Session) -> None:
    sign_in(browser, own)

    answer = browser.post(f"{own.url}/oauth/authorize/", {"op": "approve"}, allow_redirects=False, timeout=10)

    assert answer.status_code == 400
    assert "start again" in answer.text


def test_a_pending_request_is_answered_once(own: Sandbox, browser: requests.Session) -> None:
    sign_in(browser, own)
    browser.get(address(own), timeout=10)

    statuses = [
        browser.post(f"{own.url}/oauth/authorize/", {"op": "approve"}, allow_redirects=False, timeout=10).status_code
        for _ in range(2)
    ]

    assert statuses == [302, 400]


def test_two_tabs_overwrite_each_other(own: Sandbox, browser: requests.Session) -> None:
    """Sentry keeps one pending request per browser; the last one shown is the one that is approved."""
    sign_in(browser, own)
    for state in ("first", "second"):
        browser.get(address(own, state=state), timeout=10)

    answer = browser.post(f"{own.url}/oauth/authorize/", {"op": "approve"}, allow_redirects=False, timeout=10)

    assert query_of(answer.headers["Location"])["state"] == "second"


def test_the_person_can_be_switched(own: Sandbox, browser: requests.Session) -> None:
    sign_in(browser, own)
    onward = address(own).removeprefix(own.url)

    page = browser.post(f"{own.url}/auth/login/", {"person": "", "next": onward}, timeout=10)

    assert "Who are you?" in page.text


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/oauth/\\evil.example", ""])
def test_signing_in_leads_to_our_own_pages_only(own: Sandbox, browser: requests.Session, onward: str) -> None:
    answer = browser.post(
        f"{own.url}/auth/login/", {"person": "mira", "next": onward}, allow_redirects=False, timeout=10
    )

    assert answer.status_code == 400


def test_a_loopback_address_registered_without_a_port_takes_any_port(browser: requests.Session) -> None:
    with Sandbox(["http://127.0.0.1/callback"]) as sandbox:
        fine = browser.get(address(sandbox, redirect_uri="http://127.0.0.1:49152/callback"), timeout=10)
        not_fine = browser.get(address(sandbox, redirect_uri="http://127.0.0.1:49152/other"), timeout=10)

    assert (fine.status_code, not_fine.status_code) == (200, 400)


def test_a_region_has_no_oauth_pages(own: Sandbox, browser: requests.Session) -> None:
    answer = browser.get(address(own).replace(own.host, own.region_hosts[0]), timeout=10)

    assert answer.status_code == 404
