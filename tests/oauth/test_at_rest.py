"""What a stolen database gives away: nothing that opens anything (B4, STO-2..6, section 30 point 4)."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flask_sentry_mcp.errors import SealBroken
from flask_sentry_mcp.oauth.grants import ACCESS, GRANT, REFRESH
from flask_sentry_mcp.oauth.seals import open_sealed, unpack
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.store.vault import Vault
from tests.oauth.at_rest import secrets_of, shown_in
from tests.oauth.flow import Flow, error_of, json_of, load_settings, new_flow, open_provider, sqlite_url


def dump(flow: Flow) -> bytes:
    """All that is in the files of the store."""
    path = Path(flow.provider.settings.store.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        rows = "\n".join(connection.iterdump()).encode()
    connection.close()
    raw = b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    blobs = b"".join(bytes.fromhex(part) for part in _hex(rows.decode()))
    return rows + raw + blobs


def _hex(text: str) -> Iterator[str]:
    for part in text.split("X'")[1:]:
        yield part.partition("'")[0]


def test_a_dump_of_the_store_shows_no_secret(flow: Flow) -> None:
    """B2, B4: no token, code, secret, verifier, name or e-mail; neither plain nor as base64."""
    secrets = secrets_of(flow)

    stolen = dump(flow)

    assert flow.client_id.encode() in stolen, "the dump holds what may be in it"
    assert shown_in(stolen, secrets) == []


def test_database_and_server_key_without_a_token_open_nothing(flow: Flow) -> None:
    """STO-3: every wrapped copy needs the token that it was made for."""
    tokens = flow.sign_in()
    grant = flow.grant(tokens["refresh_token"])

    for guess in (tokens["refresh_token"], "mcpa_" + "A" * 43, ""):
        with pytest.raises(SealBroken):
            flow.provider.vault.unwrap(ACCESS, grant.id, guess, unpack(grant.access[0].wrapped_key))


def test_a_token_without_our_key_opens_nothing(flow: Flow) -> None:
    """STO-3: a stolen token and the database, without the server key."""
    tokens = flow.sign_in()
    grant = flow.grant(tokens["refresh_token"])
    foreign = Vault([("test", b"another key of 32 bytes 12345678")])

    with pytest.raises(SealBroken):
        foreign.unwrap(REFRESH, grant.id, tokens["refresh_token"], unpack(grant.refresh_key))


def test_sealed_secrets_cannot_be_moved_to_another_grant(flow: Flow) -> None:
    """STO-3, STO-4: bound to grant, client and user, and to the Sentry that issued them."""
    mira, jonas = flow.sign_in(), flow.sign_in(user="jonas")
    here, there = flow.grant(mira["refresh_token"]), flow.grant(jonas["refresh_token"])
    key = flow.provider.vault.unwrap(REFRESH, here.id, mira["refresh_token"], unpack(here.refresh_key))
    assert open_sealed(key, here).email == "mira@northwind.example"

    for moved in (
        replace(there, upstream=here.upstream),
        replace(here, id=there.id),
        replace(here, user_id=there.user_id),
        replace(here, client=replace(here.client, client_id="mcpc_other")),
        replace(here, upstream_url="https://evil.example"),
    ):
        with pytest.raises(SealBroken):
            open_sealed(key, moved)


def test_a_wrapped_key_of_one_kind_is_not_one_of_another(flow: Flow) -> None:
    """STO-3: the kind of token is part of the seal."""
    tokens = flow.sign_in()
    grant = flow.grant(tokens["refresh_token"])

    with pytest.raises(SealBroken):
        flow.provider.vault.unwrap(ACCESS, grant.id, tokens["refresh_token"], unpack(grant.refresh_key))


def test_the_record_says_in_clear_what_management_needs(flow: Flow) -> None:
    """STO-6: who, which client, where, what, since when; and nothing that a person would mind."""
    token = flow.sign_in()["refresh_token"]
    (record,) = flow.provider.store.find(GRANT, owner=f"3104522@{flow.provider.settings.upstream_url}")

    kept = json.loads(record.value)
    assert kept["client"]["client_id"] == flow.client_id
    assert kept["skills"] == ["inspect"]
    assert kept["id"] == flow.grant(token).id
    assert b"northwind.example" not in record.value


def test_keys_rotate_with_the_tokens(sandbox: Sandbox, tmp_path: Path) -> None:
    """STO-5: the newest key wraps, older ones open, and a refresh wraps anew; then the old key may go."""
    old, new = ("2026a", b"a" * 24 + b"bcdefghi"), ("2026b", b"b" * 24 + b"cdefghij")
    url = sqlite_url(tmp_path)
    with open_provider(load_settings(sandbox, url, SENTRY_MCP_VAULT_KEYS=[old])) as provider:
        flow = new_flow(provider, sandbox)
        first, idle = flow.sign_in(), flow.sign_in()

    with open_provider(load_settings(sandbox, url, SENTRY_MCP_VAULT_KEYS=[old, new])) as provider:
        flow = replace(new_flow(provider, sandbox), client_id=flow.client_id)
        assert flow.context(first["access_token"]).token.current()
        second = json_of(flow.refresh(first["refresh_token"]))
        assert (flow.grant(second["refresh_token"]).refresh_key or "").startswith("2026b:")

    with open_provider(load_settings(sandbox, url, SENTRY_MCP_VAULT_KEYS=[new])) as provider:
        flow = replace(new_flow(provider, sandbox), client_id=flow.client_id)
        assert flow.context(second["access_token"]).token.current()
        with pytest.raises(SealBroken):
            flow.context(first["access_token"]).token.current()
        assert error_of(flow.refresh(idle["refresh_token"])) == (400, "invalid_grant")
