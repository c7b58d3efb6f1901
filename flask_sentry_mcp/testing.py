"""For your tests and ours: a Sentry that is played, and an MCP client that is signed in.

>>> with start_sandbox() as sandbox:
...     app = create_app(settings_for(sandbox))
...     mcp = sign_in(app, sandbox, user="mira", skills=["inspect"], organization="northwind")
...     print(mcp.call("whoami").text)

The client goes through the real sign-in: registration, our approval page, the sandbox's page, code and tokens.
"""

import base64
import hashlib
import ipaddress
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
_CALLBACK = "/oauth/callback"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
_CAN_ANSWER: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
_addresses = itertools.count(1)


def start_sandbox(public_url: str = PUBLIC_URL, **options: Any) -> Sandbox:
    """A sandbox Sentry that knows the application at *public_url*; a context manager. *options* are ``Sandbox``'s."""
    return Sandbox(redirect_uris=[f"{public_url}{_CALLBACK}"], **options)


def settings_for(sandbox: Sandbox, public_url: str | None = None, **changes: Any) -> dict[str, Any]:
    """Values for ``app.config``: *sandbox* as the Sentry, fresh random secrets, a store in memory; and *changes*.

    Without *public_url* it is the one that *sandbox* was started for. Calls are not limited.
    """
    known_at_sandbox = next((uri.removesuffix(_CALLBACK) for uri in sandbox.redirect_uris), PUBLIC_URL)
    return {
        **sandbox.settings(),
        "SENTRY_MCP_PUBLIC_URL": public_url or known_at_sandbox,
        "SENTRY_MCP_STORE": "memory://",
        "SENTRY_MCP_CALL_LIMIT": "off",
        "SENTRY_MCP_ADDRESS_LIMIT": "off",
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
    """A signed-in MCP client of an application under test. ``tokens`` is the last answer of the token endpoint.

    ``address`` is where it calls from.
    """

    app: Flask
    client_id: str
    tokens: dict[str, Any]
    url: str
    protocol: str = MODERN
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    address: str = "127.0.0.1"
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1), repr=False)

    def call(self, tool: str, /, *, answers: Mapping[str, Any] | None = None, **arguments: Any) -> Result:
        """Call *tool*. A tool that failed is a result too: see ``is_error``.

        *answers* are to what the tool asks, by the key of each question, or ``question-1`` and so on where it has none:
        what a form is filled in with, an action (``"decline"``), what the model says, the roots, or any answer whole.
        Raises: AssertionError for a question without an answer. A tool with an argument of that name needs ``request``.
        """
        result = self._answered({"name": tool, "arguments": arguments}, answers)
        texts = [block["text"] for block in result.get("content", ()) if block.get("type") == "text"]
        return Result("\n".join(texts), bool(result.get("isError")), result.get("structuredContent"), result)

    def _answered(self, params: Mapping[str, Any], answers: Mapping[str, Any] | None) -> dict[str, Any]:
        """The result of a call that is repeated with *answers* as long as it asks."""
        meta = {} if answers is None else {"_meta": {_CAPABILITIES: _CAN_ANSWER}}
        given, result = answers or {}, self.request("tools/call", {**params, **meta})
        while result.get("resultType") == "input_required":
            asked = result["inputRequests"]
            if missing := sorted(asked.keys() - given.keys()):
                message = asked[missing[0]]["params"].get("message", asked[missing[0]]["method"])
                raise AssertionError(f"{params['name']} asks {missing[0]!r}, and answers has none: {message}")
            responses = {key: _answer(question["method"], given[key]) for key, question in asked.items()}
            again = {"inputResponses": responses, "requestState": result["requestState"]}
            result = self.request("tools/call", {**params, **meta, **again})
        return result

    def tools(self) -> list[dict[str, Any]]:
        """The tools that this client sees, as ``tools/list`` gives them."""
        listed: list[dict[str, Any]] = self.request("tools/list", {})["tools"]
        return listed

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a JSON-RPC request. Raises AssertionError with the whole answer when it is an error."""
        response = self.post(method, params)
        answer = _message_in(response)
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
                _CAPABILITIES: self.capabilities,
                **params.get("_meta", {}),
            }
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return _browser(self.app, self.address).post(self.url, data=json.dumps(body), headers=own | dict(headers or {}))

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
        return _browser(self.app, self.address).post(url, data={**form, "client_id": self.client_id})


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
    Each sign-in comes from an address of its own, so that no limit per address is met.

    Raises: ValueError for a person, a skill or a public URL that is not there, or a project without an organization.
    """
    if project is not None and organization is None:
        raise ValueError("a project needs its organization")
    settings = state_of(app).settings
    url = "/".join([settings.resource_url, *filter(None, (organization, project))])
    address = _fresh_address()
    form = obtain_code(app, sandbox, url, user=user, skills=skills, client_name=client_name, address=address)
    tokens = _browser(app, address).post(f"{settings.public_url}/oauth/token", data=form)
    _expect(tokens, 200)
    return MCPClient(app, form["client_id"], tokens.get_json(), url, protocol, address=address)


def obtain_code(
    app: Flask,
    sandbox: Sandbox,
    resource: str,
    *,
    user: str = "mira",
    skills: Iterable[str] | None = None,
    client_name: str = "Test client",
    address: str | None = None,
) -> dict[str, str]:
    """The sign-in up to its last step: the form that exchanges the code for tokens. Raises: as ``sign_in``."""
    settings = state_of(app).settings
    browser = _browser(app, address or _fresh_address())
    client_id = register(browser, settings.public_url, client_name)
    verifier = secrets.token_urlsafe(48)
    asked = authorization(client_id, verifier, resource)
    page = browser.get(f"{settings.public_url}/oauth/authorize", query_string=asked)
    _expect(page, 200)
    form = Form.of(page.get_data(as_text=True))
    chosen = form.checked["skills"] if skills is None else list(skills)
    if unknown := sorted(set(chosen) - set(form.offered["skills"])):
        raise ValueError(f"the page does not offer {', '.join(unknown)}, but {', '.join(form.offered['skills'])}")
    approved = browser.post(
        f"{settings.public_url}/oauth/approve",
        data={
            **form.hidden,
            "decision": "approve",
            "skills": chosen,
        },
        headers={"Origin": settings.public_origin},
    )
    _expect(approved, 303)
    back = browser.get(_back_from(sandbox, approved.location, user, settings.callback_url))
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


def _back_from(sandbox: Sandbox, location: str, user: str, callback_url: str) -> str:
    """Where *sandbox* sends the browser of *user*, who approves there."""
    if user not in sandbox.users:
        raise ValueError(f"nobody in the sandbox is called {user}; there are {', '.join(sorted(sandbox.users))}")
    try:
        return sandbox.approve(location, user=user)
    except RuntimeError as error:
        if callback_url in sandbox.redirect_uris:
            raise
        public_url = callback_url.removesuffix(_CALLBACK)
        raise ValueError(f"the sandbox does not know this application: start_sandbox({public_url!r}) does") from error


def _answer(method: str, given: Any) -> Any:
    """*given* as the protocol writes the answer to a question of this *method*."""
    if method == "elicitation/create" and isinstance(given, str):
        return {"action": given}
    if method == "elicitation/create" and "action" not in given:
        return {"action": "accept", "content": given}
    if method == "sampling/createMessage" and isinstance(given, str):
        return {"role": "assistant", "content": {"type": "text", "text": given}, "model": "test"}
    return {"roots": given} if method == "roots/list" and isinstance(given, list) else given


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


def _message_in(response: TestResponse) -> dict[str, Any]:
    """The JSON-RPC answer: the body, or the last event of a stream, which a slow call has."""
    if response.mimetype != "text/event-stream":
        return response.get_json(silent=True) or {}
    data = [line for line in response.get_data(as_text=True).splitlines() if line.startswith("data: {")]
    answer: dict[str, Any] = json.loads(data[-1].removeprefix("data: ")) if data else {}
    return answer


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


def _browser(app: Flask, address: str) -> Client:
    browser = app.test_client()
    browser.environ_base["REMOTE_ADDR"] = address
    return browser


def _fresh_address() -> str:
    """An address that is nobody's (RFC 2544), another one each time."""
    return str(ipaddress.ip_network("198.18.0.0/15")[next(_addresses) % 2**17])


def _expect(response: TestResponse, status: int) -> None:
    if response.status_code != status:
        raise AssertionError(f"expected {status}: {response.status} {response.get_data(as_text=True)}")
