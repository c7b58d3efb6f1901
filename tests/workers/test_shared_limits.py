"""With Redis as the store, all workers count the rate limits together (RATE-1); without it, each goes on alone."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from flask import Flask
from werkzeug.test import TestResponse

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for, sign_in
from tests.store.servers import Redis


@pytest.fixture
def server() -> Iterator[Redis]:
    server = Redis()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    """An application's own."""
    with redis.Redis(port=server.port, decode_responses=True) as client:
        yield client


def workers(sandbox: Sandbox, client: redis.Redis | None = None, **settings: Any) -> list[Flask]:
    """Two workers of one application, four calls an hour for each grant."""
    made = []
    for _ in range(2):
        app = Flask("app")
        app.config.update(settings_for(sandbox, SENTRY_MCP_CALL_LIMIT="4/hour", **settings))
        SentryMCP(app, redis=client)
        made.append(app)
    return made


def answers(apps: list[Flask], sandbox: Sandbox) -> list[TestResponse]:
    """What a client is answered that asks the workers in turn, six times."""
    mcp = sign_in(apps[0], sandbox)
    told = []
    for call in range(6):
        mcp.app = apps[call % 2]
        told.append(mcp.post("tools/list", {}))
    return told


def test_two_workers_share_one_limit_and_keep_one_each_when_redis_dies(server: Redis, sandbox: Sandbox) -> None:
    """RATE-3: the storage of the limits may fail; the limits do not."""
    apps = workers(sandbox, SENTRY_MCP_STORE=server.url)

    told = answers(apps, sandbox)
    server.kill()
    limits = [app.extensions["sentry_mcp"].limits for app in apps]
    for one in limits:
        one.hit("1/hour", "grant", "somebody")

    assert [answer.status_code for answer in told] == [200] * 4 + [429] * 2
    assert 0 < int(told[-1].headers["Retry-After"]) <= 3_600
    for one in limits:
        with pytest.raises(Exception, match="1/hour for grant"):
            one.hit("1/hour", "grant", "somebody")


def test_a_client_of_the_applications_own_is_where_all_count(client: redis.Redis, sandbox: Sandbox) -> None:
    """RATE-1: whether Redis is named in the settings or handed in."""
    told = answers(workers(sandbox, client), sandbox)

    assert [answer.status_code for answer in told] == [200] * 4 + [429] * 2


def test_the_setting_goes_before_the_client(client: redis.Redis, sandbox: Sandbox) -> None:
    told = answers(workers(sandbox, client, SENTRY_MCP_LIMITS_STORAGE="memory://"), sandbox)

    assert [answer.status_code for answer in told] == [200] * 6


def test_a_redis_that_hangs_holds_nobody_up(server: Redis, sandbox: Sandbox) -> None:
    """RATE-3: one caller waits for a second, the others count in memory meanwhile."""
    app, _ = workers(sandbox, SENTRY_MCP_LIMITS_STORAGE=server.url)
    mcp = sign_in(app, sandbox)
    server.freeze()
    started = time.monotonic()

    told = [mcp.post("tools/list", {}).status_code for _ in range(5)]

    assert time.monotonic() - started < 10
    assert told == [200] * 4 + [429]
