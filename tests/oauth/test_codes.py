"""The authorization code: once, for its client, with its verifier (section 13)."""

import json
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import Unauthenticated
from flask_sentry_mcp.oauth.code_grant import Pkce
from flask_sentry_mcp.oauth.grants import CODE, GRANT, end, token_hash
from flask_sentry_mcp.testing import REDIRECT_URI
from tests.oauth.flow import MCP, Flow, answer_of, error_of, json_of

INVALID_GRANT = (400, "invalid_grant")


def test_a_code_gives_tokens(flow: Flow) -> None:
    """TOK-3: all members, and never kept by a cache."""
    answer = flow.exchange(flow.code())

    tokens = json_of(answer)
    assert answer.status_code == 200
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert tokens["scope"] == "event:read org:read project:read team:read"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.mimetype == "application/json"


def test_a_code_is_known_by_its_hash_alone(flow: Flow) -> None:
    """CODE-1: not the code, and no key that opens without it."""
    code = flow.code()

    (record,) = flow.provider.store.find(CODE)

    assert code.startswith("mcpz_")
    assert len(code) == 48
    assert record.id == token_hash(code)
    assert code.encode() not in record.value


@pytest.mark.parametrize("code", ["mcpz_" + "A" * 43, "x", "mcpa_" + "A" * 43])
def test_unknown_codes_are_refused(flow: Flow, code: str) -> None:
    """CODE-2 step 3."""
    assert error_of(flow.exchange(code)) == INVALID_GRANT


def test_another_client_cannot_use_or_spoil_a_code(flow: Flow) -> None:
    """CODE-2 step 4: refused without touching the code (WOP #225)."""
    code, owner = flow.code(), flow.client_id
    flow.register()
    assert error_of(flow.exchange(code)) == INVALID_GRANT

    flow.client_id = owner

    assert flow.exchange(code).status_code == 200


def test_a_code_expires(flow: Flow) -> None:
    """CODE-2 step 5: five minutes."""
    code = flow.code()

    with clock.shifted(301):
        assert error_of(flow.exchange(code)) == INVALID_GRANT


def test_a_redirect_uri_that_differs_is_refused(flow: Flow) -> None:
    """CODE-2 step 6: the port of a loopback address counts here; and the code is not spent by it."""
    code = flow.code()

    assert error_of(flow.exchange(code, redirect_uri="http://127.0.0.1:9999/callback")) == INVALID_GRANT
    assert flow.exchange(code).status_code == 200


def test_the_redirect_uri_may_be_left_out(flow: Flow) -> None:
    """CODE-2 step 6: PKCE does its work (OAuth 2.1 section 10.2)."""
    assert flow.exchange(flow.code(), redirect_uri=None).status_code == 200


def test_omitted_at_authorize_is_not_any_at_the_token_endpoint(flow: Flow) -> None:
    """Authlib quirk 12: what was not sent then cannot be made up now."""
    flow.register(redirect_uris=["https://client.example/cb"])
    code = flow.code(redirect_uri=None)

    assert error_of(flow.exchange(code, redirect_uri="https://evil.example/cb")) == INVALID_GRANT
    assert flow.exchange(code, redirect_uri="https://client.example/cb").status_code == 200


def test_the_resource_may_be_repeated_and_narrowed(flow: Flow) -> None:
    """RES-3: what was authorized binds; the tokens may be for less of it."""
    same = flow.exchange(flow.code(resource=f"{MCP}/northwind"), resource=f"{MCP}/northwind")
    less = flow.exchange(flow.code(resource=f"{MCP}/northwind"), resource=f"{MCP}/northwind/checkout-api")

    flow.context(json_of(same)["access_token"], "northwind", "checkout-api")
    with pytest.raises(Unauthenticated):
        flow.context(json_of(less)["access_token"], "northwind")


@pytest.mark.parametrize("resource", [MCP, f"{MCP}/Aurora-Labs", "https://evil.example/mcp", f"{MCP}/northwind-corp"])
def test_a_wider_or_other_resource_is_refused_and_the_code_kept(flow: Flow, resource: str) -> None:
    """CODE-2 step 7, B14: ``invalid_target``, and the code is not consumed."""
    code = flow.code(resource=f"{MCP}/northwind")

    assert error_of(flow.exchange(code, resource=resource)) == (400, "invalid_target")
    assert flow.exchange(code).status_code == 200


def test_two_resources_are_refused(flow: Flow) -> None:
    """GATE-3, RES-2."""
    body = f"grant_type=authorization_code&client_id={flow.client_id}&code=x&resource={MCP}&resource={MCP}/a"

    answer = flow.app.test_client().post(
        "https://mcp.test/oauth/token", data=body, content_type="application/x-www-form-urlencoded"
    )

    assert error_of(answer) == (400, "invalid_target")


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_a_wrong_verifier_burns_the_code_for_every_kind_of_client(flow: Flow, method: str) -> None:
    """PKCE-1, CODE-2 step 9, Authlib quirks 1 and 13: confidential clients need PKCE too, and the code stays burnt."""
    flow.register(token_endpoint_auth_method=method)
    proof = credentials(flow, method)
    code = flow.code()

    assert error_of(flow.exchange(code, code_verifier="v" * 43, **proof)) == INVALID_GRANT
    assert error_of(flow.exchange(code, **proof)) == INVALID_GRANT


def test_what_a_wrong_verifier_leaves_behind(flow: Flow) -> None:
    """CODE-2: nothing. Nobody can collect the grant any more, and Sentry forgets the token it was for."""
    code = flow.code()
    (granted,) = flow.provider.store.find(GRANT)

    flow.exchange(code, code_verifier="v" * 43)

    assert flow.provider.store.get(GRANT, granted.id) is None
    assert [one.path for one in flow.sandbox.requests][-1] == "/oauth/revoke/"
    assert flow.events == []


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
def test_a_missing_verifier_is_refused_for_every_kind_of_client(flow: Flow, method: str) -> None:
    """PKCE-1, Authlib quirk 1: whatever the client's secret."""
    flow.register(token_endpoint_auth_method=method)
    proof = credentials(flow, method)

    code = flow.code()

    assert error_of(flow.exchange(code, code_verifier=None, **proof)) == (400, "invalid_request")
    assert flow.exchange(code, **proof).status_code == 200, "a malformed request does not burn the code"


@pytest.mark.parametrize("verifier", ["v" * 42, "v" * 129, "v" * 42 + "!", "v" * 43 + "\n"])
def test_a_malformed_verifier_is_refused_before_the_code_is_touched(flow: Flow, verifier: str) -> None:
    """GATE-6."""
    code = flow.code()

    assert error_of(flow.exchange(code, code_verifier=verifier)) == (400, "invalid_request")
    assert flow.exchange(code).status_code == 200


def test_only_s256_is_known(flow: Flow) -> None:
    """PKCE-1, Authlib quirk 2: ``plain`` is not even in the table that Authlib looks into."""
    assert set(Pkce().CODE_CHALLENGE_METHODS) == {"S256"}
    assert answer_of(flow.ask(code_challenge_method="plain"))["error"] == "invalid_request"
    assert answer_of(flow.ask(code_challenge_method=None))["error"] == "invalid_request"
    assert answer_of(flow.ask(code_challenge=None, code_challenge_method=None))["error"] == "invalid_request"


def test_a_replay_with_the_right_verifier_ends_the_grant(flow: Flow) -> None:
    """CODE-3: who has code and verifier has stolen both, or was robbed of both."""
    code = flow.code()
    tokens = json_of(flow.exchange(code))

    assert error_of(flow.exchange(code)) == INVALID_GRANT

    with pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])
    assert error_of(flow.refresh(tokens["refresh_token"])) == INVALID_GRANT
    assert flow.events == [("suspicious", "code_replay"), ("ended", "code_replay")]


def test_a_replay_with_another_verifier_leaves_the_grant(flow: Flow) -> None:
    """CODE-3: otherwise whoever sees a code in a log could sign the person out."""
    code = flow.code()
    tokens = json_of(flow.exchange(code))

    assert error_of(flow.exchange(code, code_verifier="v" * 43)) == INVALID_GRANT

    assert flow.context(tokens["access_token"])
    assert flow.events == [("suspicious", "code_replay")]


def test_a_late_replay_is_still_recognised(flow: Flow) -> None:
    """CODE-3: a used code is kept for a day after its end."""
    code = flow.code()
    flow.exchange(code)

    with clock.shifted(300 + 86_000):
        assert error_of(flow.exchange(code)) == INVALID_GRANT

    assert ("ended", "code_replay") in flow.events


def test_a_client_that_registered_no_refresh_gets_none(flow: Flow) -> None:
    """TOK-3: and then the grant is over with its access token."""
    flow.register(grant_types=["authorization_code"])

    tokens = json_of(flow.exchange(flow.code()))

    assert "refresh_token" not in tokens
    with clock.shifted(3601), pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])


def test_an_ended_grant_gives_nothing_for_its_code(flow: Flow) -> None:
    """STORE-1: the code means nothing without a live grant."""
    code = flow.code()
    (record,) = flow.provider.store.find(CODE)
    end(flow.provider, json.loads(record.value)["grant_id"], "admin")

    assert error_of(flow.exchange(code)) == INVALID_GRANT


def test_a_code_whose_seal_is_broken_is_invalid(flow: Flow) -> None:
    """STO-4: never a 500; those who keep watch are told."""
    code = flow.code()
    (record,) = flow.provider.store.find(CODE)
    value = json.loads(record.value) | {"wrapped_key": "test:AAAA"}
    flow.provider.store.put(CODE, record.id, json.dumps(value).encode(), ttl_s=60)

    assert error_of(flow.exchange(code)) == INVALID_GRANT
    assert flow.events == [("suspicious", "integrity_failure")]


def test_no_text_of_the_caller_is_in_an_error(flow: Flow) -> None:
    """Authlib's own errors hold the caller's text; ours do not (ERR-1)."""
    answer = flow.exchange(flow.code(), redirect_uri="http://127.0.0.1:1/SECRET-WORDS")

    assert "SECRET" not in answer.text
    assert REDIRECT_URI not in answer.text


def credentials(flow: Flow, method: str) -> dict[str, Any]:
    if method == "client_secret_basic":
        return {"auth": (flow.client_id, flow.secret)}
    return {"client_secret": flow.secret} if method == "client_secret_post" else {}
