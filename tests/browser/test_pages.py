"""Our pages in a real browser: every way through them, for everybody who may sit in front of it."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_sentry_mcp.testing import sign_in
from tests.browser.site import PUBLIC_URL, Site

PHONE = {"viewport": {"width": 320, "height": 640}}
PICTURE = {"viewport": {"width": 760, "height": 400}}
DARK = {"color_scheme": "dark"}
LIGHT = {"color_scheme": "light"}
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</h1><img src=x onerror=\"document.title='owned'\">",
    "\" autofocus onfocus=\"document.title='owned'",
    "W" * 100,
    "\u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 Editor",
]


def sign_in_at_sentry(page: Any, person: str = "Mira Okafor") -> None:
    """Pick a person, and consent where the sandbox asks for it."""
    if page.get_by_role("heading", name="Who are you?").count():
        page.get_by_role("button", name=re.compile(person)).click()
    if page.get_by_role("button", name="Approve").count():
        page.get_by_role("button", name="Approve").click()


def assert_back_with_code(page: Any, site: Site) -> None:
    page.get_by_role("heading", name="Back in the editor").wait_for()
    answer = site.answers[-1]
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("state of the client", PUBLIC_URL)


def no_violations(page: Any) -> None:
    """Axe's whole scan, without a finding."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def fits(page: Any) -> bool:
    """Whether nothing has to be scrolled sideways for."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


# -- the way through --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{}, {"java_script_enabled": False}, PHONE], indirect=True, ids=str)
def test_approve(page: Any, site: Site) -> None:
    """B1: from the client's link to Sentry and back with a code; also without JavaScript, and on a phone."""
    page.goto(site.link())
    page.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(page)

    assert_back_with_code(page, site)


def test_deny(page: Any, site: Site) -> None:
    """CON-5: the client is told, it need not wait for ever."""
    page.goto(site.link())
    page.get_by_role("button", name="Deny").click()
    page.get_by_role("heading", name="Back in the editor").wait_for()

    assert site.answers[-1]["error"] == "access_denied"


def test_narrow_the_skills(page: Any, site: Site) -> None:
    """CON-7, README decision 6: what is ticked decides what is asked of Sentry."""
    page.goto(site.link())
    reading, triage = page.get_by_label("Look at issues and events"), page.get_by_label("Triage issues")
    assert reading.is_checked()
    assert not triage.is_checked()

    triage.check()
    reading.uncheck()
    with page.expect_request(lambda request: "/oauth/authorize/" in request.url) as asked:
        page.get_by_role("button", name="Approve").click()

    scopes = parse_qs(urlsplit(asked.value.url).query)["scope"]
    assert scopes == ["event:write org:read project:read team:read"]


def test_nothing_ticked(page: Any, site: Site) -> None:
    """CON-7: said on the page, next to the boxes, and to a screen reader."""
    page.goto(site.link())
    page.get_by_label("Look at issues and events").uncheck()
    page.get_by_role("button", name="Approve").click()

    assert page.get_by_role("alert").inner_text() == "Choose at least one, or deny."
    no_violations(page)
    page.get_by_label("Look at issues and events").check()
    page.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(page)
    assert_back_with_code(page, site)


def test_two_tabs(context: Any, site: Site) -> None:
    """CON-3, STATE-2: two of our pages open at once, the later one finished first; both lead to a code."""
    one, other = context.new_page(), context.new_page()
    one.goto(site.link("One"))
    other.goto(site.link("Other", state="state of the other"))

    other.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(other)
    other.get_by_role("heading", name="Back in the editor").wait_for()
    assert site.answers[-1]["state"] == "state of the other"
    one.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(one)

    assert_back_with_code(one, site)


def test_the_back_button(page: Any, site: Site) -> None:
    """CON-4: from Sentry back to our page, where something else is ticked, and on again."""
    page.goto(site.link())
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"{site.sandbox.url}/**")
    page.go_back()
    page.get_by_label("Triage issues").check()
    page.get_by_label("Look at issues").uncheck()
    page.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(page)

    assert_back_with_code(page, site)
    assert site.newest_grant().skills == ("triage",)


def test_a_double_click(page: Any, site: Site) -> None:
    """CON-4: browsers send the form twice."""
    page.goto(site.link())
    page.get_by_role("button", name="Approve").dblclick(no_wait_after=True)
    page.wait_for_url(f"{site.sandbox.url}/**")
    sign_in_at_sentry(page)

    assert_back_with_code(page, site)


def test_a_remembered_client_needs_no_page(page: Any, site: Site) -> None:
    """B3, APP-3: typed into the address bar; from another site's link a person has to look again."""
    link = site.link(prompt="login")
    page.goto(link)
    page.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(page)
    assert_back_with_code(page, site)

    page.goto(link)
    assert_back_with_code(page, site)
    assert len({answer["code"] for answer in site.answers[-2:]}) == 2
    page.evaluate("link => { location.href = link }", link)
    page.get_by_role("button", name="Approve").wait_for()


def test_the_keyboard_alone(page: Any, site: Site) -> None:
    """Tab reaches every box and button in the order of reading, and shows where it is; Space ticks, Enter presses."""
    page.goto(site.link())
    reached: list[str] = []
    while reached[-1:] != ["approve"]:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.value"))
        assert len(reached) < 10
        shown = "e => getComputedStyle(e.closest('.skill') || e).outlineStyle"
        assert page.evaluate(f"({shown})(document.activeElement)") == "solid"
        if reached[-1] == "triage":
            page.keyboard.press("Space")

    assert reached == ["inspect", "seer", "triage", "project-management", "deny", "approve"]
    with page.expect_request(lambda request: "/oauth/authorize/" in request.url) as asked:
        page.keyboard.press("Enter")
    assert "event%3Awrite" in asked.value.url


def test_enter_in_a_box_does_not_approve(page: Any, site: Site) -> None:
    """A browser presses a form's first button for it; that one is Deny."""
    page.goto(site.link())
    page.get_by_label("Triage issues").press("Enter")
    page.get_by_role("heading", name="Back in the editor").wait_for()

    assert site.answers[-1]["error"] == "access_denied"


# -- what strangers write on it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=["script", "image", "attribute", "long", "right to left"])
@pytest.mark.parametrize("context", [PHONE], indirect=True, ids=["phone"])
def test_hostile_names(page: Any, site: Site, name: str) -> None:
    """B11: a name is text. Nothing runs, nothing is loaded, nothing is pushed off the page or turned around."""
    elsewhere: list[str] = []
    page.on(
        "request", lambda request: elsewhere.append(request.url) if not request.url.startswith(PUBLIC_URL) else None
    )
    page.goto(site.link(name))

    assert page.title() == "Approve access to Sentry?"
    assert page.locator("h1 bdi").inner_text().replace("\n", "") == name
    assert page.locator("h1 *").count() == 1
    assert page.evaluate("document.activeElement === document.body")
    assert [url for url in elsewhere if not url.startswith(PUBLIC_URL)] == []
    assert fits(page)
    for button in ("Deny", "Approve"):
        assert page.get_by_role("button", name=button).bounding_box()["width"] > 100
    assert (
        page.get_by_role("button", name="Approve").bounding_box()["width"]
        == (page.get_by_role("button", name="Deny").bounding_box()["width"])
    )


def test_no_policy_is_violated(page: Any, site: Site) -> None:
    """CON-6: our own style is allowed by its hash, and the form's way to Sentry and the client is not stopped."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(site.link())
    assert page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "16px"
    page.get_by_role("button", name="Approve").click()
    sign_in_at_sentry(page)

    assert_back_with_code(page, site)
    assert [text for text in said if "Content Security Policy" in text or "Content-Security-Policy" in text] == []


def test_no_frame_shows_it(page: Any, site: Site) -> None:
    """CON-6: clickjacking needs a frame."""
    link = site.link()
    page.goto("https://editor.example/callback")
    page.evaluate("link => { const f = document.createElement('iframe'); f.src = link; document.body.append(f) }", link)
    page.wait_for_load_state("networkidle")

    assert len(page.frames) == 2
    assert not any(frame.get_by_role("button", name="Approve").count() for frame in page.frames)


# -- for everybody ----------------------------------------------------------------------------------------------------

EYES = [{**PHONE, **LIGHT}, DARK, {**PHONE, **DARK, "forced_colors": "active"}]
NAMES = ["phone", "desktop, dark", "phone, high contrast"]
ADDRESSES = ["https://editor.example/callback", "http://127.0.0.1:43117/callback", "cursor://anysphere/callback"]


@pytest.mark.parametrize(("context", "uri"), list(zip(EYES, ADDRESSES, strict=True)), indirect=["context"], ids=NAMES)
def test_everybody_can_use_the_approval_page(page: Any, site: Site, uri: str) -> None:
    """Axe finds nothing; on 320 px nothing is cut off; in the dark it is dark; with each kind of warning."""
    page.goto(site.link("Editor", uri, resource=f"{PUBLIC_URL}/mcp/northwind/storefront"))

    no_violations(page)
    assert fits(page)
    if not page.evaluate("matchMedia('(forced-colors: active)').matches"):
        is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
        assert (red < 64) is is_dark


@pytest.mark.parametrize("context", EYES, indirect=True, ids=NAMES)
def test_everybody_can_use_the_other_pages(page: Any, site: Site) -> None:
    """A problem, one's connections before and after signing in."""
    page.goto(f"{PUBLIC_URL}/oauth/authorize?client_id=mcpc_unknown")
    assert page.get_by_role("heading", name="This app is not registered here").is_visible()
    no_violations(page)
    assert fits(page)

    page.goto(f"{PUBLIC_URL}/oauth/connections")
    no_violations(page)
    page.get_by_role("button", name="Sign in").click()
    sign_in_at_sentry(page)
    page.get_by_role("button", name="Sign out").wait_for()
    no_violations(page)
    assert fits(page)


@pytest.mark.parametrize("context", [PHONE], indirect=True, ids=["phone"])
def test_text_twice_as_large(page: Any, site: Site) -> None:
    """WCAG 1.4.4: with the browser's text at 200 % on a phone, all of it can be read and pressed."""
    page.goto(site.link())
    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert fits(page)
    assert page.get_by_role("button", name="Approve").is_visible()


# -- pictures for the documentation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "file"),
    [
        ({**LIGHT, **PICTURE}, "approve-light.png"),
        ({**DARK, **PICTURE}, "approve-dark.png"),
        ({**PHONE, **LIGHT, "device_scale_factor": 2}, "approve-phone.png"),
    ],
    indirect=["context"],
    ids=["light", "dark", "phone"],
)
def test_pictures_of_the_approval_page(page: Any, site: Site, pictures: Path, file: str) -> None:
    """The sandbox's address stands as sentry.io in them."""
    page.goto(site.link("Claude Code", "http://127.0.0.1:43117/callback", resource=f"{PUBLIC_URL}/mcp/northwind"))
    played = f"127.0.0.1:{urlsplit(site.sandbox.url).port}"
    page.evaluate("host => { document.body.innerHTML = document.body.innerHTML.replaceAll(host, 'sentry.io') }", played)
    page.screenshot(path=pictures / file, full_page=True)

    assert (pictures / file).stat().st_size > 10_000


@pytest.mark.parametrize("context", [{**LIGHT, **PICTURE}], indirect=True, ids=["light"])
def test_pictures_of_the_other_pages(page: Any, site: Site, pictures: Path) -> None:
    page.goto(f"{PUBLIC_URL}/oauth/authorize?client_id=mcpc_unknown")
    page.screenshot(path=pictures / "problem.png", full_page=True)
    tokens = sign_in(site.app, site.sandbox, client_name="Claude Code", organization="northwind")
    page.goto(f"{PUBLIC_URL}/oauth/connections")
    page.get_by_role("button", name="Sign in").click()
    sign_in_at_sentry(page)
    page.get_by_role("heading", name="Claude Code").wait_for()
    page.screenshot(path=pictures / "connections.png", full_page=True)

    page.get_by_role("button", name="End access").click()
    page.get_by_text("No app uses Sentry in your name").wait_for()
    assert tokens.refresh().status_code == 400
