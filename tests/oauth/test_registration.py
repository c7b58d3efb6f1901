"""Dynamic registration: what clients in the field send is taken, what is dangerous is not; all of it ends (DCR)."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp import clock, signals
from flask_sentry_mcp.oauth import registration
from flask_sentry_mcp.oauth.clients import IN_USE, NEVER_USED, Client, get_client, touch_client
from flask_sentry_mcp.oauth.provider import Provider
from tests.oauth.person import ISSUER, WEB, Person, make_provider

DAY_S = 86_400


def register(person: Person, body: Any, content_type: str = "application/json") -> TestResponse:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return person.browser.post(f"{ISSUER}/oauth/register", data=data, content_type=content_type)


def test_a_public_client_in_full(person: Person) -> None:
    """DCR-3: no secret, the client's own redirect URIs, never to be cached."""
    answer = register(person, {"redirect_uris": [WEB], "client_name": "Editor", "token_endpoint_auth_method": "none"})

    body = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert body.pop("client_id").startswith("mcpc_")
    assert abs(body.pop("client_id_issued_at") - clock.now()) < 5
    assert body == {
        "redirect_uris": [WEB],
        "client_name": "Editor",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


@pytest.mark.parametrize(
    ("asked", "said", "may_use"),
    [
        ({}, "client_secret_basic", {"client_secret_basic", "client_secret_post"}),
        ({"token_endpoint_auth_method": "client_secret_post"}, "client_secret_post", {"client_secret_post"}),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "client_secret_basic", {"client_secret_basic"}),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["tls_client_auth", "client_secret_post", "none"],
            },
            "client_secret_post",
            {"client_secret_post"},
        ),
    ],
)
def test_a_client_with_a_secret(
    person: Person, provider: Provider, asked: dict[str, Any], said: str, may_use: set[str]
) -> None:
    """DCR-2, DCR-4, DCR-5: the secret is told once and kept as a hash; the method is then enforced exactly."""
    body = register(person, {"redirect_uris": [WEB], **asked}).get_json()

    client = get_client(provider, body["client_id"])
    assert client is not None
    assert body["token_endpoint_auth_method"] == said
    assert body["client_secret_expires_at"] == 0
    assert len(body["client_secret"]) == 43
    assert body["client_secret"] not in json.dumps(client.to_dict())
    assert {
        method for method in ("none", "client_secret_basic", "client_secret_post") if client.may_use(method)
    } == may_use


def test_placeholders_and_what_we_do_not_offer(person: Person) -> None:
    """DCR-2: empty strings and nulls are absent; unsupported grants, keys and unknown members are left out."""
    wanted: dict[str, Any] = {
        "redirect_uris": [WEB],
        "client_name": "",
        "client_uri": "",
        "logo_uri": None,
        "contacts": None,
        "scope": "issue:read unknown org:read",
        "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code", "token"],
        "token_endpoint_auth_method": "none",
        "client_id": "mine",
        "client_secret": "mine",
        "registration_access_token": "mine",
        "jwks_uri": "https://evil.example/jwks",
        "jwks": {"keys": []},
        "software_statement": "x.y.z",
        "client_name#de": "Redakteur",
        "anything": {"nested": [1]},
        "software_id": "editor",
        "policy_uri": "https://app.example/policy",
    }

    body = register(person, wanted).get_json()

    assert set(body) == {
        *("client_id", "client_id_issued_at", "redirect_uris", "client_name", "scope", "grant_types"),
        *("response_types", "token_endpoint_auth_method", "software_id", "policy_uri"),
    }
    assert body["client_name"] == "MCP client"
    assert body["scope"] == "org:read event:read"
    assert body["grant_types"] == ["authorization_code"]
    assert body["response_types"] == ["code"]
    assert body["client_id"] != "mine"


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "https://app.example/cb",
        [1],
        [None],
        [{"a": 1}],
        [WEB, WEB],
        [f"https://app.example/{n}" for n in range(11)],
        ["http://[127.0.0.1]/cb"],
        ["javascript:alert(1)"],
        ["javascript://x/%0aalert(1)"],
        ["http://app.example/cb"],
        [WEB, "https://app.example/cb#fragment"],
    ],
)
def test_unusable_redirect_uris(person: Person, uris: Any) -> None:
    """B11, DCR-2; Authlib quirk 17: integers are a 500 there, script URIs are accepted."""
    answer = register(person, {} if uris is None else {"redirect_uris": uris})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "member",
    [
        {"client_name": "x" * 101},
        {"client_name": "a\nb"},
        {"client_name": "a\u202eb"},
        {"client_name": "a\u200bb"},
        {"client_name": "\ue000"},
        {"client_name": "a\u2028b"},
        {"client_name": "   "},
        {"client_name": "..."},
        *({"client_name": unseen} for unseen in ("\u3164", "\u115f", "\u2800", "\u034f", "\u17b4", "\uffa0", "\ufe0f")),
        {"client_name": "Claude\u3164"},
        {"client_name": "Z" + "\u0335\u0311" * 4},
        {"client_name": 7},
        {"client_uri": "http://app.example"},
        {"client_uri": "javascript:alert(1)"},
        {"logo_uri": "https://user@app.example/logo.svg"},
        {"tos_uri": "https://app.example/" + "a" * 2048},
        {"policy_uri": ["https://app.example"]},
        {"contacts": ["a"] * 6},
        {"contacts": ["a" * 255]},
        {"contacts": "a@app.example"},
        {"scope": "a" * 1001},
        {"scope": 'org:read "'},
        {"scope": ["org:read"]},
        {"grant_types": ["client_credentials"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_methods_supported": ["x"]},
        {"token_endpoint_auth_method": 1},
        {"application_type": "service"},
        {"software_id": "x" * 101},
        {"software_version": "x" * 51},
    ],
)
def test_unusable_metadata(person: Person, member: dict[str, Any]) -> None:
    """B9, B11, DCR-2."""
    answer = register(person, {"redirect_uris": [WEB], **member})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    "name",
    [
        "Claude",
        "7",
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
        "\u0e17\u0e35\u0e48",
        "\u7f16\u8f91\u5668",
        "Editor \u26a1\ufe0f",
    ],
)
def test_names_in_every_script_are_taken(person: Person, name: str) -> None:
    """DCR-2."""
    assert register(person, {"redirect_uris": [WEB], "client_name": name}).get_json()["client_name"]


def test_a_name_is_kept_in_one_spelling(person: Person, provider: Provider) -> None:
    """DCR-2: NFC, so that two that look the same are the same."""
    answer = register(person, {"redirect_uris": [WEB], "client_name": "E\u0301diteur"}).get_json()

    client = get_client(provider, answer["client_id"])
    assert client is not None
    assert answer["client_name"] == client.name == "\u00c9diteur"


def test_a_scope_of_which_nothing_is_known_is_no_limit(person: Person, provider: Provider) -> None:
    """DCR-2: unknown scopes are dropped; with nothing left it is as if none had been named."""
    answer = register(person, {"redirect_uris": [WEB], "scope": "unknown:scope"}).get_json()

    client = get_client(provider, answer["client_id"])
    assert client is not None
    assert "scope" not in answer
    assert client.scope is None


def test_a_web_application_with_a_secret_has_no_business_on_loopback(person: Person) -> None:
    wanted = {"redirect_uris": ["http://localhost:5000/cb"], "application_type": "web"}

    assert register(person, wanted).get_json()["error"] == "invalid_redirect_uri"
    assert register(person, {**wanted, "token_endpoint_auth_method": "none"}).status_code == 201
    assert register(person, {**wanted, "application_type": "native"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"null", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"redirect_uris": ["https://a.example/"], "redirect_uris": []}', "application/json", 400),
        (b'{"redirect_uris": ["https://a.example/"], "x": NaN}', "application/json", 400),
        (b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}", "application/json", 400),
        (b'{"redirect_uris": ["https://a.example/"]}', "text/plain", 400),
        (b'{"redirect_uris": ["https://a.example/"]}', "application/json; charset=latin-1", 400),
        (b"redirect_uris=https://a.example/", "application/x-www-form-urlencoded", 400),
        (b" " * (32 * 1024 + 1), "application/json", 413),
    ],
)
def test_bodies_that_are_no_metadata(person: Person, body: bytes, content_type: str, status: int) -> None:
    """DCR-1, JSON-1: always JSON, whatever the caller accepts; Authlib quirk 17: no object is a 500 there."""
    answer = person.browser.post(
        f"{ISSUER}/oauth/register", data=body, content_type=content_type, headers={"Accept": "text/html"}
    )

    assert (answer.status_code, answer.get_json()["error"]) == (status, "invalid_client_metadata")


def test_a_charset_may_be_named(person: Person) -> None:
    assert register(person, {"redirect_uris": [WEB]}, 'application/json; charset="UTF-8"').status_code == 201


def test_a_registration_that_is_never_used_ends_after_a_week(person: Person, provider: Provider) -> None:
    """DCR-6."""
    client_id = person.register()

    with clock.shifted(7 * DAY_S - 60):
        assert get_client(provider, client_id) is not None
    with clock.shifted(7 * DAY_S + 60):
        assert get_client(provider, client_id) is None


def test_a_used_registration_lives_on_with_every_use(person: Person, provider: Provider) -> None:
    """DCR-6: 90 days from the last token request."""
    client = get_client(provider, person.register())
    assert client is not None
    touch_client(provider, client)

    with clock.shifted(80 * DAY_S):
        touch_client(provider, client)
    with clock.shifted(160 * DAY_S):
        assert get_client(provider, client.client_id) == client
    with clock.shifted(175 * DAY_S):
        assert get_client(provider, client.client_id) is None
    assert (provider.store.count(IN_USE), provider.store.count(NEVER_USED)) == (1, 0)


def test_a_use_is_written_once_a_day(person: Person, provider: Provider) -> None:
    client = get_client(provider, person.register())
    assert client is not None

    for _ in range(3):
        touch_client(provider, client)

    record = provider.store.get(IN_USE, client.client_id)
    assert record is not None
    assert record.version == 1


def test_a_registration_outlives_the_longest_grant() -> None:
    """DCR-6: a client with a live grant is never purged."""
    provider = make_provider(SENTRY_MCP_GRANT_MAX_TTL=365 * DAY_S)
    client = get_client(provider, Person(provider).register())
    assert client is not None
    touch_client(provider, client)

    with clock.shifted(364 * DAY_S):
        assert get_client(provider, client.client_id) is not None


def test_unused_registrations_have_a_limit(person: Person, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """DCR-7: when it is full, new ones wait, existing ones work, and what has ended makes room."""
    monkeypatch.setattr(registration, "MAX_NEVER_USED", 2)
    first = person.register()
    person.register()
    with heard() as events:
        full = register(person, {"redirect_uris": [WEB]})

    assert (full.status_code, full.get_json()["error"]) == (503, "temporarily_unavailable")
    assert int(full.headers["Retry-After"]) > 0
    assert [(event["event"], event["reason"]) for event in events] == [("registration_quota", "never used")]
    assert person.open(first).status_code == 200
    with clock.shifted(8 * DAY_S):
        assert register(person, {"redirect_uris": [WEB]}).status_code == 201


def test_one_address_registers_a_thousand_times_a_day(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """RATE-1."""
    start = time.time()
    now = [start]
    monkeypatch.setattr(time, "time", lambda: now[0])
    key = person.provider.limits.address_key("127.0.0.1")
    for _ in range(999):
        person.provider.limits.hit("1000/day", "oauth.register", key)

    statuses = []
    for minute in range(2):
        now[0] = start + 61 * minute
        statuses.append(register(person, {"redirect_uris": [WEB]}).status_code)

    assert statuses == [201, 429]


def test_one_address_registers_sixty_times_a_minute(person: Person) -> None:
    """DCR-7, RATE-1."""
    statuses = [register(person, {"redirect_uris": [WEB]}).status_code for _ in range(61)]

    assert statuses == [201] * 60 + [429]


def test_an_id_that_is_an_address_is_never_looked_up(provider: Provider) -> None:
    """CLI-1."""
    client = Client(client_id="https://app.example/client", name="Forged", redirect_uris=(WEB,))
    provider.store.put(IN_USE, client.client_id, json.dumps(client.to_dict()).encode(), ttl_s=60)

    assert get_client(provider, client.client_id) is None


def test_a_client_survives_the_store(person: Person, provider: Provider) -> None:
    client = get_client(provider, person.register(scope="org:read"))
    assert client is not None

    assert Client.from_dict(json.loads(json.dumps(client.to_dict()))) == client


@contextmanager
def heard() -> Iterator[list[dict[str, Any]]]:
    """The suspicious events of the block."""
    events: list[dict[str, Any]] = []

    def hear(sender: object, **event: Any) -> None:
        events.append(event)

    with signals.suspicious.connected_to(hear):
        yield events
