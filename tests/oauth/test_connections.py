"""A person's own page: it shows what is theirs, to nobody else, and ends what they want ended."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from flask_sentry_mcp import clock
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth.flow import ISSUER, MCP, Flow
from tests.oauth.person import HTML

PAGE = f"{ISSUER}/oauth/connections"


def press(browser: Client, action: str, headers: dict[str, str] | None = None, **fields: str) -> TestResponse:
    sent = {**HTML, "Origin": ISSUER} if headers is None else headers
    return browser.post(PAGE, data={"action": action, **fields}, headers=sent)


def sign_in(flow: Flow, browser: Client, user: str = "mira") -> TestResponse:
    """Through Sentry and back; the page as it then is."""
    to_sentry = press(browser, "sign-in")
    assert to_sentry.status_code == 303
    back = browser.get(flow.sandbox.approve(to_sentry.location, user=user), headers=HTML)
    assert (back.status_code, back.location) == (303, PAGE), back.text
    return browser.get(PAGE)


def csrf_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found
    return found[1]


def grants_of(page: TestResponse) -> list[str]:
    return re.findall(r'name="grant" value="([^"]+)"', page.text)


def test_a_stranger_sees_a_way_to_sign_in(flow: Flow) -> None:
    page = flow.app.test_client().get(PAGE)

    assert page.status_code == 200
    assert "Sign in at" in page.text
    assert grants_of(page) == []


def test_a_person_sees_what_is_connected(flow: Flow) -> None:
    """Name, how far it is known, what it reaches and may do, since when, last used."""
    flow.sign_in(skills=("inspect", "triage"), resource=f"{MCP}/northwind")

    page = sign_in(flow, flow.app.test_client())

    text = " ".join(re.sub(r"<[^>]+>", " ", page.text[page.text.index("<main>") :]).split())
    when = r"\d+ \w+ \d{4}, \d\d:\d\d UTC"
    assert re.fullmatch(
        r"Your connections These apps use Sentry in your name through mcp\.test\. Ending one takes effect at once\. "
        r"Tests Name not verified Where a program on your computer Reaches northwind "
        r"May Look at issues and events, Triage issues "
        rf"Since {when} Last used {when} End access Sign out",
        text,
    )


def test_a_person_sees_where_a_client_is(flow: Flow) -> None:
    """Each place once, whichever of its addresses the sign-in went to."""
    uris = ["https://app.example/cb", "https://app.example/other", "cursor://x/cb", "http://localhost:1/cb"]
    flow.register(redirect_uris=[*uris, "http://127.0.0.1:1/cb"], token_endpoint_auth_method="none")
    code = flow.code(redirect_uri=uris[0])
    assert flow.exchange(code, redirect_uri=uris[0]).status_code == 200

    page = sign_in(flow, flow.app.test_client())

    assert "<dd>app.example, an app that opens cursor links, a program on your computer</dd>" in page.text


def test_ending_one_takes_effect_at_once(flow: Flow) -> None:
    """Its tokens are dead at the next call; the other connection is not touched."""
    one = flow.sign_in(resource=f"{MCP}/northwind")
    other = flow.sign_in()
    browser = flow.app.test_client()
    page = sign_in(flow, browser)
    ended = flow.grant(one["access_token"]).id

    answer = press(browser, "end", csrf=csrf_of(page), grant=ended)

    assert (answer.status_code, answer.location) == (303, PAGE)
    assert grants_of(browser.get(PAGE)) == [flow.grant(other["access_token"]).id]
    assert flow.refresh(one["refresh_token"]).status_code == 400
    assert flow.refresh(other["refresh_token"]).status_code == 200
    assert flow.events == [("ended", "person")]


def test_all_can_be_ended(flow: Flow) -> None:
    for path in ("", "/northwind"):
        flow.sign_in(resource=f"{MCP}{path}")
    browser = flow.app.test_client()
    page = sign_in(flow, browser)
    assert len(grants_of(page)) == 2

    press(browser, "end-all", csrf=csrf_of(page))

    assert "No app uses Sentry in your name" in browser.get(PAGE).text
    assert flow.events == [("ended", "person")] * 2


def test_nobody_sees_or_ends_what_is_somebody_elses(flow: Flow) -> None:
    """B14."""
    tokens = flow.sign_in(user="mira")
    browser = flow.app.test_client()
    page = sign_in(flow, browser, user="jonas")

    press(browser, "end", csrf=csrf_of(page), grant=flow.grant(tokens["access_token"]).id)
    press(browser, "end-all", csrf=csrf_of(page))

    assert grants_of(page) == []
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


def test_what_is_over_is_not_listed(flow: Flow) -> None:
    tokens = flow.sign_in()
    flow.revoke(tokens["refresh_token"])
    flow.code()  # approved, but never collected by its client

    assert grants_of(sign_in(flow, flow.app.test_client())) == []


def test_the_sign_in_lasts_a_quarter_of_an_hour(flow: Flow) -> None:
    flow.sign_in()
    browser = flow.app.test_client()
    page = sign_in(flow, browser)

    with clock.shifted(901):
        assert "Sign in at" in browser.get(PAGE).text
        press(browser, "end-all", csrf=csrf_of(page))
    assert len(grants_of(browser.get(PAGE))) == 1


def test_signing_out_forgets_the_person(flow: Flow) -> None:
    browser = flow.app.test_client()
    page = sign_in(flow, browser)

    press(browser, "sign-out", csrf=csrf_of(page))

    assert "Sign in at" in browser.get(PAGE).text


def test_the_token_for_it_is_given_back(flow: Flow, sandbox: Sandbox) -> None:
    """Who somebody is, is all that is wanted of Sentry: the least scope, and a revocation right after."""
    browser = flow.app.test_client()
    to_sentry = press(browser, "sign-in")
    assert parse_qs(urlsplit(to_sentry.location).query)["scope"] == ["org:read"]

    browser.get(sandbox.approve(to_sentry.location, user="mira"))

    asked = [request.path for request in sandbox.requests if request.path.startswith("/oauth/")]
    assert asked[-2:] == ["/oauth/token/", "/oauth/revoke/"]


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_cannot_press_our_buttons(flow: Flow, headers: dict[str, str]) -> None:
    """CON-3: also not the one that signs in."""
    tokens = flow.sign_in()
    browser = flow.app.test_client()
    page = sign_in(flow, browser)

    for action in ("end-all", "sign-in", "sign-out"):
        assert press(browser, action, headers, csrf=csrf_of(page)).status_code == 403
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("csrf", ["", "x", "é", "0" * 64])
def test_a_form_needs_its_token(flow: Flow, csrf: str) -> None:
    flow.sign_in()
    browser = flow.app.test_client()
    sign_in(flow, browser)

    press(browser, "end-all", csrf=csrf)

    assert len(grants_of(browser.get(PAGE))) == 1


def test_another_browser_cannot_finish_the_sign_in(flow: Flow) -> None:
    """STATE-2: an answer of Sentry's that somebody sends along signs nobody in as them."""
    begun, victim = flow.app.test_client(), flow.app.test_client()
    back = flow.sandbox.approve(press(begun, "sign-in").location, user="mira")

    answer = victim.get(back, headers=HTML)
    press(victim, "sign-in")
    again = victim.get(back, headers=HTML)

    assert (answer.status_code, again.status_code) == (400, 400)
    assert "started in another browser" in again.text
    assert flow.events == [("suspicious", "binding_failure")] * 2
    assert "Sign in at" in victim.get(PAGE).text


def test_an_old_answer_is_refused(flow: Flow) -> None:
    """B10, STATE-3."""
    browser = flow.app.test_client()
    back = flow.sandbox.approve(press(browser, "sign-in").location, user="mira")

    with clock.shifted(601):
        answer = browser.get(back, headers=HTML)

    assert answer.status_code == 400
    assert "It took too long." in answer.text


def test_a_refusal_at_sentry_is_told(flow: Flow) -> None:
    browser = flow.app.test_client()
    state = parse_qs(urlsplit(press(browser, "sign-in").location).query)["state"][0]
    refusal = {"error": "access_denied", "state": state}

    answer = browser.get(f"{ISSUER}/oauth/callback", query_string=refusal, headers=HTML)

    assert answer.status_code == 400
    assert "you declined there" in answer.text


@pytest.mark.parametrize("more", ["&iss=https://evil.example", "&iss=a&iss=a", "&code=x"])
def test_an_answer_that_is_not_sentrys_is_not_exchanged(flow: Flow, more: str) -> None:
    """C1, C5: of another issuer, or with a parameter twice."""
    browser = flow.app.test_client()
    back = flow.sandbox.approve(press(browser, "sign-in").location, user="mira")
    flow.sandbox.requests.clear()

    answer = browser.get(back + more, headers=HTML)

    assert answer.status_code == 400
    assert list(flow.sandbox.requests) == []
    assert "Sign in at" in browser.get(PAGE).text


def test_its_state_opens_no_clients_sign_in_and_the_other_way_round(flow: Flow) -> None:
    """CFG-3: one callback, two purposes; neither takes what was signed for the other."""
    browser = flow.app.test_client()
    own = parse_qs(urlsplit(press(browser, "sign-in").location).query)["state"][0]
    clients = parse_qs(urlsplit(flow.to_sentry()).query)["state"][0]
    callback = f"{ISSUER}/oauth/callback"

    for state in (own[:-4] + "AAAA", clients):
        answer = browser.get(callback, query_string={"state": state, "code": "x"}, headers=HTML)
        assert answer.status_code == 400
    assert flow.browser.get(callback, query_string={"state": own, "code": "x"}, headers=HTML).status_code == 400


def test_the_cookies_of_the_page(flow: Flow) -> None:
    """COOKIE-1."""
    browser = flow.app.test_client()
    to_sentry = press(browser, "sign-in")
    back = browser.get(flow.sandbox.approve(to_sentry.location, user="mira"))

    flags = r"Expires=[^;]+; Max-Age={}; Secure; HttpOnly; Path=/; SameSite=Lax"
    (binding,) = to_sentry.headers.getlist("Set-Cookie")
    assert re.fullmatch(r"__Host-mcp_sign_in=[\w-]{43}; " + flags.format(600), binding)
    (person,) = (one for one in back.headers.getlist("Set-Cookie") if "mcp_person" in one)
    assert re.fullmatch(r"__Host-mcp_person=[\w.-]+; " + flags.format(900), person)
