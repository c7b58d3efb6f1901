"""The store does not grow by what is over: each sign-in removes a few records of others."""

from flask import Flask

from flask_sentry_mcp import clock
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.oauth.tokens import SWEPT
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import sign_in


def test_a_sign_in_removes_more_than_it_leaves(app: Flask, sandbox: Sandbox) -> None:
    store = state_of(app).store
    for number in range(SWEPT * 2):
        store.put("form", str(number), b"over", ttl_s=1)

    with clock.shifted(2):
        sign_in(app, sandbox)
        left_over = store.purge(10_000)

    assert left_over == SWEPT


def test_what_a_sign_in_leaves_is_less_than_the_next_one_removes(app: Flask, sandbox: Sandbox) -> None:
    store = state_of(app).store
    sign_in(app, sandbox)

    with clock.shifted(400 * 86_400):
        assert 0 < store.purge(10_000) < SWEPT
