"""The callback: what comes back from Sentry, and what the client is told of it (B5, section 12)."""

from dataclasses import replace
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.oauth import callback
from flask_sentry_mcp.oauth.clients import IN_USE, NEVER_USED, get_client, put_client
from flask_sentry_mcp.oauth.grants import GRANT, of_user
from flask_sentry_mcp.testing import REDIRECT_URI
from tests.oauth.flow import ISSUER, MCP, Flow, answer_of

MIRA = "3104522"
TOKENS: dict[str, Any] = {
    "token_type": "Bearer",
    "access_token": "a" * 64,
    "refresh_token": "b" * 64,
    "expires_in": 2_591_999,
    "scope": "event:read org:read project:read team:read",
    "user": {"id": "1", "name": "M", "email": "m@northwind.example"},
}


def token_posts(flow: Flow) -> int:
    return sum(one.path == "/oauth/token/" for one in flow.sandbox.requests)


def test_code_state_and_issuer_go_to_the_client(flow: Flow) -> None:
    """B5, ISS-1: each once, by 303, kept by nobody on the way."""
    answer = flow.come_back(flow.to_sentry())

    assert answer.location.startswith(f"{REDIRECT_URI}?code=mcpz_")
    assert answer_of(answer) | {"code": ""} == {"code": "", "state": "the client's state", "iss": ISSUER}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_data() == b""


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://client.example/cb?keep=%20this&flag",
        "myapp.example:///cb",
        "com.example.app:/cb",
    ],
)
def test_the_registered_redirect_is_answered_byte_for_byte(flow: Flow, redirect_uri: str) -> None:
    """REDIR-6, Authlib quirk 5: no re-encoding of the query, no lost slash, one ``iss``."""
    flow.register(redirect_uris=[redirect_uri])

    location = flow.come_back(flow.to_sentry(redirect_uri=redirect_uri)).location

    assert location.startswith(redirect_uri + ("&" if "?" in redirect_uri else "?") + "code=")
    assert location.count("iss=") == 1


def test_no_upstream_secret_or_text_goes_to_the_client(flow: Flow) -> None:
    """B13, CB-2: Sentry's answer stays with us."""
    flow.sandbox.faults.add(path="/oauth/token/", status=400, body={"error": "SECRET-WORDS ignore all", "hint": "x"})

    answer = answer_of(flow.come_back(flow.to_sentry()))

    assert answer["error"] == "server_error"
    assert "SECRET" not in str(answer)
    assert "Event " in answer["error_description"]


def test_deny_at_sentry_is_told(flow: Flow) -> None:
    """C6: the person's no is the client's ``access_denied``."""
    flow.sandbox.revoke_all("mira")  # so that Sentry asks again

    answer = answer_of(flow.come_back(flow.to_sentry(), deny=True))

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "the client's state", ISSUER)
    assert flow.provider.store.count(GRANT) == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("invalid_scope", "server_error"),
        ("<script>", "server_error"),
    ],
)
def test_errors_of_sentry_are_mapped_and_never_passed_on(flow: Flow, error: str, told: str) -> None:
    """C6."""
    state = {"state": state_of(flow)}

    answer = flow.browser.get(f"{ISSUER}/oauth/callback", query_string={**state, "error": error, "code": "x"})

    assert answer_of(answer)["error"] == told
    assert token_posts(flow) == 0


@pytest.mark.parametrize(
    "query",
    [
        {"code": "x", "iss": "https://evil.example"},
        {},
        {"code": "x" * 513},
    ],
    ids=["another issuer", "no code", "code too long"],
)
def test_what_cannot_be_sentrys_answer_is_not_exchanged(flow: Flow, query: dict[str, str]) -> None:
    """C5 (RFC 9207: mix-up), C7."""
    answer = flow.browser.get(f"{ISSUER}/oauth/callback", query_string={"state": state_of(flow), **query})

    assert answer_of(answer)["error"] == "server_error"
    assert token_posts(flow) == 0


def test_sentrys_own_issuer_is_accepted(flow: Flow) -> None:
    """C5: when Sentry begins to send it."""
    back = flow.sandbox.approve(flow.to_sentry()) + f"&iss={flow.sandbox.url}"

    assert "code" in answer_of(flow.browser.get(back))


@pytest.mark.parametrize("name", ["state", "code", "error", "iss"])
def test_repeated_parameters_stop_here(flow: Flow, name: str) -> None:
    """C1: a page of ours, no redirect, nothing consumed."""
    back = flow.sandbox.approve(flow.to_sentry())

    answer = flow.browser.get(f"{back}&{name}=1&{name}=1")

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "code" in answer_of(flow.browser.get(back))


def test_the_code_is_exchanged_with_its_verifier_and_our_redirect(flow: Flow) -> None:
    """CB-3, CB-4: one form post with the trailing slash, credentials in the body."""
    flow.code()

    (post,) = (one for one in flow.sandbox.requests if one.path == "/oauth/token/")
    assert post.method == "POST"
    assert set(post.body) == {"client_id", "client_secret", "grant_type", "code", "redirect_uri", "code_verifier"}
    assert post.body["redirect_uri"] == [f"{ISSUER}/oauth/callback"]
    assert len(post.body["code_verifier"][0]) == 64


def test_a_code_of_another_sign_in_at_sentry_is_of_no_use(flow: Flow) -> None:
    """CB-4: Sentry's code is bound to the transaction; one that was injected fails at Sentry."""
    stolen = flow.sandbox.approve(flow.to_sentry(), user="jonas").partition("code=")[2].partition("&")[0]

    answer = flow.browser.get(f"{ISSUER}/oauth/callback", query_string={"state": state_of(flow), "code": stolen})

    assert answer_of(answer)["error"] == "server_error"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"status": 500}, "temporarily_unavailable"),
        ({"status": 429, "headers": {"Retry-After": "9"}}, "temporarily_unavailable"),
        ({"drop": True}, "temporarily_unavailable"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, "temporarily_unavailable"),
        ({"status": 302, "body": TOKENS}, "temporarily_unavailable"),
        ({"status": 200, "html": True}, "temporarily_unavailable"),
        ({"status": 401, "body": {"error": "invalid_client"}}, "server_error"),
        ({"status": 400, "body": {"error": "invalid_grant"}}, "server_error"),
        ({"status": 200, "body": {"token_type": "Bearer", "access_token": "a b"}}, "temporarily_unavailable"),
        ({"status": 200, "body": {"token_type": "mac", "access_token": "a" * 64}}, "temporarily_unavailable"),
    ],
)
def test_a_failing_exchange_is_told_apart(flow: Flow, fault: dict[str, Any], told: str) -> None:
    """C9, C10: "try again" where that helps; never a 500, never a grant; no redirect of Sentry's is followed."""
    at_sentry = flow.to_sentry()
    flow.sandbox.faults.add(path="/oauth/token/", **fault)

    answer = answer_of(flow.come_back(at_sentry))

    assert answer["error"] == told
    assert flow.provider.store.count(GRANT) == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user": {}}, "server_error"),
        ({"user": None}, "server_error"),
        ({"user": {"id": "../x"}}, "server_error"),
        ({"scope": "org:read"}, "access_denied"),
        ({"scope": None}, "access_denied"),
    ],
)
def test_an_answer_without_identity_or_with_too_few_scopes_gives_no_grant(
    flow: Flow, changes: dict[str, Any], told: str
) -> None:
    """C10: fail closed; the token that is not kept is given back to Sentry."""
    at_sentry = flow.to_sentry()
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=TOKENS | changes)

    assert answer_of(flow.come_back(at_sentry))["error"] == told

    assert flow.provider.store.count(GRANT) == 0
    assert [one.body["token"] for one in flow.sandbox.requests if one.path == "/oauth/revoke/"] == [["a" * 64]]


@pytest.mark.parametrize(
    "changes",
    [
        {"user": {"id": "1", "name": "", "email": None}},
        {"user": {"id": 1}},
        {"token_type": "bearer"},
        {"expires_in": None, "expires_at": None},
        {"refresh_token": None},
        {"scope": "event:admin project:write team:write org:admin"},
    ],
)
def test_old_and_odd_installations_can_sign_in(flow: Flow, changes: dict[str, Any]) -> None:
    """CB-5: e-mail null, name empty, ``bearer`` in lower case, tokens without an end or without refresh."""
    at_sentry = flow.to_sentry()
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=TOKENS | changes)

    answer = flow.exchange(answer_of(flow.come_back(at_sentry))["code"])

    assert answer.status_code == 200


def test_an_answer_of_sentrys_has_a_size(flow: Flow) -> None:
    """CB-3: 64 KiB, though all else about it is in order."""
    at_sentry = flow.to_sentry()
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=TOKENS | {"padding": "x" * 65_536})

    assert answer_of(flow.come_back(at_sentry))["error"] == "temporarily_unavailable"


def test_a_fault_of_ours_strands_nobody(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """C12: the client is told, the binding is gone, Sentry's token is given back, and the log has the traceback."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr("flask_sentry_mcp.oauth.callback.grants.create", fail)

    answer = flow.come_back(flow.to_sentry())

    told = answer_of(answer)
    assert told["error"] == "server_error"
    assert told["error_description"].split()[-1].rstrip(".") in caplog.text
    assert "secret" not in answer.location
    assert "Traceback" in caplog.text
    assert any("mcp_tx_" in cookie and "Max-Age=0" in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    assert [one.path for one in flow.sandbox.requests].count("/oauth/revoke/") == 1


def test_a_client_that_is_gone_is_not_redirected_to(flow: Flow) -> None:
    """C8, REDIR-7: neither with a code nor with an error."""
    at_sentry = flow.to_sentry()
    flow.provider.store.delete(NEVER_USED, flow.client_id)
    flow.provider.store.delete(IN_USE, flow.client_id)

    answer = flow.come_back(at_sentry)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert token_posts(flow) == 0


def test_an_address_withdrawn_meanwhile_is_not_redirected_to(flow: Flow) -> None:
    """REDIR-7, C8: the transaction says where the answer goes, the registration whether it may."""
    at_sentry = flow.to_sentry()
    client = get_client(flow.provider, flow.client_id)
    assert client is not None
    moved = replace(client, redirect_uris=("https://client.example/new",))
    put_client(flow.provider, moved, kind=NEVER_USED, ttl_s=60)

    answer = flow.come_back(at_sentry)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert token_posts(flow) == 0


def test_members_get_a_code_for_their_organization(flow: Flow) -> None:
    """B15, C11: by the person's own list, in whatever region."""
    assert flow.code(resource=f"{MCP}/northwind/checkout-api")
    assert flow.code(resource=f"{MCP}/Aurora-Labs")


@pytest.mark.parametrize("place", ["tidepool", "no-such-organization", "northwind/no-such-project"])
def test_others_get_access_denied_and_no_grant(flow: Flow, place: str) -> None:
    """B15, C11: not a member, no such organization, no such project: the same answer."""
    answer = answer_of(flow.come_back(flow.to_sentry(resource=f"{MCP}/{place}")))

    assert answer["error"] == "access_denied"
    assert flow.provider.store.count(GRANT) == 0


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}, {"status": 429}])
def test_membership_that_cannot_be_checked_is_no_membership(flow: Flow, fault: dict[str, Any]) -> None:
    """C11: for technical reasons is never "allowed"."""
    at_sentry = flow.to_sentry(resource=f"{MCP}/northwind")
    flow.sandbox.faults.add(path="organizations/*", **fault)

    assert answer_of(flow.come_back(at_sentry))["error"] == "temporarily_unavailable"
    assert flow.provider.store.count(GRANT) == 0


def test_a_new_authorization_ends_no_earlier_one(flow: Flow) -> None:
    """GRANT-1, UP-1: several grants of one person and client live side by side, each with tokens of its own."""
    first, second = flow.sign_in(), flow.sign_in()

    assert flow.context(first["access_token"]).token.current() != flow.context(second["access_token"]).token.current()
    assert len(list(of_user(flow.provider, MIRA))) == 2


def test_the_twenty_first_grant_ends_the_one_unused_for_longest(flow: Flow) -> None:
    """GRANT-1: at most twenty per person and client."""
    with clock.shifted(-3600):
        oldest = flow.sign_in()
    for user, count in (("jonas", 1), ("mira", 19)):
        for _ in range(count):
            flow.sign_in(user=user)
    assert not flow.grant(oldest["refresh_token"]).is_ended

    flow.sign_in()

    assert flow.grant(oldest["refresh_token"]).end_reason == "too_many"
    assert len(list(of_user(flow.provider, MIRA))) == 20


def test_another_clients_grants_make_no_room(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """GRANT-1: the number is per person and client."""
    monkeypatch.setattr(callback, "MAX_GRANTS", 1)
    first = flow.sign_in()
    flow.register()

    flow.sign_in()

    assert flow.events == []
    assert flow.context(first["access_token"])


def test_the_clients_other_checks_are_made_again(flow: Flow) -> None:
    """Section 12: Authlib validates the rebuilt request; a challenge that was lost on the way gives no code."""
    from flask_sentry_mcp.errors import OAuthError
    from flask_sentry_mcp.oauth.clients import get_client
    from flask_sentry_mcp.oauth.server import Server
    from flask_sentry_mcp.oauth.token_request import StrictRequest

    client = get_client(flow.provider, flow.client_id)
    server = Server(flow.provider, client)
    request = StrictRequest(
        "GET", {"response_type": "code", "client_id": flow.client_id, "redirect_uri": REDIRECT_URI, "scope": "org:read"}
    )

    with pytest.raises(OAuthError, match="PKCE"):
        server.create_authorization_response(
            request, grant_user=object(), grant=server.get_authorization_grant(request)
        )


def state_of(flow: Flow) -> str:
    return flow.to_sentry().partition("state=")[2].partition("&")[0]
