"""For your tests and ours: a Sentry that is played, and an MCP client that is signed in.

>>> with start_sandbox() as sandbox:
...     app = create_app(settings_for(sandbox))
...     mcp = sign_in(app, sandbox, user="mira", skills=["inspect"], organization="northwind")
...     print(mcp.call("whoami").text)

The client goes through the real sign-in: registration, our approval page, the sandbox's page, code and tokens.
"""

import base64
import hashlib
import itertools
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import Client, TestResponse

from .extension import state_of
from .sandbox import Sandbox

PUBLIC_URL = "https://mcp.test"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
MODERN = "2026-07-28"


def start_sandbox(public_url: str = PUBLIC_URL, **options: Any) -> Sandbox:
    """A sandbox Sentry that knows the application at *public_url*; a context manager. *options* are ``Sandbox``'s."""
    return Sandbox(redirect_uris=[f"{public_url}/oauth/callback"], **options)


def settings_for(sandbox: Sandbox, public_url: str = PUBLIC_URL, **changes: Any) -> dict[str, Any]:
    """Values for ``app.config``: *sandbox* as the Sentry, fresh random secrets, a store in memory; and *changes*."""
    return {
        **sandbox.settings(),
        "SENTRY_MCP_PUBLIC_URL": public_url,
        "SENTRY_MCP_STORE": "memory://",
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": [("test", secrets.token_bytes(32))],
        "TESTING": True,
        **changes,
    }


@dataclass(frozen=True)
class Result:
    """What a tool answered: its text, its structured content, and the whole JSON of the result."""

    text: str
    is_error: bool
    structured: Any
    json: Mapping[str, Any]


@dataclass
class MCPClient:
    """A signed-in MCP client of an application under test. ``tokens`` is the last answer of the token endpoint."""

    app: Flask
    client_id: str
    tokens: dict[str, Any]
    url: str
    protocol: str = MODERN
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1), repr=False)

    def call(self, tool: str, /, **arguments: Any) -> Result:
        """Call *tool*. A tool that failed is a result too: see ``is_error``."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        texts = [block["text"] for block in result.get("content", ()) if block.get("type") == "text"]
        return Result("\n".join(texts), bool(result.get("isError")), result.get("structuredContent"), result)

    def tools(self) -> list[dict[str, Any]]:
        """The tools that this client sees, as ``tools/list`` gives them."""
        listed: list[dict[str, Any]] = self.request("tools/list", {})["tools"]
        return listed

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a JSON-RPC request. Raises AssertionError with the whole answer when it is an error."""
        response = self.post(method, params)
        answer = response.get_json(silent=True) or {}
        if "result" not in answer:
            raise AssertionError(f"{method}: {response.status} {response.get_data(as_text=True)}")
        result: dict[str, Any] = answer["result"]
        return result

    def post(self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> TestResponse:
        """The HTTP answer to a JSON-RPC request; *headers* are added to, or replace, the usual ones."""
        own = {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self.protocol,
        }
        params = dict(params)
        if self.protocol == MODERN:
            own["Mcp-Method"] = method
            if name := params.get("name") or params.get("uri") or params.get("taskId"):
                own["Mcp-Name"] = name
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self.protocol,
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
                **params.get("_meta", {}),
            }
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return _browser(self.app).post(self.url, data=json.dumps(body), headers=own | dict(headers or {}))

    def refresh(self) -> TestResponse:
        """Exchange the refresh token; on success ``tokens`` is renewed."""
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        response = self._form("token", form)
        if response.status_code == 200:
            self.tokens = response.get_json()
        return response

    def revoke(self) -> TestResponse:
        """Revoke the refresh token, and with it the grant."""
        return self._form("revoke", {"token": self.tokens["refresh_token"]})

    def _form(self, endpoint: str, form: Mapping[str, str]) -> TestResponse:
        url = f"{state_of(self.app).settings.public_url}/oauth/{endpoint}"
        return _browser(self.app).post(url, data={**form, "client_id": self.client_id})


def sign_in(
    app: Flask,
    sandbox: Sandbox,
    *,
    user: str = "mira",
    skills: Iterable[str] | None = None,
    organization: str | None = None,
    project: str | None = None,
    protocol: str = MODERN,
    client_name: str = "Test client",
) -> MCPClient:
    """Register a client, approve it as *user* with *skills* (None: those the page preselects), and take the tokens.

    *organization* and *project* fix the connection to them, as the address ``/mcp/<organization>/<project>`` does.
    """
    settings = state_of(app).settings
    url = "/".join([settings.resource_url, *filter(None, (organization, project))])
    form = obtain_code(app, sandbox, url, user=user, skills=skills, client_name=client_name)
    tokens = _browser(app).post(f"{settings.public_url}/oauth/token", data=form)
    _expect(tokens, 200)
    return MCPClient(app, form["client_id"], tokens.get_json(), url, protocol)


def obtain_code(
    app: Flask,
    sandbox: Sandbox,
    resource: str,
    *,
    user: str = "mira",
    skills: Iterable[str] | None = None,
    client_name: str = "Test client",
) -> dict[str, str]:
    """The sign-in up to its last step: the form that exchanges the authorization code for tokens."""
    settings = state_of(app).settings
    browser = _browser(app)
    client_id = register(browser, settings.public_url, client_name)
    verifier = secrets.token_urlsafe(48)
    asked = authorization(client_id, verifier, resource)
    page = browser.get(f"{settings.public_url}/oauth/authorize", query_string=asked)
    _expect(page, 200)
    form = Form.of(page.get_data(as_text=True))
    approved = browser.post(
        f"{settings.public_url}/oauth/approve",
        data={
            **form.hidden,
            "decision": "approve",
            "skills": form.checked["skills"] if skills is None else list(skills),
        },
        headers={"Origin": settings.public_origin},
    )
    _expect(approved, 303)
    back = browser.get(sandbox.approve(approved.location, user=user))
    _expect(back, 303)
    answer = parse_qs(urlsplit(back.location).query)
    if "code" not in answer:
        raise AssertionError(f"no code: {back.location}")
    return {
        "grant_type": "authorization_code",
        "code": answer["code"][0],
        "redirect_uri": REDIRECT_URI,
        "client_id": client_id,
        "code_verifier": verifier,
        "resource": resource,
    }


def register(browser: Client, public_url: str, client_name: str = "Test client") -> str:
    """Register a public client; returns its client id."""
    wanted = {"client_name": client_name, "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
    response = browser.post(f"{public_url}/oauth/register", json=wanted)
    _expect(response, 201)
    client_id: str = response.get_json()["client_id"]
    return client_id


def authorization(client_id: str, verifier: str, resource: str) -> dict[str, str]:
    """The parameters of an authorization request with PKCE (RFC 7636) and a resource indicator (RFC 8707)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "state": secrets.token_urlsafe(12),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "resource": resource,
    }


class Form(HTMLParser):
    """The fields of a page's form: ``hidden`` ones by name, and the values of ``checked`` boxes by name."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.checked: dict[str, list[str]] = {}
        self.offered: dict[str, list[str]] = {}

    @classmethod
    def of(cls, page: str) -> "Form":
        """Read *page*."""
        form = cls()
        form.feed(page)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an input says."""
        values = dict(attrs)
        name, value = values.get("name") or "", values.get("value") or ""
        if tag == "input" and values.get("type") == "hidden":
            self.hidden[name] = value
        elif tag == "input" and values.get("type") == "checkbox":
            self.offered.setdefault(name, []).append(value)
            self.checked.setdefault(name, [])
            if "checked" in values:
                self.checked[name].append(value)


def _browser(app: Flask) -> Client:
    return app.test_client()


def _expect(response: TestResponse, status: int) -> None:
    if response.status_code != status:
        raise AssertionError(f"expected {status}: {response.status} {response.get_data(as_text=True)}")
