"""A person at our pages: a browser, a client that sends it here, and an application that holds our routes alone."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import Client, TestResponse

from flask_sentry_mcp import config
from flask_sentry_mcp.oauth.fetching import Fetcher
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.oauth.views import oauth_blueprint, well_known_blueprint
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.connections import SentryConnections
from flask_sentry_mcp.skills import SKILLS, Skill
from flask_sentry_mcp.store.memory import MemoryStore
from flask_sentry_mcp.store.vault import Vault
from flask_sentry_mcp.testing import Form

ISSUER = "https://mcp.test"
WEB = "https://app.example/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
HTML = {"Accept": "text/html,application/xhtml+xml"}
TYPED = {**HTML, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""What a browser says when its person typed an address, or an app on the same machine opened it."""


def make_provider(
    *, skills: tuple[Skill, ...] = SKILLS, app: Flask | None = None, fetcher: Fetcher | None = None, **settings: Any
) -> Provider:
    """A provider with a store in memory, and its routes on *app*; *settings* are changes to ``app.config``."""
    app = app or Flask(__name__)
    values = {
        "SENTRY_MCP_PUBLIC_URL": ISSUER,
        "SENTRY_CLIENT_ID": "sentry-client",
        "SENTRY_CLIENT_SECRET": "sentry-secret",
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": [("test", secrets.token_bytes(32))],
        **settings,
    }
    loaded = config.load(values)
    provider = Provider(
        app=app,
        settings=loaded,
        store=MemoryStore(),
        vault=Vault(loaded.vault_keys),
        limits=Limits(secret=loaded.cookie_secret),
        connections=SentryConnections(
            Regions(loaded.host, loaded.region_domains, loaded.insecure_http), user_agent="tests"
        ),
        skills=skills,
        fetcher=fetcher or Fetcher(),
    )
    app.register_blueprint(oauth_blueprint(provider), url_prefix=loaded.issuer_path or None)
    app.register_blueprint(well_known_blueprint(provider))
    return provider


class Person:
    """One browser. Each method is one request of it, or of the client that the person uses."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        assert isinstance(provider.app, Flask)
        self.browser: Client = provider.app.test_client()
        self.issuer = provider.issuer

    def register(self, redirect_uri: str = WEB, name: str = "Editor", **metadata: Any) -> str:
        """Have a public client register; returns its id."""
        wanted = {
            "redirect_uris": [redirect_uri],
            "client_name": name,
            "token_endpoint_auth_method": "none",
            **metadata,
        }
        answer = self.browser.post(f"{self.issuer}/oauth/register", json=wanted)
        assert answer.status_code == 201, answer.text
        client_id: str = answer.get_json()["client_id"]
        return client_id

    def open(self, client_id: str | None, headers: Mapping[str, str] = HTML, **changes: str | None) -> TestResponse:
        """Follow the client's link to authorize; a parameter is left out by None."""
        params = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": WEB,
            "state": "s+/=",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        query = {name: value for name, value in params.items() if value is not None}
        return self.browser.get(f"{self.issuer}/oauth/authorize", query_string=query, headers=headers)

    def press(
        self,
        page: TestResponse,
        decision: str = "approve",
        skills: Iterable[str] | None = None,
        headers: Mapping[str, str] | None = None,
        **changes: str,
    ) -> TestResponse:
        """Press a button of the page; *skills* None: those it has ticked. *changes* are to the form's fields."""
        form = Form.of(page.text)
        ticked = form.checked["skills"] if skills is None else list(skills)
        data = {**form.hidden, "decision": decision, "skills": ticked, **changes}
        sent = {**HTML, "Origin": self.provider.settings.public_origin} if headers is None else headers
        return self.browser.post(f"{self.issuer}/oauth/approve", data=data, headers=sent)


def answer_in(location: str) -> dict[str, str]:
    """The parameters behind the ``?`` of *location*, each of which must be there once."""
    found = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), location
    return {name: values[0] for name, values in found.items()}
