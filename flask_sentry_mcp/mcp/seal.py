"""Text that we hand to a client and want back unchanged: cursors and the state of unfinished requests.

Signed with the cookie secret and its predecessors, each purpose by itself. Readable by who holds it: nothing secret
goes in.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from ..clock import now


class Seal:
    """Signs values for one purpose. *secrets* are the newest first."""

    __slots__ = ("_serializer",)

    def __init__(self, secrets: Iterable[str], purpose: str) -> None:
        self._serializer = URLSafeSerializer(
            list(secrets)[::-1],
            salt=f"flask-sentry-mcp.{purpose}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def put(self, value: Any, *, ttl_s: float | None = None) -> str:
        """*value* (JSON) as text that ``get`` recognizes, for *ttl_s* or for good."""
        ends = None if ttl_s is None else int(now() + ttl_s)
        text = self._serializer.dumps([ends, value])
        return text if isinstance(text, str) else text.decode()

    def get(self, text: str) -> Any:
        """The value in *text*. Raises ValueError when it is not ours, was changed, or its time is over.

        There is one spelling of each: Base64 has others for the same signature, and itsdangerous reads them all.
        """
        signature = text.rpartition(".")[2]
        try:
            if base64_encode(base64_decode(signature)) != signature.encode():
                raise ValueError("another spelling")
            ends, value = self._serializer.loads(text)
        except (BadData, ValueError, TypeError, UnicodeError) as error:
            raise ValueError("not sealed by us") from error
        if ends is not None and ends < now():
            raise ValueError("its time is over")
        return value
