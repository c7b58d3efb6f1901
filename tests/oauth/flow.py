"""A person, a browser and a client in one: walks the sign-in through our real routes and the sandbox's real pages."""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from flask_sentry_mcp import config, signals
from flask_sentry_mcp.context import Context, Presented
from flask_sentry_mcp.oauth.bearer import context_for
from flask_sentry_mcp.oauth.grants import Held, present
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.oauth.records import Grant
from flask_sentry_mcp.oauth.views import oauth_blueprint
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.limits import Limits
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.connections import SentryConnections
from flask_sentry_mcp.skills import SKILLS
from flask_sentry_mcp.store.opening import open_store
from flask_sentry_mcp.store.vault import Vault
from flask_sentry_mcp.testing import REDIRECT_URI, Form, settings_for

ISSUER = "https://mcp.test"
MCP = f"{ISSUER}/mcp"
VAULT_KEYS = (("test", hashlib.sha256(b"tests only").digest()),)
COOKIE_SECRET = hashlib.sha256(b"tests only, too").hexdigest()


def load_settings(sandbox: Sandbox, store: str, **changes: Any) -> config.Settings:
    """Settings on *sandbox* with fixed secrets, so that two processes can have the same."""
    fixed = {
        "SENTRY_MCP_STORE": store,
        "COOKIE_SECRET": COOKIE_SECRET,
        "SENTRY_MCP_VAULT_KEYS": VAULT_KEYS,
        "SENTRY_MCP_APPROVAL_MODE": "always",
    }
    mapping = settings_for(sandbox, ISSUER, **{**fixed, **changes})
    mapping.pop("TESTING")
    return config.load(mapping)


@contextmanager
def open_provider(settings: config.Settings) -> Iterator[Provider]:
    """A provider of its own, as another process would have."""
    store = open_store(settings.store)
    regions = Regions(settings.host, settings.region_domains, settings.insecure_http)
    connections = SentryConnections(regions, timeout_s=settings.sentry_timeout_s, user_agent="tests")
    try:
        yield Provider(
            app=object(),
            settings=settings,
            store=store,
            vault=Vault(settings.vault_keys),
            limits=Limits(secret=settings.cookie_secret),
            connections=connections,
            skills=SKILLS,
        )
    finally:
        connections.close()
        store.close()


def sqlite_url(folder: Path) -> str:
    """The store of one test."""
    return f"sqlite:///{folder / 'grants.sqlite'}"


@dataclass
class Flow:
    """One client of one provider. ``browser`` keeps the person's cookies; ``verifier`` is of the last authorization."""

    provider: Provider
    sandbox: Sandbox
    app: Flask
    browser: Browser
    client_id: str = ""
    secret: str | None = None
    verifier: str = ""
    authenticate: Any = None
    events: list[tuple[str, str]] = field(default_factory=list)

    # -- the client's side ---------------------------------------------------------------------------------------------

    def register(self, **metadata: Any) -> None:
        """Become a registered client; public unless *metadata* says otherwise."""
        wanted = {"client_name": "Tests", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        answer = self.browser.post(f"{ISSUER}/oauth/register", json={**wanted, **metadata})
        assert answer.status_code == 201, answer.text
        registered = json_of(answer)
        self.client_id, self.secret = registered["client_id"], registered.get("client_secret")

    def post(self, endpoint: str, form: Mapping[str, str], **options: Any) -> TestResponse:
        """Post *form* with the client's id; None values are left out."""
        own = {"client_id": self.client_id, **form}
        return Browser(self.app).post(
            f"{ISSUER}/oauth/{endpoint}",
            data={name: value for name, value in own.items() if value is not None},
            **options,
        )

    def exchange(self, code: str, auth: tuple[str, str] | None = None, **changes: Any) -> TestResponse:
        """Exchange *code*, properly but for *changes* (None leaves a parameter out); *auth* is for Basic."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": self.verifier,
        }
        return self.post("token", {**form, **changes}, auth=auth)

    def refresh(self, token: str, **changes: Any) -> TestResponse:
        """Refresh with *token*, properly but for *changes*."""
        return self.post("token", {"grant_type": "refresh_token", "refresh_token": token, **changes})

    def revoke(self, token: str, **changes: Any) -> TestResponse:
        """Give *token* back."""
        return self.post("revoke", {"token": token, **changes})

    # -- the person's side ---------------------------------------------------------------------------------------------

    def ask(self, **changes: Any) -> TestResponse:
        """Open the authorize page, properly but for *changes*."""
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "state": "the client's state",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return self.browser.get(f"{ISSUER}/oauth/authorize", query_string=given)

    def approve(
        self, page: TestResponse, skills: tuple[str, ...] | None = None, *, decision: str = "approve"
    ) -> TestResponse:
        """Press Approve on *page*, with the skills that it ticks, or with *skills*."""
        form = Form.of(page.text)
        chosen = form.checked["skills"] if skills is None else list(skills)
        return self.browser.post(
            f"{ISSUER}/oauth/approve",
            data={**form.hidden, "decision": decision, "skills": chosen},
            headers={"Origin": ISSUER},
        )

    def to_sentry(self, skills: tuple[str, ...] | None = None, **changes: Any) -> str:
        """Ask and approve; the address at Sentry that the browser is sent to."""
        page = self.ask(**changes)
        assert page.status_code == 200, page.text
        answer = self.approve(page, skills)
        assert answer.status_code == 303, answer.text
        return str(answer.location)

    def come_back(self, at_sentry: str, user: str = "mira", *, deny: bool = False) -> TestResponse:
        """Sign in at Sentry as *user* and follow the way back to our callback."""
        return self.browser.get(self.sandbox.approve(at_sentry, user=user, deny=deny))

    def code(self, *, user: str = "mira", skills: tuple[str, ...] | None = None, **changes: Any) -> str:
        """An authorization code, fresh from the callback."""
        return answer_of(self.come_back(self.to_sentry(skills, **changes), user))["code"]

    def sign_in(self, *, user: str = "mira", skills: tuple[str, ...] | None = None, **changes: Any) -> dict[str, Any]:
        """The token answer of a whole sign-in."""
        answer = self.exchange(self.code(user=user, skills=skills, **changes))
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    # -- what became of it ---------------------------------------------------------------------------------------------

    def context(self, token: str | None, organization: str | None = None, project: str | None = None) -> Context:
        """The context that *token* is let in with; raises what the check raises."""
        header = None if token is None else f"Bearer {token}"
        context: Context = self.authenticate(Presented(header, organization, project, "127.0.0.1"))
        return context

    def held(self, token: str) -> Held:
        """The grant that *token* leads to."""
        found = present(self.provider, token)
        assert found is not None
        return found.held

    def grant(self, token: str) -> Grant:
        """The grant that *token* leads to, without its version."""
        return self.held(token).grant


def new_flow(provider: Provider, sandbox: Sandbox) -> Flow:
    """A client and its person at *provider*, with the signals written down in ``events``."""
    app = Flask("flow")
    app.register_blueprint(oauth_blueprint(provider))
    browser = app.test_client()
    flow = Flow(provider, sandbox, app, browser, authenticate=context_for(provider))
    flow.register()

    def suspicious(_: object, event: str, **__: Any) -> None:
        flow.events.append(("suspicious", event))

    def ended(_: object, reason: str, **__: Any) -> None:
        flow.events.append(("ended", reason))

    signals.suspicious.connect(suspicious, provider.app, weak=False)
    signals.grant_ended.connect(ended, provider.app, weak=False)
    return flow


def json_of(response: TestResponse) -> dict[str, Any]:
    """The JSON object that a machine endpoint answered."""
    found = response.get_json()
    assert isinstance(found, dict)
    return found


def error_of(response: TestResponse) -> tuple[int, str]:
    """Status and code of an error answer: ``(400, "invalid_grant")``."""
    return response.status_code, json_of(response)["error"]


def answer_of(response: TestResponse) -> dict[str, str]:
    """The parameters that a redirect to the client carries, each of them once."""
    assert response.status_code == 303, response.text
    found = parse_qs(urlsplit(response.location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}
