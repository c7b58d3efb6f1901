"""The token endpoint: which grants there are, how long tokens live, what an error says (section 14, 24)."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.oauth.clients import IN_USE, NEVER_USED
from flask_sentry_mcp.oauth.grants import token_hash
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security import redact
from flask_sentry_mcp.skills import SKILLS, Skill
from tests.oauth.flow import Flow, answer_of, error_of, json_of, load_settings, new_flow, open_provider, sqlite_url


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        ({"grant_type": 'x" y'}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
def test_what_is_not_served_is_named(flow: Flow, form: dict[str, str], error: str) -> None:
    """TOK-4."""
    assert error_of(flow.post("token", form)) == (400, error)


def test_a_grant_that_was_not_registered_is_refused(flow: Flow) -> None:
    """TOK-4: ``unauthorized_client``."""
    flow.register(grant_types=["authorization_code"])

    assert error_of(flow.refresh("mcpr_" + "A" * 43)) == (400, "unauthorized_client")


@pytest.mark.parametrize("name", ["code", "client_id", "grant_type", "code_verifier"])
def test_a_repeated_parameter_is_refused(flow: Flow, name: str) -> None:
    """GATE-3, Authlib quirk 6: also when both values are the same."""
    body = f"grant_type=authorization_code&client_id={flow.client_id}&code=x&code_verifier={'v' * 43}"
    again = next(part for part in body.split("&") if part.startswith(f"{name}="))

    answer = flow.app.test_client().post(
        "https://mcp.test/oauth/token", data=f"{body}&{again}", content_type="application/x-www-form-urlencoded"
    )

    assert error_of(answer) == (400, "invalid_request")


def test_parameters_come_from_the_body_alone(flow: Flow) -> None:
    """GATE-1, GATE-2, Authlib quirk 8: no query, no multipart."""
    form = {"grant_type": "refresh_token", "client_id": flow.client_id, "refresh_token": "x"}
    client, url = flow.app.test_client(), "https://mcp.test/oauth/token"

    assert error_of(client.post(url, query_string=form, data={})) == (400, "invalid_request")
    assert error_of(client.post(url, data=form, content_type="multipart/form-data")) == (400, "invalid_request")


def test_the_requests_own_scheme_and_host_do_not_matter(flow: Flow) -> None:
    """CFG-2, Authlib quirk 7: plain http behind a TLS proxy is not a 500."""
    code = flow.code()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": flow.verifier,
        "client_id": flow.client_id,
    }

    answer = flow.app.test_client().post(
        "http://10.0.0.7:8000/oauth/token", data=form, headers={"X-Forwarded-Proto": "gopher"}
    )

    assert answer.status_code == 200


def test_an_access_token_lives_for_an_hour_not_for_authlibs_ten_days(flow: Flow) -> None:
    """TOK-5, Authlib quirk 14."""
    assert flow.sign_in()["expires_in"] == 3600


def test_no_token_outlives_its_grant(flow: Flow) -> None:
    """TOK-5: the remaining life of the grant bounds it."""
    refresh_token = flow.sign_in()["refresh_token"]
    for day in range(20, 90, 20):
        with clock.shifted(day * 86_400):
            refresh_token = json_of(flow.refresh(refresh_token))["refresh_token"]

    with clock.shifted(90 * 86_400 - 100):
        assert 0 < json_of(flow.refresh(refresh_token))["expires_in"] <= 100


def test_no_token_outlives_sentrys_when_that_cannot_be_renewed(flow: Flow) -> None:
    """TOK-5: and when nothing of it is left, nothing is issued."""
    at_sentry = flow.to_sentry()
    body = {
        "token_type": "bearer",
        "access_token": "a" * 64,
        "expires_in": 600,
        "scope": "event:read org:read project:read team:read",
        "user": {"id": "1"},
    }
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=body)

    tokens = json_of(flow.exchange(answer_of(flow.come_back(at_sentry))["code"]))

    assert 590 <= tokens["expires_in"] <= 600
    with clock.shifted(601):
        assert error_of(flow.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


def test_no_token_lives_for_no_time(flow: Flow) -> None:
    """TOK-5: never 0 or less; here Sentry's was over before the code was exchanged."""
    at_sentry = flow.to_sentry()
    body = {
        "token_type": "bearer",
        "access_token": "a" * 64,
        "expires_in": 60,
        "scope": "event:read org:read project:read team:read",
        "user": {"id": "1"},
    }
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=body)
    code = answer_of(flow.come_back(at_sentry))["code"]

    with clock.shifted(61):
        assert error_of(flow.exchange(code)) == (400, "invalid_grant")


def test_an_error_is_a_sentence_of_ours(flow: Flow) -> None:
    """ERR-1: ASCII without quotes, short, with an event id; nothing of the caller's."""
    answer = json_of(flow.exchange("mcpz_SECRET" + "A" * 37))

    assert set(answer) == {"error", "error_description", "event_id"}
    assert re.fullmatch(r"[ !#-\[\]-~]{1,200}", answer["error_description"])
    assert "SECRET" not in str(answer)


def test_a_registration_in_use_is_kept(flow: Flow) -> None:
    """DCR-6: seven days unused, then ninety days from the last token."""
    flow.sign_in()

    assert flow.provider.store.get(NEVER_USED, flow.client_id) is None
    record = flow.provider.store.get(IN_USE, flow.client_id)
    assert record is not None
    assert record.expires_at > clock.now() + 90 * 86_400


def test_one_grant_cannot_ask_without_end(flow: Flow) -> None:
    """RATE: sixty token requests a minute for one grant; and none of them spends anything (RATE-2)."""
    token = flow.sign_in()["refresh_token"]
    for _ in range(59):
        token = json_of(flow.refresh(token))["refresh_token"]

    limited = flow.refresh(token)

    assert limited.status_code == 429
    assert flow.grant(token).refresh_hash == token_hash(token)


def test_authlibs_log_of_issued_tokens_is_redacted(flow: Flow, caplog: pytest.LogCaptureFixture) -> None:
    """LOG-3, Authlib quirk 15: at DEBUG it writes whole token answers."""
    redact.install()
    with caplog.at_level(logging.DEBUG):
        tokens = flow.sign_in()

    assert any(isinstance(one, redact.RedactFilter) for one in logging.getLogger("authlib").filters)
    assert any(record.name.startswith("authlib") for record in caplog.records)
    assert tokens["access_token"] not in caplog.text
    assert tokens["refresh_token"] not in caplog.text


def test_a_skill_may_need_nothing_of_sentry(sandbox: Sandbox, tmp_path: Path) -> None:
    """TOK-3: ``scope`` is told also when it is empty, and the sign-in lives like any other."""
    own = Skill("reports", "Read reports", "Reports of the application itself.", frozenset())
    with open_provider(load_settings(sandbox, sqlite_url(tmp_path))) as provider:
        flow = new_flow(replace(provider, skills=(*SKILLS, own)), sandbox)

        tokens = flow.sign_in(skills=("reports",))

        assert tokens["scope"] == ""
        assert flow.context(tokens["access_token"]).skills == {"reports"}
        assert json_of(flow.refresh(tokens["refresh_token"]))["scope"] == ""


def test_lives_are_those_of_the_settings(sandbox: Sandbox, tmp_path: Path) -> None:
    """Section 2: ``SENTRY_MCP_ACCESS_TTL``."""
    with open_provider(load_settings(sandbox, sqlite_url(tmp_path), SENTRY_MCP_ACCESS_TTL=120)) as provider:
        assert new_flow(provider, sandbox).sign_in()["expires_in"] == 120
