"""The vault: what the store holds opens only with a key of ours and a live token (B4, STO-3 to STO-5, REF-5)."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flask_sentry_mcp.errors import SealBroken
from flask_sentry_mcp.store.vault import Vault, Wrapped, grant_aad

OLD, NEW = ("2026a", b"old key, 32 bytes of anything..."), ("2026b", b"new key, 32 bytes of anything...")
TOKEN, OTHER = "mcpa_" + "t" * 43, "mcpa_" + "o" * 43
UPSTREAM = b'{"access_token": "sntryu_secret"}'
AAD = grant_aad("g1", "c1", "u1")


@pytest.fixture
def vault() -> Vault:
    return Vault([OLD, NEW])


class TestBothFactors:
    """B4: neither the database, nor database and key, nor token alone opens the upstream token."""

    @pytest.fixture
    def stored(self, vault: Vault) -> tuple[bytes, Wrapped]:
        """What a database row holds."""
        data_key = vault.new_data_key()
        return vault.seal(data_key, UPSTREAM, AAD), vault.wrap("access", "g1", TOKEN, data_key)

    def test_key_and_token_together_open(self, vault: Vault, stored: tuple[bytes, Wrapped]) -> None:
        sealed, wrapped = stored

        assert vault.open(vault.unwrap("access", "g1", TOKEN, wrapped), sealed, AAD) == UPSTREAM

    def test_the_row_shows_nothing(self, stored: tuple[bytes, Wrapped]) -> None:
        sealed, wrapped = stored

        assert b"sntryu" not in sealed + wrapped.blob
        assert TOKEN.encode() not in sealed + wrapped.blob

    def test_database_and_key_without_a_token_do_not(self, vault: Vault, stored: tuple[bytes, Wrapped]) -> None:
        """B4: the key holder may try every byte string the database offers in place of the token."""
        sealed, wrapped = stored

        for guess in ("", OTHER, "g1", sealed.hex(), wrapped.blob.hex()):
            with pytest.raises(SealBroken):
                vault.unwrap("access", "g1", guess, wrapped)

    def test_database_and_token_without_the_key_do_not(self, stored: tuple[bytes, Wrapped]) -> None:
        """B4: a key of the same name with other bytes is no key."""
        _, wrapped = stored

        with pytest.raises(SealBroken):
            Vault([(NEW[0], bytes(32))]).unwrap("access", "g1", TOKEN, wrapped)

    def test_the_database_alone_does_not(self, stored: tuple[bytes, Wrapped]) -> None:
        """B4: nothing in the row is a key of anything else in it."""
        sealed, wrapped = stored

        for guess in (wrapped.blob[:32], wrapped.blob[-32:], sealed[:32], bytes(32)):
            with pytest.raises(SealBroken):
                Vault.open(guess, sealed, AAD)


class TestBinding:
    """A blob moved to another place does not open there."""

    @pytest.mark.parametrize(
        ("kind", "grant", "token"), [("refresh", "g1", TOKEN), ("access", "g2", TOKEN), ("access", "g1", OTHER)]
    )
    def test_a_copy_belongs_to_one_kind_grant_and_token(self, vault: Vault, kind: str, grant: str, token: str) -> None:
        wrapped = vault.wrap("access", "g1", TOKEN, vault.new_data_key())

        with pytest.raises(SealBroken):
            vault.unwrap(kind, grant, token, wrapped)

    def test_a_copy_belongs_to_one_key(self, vault: Vault) -> None:
        wrapped = vault.wrap("access", "g1", TOKEN, vault.new_data_key())

        with pytest.raises(SealBroken):
            vault.unwrap("access", "g1", TOKEN, Wrapped(OLD[0], wrapped.blob))

    @pytest.mark.parametrize(
        "aad", [grant_aad("g2", "c1", "u1"), grant_aad("g1", "c2", "u1"), grant_aad("g1", "c1", "")]
    )
    def test_secrets_belong_to_one_grant_client_and_user(self, vault: Vault, aad: bytes) -> None:
        data_key = vault.new_data_key()

        with pytest.raises(SealBroken):
            vault.open(data_key, vault.seal(data_key, UPSTREAM, AAD), aad)

    @pytest.mark.parametrize("flip", range(0, 60, 7))
    def test_one_changed_bit_breaks_the_seal(self, vault: Vault, flip: int) -> None:
        data_key = vault.new_data_key()
        sealed = bytearray(vault.seal(data_key, UPSTREAM, AAD))
        sealed[flip] ^= 1

        with pytest.raises(SealBroken):
            vault.open(data_key, bytes(sealed), AAD)

    @pytest.mark.parametrize("length", [0, 5, 12, 20])
    def test_a_blob_cut_short_breaks_the_seal(self, vault: Vault, length: int) -> None:
        data_key = vault.new_data_key()

        with pytest.raises(SealBroken):
            vault.open(data_key, vault.seal(data_key, UPSTREAM, AAD)[:length], AAD)


class TestFormat:
    """Exactly as STO-3 and REF-5 write it, so that a store outlives this code: opened here by hand."""

    def test_sealed_secrets(self, vault: Vault) -> None:
        sealed = vault.seal(bytes(32), UPSTREAM, AAD)

        assert AESGCM(bytes(32)).decrypt(sealed[:12], sealed[12:], b"v1|g1|c1|u1") == UPSTREAM

    def test_wrapped_copy(self, vault: Vault) -> None:
        data_key = vault.new_data_key()
        wrapped = vault.wrap("access", "g1", TOKEN, data_key)

        kek = HKDF(SHA256(), 32, b"g1", b"mcp-oauth/wrap/v1").derive(TOKEN.encode() + NEW[1])
        assert wrapped.kid == "2026b"
        assert AESGCM(kek).decrypt(wrapped.blob[:12], wrapped.blob[12:], b"v1|access|g1|2026b") == data_key

    def test_sealed_successor(self, vault: Vault) -> None:
        sealed = vault.seal_successor(TOKEN, OTHER)

        key = HKDF(SHA256(), 32, None, b"mcp-oauth/succ/v1").derive(TOKEN.encode() + NEW[1])
        assert AESGCM(key).decrypt(sealed.blob[:12], sealed.blob[12:], None) == OTHER.encode()

    def test_nothing_is_sealed_alike_twice(self, vault: Vault) -> None:
        blobs = {vault.seal(bytes(32), UPSTREAM, AAD) for _ in range(50)}

        assert len(blobs) == 50
        assert len({vault.new_data_key() for _ in range(50)}) == 50


class TestSuccessor:
    """REF-5: only the holder of a superseded refresh token finds its successor."""

    def test_the_holder_does(self, vault: Vault) -> None:
        assert vault.open_successor(TOKEN, vault.seal_successor(TOKEN, OTHER)) == OTHER

    def test_nobody_else_does(self, vault: Vault) -> None:
        with pytest.raises(SealBroken):
            vault.open_successor(OTHER, vault.seal_successor(TOKEN, OTHER))


class TestKeyRotation:
    """STO-5: a new key wraps new copies; old keys open old ones until they are taken out."""

    def test_the_newest_wraps_and_all_open(self, vault: Vault) -> None:
        data_key = vault.new_data_key()
        before = Vault([OLD]).wrap("refresh", "g1", TOKEN, data_key)
        successor = Vault([OLD]).seal_successor(TOKEN, OTHER)

        assert before.kid == "2026a"
        assert vault.unwrap("refresh", "g1", TOKEN, before) == data_key
        assert vault.open_successor(TOKEN, successor) == OTHER
        assert vault.wrap("refresh", "g1", TOKEN, data_key).kid == vault.newest == "2026b"

    def test_a_key_that_is_gone_opens_nothing_more(self, vault: Vault) -> None:
        """STO-4: an unknown key makes the credential invalid; it is no fault of the server."""
        wrapped = Vault([OLD]).wrap("refresh", "g1", TOKEN, vault.new_data_key())

        with pytest.raises(SealBroken) as caught:
            Vault([NEW]).unwrap("refresh", "g1", TOKEN, wrapped)

        assert (caught.value.http_status, caught.value.error) == (401, "invalid_token")
        assert "2026a" not in caught.value.public
