"""Sealing at rest: what the store holds opens only with one of our keys and a live token together (STO-3 to STO-5).

A grant's secrets are sealed with a data key of its own. That key is in the store only as wrapped copies, one for each
live code, access or refresh token, each under a key made of the token and of a server key. So the database alone, the
database with the server key, or a stolen token without the server key, open nothing.

The newest server key wraps; every key that is configured unwraps. A copy cannot be moved to a newer key without its
token, so keys rotate as tokens do: each refresh wraps anew, and an old key may go when ``kid`` names it nowhere.

This module keeps nothing and knows no store: callers put the blobs into their records.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import SealBroken, VaultKeyUnknown

KEY_BYTES = 32
NONCE_BYTES = 12
WRAP_INFO = b"mcp-oauth/wrap/v1"
SUCCESSOR_INFO = b"mcp-oauth/succ/v1"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A sealed blob and the name of the server key that took part; both are stored, side by side."""

    kid: str
    blob: bytes


class Vault:
    """Seals with the newest of *keys*, ``[("2026a", 32 random bytes), ...]``, newest last; opens with any of them."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._keys = dict(keys)
        self.newest = keys[-1][0]

    @staticmethod
    def new_data_key() -> bytes:
        """A fresh data key for one grant: 32 random bytes."""
        return secrets.token_bytes(KEY_BYTES)

    @staticmethod
    def seal(data_key: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """*plaintext* under *data_key*, bound to *aad* (see ``grant_aad``): nonce, then ciphertext and tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(data_key).encrypt(nonce, plaintext, aad)

    @staticmethod
    def open(data_key: bytes, sealed: bytes, aad: bytes) -> bytes:
        """The reverse of ``seal``. Raises: SealBroken."""
        return _open(data_key, sealed, aad)

    def wrap(self, kind: str, grant_id: str, token: str, data_key: bytes) -> Wrapped:
        """A copy of *data_key* that only the holder of *token* can have opened.

        *kind* says what the token is: ``code``, ``access`` or ``refresh``.
        """
        kek = self._derive(self.newest, token, grant_id.encode(), WRAP_INFO)
        return Wrapped(self.newest, self.seal(kek, data_key, _wrap_aad(kind, grant_id, self.newest)))

    def unwrap(self, kind: str, grant_id: str, token: str, wrapped: Wrapped) -> bytes:
        """The data key. Raises: SealBroken."""
        kek = self._derive(wrapped.kid, token, grant_id.encode(), WRAP_INFO)
        return _open(kek, wrapped.blob, _wrap_aad(kind, grant_id, wrapped.kid))

    def seal_successor(self, token: str, successor: str) -> Wrapped:
        """The refresh token *successor*, which only the holder of the superseded *token* can have opened (REF-5)."""
        key = self._derive(self.newest, token, None, SUCCESSOR_INFO)
        return Wrapped(self.newest, self.seal(key, successor.encode(), b""))

    def open_successor(self, token: str, sealed: Wrapped) -> str:
        """The successor of *token*. Raises: SealBroken."""
        return _open(self._derive(sealed.kid, token, None, SUCCESSOR_INFO), sealed.blob, b"").decode()

    def _derive(self, kid: str, token: str, salt: bytes | None, info: bytes) -> bytes:
        secret = self._keys.get(kid)
        if secret is None:
            raise VaultKeyUnknown(f"no key {kid!r} is configured")
        return HKDF(SHA256(), KEY_BYTES, salt, info).derive(token.encode() + secret)


def grant_aad(grant_id: str, client_id: str, user_id: str) -> bytes:
    """What a grant's sealed secrets are bound to. Grant and user ids hold no ``|``, so nothing else reads the same."""
    return f"v1|{grant_id}|{client_id}|{user_id}".encode()


def _wrap_aad(kind: str, grant_id: str, kid: str) -> bytes:
    return f"v1|{kind}|{grant_id}|{kid}".encode()


def _open(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as error:
        # ValueError: too short to hold a nonce, which is as broken as a wrong tag
        raise SealBroken("the seal does not open") from error
