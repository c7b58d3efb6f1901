"""The official TypeScript client signs in, asks, refreshes and is shut out again, in both eras and both editions."""

from collections.abc import Iterator

import pytest
import requests

from flask_sentry_mcp import clock

from .site import serve
from .typescript import EDITIONS, Edition, Refused, TypeScriptClient


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve() as url:
        yield url


@pytest.fixture(params=EDITIONS, ids=str)
def edition(request: pytest.FixtureRequest) -> Edition:
    found: Edition = request.param
    return found


@pytest.fixture
def client(url: str, edition: Edition) -> Iterator[TypeScriptClient]:
    client = TypeScriptClient(edition, f"{url}/mcp")
    try:
        client.sign_in()
        yield client
    finally:
        client.end()


def posts(seen: list[str]) -> list[str]:
    """Without what runs beside a call: an older client's stream (GET), and what is looked up again for the sign-in."""
    return [one for one in seen if one.startswith("POST")]


def test_finds_its_way_from_401_to_a_connection(client: TypeScriptClient, edition: Edition) -> None:
    """B1: discovery, registration, authorization and token, with no detour; then the revision that was meant."""
    seen = client.do("seen")

    assert posts(seen)[:4] == [
        "POST /mcp 401",
        "POST /oauth/register 201",
        "POST /oauth/token 200",
        "POST /mcp 200",
    ]
    assert {one for one in seen if "well-known" in one} == {
        "GET /.well-known/oauth-protected-resource/mcp 200",
        "GET /.well-known/oauth-authorization-server 200",
    }
    assert client.do("version") == edition.version


def test_lists_and_calls(client: TypeScriptClient) -> None:
    """Tools of the catalogue and of the application; the library itself holds the result against the output schema."""
    tools = {tool["name"]: tool for tool in client.do("listTools")["tools"]}

    counted = client.call("count_unresolved", organizationSlug="northwind")

    assert {"find_organizations", "search_issues", "update_issue", "draft_status_update"} <= tools.keys()
    assert tools["count_unresolved"]["outputSchema"]["properties"].keys() == {"organization", "projects", "unresolved"}
    assert "Mira Okafor" in client.text("whoami")
    assert counted["structuredContent"]["organization"] == "northwind"
    assert counted["structuredContent"]["unresolved"] == sum(
        one["unresolved"] for one in counted["structuredContent"]["projects"]
    )
    assert counted["structuredContent"]["unresolved"] > 0


def test_a_wrong_argument_is_a_result_that_the_client_can_read(client: TypeScriptClient) -> None:
    result = client.call("draft_status_update", title="Checkout", impact="huge", steps=[])

    assert result["isError"] is True
    assert "impact" in result["content"][0]["text"]


def test_refreshes_when_the_access_token_has_expired(client: TypeScriptClient) -> None:
    before = client.do("memory")["tokens"]
    client.do("seen")

    with clock.shifted(before["expires_in"] + 1):
        text = client.text("whoami")

    after = client.do("memory")["tokens"]
    assert "Mira Okafor" in text
    seen = client.do("seen")
    assert posts(seen)[0] == "POST /mcp 401"
    assert posts(seen)[-1] == "POST /mcp 200"
    assert set(posts(seen)[1:-1]) == {"POST /oauth/token 200"}  # twice when an older client's stream expired as well
    assert {before["access_token"], before["refresh_token"]}.isdisjoint([after["access_token"], after["refresh_token"]])


def test_after_revocation_the_client_has_to_ask_the_person_again(client: TypeScriptClient, url: str) -> None:
    """B1: the access token dies with the refresh token; a refresh is refused; a new approval page is what is left."""
    memory = client.do("memory")
    tokens = memory["tokens"]
    client.do("seen")

    revoked = requests.post(
        f"{url}/oauth/revoke",
        data={"token": tokens["refresh_token"], "client_id": memory["client"]["client_id"]},
        timeout=10,
    )

    assert revoked.status_code == 200
    with pytest.raises(Refused) as refused:
        client.text("whoami")
    assert refused.value.name == "UnauthorizedError"
    assert posts(client.do("seen"))[:2] == ["POST /mcp 401", "POST /oauth/token 400"]
    assert client.do("memory")["open"] != memory["open"]
    assert "tokens" not in client.do("memory")


def test_both_protocol_eras_are_served_at_once(url: str) -> None:
    """One endpoint, three clients of different years, connected at the same time."""
    clients = [TypeScriptClient(edition, f"{url}/mcp") for edition in EDITIONS]
    try:
        for client in clients:
            client.sign_in()

        assert ["Mira Okafor" in client.text("whoami") for client in clients] == [True] * len(EDITIONS)
        assert [client.do("version") for client in clients] == [edition.version for edition in EDITIONS]
    finally:
        for client in clients:
            client.end()
