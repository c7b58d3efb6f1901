"""JSON from strangers, read strictly (JSON-1): what two readers could understand differently is refused.

Refused are: bytes that are not UTF-8, an object that names a member twice, ``NaN``, ``Infinity`` and numbers that
overflow to it, integers too long to convert, lone surrogates, and more than 64 levels of nesting. The decoder is the
standard library's in C; the checks that would need a walk are preceded by a cheap look at the bytes.
"""

import json
import math
import re
from typing import Any, NoReturn

from ..errors import BadJSON

DEPTH = 64
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(body: bytes) -> Any:
    """The value that *body* holds. Raises BadJSON, whose ``public`` says what is wrong.

    >>> loads(b'{"a": 1}')
    {'a': 1}
    """
    if body.count(b"[") + body.count(b"{") > DEPTH and _depth(body) > DEPTH:
        raise BadJSON(public="The body is nested too deep.")
    try:
        value = _decode(body.decode())
    except UnicodeDecodeError as error:
        raise BadJSON(str(error.reason), public="The body is not UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise BadJSON(type(error).__name__) from None
    if b"\\u" in body and _SURROGATE.search(body):
        _refuse_surrogates(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJSON(public="The body names a member of an object twice.")
    return members


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("overflow")
    return number


def _refuse_surrogates(value: Any) -> None:
    """Half a surrogate pair can come in as an escape (``"\\ud800"``) and has no UTF-8 form to go out in."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadJSON(public="The body holds half of a surrogate pair.") from None


def _depth(body: bytes) -> int:
    """How deep the brackets of *body* nest, those in strings left out."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float).decode
