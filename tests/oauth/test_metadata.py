"""Discovery: the documents say what holds, at one address each, whatever the request looks like (META, END, CORS)."""

import json

import pytest

from tests.oauth.person import ISSUER, WEB, Person, make_provider

SERVER = f"{ISSUER}/.well-known/oauth-authorization-server"
RESOURCE = f"{ISSUER}/.well-known/oauth-protected-resource"
SCOPES = ["org:read", "project:read", "project:write", "team:read", "team:write", "event:read", "event:write"]


def test_the_authorization_server_in_full(person: Person) -> None:
    """META-1, META-2: exactly these members."""
    answer = person.browser.get(SERVER)

    assert answer.get_json() == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/oauth/authorize",
        "token_endpoint": f"{ISSUER}/oauth/token",
        "registration_endpoint": f"{ISSUER}/oauth/register",
        "revocation_endpoint": f"{ISSUER}/oauth/revoke",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": SCOPES,
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": [f"{ISSUER}/mcp"],
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/mcp", "/mcp"),
        ("/mcp/", "/mcp"),
        ("/mcp/acme", "/mcp/acme"),
        ("/mcp/acme/web/", "/mcp/acme/web"),
        ("/mcp/acme?skills=inspect,triage", "/mcp/acme?skills=inspect,triage"),
    ],
)
def test_a_resource_in_full(person: Person, path: str, resource: str) -> None:
    """META-3: ``resource`` is the address a client must use, with its query and without a slash at its end."""
    answer = person.browser.get(RESOURCE + path)

    assert answer.get_json() == {
        "resource": ISSUER + resource,
        "authorization_servers": [ISSUER],
        "scopes_supported": SCOPES,
        "bearer_methods_supported": ["header"],
        "resource_name": "Sentry MCP",
    }


@pytest.mark.parametrize(
    "url",
    [
        RESOURCE,
        f"{RESOURCE}/other",
        f"{RESOURCE}/mcpx",
        f"{RESOURCE}/mcp/a/b/c",
        f"{RESOURCE}/mcp//acme",
        f"{RESOURCE}/mcp/acme%2Fweb",
        f"{RESOURCE}/mcp/ac%6De",
        f"{RESOURCE}/mcp/%2e%2e",
        f"{RESOURCE}/mcp/-acme",
        f"{RESOURCE}/mcp/acme?q=%22<script>",
        f"{SERVER}/mcp",
        f"{SERVER}/",
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/.well-known/openid-configuration/mcp",
    ],
)
def test_other_addresses_have_no_document(person: Person, url: str) -> None:
    """END-2, END-3, META-3: 404 as JSON, so that a client goes on to the next address it knows."""
    answer = person.browser.get(url, headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer.get_json()["error"] == "not_found"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_same_bytes_for_every_request(person: Person) -> None:
    """META-1, CFG-2: neither Host nor forwarding headers nor Accept nor a query have a part in them."""
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
        "Accept": "text/html",
    }

    plain = person.browser.get(SERVER)

    assert person.browser.get(f"{SERVER}?x=evil.example", headers=forged).data == plain.data
    assert b"evil" not in person.browser.get(f"{RESOURCE}/mcp", headers=forged).data


def test_an_issuer_with_a_path() -> None:
    """META-1, RFC 8414 section 3.1: the well-known segment stands between host and path."""
    person = Person(make_provider(SENTRY_MCP_PUBLIC_URL=f"{ISSUER}/sentry"))

    assert person.browser.get(f"{SERVER}/sentry").get_json()["token_endpoint"] == f"{ISSUER}/sentry/oauth/token"
    assert person.browser.get(f"{RESOURCE}/sentry/mcp/acme").get_json()["resource"] == f"{ISSUER}/sentry/mcp/acme"
    assert person.browser.get(SERVER).status_code == 404
    assert person.browser.get(f"{RESOURCE}/mcp").status_code == 404


def test_what_is_switched_off_is_not_advertised() -> None:
    person = Person(
        make_provider(
            SENTRY_MCP_REGISTRATION=False,
            SENTRY_MCP_CLIENT_DOCUMENTS=False,
            SENTRY_MCP_ADVERTISE_ISS=False,
            SENTRY_MCP_READ_ONLY=True,
        )
    )

    document = person.browser.get(SERVER).get_json()

    assert "registration_endpoint" not in document
    assert document["client_id_metadata_document_supported"] is False
    assert document["authorization_response_iss_parameter_supported"] is False
    assert document["scopes_supported"] == ["org:read", "project:read", "team:read", "event:read"]
    assert (
        person.browser.post(f"{ISSUER}/oauth/register", json={"redirect_uris": ["https://a.example/"]}).status_code
        == 404
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_only_reading_is_served(person: Person, method: str) -> None:
    """META-4, END-1."""
    answer = person.browser.open(SERVER, method=method)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert person.browser.head(SERVER).status_code == 200


@pytest.mark.parametrize(
    "url", [SERVER, f"{RESOURCE}/mcp", *(f"{ISSUER}/oauth/{name}" for name in ("token", "register", "revoke"))]
)
def test_preflights_of_the_machine_endpoints(person: Person, url: str) -> None:
    """B17, CORS-1: any page may call these; none of them looks at a cookie."""
    answer = person.browser.options(url, headers={"Origin": "https://anything.example"})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "MCP-Protocol-Version" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("sentry_host", "origin", "allowed"),
    [
        ("sentry.io", "https://sentry.io", True),
        ("sentry.io", "https://us.sentry.io", True),
        ("us.sentry.io", "https://acme.sentry.io", True),
        ("sentry.io", "http://sentry.io", False),
        ("sentry.io", "https://sentry.io.evil.example", False),
        ("sentry.io", "https://evilsentry.io", False),
        ("sentry.io", "https://sentry.io:8443", False),
        ("sentry.io", "https://.sentry.io", False),
        ("sentry.io", "https://evil.example/.sentry.io", False),
        ("sentry.io", "https://evil.example", False),
        ("sentry.io", "null", False),
        ("sentry.acme.example", "https://sentry.acme.example", True),
        ("sentry.acme.example", "https://sub.sentry.acme.example", False),
        ("sentry.acme.example", "https://sentry.io", False),
    ],
)
@pytest.mark.parametrize("step", ["authorize", "approve", "callback"])
def test_preflights_of_the_browser_steps(sentry_host: str, origin: str, allowed: bool, step: str) -> None:
    """B17: only Sentry's own origins; not a foreign one, and not one that merely looks like it."""
    person = Person(make_provider(SENTRY_HOST=sentry_host))

    answer = person.browser.options(f"{ISSUER}/oauth/{step}", headers={"Origin": origin})

    assert (answer.status_code, answer.headers["Allow"]) == (
        204,
        "OPTIONS, POST" if step == "approve" else "GET, OPTIONS",
    )
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_documents_are_json_of_one_line(person: Person) -> None:
    assert b"\n" not in person.browser.get(SERVER).data
    assert json.loads(person.browser.get(f"{RESOURCE}/mcp").data)["resource"] == f"{ISSUER}/mcp"


def test_old_clients_find_the_addresses_that_they_guess() -> None:
    """END-4: at the root of the site, by the same handlers, and only where the operator wants it."""
    person = Person(make_provider(SENTRY_MCP_ENDPOINT_ALIASES=True, SENTRY_MCP_PUBLIC_URL=f"{ISSUER}/sentry"))
    client_id = person.browser.post(f"{ISSUER}/register", json={"redirect_uris": [WEB]}).get_json()["client_id"]

    page = person.browser.get(f"{ISSUER}/authorize", query_string={"client_id": client_id, "response_type": "x"})
    refused = person.browser.post(f"{ISSUER}/token", data={"client_id": client_id, "grant_type": "x"})

    assert page.location.startswith(f"{WEB}?error=unsupported_response_type&")
    assert refused.get_json()["error"] == "unsupported_grant_type"
    assert person.browser.get(f"{ISSUER}/sentry/oauth/connections").status_code == 200
    for path in ("/authorize", "/token", "/register"):
        assert Person(make_provider()).browser.post(f"{ISSUER}{path}").status_code == 404
