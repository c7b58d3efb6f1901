"""A client that is a document, after its sign-in began: all comes from the snapshot, nothing is fetched (CIMD-2)."""

import base64
import hashlib

from flask_sentry_mcp.oauth.clients import Client
from flask_sentry_mcp.oauth.records import Approved, AuthorizationRequest
from flask_sentry_mcp.oauth.resources import Resource
from flask_sentry_mcp.oauth.transactions import begin
from flask_sentry_mcp.testing import REDIRECT_URI
from tests.oauth.flow import MCP, Flow, answer_of, error_of, json_of

ID = "https://client.example/mcp.json"
SCOPES = ("event:read", "org:read", "project:read", "team:read")


def signed_in(flow: Flow, grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")) -> dict[str, str]:
    """The token answer for a client of that document, as it was at authorize."""
    client = Client(
        client_id=ID, name="By document", redirect_uris=(REDIRECT_URI,), kind="document", grant_types=grant_types
    )
    flow.client_id, flow.verifier = ID, "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    request = AuthorizationRequest(client, REDIRECT_URI, True, None, challenge, Resource(MCP), SCOPES)
    onward = begin(flow.provider, Approved(request, ("inspect",), SCOPES), "jti", {})
    for cookie in onward.set_cookies:
        flow.browser.set_cookie(f"__Host-{cookie.name}", cookie.value, domain="mcp.test", secure=True)
    code = answer_of(flow.come_back(onward.location))["code"]
    return json_of(flow.exchange(code))


def test_it_signs_in_refreshes_and_revokes_from_the_snapshot(flow: Flow) -> None:
    """A third party's outage cannot sign anybody out."""
    first = signed_in(flow)

    second = json_of(flow.refresh(first["refresh_token"]))

    assert flow.context(second["access_token"]).client_id == ID
    assert flow.revoke(second["refresh_token"]).status_code == 200
    assert error_of(flow.refresh(second["refresh_token"])) == (400, "invalid_grant")


def test_what_the_document_said_of_refresh_counts(flow: Flow) -> None:
    """TOK-3: a client that listed no refresh grant gets no refresh token."""
    assert "refresh_token" not in signed_in(flow, grant_types=("authorization_code",))


def test_another_document_cannot_use_its_tokens(flow: Flow) -> None:
    """REF-2: the id is compared with the grant's."""
    token = signed_in(flow)["refresh_token"]
    flow.client_id = "https://other.example/mcp.json"

    assert error_of(flow.refresh(token)) == (400, "invalid_grant")
