"""What happens when something fails: nothing is issued, nothing is accepted, nothing is a 500 (section 27)."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import MembershipUnknown, SentryUnreachable, StoreUnavailable, Unauthenticated
from flask_sentry_mcp.oauth.grants import GRANT, TOKEN
from flask_sentry_mcp.oauth.records import Grant
from flask_sentry_mcp.store.base import Store
from flask_sentry_mcp.testing import start_sandbox
from tests.oauth.flow import (
    ISSUER,
    Flow,
    answer_of,
    error_of,
    json_of,
    load_settings,
    new_flow,
    open_provider,
    sqlite_url,
)

METHODS = ("get", "put", "take", "swap", "delete", "find", "count", "stamp")
UNAVAILABLE = (503, "temporarily_unavailable")


@contextmanager
def failing(store: Store, *names: str, after: int = 0) -> Iterator[None]:
    """The store raises StoreUnavailable in these methods (all, when none is named), after so many good calls."""
    left = [after]
    originals = {name: getattr(store, name) for name in names or METHODS}

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise StoreUnavailable("down, by order of the test")
            return original(*args, **kwargs)

        return method

    for name, original in originals.items():
        setattr(store, name, failing(original))
    try:
        yield
    finally:
        for name in originals:
            delattr(store, name)


def test_token_and_revocation_answer_503(flow: Flow) -> None:
    """And what was presented still works afterwards."""
    tokens = flow.sign_in()
    code = flow.code()

    with failing(flow.provider.store):
        answers = [flow.exchange(code), flow.refresh(tokens["refresh_token"]), flow.revoke(tokens["refresh_token"])]

    assert [error_of(one) for one in answers] == [UNAVAILABLE] * 3
    assert all(int(one.headers["Retry-After"]) >= 1 for one in answers)
    assert flow.exchange(code).status_code == 200
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


def test_the_resource_answers_503(flow: Flow) -> None:
    """Also for a token that was let in a moment before."""
    token = flow.sign_in()["access_token"]
    flow.context(token)

    with failing(flow.provider.store), pytest.raises(StoreUnavailable) as caught:
        flow.context(token)

    assert caught.value.http_status == 503
    assert flow.context(token)


@pytest.mark.parametrize("after", range(8))
def test_a_store_that_dies_during_an_exchange_issues_nothing_that_lives(flow: Flow, after: int) -> None:
    """STORE-2: at whichever step; at worst the person signs in once more."""
    code = flow.code()

    with failing(flow.provider.store, "get", "put", "swap", after=after):
        answer = flow.exchange(code)

    if answer.status_code == 503:
        assert error_of(answer) == UNAVAILABLE
        grants = [Grant.from_dict(json.loads(one.value)) for one in flow.provider.store.find(GRANT)]
        assert [grant.access for grant in grants if grant.access] == []
    else:
        assert flow.context(json_of(answer)["access_token"])


@pytest.mark.parametrize("after", range(12))
def test_a_store_that_dies_during_a_refresh_leaves_a_way_back(flow: Flow, after: int) -> None:
    """REF-4 a: whatever was written, the same token leads to a pair that works."""
    token = flow.sign_in()["refresh_token"]

    with failing(flow.provider.store, "get", "put", "swap", after=after):
        answer = flow.refresh(token)

    assert answer.status_code == 200 or error_of(answer) == UNAVAILABLE
    again = flow.refresh(token)
    assert again.status_code == 200
    assert flow.context(json_of(again)["access_token"])
    assert flow.refresh(json_of(again)["refresh_token"]).status_code == 200
    assert flow.events == []


@pytest.mark.parametrize("after", range(10))
def test_a_store_that_dies_during_the_callback_gives_no_half_sign_in(flow: Flow, after: int) -> None:
    """C12: a page or an error to the client; never a 500."""
    back = flow.sandbox.approve(flow.to_sentry())

    with failing(flow.provider.store, "get", "put", "swap", "find", after=after):
        answer = flow.browser.get(back)

    if answer.status_code == 303:
        told = answer_of(answer)
        assert told.get("error") in (None, "server_error")
        if "code" in told:
            assert flow.exchange(told["code"]).status_code == 200
    else:
        assert error_of(answer) == UNAVAILABLE


def test_a_swap_whose_outcome_is_unknown_does_no_harm(flow: Flow) -> None:
    """The store's contract: after StoreUnavailable a write may have happened. A retry then finds its lost answer."""
    token = flow.sign_in()["refresh_token"]
    store = flow.provider.store
    original = store.swap

    def written_but_unanswered(*args: Any, **kwargs: Any) -> bool:
        original(*args, **kwargs)
        raise StoreUnavailable("the answer was lost")

    store.swap = written_but_unanswered  # type: ignore[method-assign]  # once
    assert error_of(flow.refresh(token)) == UNAVAILABLE
    store.swap = original  # type: ignore[method-assign]  # and back

    again = json_of(flow.refresh(token))

    assert flow.context(again["access_token"])
    assert flow.events == []


def test_a_note_that_cannot_be_written_lets_nobody_in(flow: Flow) -> None:
    """RS-3: without it theft could not be told from a lost answer."""
    token = flow.sign_in()["access_token"]

    with failing(flow.provider.store, "swap"), pytest.raises(StoreUnavailable):
        flow.context(token)

    assert flow.context(token)


def test_a_client_note_that_cannot_be_written_does_not_lose_the_tokens(flow: Flow) -> None:
    """DCR-6 is book-keeping: the answer is on its way already."""
    code = flow.code()
    store = flow.provider.store
    original = store.put

    def put(kind: str, id: str, value: bytes, *, ttl_s: float, owner: str = "") -> None:
        if kind == "client":
            raise StoreUnavailable("down")
        original(kind, id, value, ttl_s=ttl_s, owner=owner)

    store.put = put  # type: ignore[method-assign]  # fails for clients

    assert flow.exchange(code).status_code == 200


def test_tokens_of_a_grant_that_is_gone_are_nothing(flow: Flow) -> None:
    """A record that was lost is not an open door."""
    tokens = flow.sign_in()
    flow.provider.store.delete(GRANT, flow.grant(tokens["refresh_token"]).id)

    assert error_of(flow.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    with pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])
    assert flow.revoke(tokens["refresh_token"]).status_code == 200


def test_a_look_up_alone_is_nothing(flow: Flow) -> None:
    """STORE-1: it leads to the grant, and the grant decides."""
    tokens, other = flow.sign_in(), flow.sign_in(user="jonas")
    own, foreign = (flow.grant(one["refresh_token"]).id.encode() for one in (tokens, other))
    for record in list(flow.provider.store.find(TOKEN)):
        value = record.value.replace(own, foreign)
        flow.provider.store.put(TOKEN, record.id, value, ttl_s=600)

    with pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])


def test_a_sentry_that_is_gone_ends_no_sign_in(tmp_path: Path) -> None:
    """Section 30 point 3: what needs Sentry says so, the rest goes on; nothing is issued without it."""
    with start_sandbox(ISSUER) as sandbox, ExitStack() as stack:
        provider = stack.enter_context(open_provider(load_settings(sandbox, sqlite_url(tmp_path))))
        flow = new_flow(provider, sandbox)
        tokens, back = flow.sign_in(), sandbox.approve(flow.to_sentry())
        sandbox.stop()

        assert answer_of(flow.browser.get(back))["error"] == "temporarily_unavailable"
        newer = json_of(flow.refresh(tokens["refresh_token"]))
        with pytest.raises(SentryUnreachable) as caught:
            flow.context(newer["access_token"]).sentry.get("auth")
        assert caught.value.http_status == 503
        with pytest.raises(MembershipUnknown):
            flow.context(newer["access_token"], "northwind")
        assert flow.revoke(newer["refresh_token"]).status_code == 200


def test_a_clock_that_jumped_back_opens_nothing(flow: Flow) -> None:
    """Section 27: signed values of the future are refused; tokens do not become younger than they are."""
    with clock.shifted(3600):
        back = flow.sandbox.approve(flow.to_sentry())

    assert flow.browser.get(back).status_code == 400
