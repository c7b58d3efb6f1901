"""Codes: made at the callback, exchanged once, with PKCE for every client (section 13).

Authlib carries the exchange. Its order alone would let two exchanges of one code through and keep a code alive after a
wrong verifier; so the code is claimed, by one swap, between Authlib's checks of the request and of the verifier.
"""

import hmac
import json
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from .. import clock, signals
from ..errors import OAuthError, SealBroken
from .authlib_views import ClientView, CodeView
from .client_authentication import BASIC, NONE, POST
from .grants import CODE, Held, end, forget, is_of_our_sentry, new_token, read, suspect, swap, token_hash
from .issuing import Issue, announce, with_first_tokens
from .provider import Provider
from .records import Code, Grant
from .redirects import with_params
from .renewal import give_back
from .seals import pack, unpack
from .token_request import resource_of

CODE_KEPT_S = 86_400.0
COLLECT_S = 2.0
PER_GRANT = "60/minute"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who came back from Sentry: the grant that was put for them, and its data key for the code to wrap."""

    grant: Grant
    data_key: bytes = field(repr=False)


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is not typed
    """The authorization code grant, fenced."""

    TOKEN_ENDPOINT_AUTH_METHODS = [NONE, BASIC, POST]

    @property
    def provider(self) -> Provider:
        """The provider that this grant works for."""
        found: Provider = self.server.provider
        return found

    # -- at the callback ----------------------------------------------------------------------------------------------

    def create_authorization_response(self, redirect_uri: str, grant_user: SignedIn) -> tuple[int, str, Any]:
        """The redirect that carries the code: the registered bytes as they are, ``state`` as it came, ``iss``."""
        self.request.user = grant_user
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        state = self.request.payload.state
        params = {"code": code, **({} if state is None else {"state": state}), "iss": self.provider.issuer}
        return 303, "", [("Location", with_params(redirect_uri, params))]

    def generate_authorization_code(self) -> str:
        """CODE-1."""
        return new_token("z")

    def save_authorization_code(self, code: str, request: Any) -> None:
        """By its hash; kept for a day after it is over, so that a replay is recognised (CODE-3)."""
        signed_in, ttl_s = request.user, self.provider.settings.code_ttl_s
        grant: Grant = signed_in.grant
        record = Code(
            client_id=grant.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            code_challenge=request.payload.data["code_challenge"],
            resource=grant.resource,
            scopes=grant.scopes,
            grant_id=grant.id,
            wrapped_key=pack(self.provider.vault.wrap(CODE, grant.id, code, signed_in.data_key)),
            expires_at=clock.now() + ttl_s,
        )
        value = json.dumps(record.to_dict()).encode()
        self.provider.store.put(CODE, token_hash(code), value, ttl_s=ttl_s + CODE_KEPT_S)

    # -- at the token endpoint ----------------------------------------------------------------------------------------

    def query_authorization_code(self, code: str, client: ClientView) -> CodeView | None:
        """The code, if it is this client's and not over; untouched otherwise (CODE-2, steps 3 to 5)."""
        presented_uri = self.request.payload.redirect_uri
        view = find_code(self.provider, code, has_redirect_uri=presented_uri is not None)
        if view is None or view.code.client_id != client.get_client_id():
            return None
        if view.code.used_at is None and view.code.expires_at <= clock.now():
            return None
        return view

    def claim_code(self) -> None:
        """Steps 7 and 8: what can still be refused without touching the code, then the claim."""
        view: CodeView = self.request.authorization_code
        resource_of(self.provider, self.request, view.code.resource)
        if view.code.used_at is not None:
            self._replayed(view)
        self.provider.limits.hit(PER_GRANT, "token", view.code.grant_id)
        used = replace(view.code, used_at=clock.now())
        value = json.dumps(used.to_dict()).encode()
        ttl_s = max(view.code.expires_at - clock.now(), 0) + CODE_KEPT_S
        if not self.provider.store.swap(CODE, view.hash, view.version, value, ttl_s=ttl_s):
            self._replayed(view)

    def authenticate_user(self, authorization_code: CodeView) -> Held | None:
        """The grant that the code is for, unless it has ended meanwhile or is of another Sentry."""
        held = read(self.provider, authorization_code.code.grant_id)
        is_good = held and not held.grant.is_ended and is_of_our_sentry(self.provider, held.grant)
        return held if is_good else None

    def save_token(self, token: dict[str, Any]) -> None:
        """Put the first tokens into the grant."""
        view: CodeView = self.request.authorization_code
        held: Held = self.request.user
        try:
            data_key = self._data_key(view)
        except SealBroken as error:
            raise OAuthError("invalid_grant", error.public, str(error)) from error
        issue = Issue(
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token"),
            expires_in=token["expires_in"],
            scopes=view.code.scopes,
            resource=resource_of(self.provider, self.request, view.code.resource),
        )
        collect(self.provider, held, data_key, issue)

    def delete_authorization_code(self, authorization_code: CodeView) -> None:
        """Not deleted: the claimed code stays, so that a replay is recognised."""

    def drop(self) -> None:
        """Forget the grant, which nobody can collect any more; Sentry forgets its token, too."""
        view: CodeView = self.request.authorization_code
        held = read(self.provider, view.code.grant_id)
        forget(self.provider, view.code.grant_id)
        if held:
            give_back(self.provider, held.grant, partial(self._data_key, view))

    def _data_key(self, view: CodeView) -> bytes:
        """The grant's data key, which the code unwraps. Raises: SealBroken, and tells those who keep watch."""
        try:
            wrapped = unpack(view.code.wrapped_key)
            return self.provider.vault.unwrap(CODE, view.code.grant_id, view.text, wrapped)
        except SealBroken as error:
            suspect(self.provider, error.event, client_id=view.code.client_id, grant_id=view.code.grant_id)
            raise

    def _replayed(self, view: CodeView) -> None:
        """A used code again. With the right verifier it is its owner's, and was stolen from or by them: all ends."""
        ids = {"client_id": view.code.client_id, "grant_id": view.code.grant_id}
        suspect(self.provider, "code_replay", **ids)
        if is_verifier(self.request.form.get("code_verifier", ""), view.code.code_challenge):
            _await_collection(self.provider, view.code)
            end(self.provider, view.code.grant_id, "code_replay")
        raise OAuthError("invalid_grant", "The authorization code has been used.", "replay")


class Pkce(CodeChallenge):  # type: ignore[misc]  # Authlib is not typed
    """PKCE with S256 for every client, and nothing else (PKCE-1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def __init__(self) -> None:
        super().__init__(required=True)
        self.CODE_CHALLENGE_METHODS = {"S256": is_verifier}

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Both, written: a missing method would mean ``plain``."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: CodeGrant, result: Any) -> None:
        """Claim the code, then compare: after a wrong verifier the code stays burnt (CODE-2, steps 8 and 9)."""
        if not grant.request.form.get("code_verifier"):
            raise OAuthError("invalid_request", "The parameter code_verifier is missing.")
        grant.claim_code()
        try:
            super().validate_code_verifier(grant, result)
        except InvalidGrantError:
            grant.drop()
            raise

    def get_authorization_code_challenge_method(self, authorization_code: CodeView) -> str:
        """Always S256; no other is ever stored."""
        return "S256"


def collect(provider: Provider, held: Held, data_key: bytes, issue: Issue) -> None:
    """Put its first tokens into the grant, by one swap (STORE-2). Raises: OAuthError when it was changed meanwhile."""
    announce(provider, held.grant, issue, generation=held.grant.generation)
    grant = with_first_tokens(provider, held.grant, data_key, issue)
    if not swap(provider, held, grant):
        raise OAuthError("invalid_grant", "The sign-in has ended. Authorize again.", "the grant changed meanwhile")
    signals.tell(
        signals.grant_started,
        provider.app,
        grant_id=grant.id,
        client_id=grant.client.log_id,
        user_id=grant.user_id,
        resource=grant.resource.url,
        skills=grant.skills,
    )


def find_code(provider: Provider, code: str, *, has_redirect_uri: bool) -> CodeView | None:
    """The code in the store by its hash, whatever its state."""
    hash = token_hash(code)
    record = provider.store.get(CODE, hash)
    if record is None:
        return None
    found = Code.from_dict(json.loads(record.value))
    return CodeView(code, hash, found, record.version, found.redirect_uri if has_redirect_uri else None)


def is_verifier(verifier: str, challenge: str) -> bool:
    """Whether *verifier* is the one that *challenge* was made from."""
    return hmac.compare_digest(create_s256_code_challenge(verifier), challenge)


def _await_collection(provider: Provider, code: Code) -> None:
    """Let the exchange that was first come to its end; it may still be at work in another process."""
    until = (code.used_at or clock.now()) + COLLECT_S
    while clock.now() < until:
        held = read(provider, code.grant_id)
        if held is None or held.grant.is_ended or held.grant.access:
            return
        time.sleep(0.02)
