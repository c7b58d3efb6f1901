"""When Sentry's token is renewed, and who waits for it: nobody whose token is still good (UP-2, UP-3)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import SentryUnreachable
from flask_sentry_mcp.oauth import refresh_grant, renewal, upstream
from flask_sentry_mcp.oauth.grants import change
from flask_sentry_mcp.oauth.records import Upstream
from flask_sentry_mcp.oauth.renewal import renewed
from tests.oauth.flow import Flow, json_of, open_provider
from tests.oauth.test_upstream_life import DUE_S, OVER_S, age, refreshes

MINUTE_S = 60.0


@contextmanager
def hanging_sentry(flow: Flow, work: Any) -> Iterator[threading.Thread]:
    """Sentry's token endpoint takes *work*'s request, which runs in a thread, and answers when the block is over."""
    asked, go_on = threading.Event(), threading.Event()
    original = flow.provider.connections.send

    def send(method: str, url: str, **options: Any) -> Any:
        if url.endswith("/oauth/token/"):
            asked.set()
            assert go_on.wait(timeout=20)
        return original(method, url, **options)

    flow.provider.connections.send = send  # type: ignore[method-assign]  # hangs
    first = threading.Thread(target=work)
    first.start()
    try:
        assert asked.wait(timeout=20)
        yield first
    finally:
        go_on.set()
        first.join(timeout=20)


def test_who_still_has_a_good_token_does_not_wait(flow: Flow) -> None:
    """UP-3: one caller hangs with Sentry, the others do not."""
    tokens = flow.sign_in()
    old = flow.context(tokens["access_token"]).token.current()
    age(flow, tokens["refresh_token"], DUE_S)
    found: list[str] = []
    first, other = flow.context(tokens["access_token"]), flow.context(tokens["access_token"])

    with hanging_sentry(flow, lambda: found.append(first.token.current())):
        assert other.token.current() == old
        assert found == []

    assert found != [old]
    assert refreshes(flow) == 1


def test_who_has_none_waits_for_a_while(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """UP-3: at most ten seconds, whoever renews; also one whose token Sentry has rejected."""
    monkeypatch.setattr(renewal, "WAIT_S", 0.2)
    tokens = flow.sign_in()
    old = flow.context(tokens["access_token"]).token.current()
    age(flow, tokens["refresh_token"], OVER_S)
    first, late = flow.context(tokens["access_token"]), flow.context(tokens["access_token"])

    with hanging_sentry(flow, first.token.current):
        for ask in (late.token.current, lambda: late.token.renew(old)):
            with pytest.raises(SentryUnreachable):
                ask()


def test_a_refresh_of_ours_does_not_wait_for_another(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """REF-8: it is issued with the present token of Sentry's."""
    monkeypatch.setattr(refresh_grant, "PATIENCE_S", 0.5)
    token = flow.sign_in()["refresh_token"]
    age(flow, token, DUE_S)
    answers: list[Any] = []

    with hanging_sentry(flow, lambda: answers.append(flow.refresh(token))):
        answers.append(flow.refresh(token))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(flow.context(json_of(answer)["access_token"]) for answer in answers)


def test_a_lease_outlasts_whatever_its_holder_may_do() -> None:
    """UP-3: two requests of ten seconds, and ten of writing; another one would spend the token that was just spent."""
    assert renewal.LEASE_S > 2 * upstream.TIMEOUT_S + renewal.WAIT_S


def test_a_request_about_tokens_has_ten_seconds(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """CB-3: in all, whatever SENTRY_MCP_SENTRY_TIMEOUT says of other requests."""
    seen: list[float] = []
    original = flow.provider.connections.send

    def send(method: str, url: str, *, timeout_s: float, **options: Any) -> Any:
        seen.append(timeout_s)
        return original(method, url, timeout_s=timeout_s, **options)

    monkeypatch.setattr(flow.provider.connections, "send", send)
    flow.sign_in()

    assert seen == [10.0]


def test_what_another_process_renewed_meanwhile_is_used(flow: Flow) -> None:
    """UP-4: ``invalid_grant`` with a version that has changed is no end."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    context = flow.context(tokens["access_token"])
    original = flow.provider.connections.send
    theirs: list[str] = []

    def send(method: str, url: str, **options: Any) -> Any:
        if not theirs:  # our lease has run out, and another process is faster
            change(
                flow.provider,
                context.grant_id,
                lambda grant: replace(grant, upstream=grant.upstream and replace(grant.upstream, lease_until=0.0)),
            )
            with open_provider(flow.provider.settings) as elsewhere:
                theirs.append(renewed(elsewhere, context.grant_id, context.token.open_key()).access_token)  # type: ignore[attr-defined]  # a grant's
        return original(method, url, **options)

    flow.provider.connections.send = send  # type: ignore[method-assign]  # somebody else is first

    assert [context.token.current()] == theirs
    assert flow.events == []


@pytest.mark.parametrize(
    ("life_s", "left_s", "is_due"),
    [
        (30 * 1440 * MINUTE_S, 8 * 1440 * MINUTE_S, False),
        (30 * 1440 * MINUTE_S, 7 * 1440 * MINUTE_S, True),
        (30 * MINUTE_S, 601, False),
        (30 * MINUTE_S, 599, True),
        (8 * MINUTE_S, 241, False),
        (8 * MINUTE_S, 239, True),
        (10, 6, False),
        (10, 4, True),
    ],
)
def test_when_it_is_due(life_s: float, left_s: float, is_due: bool) -> None:
    """UP-2: a quarter of its life, at least ten minutes, at most a half, so that no short one is renewed always."""
    now = clock.now()
    token = Upstream(sealed="", version=1, issued_at=now - life_s + left_s, expires_at=now + left_s, can_refresh=True)

    assert token.is_due(now) is is_due
