"""The gate: what reaches OAuth code at all (GATE-1..7).

Authlib merges query and form, takes the first of repeated values, and fails with a 500 on a quote or a byte that is not
UTF-8. So it, and everything else behind this door, only sees a ``GatedRequest``: names and values that were decoded
strictly, without control characters, within their sizes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from ..errors import OAuthError

AUTHORIZE_QUERY_BYTES, CALLBACK_QUERY_BYTES = 8 * 1024, 4 * 1024
FORM_BYTES, REGISTRATION_BYTES = 16 * 1024, 32 * 1024
MAX_PARAMETERS = 40

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_IN_URL_FORBIDDEN = frozenset(
    [
        "grant_type",
        "code",
        "redirect_uri",
        "client_id",
        "client_secret",
        "code_verifier",
        "refresh_token",
        "token",
        "scope",
        "resource",
    ]
)
_IDENTITY_LENGTHS = {"client_id": 2048, "redirect_uri": 2048, "state": 4096}
_FORM_LENGTHS = {
    **_IDENTITY_LENGTHS,
    "client_secret": 512,
    "code": 256,
    "refresh_token": 512,
    "resource": 512,
    "scope": 1000,
    "token": 512,
}
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came in, before anything is believed.

    ``body`` is None when it was larger than allowed. ``cookies`` are ours, by their bare names.
    """

    method: str
    path: str = ""
    query: bytes = field(repr=False, default=b"")
    body: bytes | None = field(repr=False, default=b"")
    content_type: str | None = None
    authorization: str | None = field(repr=False, default=None)
    accept: str = ""
    address: str = ""
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    fetch_dest: str | None = None
    cookies: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatedRequest:
    """A request whose parameters were accepted.

    ``params`` has no empty values. ``repeated`` names what occurred more than once (``resource`` only with different
    values); the first value is the one in ``params``. Machine endpoints never see a repeated name.
    """

    method: str
    params: Mapping[str, str] = field(repr=False)
    repeated: frozenset[str] = frozenset()
    authorization: str | None = field(repr=False, default=None)
    address: str = ""
    is_html: bool = False
    values: Mapping[str, tuple[str, ...]] = field(repr=False, default_factory=dict)


def wants_html(accept: str) -> bool:
    """Whether a person is looking (GATE-7)."""
    return "text/html" in accept.lower()


def gate_query(arrival: Arrival, *, limit: int) -> GatedRequest:
    """The parameters of a browser step, from the query of at most *limit* bytes. Its caller judges ``repeated``.

    Raises: OAuthError ``invalid_request``, to be shown here and never redirected.
    """
    if len(arrival.query) > limit:
        raise OAuthError("invalid_request", "The address is too long.", status=414)
    return _gated(arrival, _pairs(arrival.query), _IDENTITY_LENGTHS)


def gate_form(arrival: Arrival, *, may_repeat: frozenset[str] = frozenset()) -> GatedRequest:
    """The parameters of a form post: from the body alone, once each but for *may_repeat* (see ``values``).

    Raises: OAuthError ``invalid_request``, or ``invalid_target`` for different values of ``resource``.
    """
    if arrival.body is None:
        raise OAuthError("invalid_request", "The request body is too large.", status=413)
    media_type = (arrival.content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "The request body must be application/x-www-form-urlencoded.")
    if _IN_URL_FORBIDDEN & {name for name, _ in _pairs(arrival.query)}:
        raise OAuthError("invalid_request", "OAuth parameters belong in the request body, not in the address.")
    request = _gated(arrival, _pairs(arrival.body), _FORM_LENGTHS)
    if request.repeated - may_repeat - {"resource"}:
        raise OAuthError("invalid_request", "A parameter occurs more than once.")
    if "resource" in request.repeated:
        raise OAuthError("invalid_target", "Only one resource can be asked for at a time.")
    if "code_verifier" in request.params and not _VERIFIER.fullmatch(request.params["code_verifier"]):
        raise OAuthError("invalid_request", "The code_verifier must be 43 to 128 unreserved characters.")
    return request


def _gated(arrival: Arrival, pairs: list[tuple[str, str]], lengths: Mapping[str, int]) -> GatedRequest:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    if any(len(one) > lengths.get(name, len(one)) for name, several in values.items() for one in several):
        raise OAuthError("invalid_request", "A parameter is too long.")
    return GatedRequest(
        method=arrival.method,
        params={name: several[0] for name, several in values.items() if several[0]},
        repeated=frozenset(name for name, several in values.items() if _is_repeated(name, several)),
        authorization=arrival.authorization,
        address=arrival.address,
        is_html=wants_html(arrival.accept),
        values={name: tuple(several) for name, several in values.items()},
    )


def _is_repeated(name: str, several: list[str]) -> bool:
    return len(set(several)) > 1 if name == "resource" else len(several) > 1


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    parts = [part for part in raw.split(b"&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise OAuthError("invalid_request", "The request has too many parameters.")
    return [(_decoded(name), _decoded(value)) for name, _, value in (part.partition(b"=") for part in parts)]


def _decoded(raw: bytes) -> str:
    """Percent-decoding without mercy: what is not UTF-8 is refused, not replaced."""
    if _BAD_PERCENT.search(raw):
        raise OAuthError("invalid_request", "The request has a broken percent-encoding.")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "The request is not encoded as UTF-8.") from None
    if _CONTROL.search(text):
        raise OAuthError("invalid_request", "The request contains control characters.")
    return text
