"""Approval memory: what a browser remembers, for exactly what, and when the page may be skipped (APP-1..4)."""

import random
import re
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp import clock
from flask_sentry_mcp.oauth import keys, memory
from flask_sentry_mcp.oauth.clients import IN_USE, get_client, put_client
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.skills import SKILLS, Skill
from flask_sentry_mcp.testing import Form
from tests.oauth.person import HTML, ISSUER, TYPED, WEB, Person, make_provider

DAY_S = 86_400
COOKIE = "__Host-mcp_approvals"


def is_skipped(answer: TestResponse) -> bool:
    """Whether the browser went on to Sentry without a page."""
    return answer.status_code == 303 and urlsplit(answer.location).netloc == "sentry.io"


def approve(person: Person, client_id: str, skills: Any = None, **changes: Any) -> TestResponse:
    """See the page, press Approve."""
    return person.press(person.open(client_id, prompt="consent", **changes), skills=skills)


def test_the_cookie_in_full(person: Person) -> None:
    """B12: signed; HttpOnly, Secure, SameSite=Lax, thirty days; for this host alone."""
    answer = approve(person, person.register())

    (cookie,) = (one for one in answer.headers.getlist("Set-Cookie") if one.startswith(COOKIE))
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]+\.[\w-]+\.[\w-]{{43}}; "
        r"Expires=[^;]+ GMT; Max-Age=2592000; Secure; HttpOnly; Path=/; SameSite=Lax",
        cookie,
    )


def test_a_first_visit_needs_the_page(person: Person) -> None:
    """B3: first-time clients need approval, however the person came."""
    assert person.open(person.register(), TYPED).status_code == 200


def test_an_approved_client_is_remembered(person: Person, provider: Provider) -> None:
    """B3, APP-3: same client, same everything, and the person came by themselves."""
    client_id = person.register()
    first = approve(person, client_id, ["triage"])

    again = person.open(client_id, TYPED)

    assert is_skipped(again)
    assert parse_qs(urlsplit(again.location).query)["scope"] == parse_qs(urlsplit(first.location).query)["scope"]
    assert provider.store.count("transaction") == 2
    assert any("__Host-mcp_tx_" in cookie for cookie in again.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": f"{ISSUER}/mcp/acme"},
        {"resource": f"{ISSUER}/mcp/other/web"},
        {"resource": None},
        {"scope": "org:read event:write team:read"},
        {"scope": None},
        {"redirect_uri": "https://app.example/second"},
    ],
)
def test_another_request_needs_its_own_approval(person: Person, changes: dict[str, Any]) -> None:
    """B3, B14: another organization, project, scope or redirect URI; each is asked for again."""
    client_id = person.register(redirect_uris=[WEB, "https://app.example/second"])
    known = {"resource": f"{ISSUER}/mcp/other", "scope": "org:read event:read team:read"}
    approve(person, client_id, **known)

    assert is_skipped(person.open(client_id, TYPED, **known))
    assert person.open(client_id, TYPED, **{**known, **changes}).status_code == 200


def test_another_client_needs_its_own_approval(person: Person) -> None:
    """B3: also one of the same name and address."""
    approve(person, person.register())

    assert person.open(person.register(), TYPED).status_code == 200


def test_each_organization_is_remembered_for_itself(person: Person) -> None:
    """B14: a person may switch; what was approved for one organization stays approved for it alone."""
    client_id = person.register()
    acme, other = {"resource": f"{ISSUER}/mcp/acme"}, {"resource": f"{ISSUER}/mcp/other"}

    approve(person, client_id, **acme)
    assert person.open(client_id, TYPED, **other).status_code == 200
    approve(person, client_id, **other)

    assert is_skipped(person.open(client_id, TYPED, **acme))
    assert is_skipped(person.open(client_id, TYPED, **other))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Editor Pro"},
        {"uri": "https://elsewhere.example"},
        {"redirect_uris": (WEB, "https://app.example/2")},
        {"auth_method": "client_secret_post"},
    ],
)
def test_a_client_that_changed_needs_a_new_approval(person: Person, provider: Provider, change: dict[str, Any]) -> None:
    """APP-1: its name, addresses and method are part of what was approved."""
    client_id = person.register()
    approve(person, client_id)
    client = get_client(provider, client_id)
    assert client is not None
    put_client(provider, replace(client, **change), kind=IN_USE, ttl_s=60)

    assert person.open(client_id, TYPED).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"label": "Change everything"},
        {"sentence": "Change and delete projects."},
        {"scopes": frozenset({"org:read", "project:write"})},
    ],
)
def test_a_skill_that_means_more_needs_a_new_approval(change: dict[str, Any]) -> None:
    """APP-1: the same tick was for other words, or for less at Sentry."""
    deploys = Skill("deploys", "Look at deploys", "Read deploys.", frozenset({"org:read"}))
    person = Person(make_provider(skills=(*SKILLS, deploys)))
    client_id = person.register()
    approve(person, client_id, ["deploys"])
    assert is_skipped(person.open(client_id, TYPED))

    object.__setattr__(person.provider, "skills", (*SKILLS, replace(deploys, **change)))

    assert person.open(client_id, TYPED).status_code == 200


def test_a_skill_that_is_no_longer_offered_needs_a_new_approval() -> None:
    """CON-7: what a read-only server does not offer, no memory gives; also when it needs nothing of Sentry."""
    deploys = Skill("deploys", "Deploy", "Start deployments.", frozenset(), writes=True)
    person = Person(make_provider(skills=(*SKILLS, deploys)))
    client_id = person.register()
    approve(person, client_id, ["deploys"], scope="org:read")
    assert is_skipped(person.open(client_id, TYPED, scope="org:read"))

    read_only = replace(person.provider.settings, read_only=True)
    object.__setattr__(person.provider, "settings", read_only)

    assert person.open(client_id, TYPED, scope="org:read").status_code == 200


def test_a_page_that_says_something_else_needs_a_new_approval(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """APP-1: the version of its text is part of what was approved."""
    client_id = person.register()
    approve(person, client_id)

    monkeypatch.setattr(memory, "_PAGE_VERSION", "another")

    assert person.open(client_id, TYPED).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HTML,
        {**TYPED, "Sec-Fetch-Site": "cross-site"},
        {**TYPED, "Sec-Fetch-Site": "same-site"},
        {**TYPED, "Sec-Fetch-Mode": "cors"},
        {**TYPED, "Sec-Fetch-Dest": "iframe"},
        {**TYPED, "Sec-Fetch-Dest": ""},
    ],
)
def test_a_page_elsewhere_cannot_have_it_skipped(person: Person, headers: dict[str, str]) -> None:
    """APP-3: sent by another site, in a frame, by a script, or by a browser that does not say: a person has to look."""
    client_id = person.register()
    approve(person, client_id)

    assert person.open(client_id, headers).status_code == 200


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000/cb", "cursor://anysphere/cb"])
def test_an_address_that_any_program_can_take_is_always_asked_for(person: Person, uri: str) -> None:
    """APP-3: but the boxes are ticked as they were, on whichever port."""
    client_id = person.register(uri)
    approve(person, client_id, ["triage"], redirect_uri=uri)

    page = person.open(client_id, TYPED, redirect_uri=uri.replace(":5000", ":6000"))

    assert page.status_code == 200
    assert Form.of(page.text).checked["skills"] == ["triage"]


def test_a_client_can_ask_for_the_page(person: Person) -> None:
    """AUTHZ-4: prompt=consent; prompt=none asks for nothing that we would not do."""
    client_id = person.register()
    approve(person, client_id)

    for prompt in ("consent", "login consent", "consent select_account"):
        assert person.open(client_id, TYPED, prompt=prompt).status_code == 200
    assert is_skipped(person.open(client_id, TYPED, prompt="none"))


def test_in_mode_always_it_only_ticks_the_boxes() -> None:
    """APP-2."""
    person = Person(make_provider(SENTRY_MCP_APPROVAL_MODE="always"))
    client_id = person.register()
    approve(person, client_id, ["inspect", "triage"])

    page = person.open(client_id, TYPED)

    assert page.status_code == 200
    assert Form.of(page.text).checked["skills"] == ["inspect", "triage"]


def test_it_ends_after_thirty_days_whatever_the_browser_keeps(person: Person, provider: Provider) -> None:
    """APP-3: and using it does not prolong it."""
    client_id = person.register()
    client = get_client(provider, client_id)
    assert client is not None
    put_client(provider, client, kind=IN_USE, ttl_s=100 * DAY_S)
    approve(person, client_id)

    for days, skipped in ((6, True), (29, True), (31, False)):
        with clock.shifted(days * DAY_S):
            assert is_skipped(person.open(client_id, TYPED)) is skipped


def test_an_approval_is_not_prolonged_by_another(person: Person, provider: Provider) -> None:
    """APP-3: each has its own thirty days, though they share a cookie that is signed anew."""
    early, late = person.register(), person.register()
    for client_id in (early, late):
        client = get_client(provider, client_id)
        assert client is not None
        put_client(provider, client, kind=IN_USE, ttl_s=100 * DAY_S)
    approve(person, early)
    with clock.shifted(20 * DAY_S):
        approve(person, late)

    with clock.shifted(31 * DAY_S):
        assert person.open(early, TYPED).status_code == 200
        assert is_skipped(person.open(late, TYPED))


@pytest.mark.parametrize("value", ["x", "a.b.c", "W10.x.y", "", "x" * 3900, "\u00e9"])
def test_a_cookie_that_is_not_ours_is_deleted(person: Person, value: str) -> None:
    """APP-4: the page is shown, and nothing else happens."""
    client_id = person.register()
    approve(person, client_id)
    person.browser.set_cookie(COOKIE, value, domain="mcp.test")

    page = person.open(client_id, TYPED)

    assert page.status_code == 200
    assert any(cookie.startswith(f"{COOKIE}=;") for cookie in page.headers.getlist("Set-Cookie"))


def test_a_cookie_of_another_server_is_not_trusted(person: Person) -> None:
    """B12: the signature is by this application's own secret."""
    other = Person(make_provider())
    client_id = person.register()
    approve(other, other.register())
    foreign = other.browser.get_cookie(COOKIE, domain="mcp.test")
    assert foreign is not None
    person.browser.set_cookie(COOKIE, foreign.value, domain="mcp.test")

    assert person.open(client_id, TYPED).status_code == 200


def test_it_stays_small(person: Person, provider: Provider) -> None:
    """APP-1: at most 20 entries and 3.5 KiB; the oldest give way."""
    clients = [person.register(name=f"Editor {number}") for number in range(22)]
    for client_id in clients:
        approve(person, client_id)

    cookie = person.browser.get_cookie(COOKIE, domain="mcp.test")
    assert cookie is not None
    kept = memory.read(provider.settings, {memory.COOKIE: cookie.value})
    assert len(kept.entries) == 20
    assert len(cookie.value) <= 3584
    assert person.open(clients[0], TYPED).status_code == 200
    assert is_skipped(person.open(clients[-1], TYPED))


def test_what_is_used_is_kept(person: Person) -> None:
    """APP-1: the least recently used gives way, and a sign-in without the page is a use."""
    clients = [person.register(name=f"Editor {number}") for number in range(21)]
    for client_id in clients[:20]:
        approve(person, client_id)
    person.open(clients[0], TYPED)

    approve(person, clients[20])

    assert is_skipped(person.open(clients[0], TYPED))
    assert person.open(clients[1], TYPED).status_code == 200


def test_a_cookie_that_is_too_long_is_not_looked_at(person: Person, provider: Provider) -> None:
    """APP-4: before anything is decoded, though the signature would be right."""
    client_id = person.register()
    approve(person, client_id)
    cookie = person.browser.get_cookie(COOKIE, domain="mcp.test")
    assert cookie is not None
    entries = memory.read(provider.settings, {memory.COOKIE: cookie.value}).entries
    plain = [[one.digest, one.approved_at, list(one.skills)] for one in entries]
    padding = [["x", 0, [random.randbytes(3_000).hex()]]]
    long = keys.serializer(provider.settings, keys.APPROVALS).dumps([*padding, *plain])
    assert len(long) > 3_584

    assert memory.read(provider.settings, {memory.COOKIE: str(long)}).is_broken


def test_it_survives_a_change_of_the_cookie_secret(person: Person, provider: Provider) -> None:
    """CFG-3: what an earlier secret made is still known, as long as that is a fallback."""
    client_id = person.register()
    approve(person, client_id)
    earlier = provider.settings.cookie_secret
    rotated = replace(provider.settings, cookie_secret=secrets.token_urlsafe(32), cookie_secret_fallbacks=(earlier,))
    object.__setattr__(provider, "settings", rotated)

    assert is_skipped(person.open(client_id, TYPED))
    object.__setattr__(provider, "settings", replace(rotated, cookie_secret_fallbacks=()))
    assert person.open(client_id, TYPED).status_code == 200


def test_approving_again_replaces_what_was_remembered(person: Person, provider: Provider) -> None:
    client_id = person.register()
    approve(person, client_id, ["inspect", "triage"])
    approve(person, client_id, ["inspect"])

    onward = person.open(client_id, TYPED)

    assert parse_qs(urlsplit(onward.location).query)["scope"] == ["event:read org:read project:read team:read"]
    cookie = person.browser.get_cookie(COOKIE, domain="mcp.test")
    assert cookie is not None
    assert len(memory.read(provider.settings, {memory.COOKIE: cookie.value}).entries) == 1


def test_deny_forgets_what_was_remembered(person: Person) -> None:
    """CON-5, APP-1: the last decision counts; what else is remembered stays."""
    client_id, other = person.register(), person.register()
    approve(person, client_id)
    approve(person, other)

    person.press(person.open(client_id), "deny")

    assert person.open(client_id, TYPED).status_code == 200
    assert is_skipped(person.open(other, TYPED))


def test_it_names_nobody(person: Person, provider: Provider) -> None:
    """The cookie holds digests and skills: no client, no address, no organization."""
    client_id = person.register()
    approve(person, client_id, resource=f"{ISSUER}/mcp/acme")
    cookie = person.browser.get_cookie(COOKIE, domain="mcp.test")
    assert cookie is not None

    (entry,) = memory.read(provider.settings, {memory.COOKIE: cookie.value}).entries

    assert re.fullmatch(r"[0-9a-f]{24}", entry.digest)
    assert entry.skills == ("inspect",)
