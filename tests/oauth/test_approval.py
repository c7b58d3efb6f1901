"""The approval page: what it says, who may post it, what each button does (CON-1..7, B3, B5, B11)."""

import base64
import hmac
import html
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from flask_sentry_mcp import clock, signals
from flask_sentry_mcp.oauth import approval, keys
from flask_sentry_mcp.oauth.clients import NEVER_USED, forget_client, get_client, put_client
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.skills import SKILLS, Skill
from flask_sentry_mcp.testing import Form
from tests.oauth.person import ISSUER, WEB, Person, answer_in, make_provider


def words(page: str) -> str:
    """What a person reads of *page*, in one line."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@contextmanager
def told() -> Iterator[list[dict[str, Any]]]:
    """The approval signals of the block."""
    events: list[dict[str, Any]] = []

    def hear(sender: object, **event: Any) -> None:
        events.append(event)

    with signals.approval.connected_to(hear):
        yield events


# -- what it says -----------------------------------------------------------------------------------------------------


def test_the_page_in_full(person: Person) -> None:
    """CON-1: who asks, for what, where the answer goes, what may be given, and who runs this server."""
    page = person.open(person.register(), resource=f"{ISSUER}/mcp/acme/web")

    assert words(page.text) == (
        "Approve access to Sentry? mcp.test "
        "Let Editor use Sentry in your name? The app chose this name itself. Nobody has verified it. "
        "What it may reach Only the project web of the organization acme "
        "Where the sign-in goes https:// app.example /callback "
        "Approve only if you trust app.example and started this sign-in yourself. "
        "What it may do "
        "Look at issues and events Read issues, events, traces and releases, and what they contain. "
        "Ask Seer Let Sentry's AI analyse an issue; this starts runs that count against your plan. "
        "Also asked of Sentry: change and comment on issues. "
        "Triage issues Resolve, ignore and assign issues, and comment on them in your name. "
        "Also asked of Sentry: change and comment on issues. "
        "Manage projects and teams Create and change projects, teams and client keys. "
        "Also asked of Sentry: create and change projects, create and change teams. "
        "Asked of Sentry in any case: read your organizations, read projects, read teams, read issues and events. "
        "Deny Approve "
        "mcp.test runs this server. You sign in at sentry.io next; the app never sees your password. "
        "You can end its access at any time: your connections ."
    )


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("", "Every organization you belong to"), ("/acme", "Only the organization acme")],
)
def test_says_what_may_be_reached(person: Person, path: str, sentence: str) -> None:
    assert sentence in words(person.open(person.register(), resource=f"{ISSUER}/mcp{path}").text)


@pytest.mark.parametrize(
    ("uri", "emphasised", "warning"),
    [
        ("http://127.0.0.1:5000/cb", "127.0.0.1", "A program on this computer."),
        ("http://[::1]:5000/cb", "[::1]", "A program on this computer."),
        ("cursor://anysphere/cb", "cursor", "Whichever app on this device opens cursor links."),
        (
            "https://good.example.evil.example/good.example",
            "good.example.evil.example",
            "if you trust good.example.evil",
        ),
    ],
)
def test_says_where_the_answer_goes(person: Person, uri: str, emphasised: str, warning: str) -> None:
    """CON-1: the whole address, with the part that decides in bold, and a warning where any program can listen."""
    page = person.open(person.register(uri), redirect_uri=uri).text

    assert f"<b>{emphasised}</b>" in page
    assert uri in words(page).replace(" ", "")
    assert warning in words(page)


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "</title><img src=x onerror=alert(1)>",
        '" onmouseover="alert(1)',
        "{{ config }}{% raw %}",
        "</bdi></h1><style>*{display:none}</style>",
    ],
)
def test_a_hostile_name_is_text(person: Person, name: str) -> None:
    """B11: whatever a client calls itself, the page has the same elements, and one style with its own hash."""
    plain = person.open(person.register())
    page = person.open(person.register(name=name))

    assert re.findall(r"<[a-z/]+", page.text) == re.findall(r"<[a-z/]+", plain.text)
    assert name in words(page.text) or name.replace("<", " <") in html.unescape(page.text).replace("<", " <")
    assert page.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]


def test_escaping_does_not_depend_on_the_application() -> None:
    """B11, ERR-4: an application that switches autoescape off for itself does not switch it off here."""

    class Careless(Flask):
        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return False

    person = Person(make_provider(app=Careless(__name__)))

    page = person.open(person.register(name="<img src=x>"))

    assert "<img" not in page.text
    assert "&lt;img src=x&gt;" in page.text


def test_nothing_on_the_page_comes_from_elsewhere(person: Person) -> None:
    """CON-6, DCR-2: no script, a logo is never loaded, and the client's site is a word in a sentence."""
    pages = {"tos_uri": "https://evil.example/tos", "policy_uri": "https://evil.example/policy"}
    client = person.register(logo_uri="https://evil.example/logo.svg", client_uri="https://site.example/x", **pages)

    page = person.open(client).text

    assert "evil.example" not in page
    assert page.count("site.example") == 1
    assert "says that it is made at site.example. Nobody has verified it." in page
    assert not re.search(r"<(script|img|link|iframe|object)", page)


def test_only_reading_is_ticked_at_first(person: Person) -> None:
    """SCOPE-3."""
    form = Form.of(person.open(person.register()).text)

    assert form.checked["skills"] == ["inspect"]
    assert form.offered["skills"] == ["inspect", "seer", "triage", "project-management"]


def test_a_read_only_server_offers_reading() -> None:
    """Also when a skill of the application's changes something elsewhere than at Sentry."""
    deploys = Skill("deploys", "Deploy", "Start deployments.", frozenset(), writes=True)
    person = Person(make_provider(skills=(*SKILLS, deploys), SENTRY_MCP_READ_ONLY=True))

    assert Form.of(person.open(person.register()).text).offered["skills"] == ["inspect"]


def test_skills_of_an_application_are_offered_like_ours() -> None:
    reports = Skill("reports", "Read <reports>", "Open the quarterly reports.", frozenset())
    person = Person(make_provider(skills=(*SKILLS, reports)))
    page = person.open(person.register())

    answer = person.press(page, skills=["reports"])

    assert "Read &lt;reports&gt;" in page.text
    assert answer.status_code == 303


def test_an_application_may_replace_the_page(tmp_path: Any) -> None:
    """The same path in its own templates; its styles are allowed by their own hash."""
    (tmp_path / "sentry_mcp").mkdir()
    (tmp_path / "sentry_mcp" / "approve.html").write_text("<style>b{}</style><p>Our own {{ client.name }}</p>")
    person = Person(make_provider(app=Flask(__name__, template_folder=str(tmp_path))))

    page = person.open(person.register())

    assert page.text == "<style>b{}</style><p>Our own Editor</p>"
    assert "style-src 'sha256-7yqHVAesot11p6HczDsgKRipvI5UPgs97z80zNXlans='" in page.headers["Content-Security-Policy"]


# -- approve ----------------------------------------------------------------------------------------------------------


def test_approve_goes_on_to_sentry(person: Person) -> None:
    """B5, CON-7: with the scopes that the ticked skill needs, and no word about the client in the address."""
    client_id = person.register()

    with told() as events:
        answer = person.press(person.open(client_id), skills=["triage"])

    assert answer.status_code == 303
    address = urlsplit(answer.location)
    query = parse_qs(address.query)
    assert (address.scheme, address.netloc, address.path) == ("https", "sentry.io", "/oauth/authorize/")
    assert query["scope"] == ["event:write org:read project:read team:read"]
    assert query["client_id"] == ["sentry-client"]
    assert client_id not in answer.location
    assert "app.example" not in answer.location
    assert [event["decision"] for event in events] == ["shown", "given"]
    assert events[1]["skills"] == ("triage",)


def test_deny_tells_the_client(person: Person, provider: Provider) -> None:
    """B5, CON-5: nothing is stored and nothing remembered."""
    client_id = person.register()

    with told() as events:
        answer = person.press(person.open(client_id), "deny")

    assert answer.status_code == 303
    assert answer.location.startswith(f"{WEB}?")
    assert answer_in(answer.location) == {
        "error": "access_denied",
        "error_description": "The person declined.",
        "state": "s+/=",
        "iss": ISSUER,
    }
    assert provider.store.count("transaction") == 0
    assert "approvals" not in str(answer.headers.getlist("Set-Cookie"))
    assert [event["decision"] for event in events] == ["shown", "denied"]


def test_nothing_ticked_is_not_everything(person: Person, provider: Provider) -> None:
    """CON-7: the page comes back and says so; the same form still works."""
    page = person.open(person.register())

    again = person.press(page, skills=[])

    assert again.status_code == 400
    assert "Choose at least one, or deny." in again.text
    assert Form.of(again.text).checked["skills"] == []
    assert provider.store.count("transaction") == 0
    assert person.press(again, skills=["inspect"]).status_code == 303


@pytest.mark.parametrize("skills", [["unknown"], ["inspect", "unknown"], ["inspect", "triage"], ["INSPECT"]])
def test_a_skill_that_was_not_offered_is_refused(person: Person, provider: Provider, skills: list[str]) -> None:
    """CON-7: a form can only narrow."""
    page = person.open(person.register(), scope="org:read event:read")

    assert person.press(page, skills=skills).status_code == 400
    assert provider.store.count("transaction") == 0


@pytest.mark.parametrize("decision", ["", "yes", "Approve"])
def test_a_form_without_a_decision_is_refused(person: Person, decision: str) -> None:
    assert person.press(person.open(person.register()), decision).status_code == 400


def test_a_double_click_gets_the_same_answer(person: Person, provider: Provider) -> None:
    """CON-4: browsers and people submit twice."""
    page = person.open(person.register())

    first, second = person.press(page), person.press(page)

    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert provider.store.count("transaction") == 1


def test_two_tabs_stay_valid(person: Person, provider: Provider) -> None:
    """CON-3: each page has its own id, all share the browser's secret."""
    editor, terminal = person.register(), person.register(name="Terminal")
    one, other = person.open(editor), person.open(terminal)

    assert person.press(one).status_code == 303
    assert person.press(other).status_code == 303
    assert provider.store.count("transaction") == 2


# -- who may post it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ISSUER}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": f"{ISSUER}.evil.example"}, 403),
        ({"Origin": ISSUER.replace("https", "http")}, 403),
        ({"Origin": "https://sentry.io"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({}, 403),
    ],
)
def test_only_our_own_page_may_post(person: Person, headers: dict[str, str], status: int) -> None:
    """CON-3: Origin, or the browser's own word where it sends none; neither is a refusal."""
    page = person.open(person.register())

    assert person.press(page, headers=headers).status_code == status


def test_another_browser_cannot_post_the_form(person: Person, provider: Provider) -> None:
    """CON-3: a page that an attacker opened and planted in a victim's browser is worth nothing there."""
    page = person.open(person.register())
    victim = Person(provider)
    victim.open(victim.register())

    for browser in (victim, Person(provider)):
        answer = browser.press(page)
        assert answer.status_code == 400
        assert "This page is no longer valid" in answer.text
    assert provider.store.count("transaction") == 0


def test_a_token_of_another_form_is_refused(person: Person) -> None:
    """CON-3: the token belongs to one form, not to the browser."""
    client_id = person.register()
    one, other = person.open(client_id), person.open(client_id)

    assert person.press(one, csrf=Form.of(other.text).hidden["csrf"]).status_code == 400
    assert person.press(one, csrf="").status_code == 400
    assert person.press(one, csrf="é").status_code == 400


def test_an_open_form_survives_a_change_of_the_cookie_secret(person: Person, provider: Provider) -> None:
    """CFG-3: as long as the earlier secret is a fallback; a second click after it is still the same."""
    page = person.open(person.register())
    first = person.press(page)
    earlier = provider.settings.cookie_secret
    rotated = replace(provider.settings, cookie_secret=secrets.token_urlsafe(32), cookie_secret_fallbacks=(earlier,))
    object.__setattr__(provider, "settings", rotated)

    second = person.press(page)

    assert second.status_code == 303
    assert second.headers.getlist("Set-Cookie")[0] == first.headers.getlist("Set-Cookie")[0]
    object.__setattr__(provider, "settings", replace(rotated, cookie_secret_fallbacks=()))
    assert person.press(page).status_code == 400


def test_a_form_ends_after_ten_minutes(person: Person) -> None:
    """B10, CON-2."""
    page = person.open(person.register())

    with clock.shifted(599):
        assert person.press(page).status_code == 303
    with clock.shifted(602):
        person.open(person.register())
        assert person.press(page).status_code == 400


def test_a_form_from_the_future_is_refused(person: Person) -> None:
    """Section 27: a clock that jumps back makes nothing valid."""
    with clock.shifted(3600):
        page = person.open(person.register())

    assert person.press(page).status_code == 400


def test_a_form_has_a_size_before_it_is_read(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """CON-2: one that is too long is neither shown nor, though it is ours, decoded."""
    client_id = person.register()
    page = person.open(client_id)
    size = len(Form.of(page.text).hidden["request"])

    monkeypatch.setattr(approval, "_MAX_FORM", size)
    assert person.press(page).status_code == 303
    monkeypatch.setattr(approval, "_MAX_FORM", size - 1)
    assert person.press(page).status_code == 400
    assert person.open(client_id, state="s" * 4_000).status_code == 400


def test_the_text_of_another_browsers_form_is_refused(person: Person, provider: Provider) -> None:
    """CON-3: by the hash in the text, even if the token could be made."""
    victim = Person(provider)
    secret = re.search(r"__Host-mcp_csrf=([\w-]{43})", victim.open(victim.register()).headers["Set-Cookie"])
    assert secret
    page = person.open(person.register())
    content = keys.serializer(provider.settings, keys.APPROVAL_FORM).loads(Form.of(page.text).hidden["request"])

    token = keys.mac(provider.settings, keys.CSRF, f"{secret[1]}.{content['jti']}")

    assert victim.press(page, csrf=token).status_code == 400


@pytest.mark.parametrize("text", ["", "x", "a.b.c", ".eJw.x.y", "é", "x" * 13_000])
def test_a_forged_form_is_refused(person: Person, text: str) -> None:
    page = person.open(person.register())

    assert person.press(page, request=text).status_code in (400, 413)


def test_every_changed_character_of_the_form_is_noticed(person: Person) -> None:
    """CON-2: client, redirect, resource and scope are in the signed text and nowhere else."""
    page = person.open(person.register())
    text = Form.of(page.text).hidden["request"]

    for place in range(0, len(text) - 1, 17):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        fresh = Person(person.provider)
        fresh.browser = person.browser
        assert fresh.press(page, request=changed).status_code in (400, 429)


def test_other_fields_of_the_form_say_nothing(person: Person) -> None:
    """CON-2."""
    page = person.open(person.register())

    answer = person.press(page, "deny", state="evil", iss="evil")

    assert answer_in(answer.location)["state"] == "s+/="


def test_oauth_names_in_the_form_s_address_are_refused(person: Person) -> None:
    page = person.open(person.register())
    form = {**Form.of(page.text).hidden, "decision": "deny"}

    answer = person.browser.post(
        f"{ISSUER}/oauth/approve?redirect_uri=https://evil.example", data=form, headers={"Origin": ISSUER}
    )

    assert answer.status_code == 400


def test_a_client_deleted_meanwhile_is_refused(person: Person, provider: Provider) -> None:
    """REDIR-7: client and redirect are judged again at the post."""
    client_id = person.register()
    page = person.open(client_id)
    forget_client(provider, client_id)

    answer = person.press(page)

    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_an_address_withdrawn_meanwhile_is_refused(person: Person, provider: Provider) -> None:
    """REDIR-7: the form says where the answer goes, the registration whether it may."""
    client_id = person.register()
    page = person.open(client_id)
    client = get_client(provider, client_id)
    assert client is not None
    put_client(provider, replace(client, redirect_uris=("https://app.example/new",)), kind=NEVER_USED, ttl_s=60)

    for decision in ("approve", "deny"):
        answer = person.press(page, decision)
        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_no_more_is_asked_of_sentry_than_the_client_asked_for(person: Person) -> None:
    """SCOPE-2: a skill reads with what there is."""
    page = person.open(person.register(), scope="org:read event:read")

    onward = person.press(page, skills=["inspect"])

    assert parse_qs(urlsplit(onward.location).query)["scope"] == ["event:read org:read"]


def test_a_large_form_is_refused(person: Person) -> None:
    """GATE-5: announced or not."""
    answer = person.press(person.open(person.register()), padding="x" * 17_000)

    assert answer.status_code == 413


def test_the_secret_cookie_in_full(person: Person) -> None:
    """COOKIE-1: for this host alone, for ten minutes, unreadable for scripts."""
    page = person.open(person.register())

    (cookie,) = page.headers.getlist("Set-Cookie")
    assert re.fullmatch(
        r"__Host-mcp_csrf=[\w-]{43}; Expires=[^;]+ GMT; Max-Age=600; Secure; HttpOnly; Path=/; SameSite=Lax", cookie
    )


def test_a_subdomain_cannot_plant_the_secret(person: Person) -> None:
    """COOKIE-1: on https only the name that no subdomain can set is read."""
    page = person.open(person.register())
    secret = re.search(r"__Host-mcp_csrf=([\w-]{43})", page.headers["Set-Cookie"])
    assert secret
    other = Person(person.provider)
    other.browser.set_cookie("mcp_csrf", secret[1], domain="mcp.test")
    planted = other.press(page)
    other.browser.set_cookie("__Host-mcp_csrf", secret[1], domain="mcp.test")

    assert planted.status_code == 400
    assert other.press(page).status_code == 303


def test_loopback_issuers_do_without_the_prefix() -> None:
    """APP-5: plain http is for a person's own machine; browsers refuse the prefix there."""
    person = Person(make_provider(SENTRY_MCP_PUBLIC_URL="http://127.0.0.1:5000"))
    page = person.open(person.register())

    answer = person.press(page)

    assert page.headers["Set-Cookie"].startswith("mcp_csrf=")
    assert answer.status_code == 303
    for header in (*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
        assert "Secure" not in header
        assert "HttpOnly" in header
    assert "Strict-Transport-Security" not in answer.headers


def test_signatures_are_hmac_of_a_derived_key(provider: Provider) -> None:
    """CFG-3: SHA-256, and a key of its own for every purpose; the default would be SHA-1 and a concatenation."""
    settings = provider.settings
    for signed in (
        str(keys.serializer(settings, "purpose").dumps("x")),
        keys.signer(settings, "purpose").sign("x").decode(),
    ):
        text, _, signature = signed.rpartition(".")
        key = hmac.digest(settings.cookie_secret.encode(), b"flask-sentry-mcp/purpose", "sha256")
        expected = base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).rstrip(b"=").decode()
        assert signature == expected


def test_keys_are_separate_by_purpose(person: Person, provider: Provider) -> None:
    """CFG-3: signed for one purpose, it means nothing for another; a new secret still reads what the old signed."""
    page = person.open(person.register())
    approved = person.press(page)
    state = parse_qs(urlsplit(approved.location).query)["state"][0]
    cookie = next(one for one in approved.headers.getlist("Set-Cookie") if "approvals" in one)
    approvals = cookie.partition("=")[2].partition(";")[0]

    assert person.press(page, request=state).status_code == 400
    assert person.press(page, request=approvals).status_code == 400
    rotated = replace(
        provider.settings,
        cookie_secret="n3w-" * 8 + "abcdefgh",
        cookie_secret_fallbacks=(provider.settings.cookie_secret,),
    )
    text = keys.serializer(provider.settings, keys.APPROVALS).dumps("x")
    assert keys.serializer(rotated, keys.APPROVALS).loads(text) == "x"
