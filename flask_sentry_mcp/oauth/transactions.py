"""Transactions: an approval on its way through Sentry, bound to the browser that gave it (section 11).

Sentry sees only a signed id. The cookie that binds the browser and the PKCE verifier for Sentry are made from that id
with a key of ours, so neither has to be kept, and a second click on Approve can be given the same redirect again.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from itsdangerous import BadSignature

from .. import clock
from ..errors import SignInProblem
from ..store.base import Record
from . import keys, upstream
from .answers import Cookie, Redirection
from .grants import suspect
from .provider import Provider
from .records import Approved, Transaction

TRANSACTION, FORM = "transaction", "form"
COOKIE_PREFIX = "mcp_tx_"
MAX_COOKIES = 8
BINDING = "binding"
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_COOKIE_VALUE = re.compile(r"([0-9]{1,12})\.[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Returned:
    """A browser that came back from Sentry to a transaction of its own. ``cookie`` is the name of the binding."""

    record: Record
    transaction: Transaction
    cookie: str
    verifier: str


def begin(provider: Provider, approved: Approved, jti: str, present_cookies: Mapping[str, str]) -> Redirection:
    """Create the transaction of *approved* and send the browser to Sentry (STATE-1, STATE-2).

    *jti* is the form's own id: posted a second time, it leads to the same redirect until the person is back (CON-4),
    and what it says then counts. Raises: SignInProblem when they are back.
    """
    id, transaction = _claim_form(provider, approved, jti)
    value = next((one for one in _bindings(provider, id, transaction.created_at) if _is_bound(transaction, one)), None)
    if value is None:
        raise _expired("the cookie secret has changed since")
    location = upstream.authorize_url(
        provider, state=_state(provider, id, transaction), verifier=_verifier(value), scopes=transaction.approved.scopes
    )
    cookie = Cookie(_cookie_name(id), value, provider.settings.state_ttl_s)
    return Redirection(location, (cookie,), tuple(_too_many(present_cookies, cookie.name)))


def withdraw(provider: Provider, jti: str) -> None:
    """End what an earlier post of the form *jti* began: the person said no after all. Raises: as begin."""
    id = _id_of_form(provider, jti)
    record = provider.store.get(TRANSACTION, id) if id else None
    if id is None or record is None:
        return
    if not _swap(provider, record, replace(_read(record), is_claimed=True)):
        raise _completed()
    provider.store.delete(TRANSACTION, id)


def find(provider: Provider, state: str | None, cookies: Mapping[str, str]) -> Returned:
    """The transaction that *state* names, if this browser began it. It is not consumed (C2, C3).

    Raises: SignInProblem, for a page of ours.
    """
    id = _signed_id(provider, state)
    record = provider.store.get(TRANSACTION, id) if id else None
    if id is None or record is None:
        raise _expired("state unknown, forged or expired")
    transaction = _read(record)
    name = _cookie_name(id)
    value = cookies.get(name, "")
    if not _is_bound(transaction, value):
        suspect(provider, "binding_failure", client_id=transaction.approved.request.client.client_id)
        raise _problem(
            "This sign-in was started in another browser",
            "To protect you, it can only be finished where it was started.",
            "binding",
        )
    return Returned(record, transaction, name, _verifier(value))


def claim(provider: Provider, returned: Returned) -> None:
    """Use the transaction up, once, by its id (STATE-4). Raises: SignInProblem when it has been used."""
    if not _swap(provider, returned.record, replace(returned.transaction, is_claimed=True)):
        suspect(provider, "state_replay", client_id=returned.transaction.approved.request.client.client_id)
        raise _problem("This sign-in has been completed", "The same answer of Sentry's came again.", "state replayed")


def _claim_form(provider: Provider, approved: Approved, jti: str) -> tuple[str, Transaction]:
    """The transaction of the form *jti*: a new one, or the one that its first post made, about what is approved now."""
    store, ttl_s = provider.store, provider.settings.state_ttl_s
    id, now = secrets.token_urlsafe(16), clock.now()
    transaction = Transaction(approved, _hash(_bindings(provider, id, now)[0]), now)
    store.put(TRANSACTION, id, json.dumps(transaction.to_dict()).encode(), ttl_s=ttl_s)
    if store.swap(FORM, jti, None, id.encode(), ttl_s=ttl_s):
        return id, transaction
    store.delete(TRANSACTION, id)
    return _decided_anew(provider, _id_of_form(provider, jti), approved)


def _decided_anew(provider: Provider, id: str | None, approved: Approved) -> tuple[str, Transaction]:
    """The last decision counts: a person may come back from Sentry's page to ours and tick something else."""
    while id is not None and (record := provider.store.get(TRANSACTION, id)):
        transaction = _read(record)
        later = replace(transaction, approved=approved)
        if transaction.is_claimed:
            raise _completed()
        if later == transaction or _swap(provider, record, later):
            return id, later
    raise _expired("the form's transaction is over")


def _id_of_form(provider: Provider, jti: str) -> str | None:
    """The id of the transaction that the form *jti* began, if it was posted before."""
    form = provider.store.get(FORM, jti)
    return form.value.decode() if form else None


def _read(record: Record) -> Transaction:
    return Transaction.from_dict(json.loads(record.value))


def _swap(provider: Provider, record: Record, later: Transaction) -> bool:
    """Write *later* over *record*; False if that has been claimed, or was changed meanwhile."""
    ttl_s = later.created_at + provider.settings.state_ttl_s - clock.now()
    value = json.dumps(later.to_dict()).encode()
    return not _read(record).is_claimed and provider.store.swap(
        TRANSACTION, record.id, record.version, value, ttl_s=max(ttl_s, 1)
    )


def _state(provider: Provider, id: str, transaction: Transaction) -> str:
    """The id, signed as of the approval: the same text however often it is asked for; at most 120 characters."""
    return keys.signer(provider.settings, keys.STATE, at=transaction.created_at).sign(id).decode()


def _signed_id(provider: Provider, state: str | None) -> str | None:
    try:
        signer = keys.signer(provider.settings, keys.STATE)
        id = signer.unsign(state or "", max_age=provider.settings.state_ttl_s).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    return id if _ID.fullmatch(id) else None


def _bindings(provider: Provider, id: str, created_at: float) -> list[str]:
    """The cookie's value: when, for dropping the oldest, and 256 bits that only we can make; newest secret first."""
    return [f"{int(created_at)}.{mac}" for mac in keys.macs(provider.settings, BINDING, id)]


def _is_bound(transaction: Transaction, value: str) -> bool:
    return hmac.compare_digest(_hash(value), transaction.bind_hash)


def _verifier(binding: str) -> str:
    """The PKCE verifier for Sentry (CB-4): 64 characters that only the holder of the binding leads us to."""
    return hmac.new(binding.encode(), b"upstream-pkce", "sha256").hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _cookie_name(id: str) -> str:
    return COOKIE_PREFIX + _hash(id)[:8]


def _too_many(present: Mapping[str, str], new: str) -> Iterable[str]:
    """The oldest bindings of a browser that would have more than MAX_COOKIES; what is no binding goes first."""
    found = {name: _COOKIE_VALUE.fullmatch(value) for name, value in present.items() if name.startswith(COOKIE_PREFIX)}
    others = sorted((int(value[1]) if value else -1, name) for name, value in found.items() if name != new)
    return [name for _, name in others[: max(0, len(others) - MAX_COOKIES + 1)]]


def _completed() -> SignInProblem:
    return _problem("This sign-in has been completed", "The same form was sent again.", "already completed")


def _expired(detail: str) -> SignInProblem:
    return _problem("This sign-in is no longer valid", "It took too long, or did not begin here.", detail)


def _problem(heading: str, public: str, detail: str) -> SignInProblem:
    advice = "Start the sign-in again from your app. If you did not start one, close this page."
    return SignInProblem("invalid_request", heading, public, advice=advice, detail=detail)
