"""With Redis as the store, all workers count the rate limits together (RATE-1); without it, each goes on alone."""

from collections.abc import Iterator

import pytest
from flask import Flask

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


def test_two_workers_share_one_limit_and_keep_one_each_when_redis_dies(server: Redis, sandbox: Sandbox) -> None:
    """RATE-3: the storage of the limits may fail; the limits do not."""
    settings = settings_for(sandbox, SENTRY_MCP_STORE=server.url, SENTRY_MCP_CALL_LIMIT="4/hour")
    workers = []
    for _ in range(2):
        app = Flask("app")
        app.config.update(settings)
        SentryMCP(app)
        workers.append(app)
    mcp = sign_in(workers[0], sandbox)

    answers = []
    for call in range(6):
        mcp.app = workers[call % 2]
        answers.append(mcp.post("tools/list", {}))
    server.kill()
    limits = [app.extensions["sentry_mcp"].limits for app in workers]
    for one in limits:
        one.hit("1/hour", "grant", "somebody")

    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3_600
    for one in limits:
        with pytest.raises(Exception, match="1/hour for grant"):
            one.hit("1/hour", "grant", "somebody")
