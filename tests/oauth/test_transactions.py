"""The state that goes to Sentry: signed, ten minutes, once, and for the browser that approved (B10, STATE-1..6)."""

import json
import string
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.oauth import keys
from flask_sentry_mcp.oauth.grants import GRANT
from flask_sentry_mcp.oauth.transactions import COOKIE_PREFIX, TRANSACTION
from flask_sentry_mcp.testing import REDIRECT_URI
from tests.oauth.flow import ISSUER, Flow, answer_of

COOKIE = "__Host-" + COOKIE_PREFIX
ALPHABET = string.ascii_letters + string.digits + "-_"


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def tx_cookies(flow: Flow) -> list[str]:
    jar = flow.browser._cookies or {}
    return sorted(cookie.key for cookie in jar.values() if cookie.key.startswith(COOKIE))


def verifies(flow: Flow, state: str) -> bool:
    return keys.signer(flow.provider.settings, keys.STATE).validate(state)


@contextmanager
def kept_cookies(flow: Flow) -> Iterator[None]:
    """Whatever is deleted inside comes back, as in a browser that restores an earlier session."""
    before = dict(flow.browser._cookies or {})
    yield
    flow.browser._cookies = before


def test_sentry_learns_nothing_of_the_client_from_the_state(flow: Flow) -> None:
    """B10, STATE-1: an opaque signed id; the rest is with us."""
    at_sentry = flow.to_sentry()

    sent = query(at_sentry)
    assert len(sent["state"]) <= 120
    assert not any(own in at_sentry for own in ("client's", REDIRECT_URI, flow.client_id))
    assert sent["redirect_uri"] == f"{ISSUER}/oauth/callback"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["code_challenge"]) == 43


def test_only_the_scopes_of_the_ticked_skills_are_asked_of_sentry(flow: Flow) -> None:
    """B6: least privilege; reading asks for reading."""
    assert set(query(flow.to_sentry(("inspect",)))["scope"].split()) == {
        "event:read",
        "org:read",
        "project:read",
        "team:read",
    }
    assert "event:write" in query(flow.to_sentry(("inspect", "triage")))["scope"].split()


def test_the_binding_cookie_is_set_with_the_redirect_to_sentry(flow: Flow) -> None:
    """STATE-2: not before the approval, and for this host alone."""
    page = flow.ask()
    assert not any(COOKIE in header for header in page.headers.getlist("Set-Cookie"))

    answer = flow.approve(page)

    (header,) = (one for one in answer.headers.getlist("Set-Cookie") if one.startswith(COOKIE))
    assert {part.strip() for part in header.split(";")[1:]} == {
        "Secure",
        "HttpOnly",
        "Max-Age=600",
        "Path=/",
        "SameSite=Lax",
    } | {part.strip() for part in header.split(";")[1:] if part.strip().startswith("Expires=")}


def test_state_of_another_browser_is_refused_and_not_consumed(flow: Flow) -> None:
    """B10: without the cookie there is no answer, neither success nor error; the right browser can still finish."""
    back = flow.sandbox.approve(flow.to_sentry())
    stranger = flow.app.test_client()

    assert stranger.get(back).status_code == 400
    assert stranger.get(f"{ISSUER}/oauth/callback?error=access_denied&state={query(back)['state']}").status_code == 400
    assert flow.events == [("suspicious", "binding_failure")] * 2
    assert "code" in answer_of(flow.browser.get(back))


def test_state_works_once(flow: Flow) -> None:
    """B2, B10, STATE-4: the second time is told apart from an unknown state, and reported."""
    back = flow.sandbox.approve(flow.to_sentry())
    with kept_cookies(flow):
        answer_of(flow.browser.get(back))

    again = flow.browser.get(back)

    assert again.status_code == 400
    assert "came again" in again.text
    assert flow.events == [("suspicious", "state_replay")]


def test_other_spellings_of_the_signature_do_not_make_it_another_state(flow: Flow) -> None:
    """STATE-4: base64 has several spellings; the claim is on the transaction, so none of them gives a second code."""
    back = flow.sandbox.approve(flow.to_sentry())
    state = query(back)["state"]
    with kept_cookies(flow):
        answer_of(flow.browser.get(back))
    spellings = [one for one in (state + "=", *(state[:-1] + last for last in ALPHABET)) if verifies(flow, one)]
    assert len(spellings) == 5

    for spelling in spellings:
        answer = flow.browser.get(f"{ISSUER}/oauth/callback", query_string={"state": spelling, "code": "x"})
        assert answer.status_code == 400

    assert flow.events == [("suspicious", "state_replay")] * 5


@pytest.mark.parametrize("seconds", [601, -5])
def test_state_of_another_time_is_refused(flow: Flow, seconds: int) -> None:
    """B10, STATE-3: ten minutes, and never from the future."""
    back = flow.sandbox.approve(flow.to_sentry())

    with clock.shifted(seconds):
        assert flow.browser.get(back).status_code == 400


def test_state_expires_in_the_store_too(flow: Flow) -> None:
    """STATE-3: a signature alone opens nothing once the transaction is gone."""
    back = flow.sandbox.approve(flow.to_sentry())
    (record,) = flow.provider.store.find(TRANSACTION)
    flow.provider.store.delete(TRANSACTION, record.id)

    assert flow.browser.get(back).status_code == 400


@pytest.mark.parametrize("change", ["flip", "other purpose", "unsigned", "empty", "not ascii"])
def test_forged_state_is_refused(flow: Flow, change: str) -> None:
    """B2, B10: tampered with, unsigned, or signed by us for something else (CFG-3)."""
    state = query(flow.sandbox.approve(flow.to_sentry()))["state"]
    id = state.split(".")[0]
    forged = {
        "flip": ("A" if state[0] != "A" else "B") + state[1:],
        "other purpose": keys.signer(flow.provider.settings, keys.APPROVALS).sign(id).decode(),
        "unsigned": id,
        "empty": "",
        "not ascii": "é" * 22,
    }[change]

    answer = flow.browser.get(f"{ISSUER}/oauth/callback", query_string={"state": forged, "code": "x"})

    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_double_click_leads_to_the_same_place_at_sentry(flow: Flow) -> None:
    """CON-4: browsers and people submit twice; both posts lead to one transaction and the same binding."""
    page = flow.ask()

    first, second = flow.approve(page), flow.approve(page)

    assert first.location == second.location
    assert len(tx_cookies(flow)) == 1
    assert "code" in answer_of(flow.come_back(second.location))


@pytest.mark.parametrize("skills", [("inspect",), ("inspect", "triage", "seer")])
def test_the_last_decision_counts(flow: Flow, skills: tuple[str, ...]) -> None:
    """CON-4: back from Sentry's page, something else is ticked; the grant holds what was ticked last."""
    page = flow.ask()
    flow.approve(page, ("inspect", "triage"))

    again = flow.approve(page, skills)

    token = flow.exchange(answer_of(flow.come_back(again.location))["code"]).get_json()["access_token"]
    assert set(flow.grant(token).skills) == set(skills)
    assert ("event:write" in query(again.location)["scope"].split()) is ("triage" in skills)


def test_more_than_sentry_was_asked_for_is_not_granted(flow: Flow) -> None:
    """C10: the wider decision with the narrower answer of Sentry's page that was open before."""
    page = flow.ask()
    narrow = flow.approve(page, ("inspect",))
    flow.approve(page, ("inspect", "triage"))

    assert answer_of(flow.come_back(narrow.location))["error"] == "access_denied"


def test_deny_ends_what_was_approved_before(flow: Flow) -> None:
    """CON-5: the client is told once, and that was no."""
    page = flow.ask()
    onward = flow.approve(page)

    denied = flow.approve(page, decision="deny")

    assert answer_of(denied)["error"] == "access_denied"
    assert flow.come_back(onward.location).status_code == 400
    assert flow.approve(page).status_code == 400
    assert answer_of(flow.approve(page, decision="deny"))["error"] == "access_denied"
    assert flow.events == []


def test_what_is_completed_is_not_denied(flow: Flow) -> None:
    """CON-5: the client has its code, so it is not told that there is none."""
    page = flow.ask()
    answer_of(flow.come_back(flow.approve(page).location))

    answer = flow.approve(page, decision="deny")

    assert answer.status_code == 400
    assert "sent again" in answer.text


def test_the_form_is_spent_when_the_person_is_back(flow: Flow) -> None:
    """CON-4: after the callback the same form begins nothing any more."""
    page = flow.ask()
    answer_of(flow.come_back(flow.approve(page).location))

    again = flow.approve(page)

    assert again.status_code == 400
    assert "sent again" in again.text


def test_flows_in_two_tabs_do_not_disturb_each_other(flow: Flow) -> None:
    """STATE-2: every transaction has a cookie of its own."""
    first, second = flow.to_sentry(), flow.to_sentry()

    assert "code" in answer_of(flow.come_back(second))
    assert "code" in answer_of(flow.come_back(first))
    assert tx_cookies(flow) == []


def test_a_browser_keeps_at_most_eight_bindings(flow: Flow) -> None:
    """STATE-2: the oldest is dropped, by when it was made and not by its name."""
    with clock.shifted(-60):
        oldest = flow.to_sentry()
    others = [flow.to_sentry() for _ in range(8)]

    assert len(tx_cookies(flow)) == 8
    assert flow.come_back(oldest).status_code == 400
    assert "code" in answer_of(flow.come_back(others[0]))


@pytest.mark.parametrize("state", ["a b&c=d#é", "%41+%2B", "", None])
def test_the_clients_own_state_comes_back_as_it_was(flow: Flow, state: str | None) -> None:
    """STATE-6: byte for byte, and not at all if it was not sent; an empty one counts as absent (GATE-4)."""
    answer = answer_of(flow.come_back(flow.to_sentry(state=state)))

    assert answer.get("state") == (state or None)
    assert answer["iss"] == ISSUER


def test_the_store_keeps_neither_binding_nor_verifier(flow: Flow) -> None:
    """What the transaction holds would not let its reader finish the sign-in."""
    at_sentry = flow.to_sentry()
    (cookie,) = tx_cookies(flow)
    value = flow.browser.get_cookie(cookie, domain="mcp.test")

    (record,) = flow.provider.store.find(TRANSACTION)

    assert value is not None
    assert value.value.encode() not in record.value
    assert query(at_sentry)["state"].encode() not in record.value
    assert set(json.loads(record.value)) == {"approved", "bind_hash", "created_at", "is_claimed"}


def test_the_callback_leaves_no_grant_behind_that_was_not_collected(flow: Flow) -> None:
    """Put grant, then code (C12): unless the code is exchanged, the grant is gone with it."""
    flow.code()
    assert flow.provider.store.count(GRANT) == 1

    with clock.shifted(flow.provider.settings.code_ttl_s + 61):
        assert flow.provider.store.count(GRANT) == 0
