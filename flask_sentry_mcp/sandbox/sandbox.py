"""``Sandbox``: the stand-in for Sentry, started, asked and stopped."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import requests

from .. import clock
from . import seed as seeding
from .app import Front
from .credentials import (
    CLIENT_ID,
    CLIENT_SECRET,
    PUBLIC_CLIENT_ID,
    TOKEN_LIFE_S,
    Application,
    Credentials,
    SandboxToken,
    scopes_of,
)
from .faults import Faults
from .limits import Limits
from .records import User
from .requestlog import RequestLog
from .server import Listener
from .state import Addresses, State
from .world import World

REGIONS = ("us", "de")
ALL_SCOPES = "org:read project:write team:write event:write"


class Sandbox:
    """A small Sentry with invented data: OAuth pages and REST API, over real HTTP on 127.0.0.1.

    ``with Sandbox(redirect_uris=["http://127.0.0.1:5000/oauth/callback"]) as sandbox:`` starts and stops it. It has
    three addresses: the control host (*ports[0]*) and the regions us and de; 0 means any free port. With
    *self_hosted* there is one address, no regions endpoint and no links. *rate_limit* is requests per second, person
    and endpoint, *concurrency_limit* how many of one person's are answered side by side (None: counted, never refused).
    *token_life_s* None: tokens do not expire. A run of Seer takes
    *seer_takes_s*. Unless it *forwards*, the control host has nothing of what is in an organization.
    """

    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET
    public_client_id = PUBLIC_CLIENT_ID

    def __init__(
        self,
        redirect_uris: Sequence[str] = (),
        *,
        ports: tuple[int, int, int] = (0, 0, 0),
        seed: int = 1,
        token_life_s: float | None = TOKEN_LIFE_S,
        self_hosted: bool = False,
        rate_limit: int | None = None,
        concurrency_limit: int | None = None,
        seer_takes_s: float = 6.0,
        forwards: bool = True,
    ) -> None:
        self.redirect_uris = tuple(redirect_uris)
        applications = (
            Application(CLIENT_ID, CLIENT_SECRET, "Flask Sentry MCP", self.redirect_uris),
            Application(PUBLIC_CLIENT_ID, None, "Terminal program", self.redirect_uris),
        )
        self._state = State(
            world=seeding.plant(seed, clock.now()),
            credentials=Credentials(applications, token_life_s),
            addresses=Addresses(),
            seed=seed,
            limits=Limits(rate_limit, concurrency_limit),
            seer_takes_s=seer_takes_s,
            forwards=forwards,
        )
        self._self_hosted = self_hosted
        self._ports = ports
        self._listeners: list[Listener] = []

    # -- its life -------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open the addresses. Raises OSError when a port is taken, RuntimeError when it runs already."""
        if self._listeners:
            raise RuntimeError("the sandbox is running already")
        front = Front(self._state)
        silos = ("self-hosted",) if self._self_hosted else ("control", *REGIONS)
        try:
            for silo, port in zip(silos, self._ports, strict=False):
                self._listeners.append(Listener(silo, port, front))
        except OSError:
            self.stop()
            raise
        self._state.addresses.control = self.url
        self._state.addresses.regions = {one.silo: f"http://{one.host}" for one in self._listeners[1:]}
        self._state.stopping.clear()
        for listener in self._listeners:
            listener.start()
        return self

    def stop(self) -> None:
        """Close addresses and connections; delayed answers are let go."""
        self._state.stopping.set()
        for listener in self._listeners:
            listener.stop()
        self._listeners.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- where and who --------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """``127.0.0.1:40001``, the control host."""
        if not self._listeners:
            raise RuntimeError("the sandbox is not running")
        return self._listeners[0].host

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def region_hosts(self) -> tuple[str, ...]:
        """Hosts of the regions us and de; empty when self-hosted."""
        return tuple(listener.host for listener in self._listeners[1:])

    @property
    def users(self) -> Mapping[str, User]:
        """The people by key. ``mira`` and ``jonas`` can sign in at the pages."""
        return MappingProxyType(self._state.world.users)

    @property
    def world(self) -> World:
        """All that is seeded, to read in tests, and to change before the first request."""
        return self._state.world

    @property
    def landmarks(self) -> Mapping[str, str]:
        """Names of things that tests look for: ``landmarks["chained"]`` is a short id."""
        return MappingProxyType(self._state.world.landmarks)

    @property
    def requests(self) -> RequestLog:
        return self._state.log

    @property
    def faults(self) -> Faults:
        return self._state.faults

    @property
    def connections(self) -> int:
        """TCP connections accepted so far, at all addresses."""
        return sum(listener.accepted for listener in self._listeners)

    def settings(self) -> dict[str, Any]:
        """What an application's ``app.config`` needs to use this sandbox as its Sentry."""
        return {
            "SENTRY_HOST": self.host,
            "SENTRY_CLIENT_ID": self.client_id,
            "SENTRY_CLIENT_SECRET": self.client_secret,
            "SENTRY_MCP_INSECURE_HTTP": True,
            "SENTRY_ALLOWED_REGION_DOMAINS": list(self.region_hosts),
        }

    # -- tokens ---------------------------------------------------------------------------------------------------

    def issue_token(
        self,
        user: str = "mira",
        scopes: str = ALL_SCOPES,
        life_s: float | None = None,
        *,
        organization: str | None = None,
    ) -> SandboxToken:
        """A live token without a browser. *life_s* None: as long as the sandbox's tokens live.

        With an *organization* it is good for that one only, as of an application with access by organization.
        """
        granted = scopes_of(scopes)
        if granted is None:
            raise ValueError(f"unknown scope in {scopes!r}")
        token = self._state.credentials.issue(self.users[user], granted, self.client_id, life_s=life_s)
        token.organization = organization
        return token

    def reset(self) -> None:
        """The world as it was seeded, as of now. Tokens stay; faults and the request log are emptied."""
        self._state.world = seeding.plant(self._state.seed, clock.now())
        self.faults.clear()
        self.requests.clear()

    def revoke_all(self, user: str = "mira") -> None:
        """As when the person removes the application at Sentry: tokens and approvals end."""
        self._state.credentials.revoke_all(self.users[user])

    def approve(self, authorize_url: str, user: str = "mira", *, deny: bool = False) -> str:
        """Play the browser at Sentry: open the address, pick the person, approve. Returns where it would go next.

        The returned address (our callback, with ``code`` and ``state``) is not visited. Raises RuntimeError with the
        page's status when Sentry would show an error page.
        """
        with requests.Session() as browser:
            browser.trust_env = False
            login = urljoin(authorize_url, "/auth/login/")
            onward = authorize_url.removeprefix(urljoin(authorize_url, "/").rstrip("/"))
            browser.post(login, data={"person": user, "next": onward}, allow_redirects=False, timeout=10)
            answer = browser.get(authorize_url, allow_redirects=False, timeout=10)
            if answer.status_code == 200:
                choice = {"op": "deny" if deny else "approve"}
                answer = browser.post(
                    urljoin(authorize_url, "/oauth/authorize/"), choice, allow_redirects=False, timeout=10
                )
        if answer.status_code != 302:
            raise RuntimeError(f"the authorization page answered {answer.status_code}")
        return answer.headers["Location"]
