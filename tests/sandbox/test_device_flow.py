"""The device flow: a code for the device, a page for its person, and every answer to a poll."""

import re

import pytest
import requests

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.sandbox.test_authorize import sign_in

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def begin(own: Sandbox, browser: requests.Session, **form: str) -> requests.Response:
    whole = {"client_id": own.public_client_id, "scope": "org:read"} | form
    return browser.post(f"{own.url}/oauth/device/code/", whole, timeout=10)


def poll(own: Sandbox, browser: requests.Session, device_code: str) -> requests.Response:
    form = {"grant_type": GRANT, "device_code": device_code, "client_id": own.public_client_id}
    return browser.post(f"{own.url}/oauth/token/", form, timeout=10)


def decide(own: Sandbox, browser: requests.Session, user_code: str, op: str) -> requests.Response:
    sign_in(browser, own)
    return browser.post(f"{own.url}/oauth/device/", {"user_code": user_code, "op": op}, timeout=10)


def test_a_device_gets_a_code_for_itself_and_one_for_its_person(own: Sandbox, browser: requests.Session) -> None:
    body = begin(own, browser).json()

    assert re.fullmatch(r"[0-9a-f]{64}", body["device_code"])
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", body["user_code"])
    assert body["verification_uri"] == f"{own.url}/oauth/device/"
    assert body["verification_uri_complete"].endswith(f"?user_code={body['user_code']}")
    assert (body["expires_in"], body["interval"]) == (600, 5)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [({"client_id": "nobody"}, 401, "invalid_client"), ({"scope": "org:fly"}, 400, "invalid_scope")],
)
def test_what_is_refused(
    own: Sandbox, browser: requests.Session, form: dict[str, str], status: int, error: str
) -> None:
    answer = begin(own, browser, **form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_code_cannot_be_fetched_with_get(own: Sandbox, browser: requests.Session) -> None:
    assert browser.get(f"{own.url}/oauth/device/code/", timeout=10).status_code == 405


def test_pending_then_too_fast_then_approved(own: Sandbox, browser: requests.Session) -> None:
    started = begin(own, browser).json()
    code = started["device_code"]

    pending, too_fast = poll(own, browser, code), poll(own, browser, code)
    decide(own, browser, started["user_code"].lower(), "approve")
    with clock.shifted(6):
        done = poll(own, browser, code)
        again = poll(own, browser, code)

    assert (pending.status_code, pending.json()) == (400, {"error": "authorization_pending"})
    assert too_fast.json() == {"error": "slow_down"}
    assert done.json()["scope"] == "org:read"
    assert again.json() == {"error": "invalid_grant"}


def test_denied(own: Sandbox, browser: requests.Session) -> None:
    started = begin(own, browser).json()

    decide(own, browser, started["user_code"], "deny")

    assert poll(own, browser, started["device_code"]).json() == {"error": "access_denied"}


def test_expired(own: Sandbox, browser: requests.Session) -> None:
    started = begin(own, browser).json()

    with clock.shifted(601):
        answer = poll(own, browser, started["device_code"])
        page = decide(own, browser, started["user_code"], "approve")

    assert answer.json() == {"error": "expired_token"}
    assert page.status_code == 400


def test_the_page_shows_what_would_be_allowed(own: Sandbox, browser: requests.Session) -> None:
    started = begin(own, browser).json()
    sign_in(browser, own)

    page = browser.get(started["verification_uri_complete"], timeout=10)

    assert started["user_code"] in page.text
    assert "see your organizations, teams and projects" in page.text


def test_the_page_allows_ten_attempts_a_minute(own: Sandbox, browser: requests.Session) -> None:
    sign_in(browser, own)
    statuses = [
        browser.get(f"{own.url}/oauth/device/", params={"user_code": "XXXX-XXXX"}, timeout=10).status_code
        for _ in range(11)
    ]

    assert statuses == [400] * 10 + [429]
