"""Addresses below ``/api/0/``: every value is exactly one segment (SLUG-1)."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from ..errors import InvalidInput

_HALF_A_CHARACTER = "A value of this call has half of a character in it, which no address can hold."

Params = Mapping[str, object] | None
"""Query parameters: None is left out, a list is repeated, True and False are written ``true`` and ``false``."""


def path_of(segments: Sequence[str | int]) -> str:
    """``("projects", "acme", "a/b")`` as ``projects/acme/a%2Fb/``.

    Raises: InvalidInput for ``""``, ``.`` and ``..``, and for a lone surrogate.
    """
    for segment in segments:
        if str(segment) in ("", ".", ".."):
            raise InvalidInput("A slug, ID or version of this call is empty or made of dots only.")
    try:
        return "".join(f"{quote(str(segment), safe='')}/" for segment in segments)
    except UnicodeEncodeError as error:
        raise InvalidInput(_HALF_A_CHARACTER) from error


def query_of(params: Params) -> str:
    """The query string with its question mark, or nothing. Raises: InvalidInput for a lone surrogate."""
    pairs = [
        (name, str(one).lower() if isinstance(one, bool) else one)
        for name, value in (params or {}).items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None
    ]
    try:
        return f"?{urlencode(pairs)}" if pairs else ""
    except UnicodeEncodeError as error:
        raise InvalidInput(_HALF_A_CHARACTER) from error
