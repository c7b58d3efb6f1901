"""Dynamic client registration (RFC 7591, DCR-1..8). It grants no trust: a name is a claim that nobody checked.

Clients in the field send empty strings, grants that nobody offers and authentication methods that few do; whatever
section 2 of the RFC lets us replace is replaced, and the answer says what holds.
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from .. import clock
from ..errors import BadJSON, OAuthError
from ..security import strict_json
from . import redirects
from .answers import Json
from .clients import IN_USE, MANUAL_TTL_S, NEVER_USED, NEVER_USED_TTL_S, Client, put_client
from .grants import suspect
from .metadata import AUTH_METHODS, scopes_supported
from .provider import Provider
from .scopes import known_scopes, scope_tokens

MAX_NEVER_USED = 10_000
_RETRY_AFTER_S = 3_600
_GRANTS = ("authorization_code", "refresh_token")
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")
"""Letters, marks and a pattern that show nothing (Unicode's Default_Ignorable_Code_Point, and Braille's blank)."""
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def is_name(text: str) -> bool:
    """Whether *text* can stand on our page as a name: 1 to 100 visible characters that keep to their order and line.

    One of them is a letter or a digit, and no more than three marks are stacked on any.
    """
    categories = [unicodedata.category(character) for character in text]
    kinds = "".join(category[0] for category in categories)
    return (
        1 <= len(text) <= 100
        and not _UNSEEN.search(text)
        and not _UNSEEN_CATEGORIES & set(categories)
        and ("L" in kinds or "N" in kinds)
        and "MMMM" not in kinds
    )


def is_https_url(text: str) -> bool:
    """Whether *text* is an https address of at most 2048 characters, without a user."""
    parts = redirects.parse(text)
    return parts is not None and parts.scheme == "https" and parts.host != ""


def _must(is_fine: Callable[[Any], bool]) -> Callable[[Any], None]:
    """A validator of marshmallow's from a question; the value is not quoted."""

    def check(value: Any) -> None:
        if not is_fine(value):
            raise ValidationError("unusable")

    return check


_URL = _must(is_https_url)


class Metadata(Schema):
    """What a client may say about itself (DCR-2). Unknown members, ids, secrets and keys are left out."""

    class Meta:
        unknown = EXCLUDE

    redirect_uris = fields.List(fields.String(), required=True, validate=validate.Length(1, 10))
    client_name = fields.String(validate=_must(lambda name: is_name(unicodedata.normalize("NFC", name))))
    client_uri = fields.String(validate=_URL)
    tos_uri = fields.String(validate=_URL)
    policy_uri = fields.String(validate=_URL)
    logo_uri = fields.String(validate=_URL)
    contacts = fields.List(fields.String(validate=validate.Length(1, 254)), validate=validate.Length(0, 5))
    scope = fields.String(validate=validate.Length(0, 1000))
    grant_types = fields.List(fields.String(), validate=_must(lambda grants: "authorization_code" in grants))
    response_types = fields.List(fields.String(), validate=_must(lambda types: "code" in types))
    token_endpoint_auth_method = fields.String()
    token_endpoint_auth_methods_supported = fields.List(fields.String())
    application_type = fields.String(validate=validate.OneOf(["native", "web"]))
    software_id = fields.String(validate=validate.Length(1, 100))
    software_version = fields.String(validate=validate.Length(1, 50))


def register(provider: Provider, content_type: str | None, body: bytes | None) -> Json:
    """Register the client that *body* describes; *body* is None when it was larger than allowed.

    Raises: OAuthError ``invalid_client_metadata``, ``invalid_redirect_uri``, ``temporarily_unavailable``.
    """
    if not provider.settings.registration:
        raise OAuthError("invalid_request", "This server does not register clients.", status=404)
    metadata = read_metadata(provider, _json_object(content_type, body))
    _check_quota(provider)
    client, secret = _new_client(metadata, kind="registered")
    put_client(provider, client, kind=NEVER_USED, ttl_s=NEVER_USED_TTL_S)
    return Json(201, _answer(client, metadata, secret))


def register_by_hand(
    provider: Provider, name: str, redirect_uris: Sequence[str], *, keeps_secret: bool = False
) -> tuple[Client, str | None]:
    """Register a client that the operator knows; it never expires. Returns it and its secret, told only now.

    Raises: OAuthError ``invalid_client_metadata``, ``invalid_redirect_uri``.
    """
    method = "client_secret_basic" if keeps_secret else "none"
    wanted = {"client_name": name, "redirect_uris": list(redirect_uris), "token_endpoint_auth_method": method}
    client, secret = _new_client(read_metadata(provider, wanted), kind="manual")
    put_client(provider, client, kind=IN_USE, ttl_s=MANUAL_TTL_S)
    return client, secret


def _new_client(metadata: Mapping[str, Any], kind: str) -> tuple[Client, str | None]:
    """A client of that *metadata*, and its secret if it is to have one: kept as a hash only (DCR-4)."""
    method = metadata["token_endpoint_auth_method"]
    secret = None if method == "none" else secrets.token_urlsafe(32)
    client = Client(
        client_id=f"mcpc_{secrets.token_urlsafe(16)}",
        name=metadata["client_name"],
        redirect_uris=tuple(metadata["redirect_uris"]),
        kind=kind,
        auth_method=method,
        secret_hash=None if secret is None else hashlib.sha256(secret.encode()).hexdigest(),
        grant_types=tuple(metadata["grant_types"]),
        scope=tuple(metadata["scope"].split()) if "scope" in metadata else None,
        uri=metadata.get("client_uri"),
        issued_at=float(int(clock.now())),
    )
    return client, secret


def read_metadata(provider: Provider, document: Mapping[str, Any]) -> dict[str, Any]:
    """The effective metadata: checked, replaced where we may, defaults filled in. Also for client documents (CIMD-5).

    ``token_endpoint_auth_method`` is ``client_secret`` when none was named: such a client may use basic or post.
    """
    present = {name: value for name, value in document.items() if value is not None and value != ""}
    try:
        metadata: dict[str, Any] = Metadata().load(present)
    except ValidationError as fault:
        if "redirect_uris" in fault.messages_dict:
            raise _bad_redirect() from None
        raise OAuthError("invalid_client_metadata", "A member of the client metadata has an unusable value.") from None
    uris = metadata["redirect_uris"]
    schemes = provider.settings.private_schemes
    if len(set(uris)) != len(uris) or not all(redirects.is_acceptable(uri, schemes) for uri in uris):
        raise _bad_redirect()
    metadata["client_name"] = unicodedata.normalize("NFC", metadata.get("client_name", "MCP client"))
    metadata["grant_types"] = [grant for grant in _GRANTS if grant in metadata.get("grant_types", _GRANTS)]
    metadata["response_types"] = ["code"]
    metadata["token_endpoint_auth_method"] = _auth_method(metadata)
    _check_application_type(metadata)
    if "scope" in metadata:
        supported = scopes_supported(provider.settings, provider.skills)
        metadata["scope"] = " ".join(known_scopes(_scope_tokens(metadata["scope"]), supported))
        if not metadata["scope"]:
            del metadata["scope"]
    return metadata


def _json_object(content_type: str | None, body: bytes | None) -> dict[str, Any]:
    if body is None:
        raise OAuthError("invalid_client_metadata", "The client metadata is too large.", status=413)
    media_type, _, parameters = (content_type or "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
    if media_type.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise OAuthError("invalid_client_metadata", "The client metadata must be sent as application/json.")
    try:
        document = strict_json.loads(body)
    except BadJSON as fault:
        raise OAuthError("invalid_client_metadata", fault.public) from None
    if not isinstance(document, dict):
        raise OAuthError("invalid_client_metadata", "The client metadata must be a JSON object.")
    return document


def _auth_method(metadata: Mapping[str, Any]) -> str:
    asked = metadata.get("token_endpoint_auth_method")
    if asked is None:
        return "client_secret"
    for method in (asked, *metadata.get("token_endpoint_auth_methods_supported", ())):
        if method in AUTH_METHODS:
            return str(method)
    raise OAuthError("invalid_client_metadata", "This token_endpoint_auth_method is not supported.")


def _check_application_type(metadata: Mapping[str, Any]) -> None:
    """A web application with a secret has no business on loopback (SEP-837)."""
    keeps_secret = metadata["token_endpoint_auth_method"] != AUTH_METHODS[0]
    on_loopback = any(parts.is_loopback for parts in map(redirects.parse, metadata["redirect_uris"]) if parts)
    if metadata.get("application_type") == "web" and keeps_secret and on_loopback:
        raise _bad_redirect()


def _check_quota(provider: Provider) -> None:
    """Registrations that were never used are limited in number; those that have ended do not count (DCR-7)."""
    if provider.store.count(NEVER_USED) < MAX_NEVER_USED:
        return
    suspect(provider, "registration_quota", reason="never used")
    fault = OAuthError("temporarily_unavailable", "Too many clients are registered and unused. Try again later.")
    fault.retry_after_s = _RETRY_AFTER_S
    raise fault


def _answer(client: Client, metadata: Mapping[str, Any], secret: str | None) -> dict[str, Any]:
    hidden = ("token_endpoint_auth_methods_supported", "token_endpoint_auth_method")
    method = "client_secret_basic" if client.auth_method == "client_secret" else client.auth_method
    answer = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.issued_at),
        **{name: value for name, value in metadata.items() if name not in hidden},
        "token_endpoint_auth_method": method,
    }
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer


def _scope_tokens(text: str) -> list[str]:
    try:
        return scope_tokens(text)
    except OAuthError as fault:
        raise OAuthError("invalid_client_metadata", fault.public) from None


def _bad_redirect() -> OAuthError:
    return OAuthError(
        "invalid_redirect_uri",
        "redirect_uris must list 1 to 10 different addresses: https, http on loopback, or a known app scheme.",
    )
