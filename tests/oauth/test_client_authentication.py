"""Who calls the token and revocation endpoints: exactly the registered method, one answer for all that is wrong."""

import base64
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp.oauth.clients import IN_USE, Client, get_client, put_client, touch_client
from flask_sentry_mcp.store.base import Record
from tests.oauth.flow import Flow, error_of, json_of

INVALID_CLIENT = (401, "invalid_client")
INVALID_GRANT = (400, "invalid_grant")  # the client was let in, and only the token is wrong
TOKEN = "mcpr_" + "A" * 43


def refresh(flow: Flow, form: dict[str, str], header: str | None = None, endpoint: str = "token") -> TestResponse:
    wanted = {"grant_type": "refresh_token", "refresh_token": TOKEN, "token": TOKEN}
    headers = {} if header is None else {"Authorization": header}
    return flow.app.test_client().post(f"https://mcp.test/oauth/{endpoint}", data={**wanted, **form}, headers=headers)


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_a_public_client_names_itself_in_the_body(flow: Flow) -> None:
    """TOK-1: ``none``."""
    assert error_of(refresh(flow, {"client_id": flow.client_id})) == INVALID_GRANT


def test_a_public_client_with_a_secret_is_refused(flow: Flow) -> None:
    """TOK-1: exactly the registered method."""
    assert error_of(refresh(flow, {"client_id": flow.client_id, "client_secret": "x"})) == INVALID_CLIENT
    assert error_of(refresh(flow, {}, basic(f"{flow.client_id}:x"))) == INVALID_CLIENT


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_secret_is_accepted_by_the_registered_method_alone(flow: Flow, method: str) -> None:
    """TOK-1, DCR-5."""
    flow.register(token_endpoint_auth_method=method)
    by_basic = error_of(refresh(flow, {}, basic(f"{flow.client_id}:{flow.secret}")))
    by_post = error_of(refresh(flow, {"client_id": flow.client_id, "client_secret": flow.secret or ""}))
    by_none = error_of(refresh(flow, {"client_id": flow.client_id}))

    assert (by_basic == INVALID_GRANT) is (method == "client_secret_basic")
    assert (by_post == INVALID_GRANT) is (method == "client_secret_post")
    assert by_none == INVALID_CLIENT


def test_who_registered_no_method_may_use_either(flow: Flow) -> None:
    """TOK-1, DCR-2."""
    flow.register(token_endpoint_auth_method=None)

    assert error_of(refresh(flow, {}, basic(f"{flow.client_id}:{flow.secret}"))) == INVALID_GRANT
    assert error_of(refresh(flow, {"client_id": flow.client_id, "client_secret": flow.secret or ""})) == INVALID_GRANT


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic YQ",
        basic("no colon"),
        basic(b"\xff\xfe:x"),
        basic("%ff:x"),
        "Bearer " + "x" * 43,
        basic(":"),
    ],
)
def test_a_malformed_header_is_an_invalid_client(flow: Flow, header: str) -> None:
    """TOK-1, Authlib quirk 9: 401 with a Basic challenge, never a 500."""
    answer = refresh(flow, {}, header)

    assert error_of(answer) == INVALID_CLIENT
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="oauth"'


def test_no_challenge_for_who_sent_no_header(flow: Flow) -> None:
    """TOK-2: RFC 6749 section 5.2."""
    answer = refresh(flow, {"client_id": "mcpc_unknown"})

    assert error_of(answer) == INVALID_CLIENT
    assert "WWW-Authenticate" not in answer.headers


def test_two_identities_in_one_request_are_refused(flow: Flow) -> None:
    """TOK-1, Authlib quirk 11: Basic for one client and the body id of another authenticate neither."""
    other = flow.client_id
    flow.register(token_endpoint_auth_method="client_secret_basic")
    header = basic(f"{flow.client_id}:{flow.secret}")

    assert error_of(refresh(flow, {"client_id": other}, header)) == (400, "invalid_request")
    assert error_of(refresh(flow, {"client_secret": flow.secret or ""}, header)) == (400, "invalid_request")
    assert error_of(refresh(flow, {"client_id": flow.client_id}, header)) == INVALID_GRANT


def test_unknown_and_wrong_secret_look_the_same(flow: Flow) -> None:
    """TOK-2, Authlib quirk 10: 401 in both cases, so that a client with a dead registration registers again."""
    flow.register(token_endpoint_auth_method="client_secret_post")
    wrong = json_of(refresh(flow, {"client_id": flow.client_id, "client_secret": "wrong"}))
    unknown = json_of(refresh(flow, {"client_id": "mcpc_unknown", "client_secret": "wrong"}))

    assert wrong | {"event_id": ""} == unknown | {"event_id": ""}


def test_basic_credentials_are_form_decoded(flow: Flow) -> None:
    """TOK-1: RFC 6749 section 2.3.1."""
    flow.register(token_endpoint_auth_method="client_secret_basic")
    spelt = "".join(f"%{ord(letter):02x}" for letter in flow.client_id)

    assert error_of(refresh(flow, {}, "bAsIc " + basic(f"{spelt}:{quote(flow.secret or '')}")[6:])) == INVALID_GRANT


def test_the_same_holds_for_revocation(flow: Flow) -> None:
    """REV-1."""
    flow.register(token_endpoint_auth_method="client_secret_post")

    assert error_of(refresh(flow, {"client_id": flow.client_id}, endpoint="revoke")) == INVALID_CLIENT
    proof = {"client_id": flow.client_id, "client_secret": flow.secret or ""}
    assert refresh(flow, proof, endpoint="revoke").status_code == 200


def test_failures_are_counted_by_client_and_address(flow: Flow) -> None:
    """RATE: ten failures a minute, then 429; another client is not held responsible."""
    for _ in range(10):
        assert error_of(refresh(flow, {"client_id": "mcpc_unknown"})) == INVALID_CLIENT

    limited = refresh(flow, {"client_id": "mcpc_unknown"})

    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) >= 1
    assert error_of(refresh(flow, {"client_id": flow.client_id})) == INVALID_GRANT


def test_a_document_client_is_never_looked_up_among_the_registered(flow: Flow) -> None:
    """CLI-1, CIMD-2: an id that is a URL keeps no secret, whatever a record of that id says."""
    id = "https://client.example/mcp.json"
    planted = Client(client_id=id, name="x", redirect_uris=(), auth_method="client_secret_post", secret_hash="0" * 64)
    put_client(flow.provider, planted, kind="client", ttl_s=60)

    assert error_of(refresh(flow, {"client_id": id})) == INVALID_GRANT
    assert error_of(refresh(flow, {"client_id": id, "client_secret": "x"})) == INVALID_CLIENT


def test_a_client_is_known_while_it_is_moved(flow: Flow) -> None:
    """DCR-6: its first token request, by another worker, moves it; a 401 meanwhile would make it register again."""
    client = get_client(flow.provider, flow.client_id)
    assert client is not None
    original = flow.provider.store.get
    reads: list[str] = []

    def get(kind: str, id: str) -> Record | None:
        found = original(kind, id)
        if id == flow.client_id and not reads:
            reads.append(kind)
            touch_client(flow.provider, client)
        return found

    flow.provider.store.get = get  # type: ignore[method-assign]  # moved after the first read

    assert error_of(refresh(flow, {"client_id": flow.client_id})) == INVALID_GRANT
    assert reads == [IN_USE]
