"""Thin views of our records in the shapes that Authlib asks for. They add no rule of their own but name ours."""

from dataclasses import dataclass

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from ..skills import implied
from . import redirects
from .clients import Client
from .grants import Presented
from .provider import Provider
from .records import Code


class ClientView(ClientMixin):  # type: ignore[misc]  # Authlib is not typed
    """A client, to Authlib. Its secret was judged before Authlib sees it (``client_authentication``)."""

    def __init__(self, provider: Provider, client: Client) -> None:
        self.provider, self.client = provider, client

    def __repr__(self) -> str:
        """Authlib logs this at DEBUG."""
        return f"<client {self.client.client_id}>"

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_default_redirect_uri(self) -> str | None:
        """None: an omitted redirect URI is filled in before Authlib (REDIR-5)."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        """What was asked: it was narrowed to what the client may have before Authlib (SCOPE-1)."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """REDIR-1 and REDIR-4, again (REDIR-7)."""
        return redirects.is_acceptable(redirect_uri, self.provider.settings.private_schemes) and any(
            redirects.matches(redirect_uri, registered) for registered in self.client.redirect_uris
        )

    def check_client_secret(self, client_secret: str) -> bool:
        """No: Authlib's own client authentication is never asked, and would not know the method (TOK-1)."""
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """The registered method, at every endpoint."""
        return self.client.may_use(method)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grant_types


@dataclass(frozen=True)
class CodeView(AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib is not typed
    """A code that was presented. ``redirect_uri`` is the one to compare with: None when the caller sent none."""

    text: str
    hash: str
    code: Code
    version: int
    redirect_uri: str | None

    @property
    def code_challenge(self) -> str:
        return self.code.code_challenge

    def __repr__(self) -> str:
        return f"<code of grant {self.code.grant_id}>"

    def get_redirect_uri(self) -> str | None:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.code.scopes)


@dataclass(frozen=True)
class TokenView(TokenMixin):  # type: ignore[misc]  # Authlib is not typed
    """A token of ours that was presented, with its grant."""

    presented: Presented

    def __repr__(self) -> str:
        return f"<token of grant {self.presented.look_up.grant_id}>"

    def check_client(self, client: ClientView) -> bool:
        return self.presented.held.grant.client.client_id == client.get_client_id()

    def get_scope(self) -> str:
        """What the grant reaches, lower levels included: within this a refresh may narrow (REF-3)."""
        return " ".join(sorted(implied(self.presented.held.grant.scopes)))
