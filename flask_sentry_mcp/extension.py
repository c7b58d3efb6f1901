"""SentryMCP: wires the rooms together, holds no logic. The state of an application lives in the application."""

import functools
import re
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from types import FrameType
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from flask import Blueprint, Flask, current_app, request
from limits import parse_many
from werkzeug import exceptions
from werkzeug.routing import Rule

from . import cli, config
from .audit import Audit
from .context import Authenticate
from .errors import TooManyRequests
from .mcp.endpoint import tell_updated
from .mcp.offer import Offer, check_reachable
from .mcp.tool import Toolbox
from .mcp.views import Endpoint, mcp_blueprint
from .oauth import bearer
from .oauth.provider import Provider
from .oauth.views import oauth_blueprint, well_known_blueprint
from .security import redact
from .security.limits import Limits, client_address
from .security.origin import origin_rule
from .security.regions import Regions
from .sentry.connections import SentryConnections
from .skills import SKILLS, Skill
from .store.base import Store
from .store.opening import open_store
from .store.vault import Vault
from .tools import catalogue

if TYPE_CHECKING:
    import redis
    import sqlalchemy

P = ParamSpec("P")
R = TypeVar("R")
HOME = "https://github.com/flask-sentry-mcp/flask-sentry-mcp"


@dataclass(frozen=True, slots=True)
class State:
    """All that belongs to one application: ``app.extensions["sentry_mcp"]``."""

    settings: config.Settings
    store: Store
    limits: Limits
    regions: Regions
    provider: Provider
    endpoint: Endpoint
    audit: Audit


class SentryMCP:
    """Adds an OAuth sign-in and an MCP endpoint for Sentry to a Flask application.

    Arguments say how it is used; ``app.config`` says where it is deployed. One object may serve many applications:
    whatever belongs to one of them is kept in ``app.extensions["sentry_mcp"]``.

    *tools* replaces the catalogue; *skills* the skills offered. *authenticate* replaces the sign-in with an
    application's own. *engine* and *redis* are an application's own connections for the store. *url_prefix* is where
    the blueprints are mounted inside the application, when that is not the path of the public URL.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        tools: Toolbox | None = None,
        skills: Iterable[Skill] = SKILLS,
        authenticate: Authenticate | None = None,
        instructions: str | None = None,
        engine: "sqlalchemy.Engine | None" = None,
        redis: "redis.Redis | None" = None,
        url_prefix: str | None = None,
    ) -> None:
        self.tools = catalogue() if tools is None else tools
        self.tool, self.resource = self.tools.tool, self.tools.resource
        self.prompt, self.completion = self.tools.prompt, self.tools.completion
        self._skills = tuple(skills)
        self._authenticate = authenticate
        self._instructions = instructions
        self._engine, self._redis = engine, redis
        self._url_prefix = url_prefix
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration, build the state, register the blueprints and the commands.

        Raises: ConfigurationError, which lists every mistake in the settings; ValueError for a tool, prompt or resource
        that no sign-in could ever reach (what is added later is held to the same); RuntimeError when the application
        has a route of its own at an address of ours.
        """
        if "sentry_mcp" in app.extensions:
            raise RuntimeError("This application has a SentryMCP already; use that one.")
        settings = config.load(app.config)
        self.tools.require(self._check_reachable)
        state = self._state(app, settings)
        prefix = (settings.issuer_path if self._url_prefix is None else self._url_prefix) or None
        blueprints = (
            (mcp_blueprint(state.endpoint), prefix),
            (oauth_blueprint(state.provider), prefix),
            (well_known_blueprint(state.provider), None),
        )
        try:
            _check_addresses(app, blueprints)
        except RuntimeError:
            state.store.close()
            raise
        for blueprint, url_prefix in blueprints:
            app.register_blueprint(blueprint, url_prefix=url_prefix)
        app.cli.add_command(cli.commands)
        redact.install()
        app.extensions["sentry_mcp"] = state

    def _state(self, app: Flask, settings: config.Settings) -> State:
        store = open_store(settings.store, instance_path=app.instance_path, engine=self._engine, redis=self._redis)
        counted_in = settings.limits_storage or (settings.store if settings.store.startswith("redis") else "memory://")
        client = None if settings.limits_storage else self._redis
        limits = Limits(counted_in, secret=settings.cookie_secret, redis=client)
        regions = Regions(settings.host, settings.region_domains, settings.insecure_http)
        release = version("flask-sentry-mcp")
        connections = SentryConnections(
            regions,
            timeout_s=settings.sentry_timeout_s,
            user_agent=f"flask-sentry-mcp/{release} ({HOME})",
            ca_bundle=settings.ca_bundle,
        )
        provider = Provider(
            app=app,
            settings=settings,
            store=store,
            vault=Vault(settings.vault_keys),
            limits=limits,
            connections=connections,
            skills=self._skills,
        )
        endpoint = Endpoint(
            app=app,
            settings=settings,
            toolbox=self.tools,
            authenticate=self._authenticate or bearer.context_for(provider),
            challenge=functools.partial(bearer.challenge, provider),
            limits=limits,
            origins=origin_rule(settings.public_origin, settings.allowed_hosts, settings.allowed_origins),
            store=store,
            instructions=self._instructions,
            version=release,
            skills=self._skills,
            streams_per_grant=settings.streams_per_grant,
            streams_per_worker=settings.streams_per_worker,
        )
        return State(settings, store, limits, regions, provider, endpoint, Audit(app, settings.audit_log))

    def _check_reachable(self, offer: Offer) -> None:
        """With an application's own sign-in, which skills and scopes there are is the application's affair."""
        if self._authenticate is None:
            check_reachable(offer, self._skills)

    def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to the resource at *uri*, at all workers, that its contents changed."""
        tell_updated(state_of(current_app).store, uri)

    @staticmethod
    def end_streams(app: Flask) -> None:
        """The server is about to stop: end the streams of *app* that have no end of their own, within a second or two.

        Those are subscriptions, and what clients of 2025 listen to. Calls that run are left the time that the server
        gives them. May be called where a signal is handled.
        """
        state_of(app).endpoint.ending.is_near = True

    @staticmethod
    def end_streams_at_sigterm(app: Flask) -> None:
        """Do so when this process is sent SIGTERM, before whatever is done about it already. For the main thread.

        The place for it is a hook of the server's that runs in each worker once its own handlers are in place.
        """
        ending, before = state_of(app).endpoint.ending, signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            ending.is_near = True
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, end)

    def limit(self, rule: str, key: Callable[[], str] | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """A decorator for a route of the application's own: at most *rule* per address, or per ``key()``; else 429.

        Each route has counters of its own.

        >>> @app.get("/report")
        ... @mcp.limit("10/minute")
        ... def report(): ...
        """
        parse_many(rule)  # a bad rule stops the start, not the first request

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(view)
            def limited(*args: P.args, **kwargs: P.kwargs) -> R:
                state = state_of(current_app)
                try:
                    state.limits.hit(rule, "route", request.endpoint or "", key() if key else _address_key(state))
                except TooManyRequests as error:
                    raise exceptions.TooManyRequests(error.public, retry_after=error.retry_after_s) from error
                return view(*args, **kwargs)

            return limited

        return decorate


def _check_addresses(app: Flask, blueprints: Iterable[tuple[Blueprint, str | None]]) -> None:
    """Raises RuntimeError when a route of *app* has the address of one of ours: one of them would never be reached.

    A route for everything else, as ``/<path:page>``, is no such: the more exact one goes first.
    """
    ours = Flask(__name__, static_folder=None)
    for blueprint, url_prefix in blueprints:
        ours.register_blueprint(blueprint, url_prefix=url_prefix)
    taken = {_address(rule) for rule in ours.url_map.iter_rules()}
    for rule in app.url_map.iter_rules():
        if not rule.subdomain and not rule.host and _address(rule) in taken:
            raise RuntimeError(
                f"This application has a route at {rule.rule}, where an address of flask-sentry-mcp would be. Give "
                "SENTRY_MCP_PUBLIC_URL a path of its own, as in https://app.example/sentry, or move the route."
            )


def _address(rule: Rule) -> str:
    """What a rule matches, whatever its variables are called: ``/mcp/<>``."""
    return re.sub("<[^>]*>", "<>", rule.rule).rstrip("/")


def state_of(app: Flask) -> State:
    """The state of *app*, which may be ``current_app``."""
    return cast(State, app.extensions["sentry_mcp"])


def _address_key(state: State) -> str:
    forwarded = request.headers.get("X-Forwarded-For")
    address = client_address(request.remote_addr, forwarded, state.settings.trusted_proxy_hops)
    return state.limits.address_key(address)
