"""The last door: whatever goes wrong, no traceback and no word of anybody else's leaves (ERR-1..4, B13)."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

import flask_sentry_mcp
from flask_sentry_mcp import errors
from flask_sentry_mcp.errors import SentryMCPError, StoreUnavailable
from flask_sentry_mcp.oauth.clients import get_client
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.oauth.registration import register_by_hand
from tests.oauth.person import HTML, ISSUER, WEB, Person, answer_in, make_provider

SECRET = "mcpa_" + "x" * 43


class Broken:
    """A store of which every method fails with *fault*."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def __getattr__(self, name: str) -> Callable[..., object]:
        def fail(*_: object, **__: object) -> object:
            raise self.fault

        return fail


def every_endpoint(person: Person) -> Iterator[TestResponse]:
    """An honest request to each address that needs the store."""
    url, headers = f"{ISSUER}/oauth", {"Accept": "application/json", "Origin": ISSUER}
    yield person.open("mcpc_" + "a" * 22, headers={})
    yield person.browser.get(f"{url}/callback?state=abc.def.ghi&code=x", headers=headers)
    yield person.browser.post(f"{url}/register", json={"redirect_uris": [WEB]}, headers=headers)
    form = {"client_id": "mcpc_" + "a" * 22, "token": SECRET, "grant_type": "refresh_token", "refresh_token": SECRET}
    yield person.browser.post(f"{url}/token", data=form, headers=headers)
    yield person.browser.post(f"{url}/revoke", data=form, headers=headers)


def break_store(provider: Provider, fault: Exception) -> None:
    object.__setattr__(provider, "store", Broken(fault))


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_ours_tells_nothing(debug: bool, caplog: pytest.LogCaptureFixture) -> None:
    """B13, ERR-3: in debug mode neither; the log has the traceback, under the event id that the answer names."""
    app = Flask(__name__)
    app.config.update(DEBUG=debug, TESTING=debug, PROPAGATE_EXCEPTIONS=True, TRAP_HTTP_EXCEPTIONS=True)
    provider = make_provider(app=app)
    break_store(provider, ZeroDivisionError("secret words"))

    failed = [answer for answer in every_endpoint(Person(provider)) if answer.status_code == 500]

    assert len(failed) >= 4
    for answer in failed:
        body = answer.get_json()
        assert body["error"] == "server_error"
        assert body["error_description"] == SentryMCPError.public
        assert body["event_id"] in caplog.text
        assert "secret words" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_person_gets_a_page_for_it(provider: Provider) -> None:
    break_store(provider, ZeroDivisionError())

    answer = Person(provider).open("mcpc_" + "a" * 22, headers=HTML)

    assert answer.status_code == 500
    assert "This sign-in cannot go on" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_a_broken_page_of_the_application_is_not_shown(tmp_path: Path) -> None:
    """An application's own template may fail, the one for problems as well; a program's answer is left."""
    (tmp_path / "sentry_mcp").mkdir()
    for name in ("approve", "problem"):
        (tmp_path / "sentry_mcp" / f"{name}.html").write_text("{{ 1 / 0 }}")
    person = Person(make_provider(app=Flask(__name__, template_folder=str(tmp_path))))

    answer = person.open(person.register())

    assert (answer.status_code, answer.get_json()["error"]) == (500, "server_error")


def test_a_store_that_is_down(provider: Provider) -> None:
    """Section 27: nothing is issued, nothing accepted, and the caller is told when to come back."""
    break_store(provider, StoreUnavailable())

    answers = [answer for answer in every_endpoint(Person(provider)) if answer.status_code != 400]

    assert len(answers) >= 4
    for answer in answers:
        assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"] == "5"


def test_a_body_without_a_length_is_cut_off_too(person: Person) -> None:
    """GATE-5: chunked, and larger than a form may be."""
    environ = EnvironBuilder(
        "/oauth/token",
        base_url=ISSUER,
        method="POST",
        data=b"token=" + b"x" * 17_000,
        content_type="application/x-www-form-urlencoded",
    ).get_environ()
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input_terminated"] = True
    assert isinstance(person.provider.app, Flask)

    _, status, _ = run_wsgi_app(person.provider.app, environ)

    assert status.startswith("413")


def test_a_host_application_may_read_the_form_before_us(person: Person) -> None:
    """As extensions against forged requests do, in a before_request."""
    app = person.provider.app
    assert isinstance(app, Flask)

    @app.before_request
    def look() -> None:
        assert request.form is not None

    page = person.open(person.register())

    assert person.press(page, skills=["inspect", "triage"]).status_code == 303


def test_our_sentences_can_stand_in_an_answer() -> None:
    """ERR-1, RFC 6749 section 5.2: error descriptions are printable ASCII without quotes and backslashes."""
    package = Path(flask_sentry_mcp.__file__).parent
    texts = []
    for path in (package / "oauth").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OAuthError" and len(node.args) > 1:
                texts += [part.value for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant)]
    texts += [one.public for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SentryMCPError)]

    assert len(texts) > 40
    for text in map(str, texts):
        assert text.isascii()
        assert text.isprintable()
        assert '"' not in text
        assert "\\" not in text
        assert len(text) <= 200


# -- errors that would leave by redirect ------------------------------------------------------------------------------


def test_an_error_may_wait_on_a_page() -> None:
    """AUTHZ-3: with open registration, an automatic redirect would let anybody send people on in our name."""
    person = Person(make_provider(SENTRY_MCP_ERROR_REDIRECT="interstitial"))

    page = person.open(person.register(), response_type="x")

    assert page.status_code == 400
    assert "Location" not in page.headers
    assert "Go back to app.example" in page.text
    assert f'href="{WEB}?error=unsupported_response_type&amp;' in page.text


def test_a_program_gets_the_error_as_json() -> None:
    """AUTHZ-3, GATE-7: a page with a link is for a person."""
    person = Person(make_provider(SENTRY_MCP_ERROR_REDIRECT="interstitial"))

    answer = person.open(person.register(), headers={"Accept": "application/json"}, response_type="x")

    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_response_type")


def test_clients_that_are_known_are_answered_at_once() -> None:
    """AUTHZ-3: those of the operator's, and programs on the person's own machine."""
    provider = make_provider(SENTRY_MCP_ERROR_REDIRECT="interstitial")
    person = Person(provider)
    known, _ = register_by_hand(provider, "Known", [WEB])
    native = person.register("http://127.0.0.1:5000/cb")

    to_known = person.open(known.client_id, response_type="x")
    to_native = person.open(native, redirect_uri="http://127.0.0.1:6000/cb", response_type="x")

    assert answer_in(to_known.location)["error"] == "unsupported_response_type"
    assert answer_in(to_native.location)["error"] == "unsupported_response_type"


# -- clients by hand --------------------------------------------------------------------------------------------------


def test_a_client_by_hand(provider: Provider) -> None:
    """It is vouched for by the operator, has a secret if it keeps one, and does not expire."""
    client, secret = register_by_hand(provider, "Build server", [WEB], keeps_secret=True)
    public, nothing = register_by_hand(provider, "Editor", ["http://127.0.0.1/cb"])

    assert secret is not None
    assert nothing is None
    assert client.may_use("client_secret_basic")
    assert not client.may_use("client_secret_post")
    assert public.is_public
    assert get_client(provider, client.client_id) == client
    assert "set up by the operator of this server" in Person(provider).open(client.client_id).text


@pytest.mark.parametrize(("name", "uri"), [("x" * 101, WEB), ("Editor", "http://app.example/cb"), ("Editor", "")])
def test_a_client_by_hand_obeys_the_same_rules(provider: Provider, name: str, uri: str) -> None:
    with pytest.raises(errors.OAuthError):
        register_by_hand(provider, name, [uri])
