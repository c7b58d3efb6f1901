"""The visitor: the official ``mcp`` client with its own OAuth provider. Only the person at the browser is ours."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from .person import Person
from .transcript import Transcript

REDIRECT_URI = "http://127.0.0.1:33418/callback"


class Memory:
    """Where the provider keeps its registration and tokens: nowhere but here."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Visitor:
    """One MCP client on its way through. ``seen`` lists its HTTP exchanges as ``"POST /oauth/token 200"``."""

    def __init__(self, url: str, person: Person, transcript: Transcript) -> None:
        self.url = url
        self.memory = Memory()
        self.seen: list[str] = []
        self._person, self._transcript = person, transcript
        self._answer: dict[str, str] = {}
        self._started: dict[int, float] = {}
        self.provider = OAuthClientProvider(
            url,
            OAuthClientMetadata.model_validate(
                {
                    "client_name": "The official Python client",
                    "redirect_uris": [REDIRECT_URI],
                    "token_endpoint_auth_method": "none",
                    "grant_types": ["authorization_code", "refresh_token"],
                }
            ),
            self.memory,
            redirect_handler=self._send_to_browser,
            callback_handler=self._came_back,
        )

    @contextlib.asynccontextmanager
    async def connected(self, mode: str) -> AsyncIterator[Client]:
        """A client of the era that *mode* names (``auto`` or ``legacy``), signed in by the way."""
        async with (
            self.http(self.provider) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode, read_timeout_seconds=30) as client,
        ):
            yield client

    def http(self, auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
        """An HTTP client whose exchanges are in the transcript."""
        hooks: dict[str, list[Callable[..., Any]]] = {"request": [self._before], "response": [self._after]}
        return httpx2.AsyncClient(auth=auth, trust_env=False, timeout=30, event_hooks=hooks)

    def forget_time(self) -> None:
        """Let the access token count as expired, on the client's side."""
        self.provider.context.token_expiry_time = 1.0

    async def _send_to_browser(self, url: str) -> None:
        self._answer = await anyio.to_thread.run_sync(self._person.follow, url, REDIRECT_URI)

    async def _came_back(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self._answer)

    async def _before(self, request: httpx2.Request) -> None:
        self._started[id(request)] = time.perf_counter()

    async def _after(self, response: httpx2.Response) -> None:
        request = response.request
        took_s = time.perf_counter() - self._started.pop(id(request))
        path = urlsplit(str(request.url)).path
        self.seen.append(f"{request.method} {path} {response.status_code}")
        self._transcript.exchange("client", request.method, path, response.status_code, took_s)
