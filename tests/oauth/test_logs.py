"""All that is logged, at DEBUG, during a whole life of a sign-in: no secret, no e-mail, no query (B13, LOG-1..4)."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flask_sentry_mcp import clock, signals
from flask_sentry_mcp.errors import SentrySignInRefused
from flask_sentry_mcp.oauth import administration, upstream
from flask_sentry_mcp.oauth.clients import Client
from flask_sentry_mcp.oauth.grants import suspect, swap
from flask_sentry_mcp.security import redact
from tests.oauth.flow import MCP, Flow, answer_of, error_of, json_of


@pytest.fixture
def written() -> Iterator[list[str]]:
    """Every line that any logger writes, as a handler at the root of the program would show it."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Handler()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    redact.install()
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_whole_life_writes_no_secret(flow: Flow, written: list[str]) -> None:
    """B13, section 30 point 5: sign-in, calls, refresh, replay, theft, failures, revocation."""
    flow.register(token_endpoint_auth_method="client_secret_post")
    secret = flow.secret or ""
    at_sentry = flow.to_sentry(resource=f"{MCP}/northwind", state="SECRET-STATE-OF-THE-CLIENT")
    cookies = [one.value for one in (flow.browser._cookies or {}).values()]
    back = flow.sandbox.approve(at_sentry)
    code = answer_of(flow.browser.get(back))["code"]
    first = json_of(flow.exchange(code, client_secret=secret))
    upstream_1 = flow.context(first["access_token"], "northwind").token.current()
    flow.sandbox.faults.add(path="auth/", status=401, body={"detail": "Invalid token"}, times=1)
    context = flow.context(first["access_token"], "northwind")
    context.sentry.get("auth", base=True)
    upstream_2 = context.token.current()
    second = json_of(flow.refresh(first["refresh_token"], client_secret=secret))
    flow.browser.get(back)
    assert error_of(flow.refresh(second["refresh_token"], client_secret="WRONG-SECRET")) == (401, "invalid_client")
    with clock.shifted(30 * 3600):
        assert error_of(flow.refresh(first["refresh_token"], client_secret=secret)) == (400, "invalid_grant")

    text = "\n".join(written)
    assert "Validate token request" in text, "Authlib's own lines are among them"
    assert "suspicious: refresh_reuse" in text
    assert "ended: reuse" in text
    issued = [tokens[name] for tokens in (first, second) for name in ("access_token", "refresh_token")]
    ours = [code, flow.verifier, flow.secret or "", *cookies, *issued, "SECRET-STATE", "WRONG-SECRET"]
    sentrys = [upstream_1, upstream_2, flow.sandbox.client_secret, back.partition("state=")[2], "northwind.example"]
    assert [secret for secret in (*ours, *sentrys) if secret in text] == []


def test_signals_carry_no_secret(flow: Flow) -> None:
    """LOG-2: their payloads are ids, reasons and skills."""
    seen: list[dict[str, object]] = []

    def note(_: object, **payload: object) -> None:
        seen.append(payload)

    for signal in signals.ALL:
        signal.connect(note, flow.provider.app)
    tokens = flow.sign_in()
    flow.revoke(tokens["refresh_token"])

    names = [set(one) for one in seen]
    assert {"grant_id", "client_id", "user_id", "resource", "skills"} in names
    assert {"grant_id", "client_id", "user_id", "reason"} in names
    assert not any(secret in str(seen) for secret in (*tokens.values(), "mira@") if len(str(secret)) > 4)


def test_an_address_is_an_id_that_is_not_told_whole(flow: Flow, written: list[str]) -> None:
    """LOG-2: host and hash, in the log and to those who keep watch; and enough to end its grants by."""
    id = "https://app.example/clients/7?tenant=secret"
    client = Client(client_id=id, name="App", redirect_uris=(), kind="document")
    token = flow.sign_in()["refresh_token"]
    held = flow.held(token)
    assert swap(flow.provider, held, replace(held.grant, client=client))
    seen: list[str] = []

    def note(_: object, client_id: str, **__: object) -> None:
        seen.append(client_id)

    signals.suspicious.connect(note, flow.provider.app)
    signals.grant_ended.connect(note, flow.provider.app)
    suspect(flow.provider, "code_replay", client_id=id)
    told = client.log_id
    assert administration.end_grants(flow.provider, client_id=told) == 1

    assert seen == [told, told]
    assert told.startswith("app.example#")
    assert "tenant" not in "\n".join(written)


def test_a_receiver_that_fails_harms_nobody(flow: Flow, written: list[str]) -> None:
    """The sign-in goes on, and the others hear of it."""
    heard: list[object] = []

    def failing(_: object, **__: object) -> None:
        raise RuntimeError("a watcher's own fault")

    def hearing(_: object, **payload: object) -> None:
        heard.append(payload)

    for signal in (signals.approval, signals.grant_started, signals.grant_ended, signals.suspicious):
        for receiver in (failing, hearing):
            signal.connect(receiver, flow.provider.app)
    tokens = flow.sign_in()
    suspect(flow.provider, "code_replay")
    assert flow.revoke(tokens["refresh_token"]).status_code == 200

    assert len(heard) == 5
    assert sum("A receiver of" in line for line in written) == 5


def test_sentrys_words_reach_the_log_but_nobody_else(flow: Flow, written: list[str]) -> None:
    """CB-2: under the event id that the client was given."""
    at_sentry = flow.to_sentry()
    flow.sandbox.faults.add(path="/oauth/token/", status=400, body={"error": "invalid_scope"})

    told = answer_of(flow.come_back(at_sentry))

    event_id = told["error_description"].rpartition("Event ")[2].rstrip(".")
    (line,) = (one for one in written if event_id in one)
    assert "invalid_scope" in line


def test_a_forged_line_stays_one_line(flow: Flow, written: list[str]) -> None:
    """LOG-4: what came with a redirect is quoted."""
    state = flow.to_sentry().partition("state=")[2].partition("&")[0]

    flow.browser.get(
        "https://mcp.test/oauth/callback", query_string={"state": state, "error": "x\u2028CRITICAL all is lost"}
    )

    assert not any("\u2028" in one for one in written)
    assert not any(one.startswith("CRITICAL") for one in written)


def test_the_filter_leaves_no_line_break(written: list[str]) -> None:
    """LOG-4: whatever a library writes; of an exception the lines stay."""
    logging.getLogger("flask_sentry_mcp").warning("client %s", "x\nWARNING all is lost\x1b[2J\r\u2028")

    assert written == ["client x\\nWARNING all is lost\\x1b[2J\\x0d\\u2028"]


def test_no_error_of_the_upstream_quotes_its_answer(flow: Flow) -> None:
    """B13: the exception that passes through our rooms holds a code of Sentry's at most."""
    flow.sandbox.faults.add(path="/oauth/token/", status=400, body={"error": "TOKEN abc", "access_token": "a" * 64})

    with pytest.raises(SentrySignInRefused) as caught:
        upstream.exchange(flow.provider, "code", "verifier")

    assert caught.value.error == "unknown"
    assert "TOKEN" not in str(caught.value)
