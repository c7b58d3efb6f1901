"""What a grant keeps sealed, and the text form of a seal in a record (STO-3).

The vault knows bytes and keys; here is what is put into it: Sentry's token pair and the person's name and e-mail.
"""

import base64
import json
from dataclasses import asdict, dataclass, field

from ..errors import SealBroken
from ..store.vault import Vault, Wrapped, grant_aad
from .records import Grant


@dataclass(frozen=True, slots=True)
class Secrets:
    """The part of a grant that nobody may read without one of its tokens. ``refresh_token`` None: Sentry gave none.

    ``url`` is the Sentry that issued the tokens: sealed with them, so that the record cannot name another.
    """

    url: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    name: str = field(repr=False, default="")
    email: str | None = field(repr=False, default=None)


def seal(data_key: bytes, grant_id: str, client_id: str, user_id: str, secrets: Secrets) -> str:
    """*secrets* under the grant's data key, bound to these three ids."""
    plain = json.dumps(asdict(secrets)).encode()
    return _text(Vault.seal(data_key, plain, grant_aad(grant_id, client_id, user_id)))


def open_sealed(data_key: bytes, grant: Grant) -> Secrets:
    """The secrets of *grant*. Raises: SealBroken, also when it has none any more or names another Sentry than they."""
    if grant.upstream is None:
        raise SealBroken("the grant keeps no secrets")
    aad = grant_aad(grant.id, grant.client.client_id, grant.user_id)
    secrets = Secrets(**json.loads(Vault.open(data_key, _bytes(grant.upstream.sealed), aad)))
    if secrets.url != grant.upstream_url:
        raise SealBroken("the tokens are of another Sentry")
    return secrets


def pack(wrapped: Wrapped) -> str:
    """``2026a:<base64url>``: the key's name stays readable, so that it is known when a key is no longer needed."""
    return f"{wrapped.kid}:{_text(wrapped.blob)}"


def unpack(text: str | None) -> Wrapped:
    """The inverse of ``pack``. Raises: SealBroken when there is nothing to unpack."""
    kid, colon, blob = (text or "").partition(":")
    if not colon:
        raise SealBroken("no wrapped key")
    return Wrapped(kid, _bytes(blob))


def _text(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text)
    except ValueError as error:
        raise SealBroken("not base64") from error
