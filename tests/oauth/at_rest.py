"""What no stolen store may show: everything secret that a sign-in has in play, and how to look for it."""

import base64
from collections.abc import Mapping

from flask_sentry_mcp.oauth.grants import ACCESS, token_hash
from flask_sentry_mcp.oauth.seals import open_sealed, unpack
from tests.oauth.flow import Flow, json_of


def secrets_of(flow: Flow) -> dict[str, str]:
    """Everything that a whole sign-in, with a confidential client, has in play."""
    flow.register(token_endpoint_auth_method="client_secret_post")
    code = flow.code()
    first = json_of(flow.exchange(code, client_secret=flow.secret))
    second = json_of(flow.refresh(first["refresh_token"], client_secret=flow.secret))
    context = flow.context(second["access_token"])
    held, look = flow.held(second["access_token"]).grant, second["access_token"]
    entry = held.access_token(token_hash(look))
    assert entry is not None
    key = flow.provider.vault.unwrap(ACCESS, held.id, look, unpack(entry.wrapped_key))
    opened = open_sealed(key, held)
    posts = [one.body for one in flow.sandbox.requests if one.path == "/oauth/token/"]
    return {
        "code": code,
        "verifier": flow.verifier,
        "client secret": flow.secret or "",
        "access token": first["access_token"],
        "access token 2": second["access_token"],
        "refresh token": first["refresh_token"],
        "refresh token 2": second["refresh_token"],
        "upstream access token": context.token.current(),
        "upstream refresh token": opened.refresh_token or "",
        "upstream code": posts[0]["code"][0],
        "upstream verifier": posts[0]["code_verifier"][0],
        "our secret at Sentry": flow.provider.settings.client_secret,
        "e-mail": "mira@northwind.example",
        "name": "Mira Okafor",
    }


def shown_in(stolen: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the *secrets* that are in *stolen*, plain or as either kind of base64."""
    assert all(len(secret) > 8 for secret in secrets.values()), "too short to look for"
    return [name for name, secret in secrets.items() if any(form in stolen for form in _forms(secret.encode()))]


def _forms(secret: bytes) -> tuple[bytes, ...]:
    return secret, base64.b64encode(secret)[:16], base64.urlsafe_b64encode(secret)[:16]
