"""Settings: read once, checked at start, every mistake told at once and by name (B16, CFG-1)."""

import base64
import secrets
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP, config
from flask_sentry_mcp.errors import ConfigurationError
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for
from tests.oauth.document_host import certificate_for

KEY = secrets.token_bytes(32)
GOOD: dict[str, Any] = {
    "SENTRY_MCP_PUBLIC_URL": "https://mcp.acme.example",
    "SENTRY_CLIENT_ID": "an-id",
    "SENTRY_CLIENT_SECRET": "a-secret",
    "COOKIE_SECRET": "0123456789abcdefghijklmnopqrstuvw",
    "SENTRY_MCP_VAULT_KEYS": [("2026a", KEY)],
}


def mistakes(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refused:
        config.load(GOOD | changes)
    return refused.value.mistakes


def test_reads_native_values_and_defaults() -> None:
    settings = config.load(GOOD)

    assert settings.public_url == "https://mcp.acme.example"
    assert settings.resource_url == "https://mcp.acme.example/mcp"
    assert settings.host == "sentry.io"
    assert settings.upstream_url == "https://sentry.io"
    assert settings.vault_keys == (("2026a", KEY),)
    assert settings.region_domains == ("sentry.io", "us.sentry.io", "de.sentry.io")


def test_reads_the_same_from_environment_strings() -> None:
    """The environment knows only text."""
    old, new = base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY[::-1]).decode()
    text = {
        "SENTRY_MCP_VAULT_KEYS": f"old:{old}, new:{new}",
        "SENTRY_MCP_READ_ONLY": "true",
        "SENTRY_MCP_ACCESS_TTL": "600",
        "SENTRY_ALLOWED_REGION_DOMAINS": "us.sentry.io, de.sentry.io",
    }

    settings = config.load(GOOD | text)

    assert settings.vault_keys == (("old", KEY), ("new", KEY[::-1]))
    assert settings.read_only is True
    assert settings.access_ttl_s == 600
    assert settings.region_domains == ("us.sentry.io", "de.sentry.io")


def test_a_cookie_secret_has_32_characters() -> None:
    """B16: one fewer stops the start."""
    secret = secrets.token_hex(16)

    assert config.load(GOOD | {"COOKIE_SECRET": secret}).cookie_secret == secret
    with pytest.raises(ConfigurationError, match="COOKIE_SECRET must have at least 32"):
        config.load(GOOD | {"COOKIE_SECRET": secret[:31]})


def test_tells_every_mistake_at_once_by_name() -> None:
    """B16: missing and short values stop the start, together, by name."""
    with pytest.raises(ConfigurationError) as refused:
        config.load({"COOKIE_SECRET": "short-but-various", "SENTRY_MCP_CODE_TTL": "soon"})

    told = str(refused.value)
    for key in (
        "SENTRY_MCP_PUBLIC_URL is missing",
        "SENTRY_CLIENT_ID is missing",
        "SENTRY_CLIENT_SECRET is missing",
        "COOKIE_SECRET must have at least 32",
        "SENTRY_MCP_VAULT_KEYS is missing",
        "SENTRY_MCP_CODE_TTL must be a whole number from 30 to 600",
    ):
        assert key in told
    assert len(refused.value.mistakes) == 6


@pytest.mark.parametrize("key", [row.metadata["key"] for row in config.rows() if row.metadata["secret"]])
def test_a_secret_is_never_quoted(key: str) -> None:
    """B13: the complaint about a secret does not contain it."""
    (told, *_) = mistakes(**{key: 12345678901234.5})

    assert told.startswith(key)
    assert "12345678901234.5" not in told


def test_flasks_secret_key_serves_as_cookie_secret() -> None:
    given = {key: value for key, value in GOOD.items() if key != "COOKIE_SECRET"}

    settings = config.load(given | {"SECRET_KEY": "s" * 8 + GOOD["COOKIE_SECRET"], "SECRET_KEY_FALLBACKS": None})

    assert settings.cookie_secret.endswith(GOOD["COOKIE_SECRET"])


@pytest.mark.parametrize("value", ["change-me", "0" * 40, "abcabcabcabcabcabcabcabcabcabcabcabc"])
def test_sample_values_are_refused(value: str) -> None:
    """CFG-1: a documented sample, or a repeated letter, is not a secret."""
    assert mistakes(COOKIE_SECRET=value) == ("COOKIE_SECRET is a sample value; make a random one.",)


@pytest.mark.parametrize(
    ("key", "most"), [("SENTRY_MCP_CODE_TTL", 600), ("SENTRY_MCP_REFRESH_GRACE", 3_600), ("SENTRY_MCP_STATE_TTL", 600)]
)
def test_what_must_end_soon_has_an_upper_bound(key: str, most: int) -> None:
    """CFG-1."""
    config.load(GOOD | {key: most})

    (told,) = mistakes(**{key: most + 1})

    assert told.startswith(f"{key} must be a whole number from")
    assert told.endswith(f" to {most}.")


@pytest.mark.parametrize(
    "url",
    [
        "mcp.acme.example",
        "https://mcp.acme.example/",
        "https://MCP.acme.example",
        "HTTPS://mcp.acme.example",
        "https://mcp.acme.example:443",
        "https://user@mcp.acme.example",
        "https://mcp.acme.example?x=1",
        "https://mcp.acme.example#",
        "https://mcp.acme.example/a/../b",
        "https://mcp.acme.example//a",
        "https://mcp.acme.example:99999",
        "https://mcp.acme.example:",
        "https://[::1",
        "https://a..b",
        "https://-",
        "https://:8080",
        "https://a:0",
        "https://a:08443",
        "https://[127.0.0.1]",
        "https://",
        "http://mcp.acme.example",
        "http://127.0.0.1:80",
        "ftp://mcp.acme.example",
    ],
)
def test_an_issuer_has_one_spelling(url: str) -> None:
    """CFG-1: clients compare the issuer character by character."""
    (told,) = mistakes(SENTRY_MCP_PUBLIC_URL=url)

    assert told.startswith("SENTRY_MCP_PUBLIC_URL must")


@pytest.mark.parametrize(
    ("url", "path"),
    [("https://a.example/sentry", "/sentry"), ("http://127.0.0.1:5000", ""), ("http://localhost:5000/x", "/x")],
)
def test_an_issuer_may_have_a_path_and_be_loopback(url: str, path: str) -> None:
    settings = config.load(GOOD | {"SENTRY_MCP_PUBLIC_URL": url})

    assert settings.issuer_path == path
    assert settings.public_origin + path == url


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [("a", b"short")],
        [("a", b"\0" * 32)],
        [("a", KEY), ("a", KEY)],
        "a",
        "a:***",
        [("a b", KEY)],
        7,
    ],
)
def test_vault_keys_are_long_and_named_once(keys: object) -> None:
    (told,) = mistakes(SENTRY_MCP_VAULT_KEYS=keys)

    assert told.startswith("SENTRY_MCP_VAULT_KEYS ")


def test_a_misspelt_key_stops_the_start_and_is_corrected() -> None:
    assert mistakes(SENTRY_MCP_ACESS_TTL=5) == (
        "SENTRY_MCP_ACESS_TTL is not a setting. Did you mean SENTRY_MCP_ACCESS_TTL?",
    )
    assert mistakes(SENTRY_CLIENT_SECERT="x") == (
        "SENTRY_CLIENT_SECERT is not a setting. Did you mean SENTRY_CLIENT_SECRET?",
    )


def test_the_settings_of_sentrys_own_sdk_are_left_alone() -> None:
    others = {
        "SENTRY_DSN": "https://k@o1.ingest.sentry.io/1",
        "SENTRY_ENVIRONMENT": "production",
        "SENTRY_RELEASE": "1",
    }

    assert config.load(GOOD | others).host == "sentry.io"


@pytest.mark.parametrize(
    "host",
    [
        "https://sentry.io",
        "sentry.io/",
        "Sentry.io",
        "a..b",
        "u@sentry.io",
        "sentry.io:x",
        "sentry.io:",
        "sentry.io:0",
        "sentry.io:99999",
        "x" * 1000,
        "-sentry.io",
        "3627732462",
        "10.1",
        "256.1.1.1",
    ],
)
def test_a_host_is_only_a_host(host: str) -> None:
    (told,) = mistakes(SENTRY_HOST=host)

    assert told.startswith("SENTRY_HOST must")


@pytest.mark.parametrize("host", ["sentry.io", "sentry.mycompany.com", "8.8.8.8", "10.evil.example"])
def test_plain_http_is_refused_for_a_public_host(host: str) -> None:
    assert mistakes(SENTRY_HOST=host, SENTRY_MCP_INSECURE_HTTP=True) == (
        "SENTRY_MCP_INSECURE_HTTP must not be used with a public SENTRY_HOST.",
    )


@pytest.mark.parametrize("host", ["sentry", "127.0.0.1:5001", "10.2.3.4", "sentry.internal:9000", "localhost:9000"])
def test_plain_http_may_be_used_in_a_closed_network(host: str) -> None:
    settings = config.load(GOOD | {"SENTRY_HOST": host, "SENTRY_MCP_INSECURE_HTTP": True})

    assert settings.upstream_url == f"http://{host}"


@pytest.mark.parametrize(("given", "rule"), [("90/hour", "90/hour"), ("off", ""), ("OFF", "")])
def test_a_limit_is_a_rate_or_off(given: str, rule: str) -> None:
    assert config.load(GOOD | {"SENTRY_MCP_CALL_LIMIT": given}).call_limit == rule


@pytest.mark.parametrize("given", ["often", "0/minute", "60", "60/fortnight", "-1/minute", ""])
def test_any_other_limit_is_refused_or_absent(given: str) -> None:
    """An empty value is an absent one, never "no limit"."""
    if given:
        assert mistakes(SENTRY_MCP_CALL_LIMIT=given)[0].startswith("SENTRY_MCP_CALL_LIMIT must look like 60/minute")
    else:
        assert config.load(GOOD | {"SENTRY_MCP_CALL_LIMIT": given}).call_limit == "120/minute"


def test_every_row_says_what_it_is_for() -> None:
    for row in config.rows():
        assert row.metadata["doc"].endswith("."), row.name
        assert row.metadata["key"].startswith(("SENTRY_", "COOKIE_")), row.name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SENTRY_MCP_ALLOWED_ORIGINS", "*"),
        ("SENTRY_MCP_ALLOWED_ORIGINS", "https://chat.example/"),
        ("SENTRY_MCP_ALLOWED_ORIGINS", "https://Chat.example"),
        ("SENTRY_MCP_ALLOWED_ORIGINS", "https://chat.example:443"),
        ("SENTRY_MCP_ALLOWED_ORIGINS", "//"),
        ("SENTRY_MCP_ALLOWED_ORIGINS", "chat.example"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "javascript"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "http"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "Cursor"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "cursor://"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "//"),
        ("SENTRY_MCP_CLIENT_DOMAINS", "https://app.example"),
        ("SENTRY_MCP_REFUSED_CLIENT_DOMAINS", "app.example:443"),
        ("SENTRY_MCP_RESOURCE_PATH", "/oauth"),
        ("SENTRY_MCP_RESOURCE_PATH", "/oauth/token"),
        ("SENTRY_MCP_STORE", "mysql://h/db"),
        ("SENTRY_MCP_STORE", "sqlite:///a\x00b"),
        ("SENTRY_MCP_STORE", "sqlite://"),
        ("SENTRY_MCP_STORE", "postgresql+psycopg://h:port/db"),
        ("SENTRY_MCP_LIMITS_STORAGE", "foo"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis://h:port"),
        ("SENTRY_MCP_LIMITS_STORAGE", "async+memory://"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis+nonsense://h"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis://h\n:1"),
    ],
)
def test_what_could_never_work_is_told_at_start(key: str, value: str) -> None:
    """B16, and beside any other mistake."""
    told = mistakes(**{key: value, "SENTRY_MCP_CODE_TTL": "soon"})

    assert {mistake.split()[0] for mistake in told} == {key, "SENTRY_MCP_CODE_TTL"}
    assert len(told) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SENTRY_MCP_ALLOWED_ORIGINS", "https://chat.example http://localhost:3000 vscode-webview://abc123"),
        ("SENTRY_MCP_PRIVATE_SCHEMES", "cursor com.example.app"),
        ("SENTRY_MCP_RESOURCE_PATH", "/oauthless/mcp"),
        ("SENTRY_MCP_STORE", "postgresql+psycopg://me:p%40ss@[::1]:5432/db?sslmode=require"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis://:p@my_Host:6379/1"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis+cluster://a:7000,b:7001"),
        ("SENTRY_MCP_LIMITS_STORAGE", "redis+unix:///run/redis.sock"),
        ("SENTRY_MCP_PUBLIC_URL", "http://[::1]:5000"),
    ],
)
def test_what_works_is_let_through(key: str, value: str) -> None:
    config.load(GOOD | {key: value})


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_sentry_mcp.settings_values.find_spec", lambda _: None)

    (told,) = mistakes(SENTRY_MCP_LIMITS_STORAGE="redis://host")

    assert told == "SENTRY_MCP_LIMITS_STORAGE needs the package redis, which is not installed."


def test_contradictions_are_told_beside_other_mistakes() -> None:
    told = mistakes(
        SENTRY_MCP_CODE_TTL="soon",
        SENTRY_MCP_INSECURE_HTTP=True,
        SENTRY_MCP_REFRESH_IDLE_TTL=7200,
        SENTRY_MCP_GRANT_MAX_TTL=3600,
    )

    assert len(told) == 3


def test_a_contradiction_with_what_cannot_be_read_is_not_told() -> None:
    told = mistakes(SENTRY_HOST="Sentry.io", SENTRY_MCP_INSECURE_HTTP=True, SENTRY_MCP_GRANT_MAX_TTL="long")

    assert [mistake.split()[0] for mistake in told] == ["SENTRY_HOST", "SENTRY_MCP_GRANT_MAX_TTL"]


# -- Flask's own places ---------------------------------------------------------------------------------------------


def from_secret_key(**flasks: Any) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != "COOKIE_SECRET"} | flasks


def test_what_flask_reads_from_the_environment_is_read() -> None:
    """``Flask.config.from_prefixed_env`` makes numbers of digits."""
    app = Flask("host")
    app.config.from_mapping(GOOD)
    environment = {"T_SENTRY_MCP_READ_ONLY": "1", "T_SENTRY_CLIENT_ID": "42", "T_SENTRY_MCP_ACCESS_TTL": "600"}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        app.config.from_prefixed_env("T")

    settings = config.load(app.config)

    assert (settings.read_only, settings.client_id, settings.access_ttl_s) == (True, "42", 600)


def test_a_secret_key_of_bytes_serves() -> None:
    """``SECRET_KEY = os.urandom(32)`` is what many have."""
    key = bytes(range(128, 160))

    settings = config.load(from_secret_key(SECRET_KEY=key, SECRET_KEY_FALLBACKS=[key[::-1]]))

    assert settings.cookie_secret.encode("latin-1") == key
    assert settings.cookie_secret_fallbacks[0].encode("latin-1") == key[::-1]


def test_a_mistake_names_the_key_that_was_read() -> None:
    with pytest.raises(ConfigurationError) as refused:
        config.load(from_secret_key(SECRET_KEY="dev", SECRET_KEY_FALLBACKS=["short"], COOKIE_SECRET=""))

    assert [mistake.split()[0] for mistake in refused.value.mistakes] == ["SECRET_KEY", "SECRET_KEY_FALLBACKS"]


def test_flasks_fallbacks_go_with_flasks_key() -> None:
    """With a secret of our own, SECRET_KEY and its fallbacks are none of our business."""
    settings = config.load(GOOD | {"SECRET_KEY": "dev", "SECRET_KEY_FALLBACKS": ["dev"]})

    assert settings.cookie_secret == GOOD["COOKIE_SECRET"]
    assert settings.cookie_secret_fallbacks == ()


@pytest.mark.parametrize(
    ("key", "name"),
    [("SENTRY_ALLOWED_REGION_DOMAINS", "region_domains"), ("SENTRY_MCP_PRIVATE_SCHEMES", "private_schemes")],
)
def test_a_list_with_a_default_may_be_emptied(key: str, name: str) -> None:
    assert getattr(config.load(GOOD | {key: ""}), name) == ()


def test_the_environment_is_taken_with_its_misspellings() -> None:
    """So that ``load`` can tell of them; what is meant for others is left."""
    ours = {"SENTRY_HOST": "sentry.io", "SENTRY_MCP_ACESS_TTL": "5", "SENTRY_CLIENT_SECERT": "x", "SENTRY_MCP_": ""}

    assert config.settings_from({**ours, "HOME": "/root", "SENTRY_DSN": "https://k@o1.ingest.sentry.io/1"}) == ours


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_bundle_is_read_at_the_start(tmp_path: Path, content: str | None) -> None:
    """Not at the first request: a wrong path would only be told to the first who signs in."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    (told,) = mistakes(SENTRY_MCP_CA_BUNDLE=str(path))

    assert told.startswith("SENTRY_MCP_CA_BUNDLE must be the path of a PEM file")


def test_a_ca_bundle_is_what_the_connections_trust(sandbox: Sandbox, tmp_path: Path) -> None:
    certificate, _ = certificate_for(tmp_path, "sentry.corp")
    app = Flask("app")
    app.config.update(settings_for(sandbox, SENTRY_MCP_CA_BUNDLE=str(certificate)))

    SentryMCP(app)

    assert state_of(app).provider.connections.ca_bundle == str(certificate)
