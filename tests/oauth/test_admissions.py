"""What the check of access tokens remembers, notes and reports (section 19)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.context import Presented
from flask_sentry_mcp.errors import SealBroken, Unauthenticated
from flask_sentry_mcp.oauth import bearer
from flask_sentry_mcp.oauth.grants import TOKEN, change, swap
from flask_sentry_mcp.store.base import Record
from tests.oauth.flow import Flow


@contextmanager
def reads_of(flow: Flow) -> Iterator[list[str]]:
    """The kinds of the records that are read meanwhile."""
    reads: list[str] = []
    original = flow.provider.store.get

    def counted(kind: str, id: str) -> Record | None:
        reads.append(kind)
        return original(kind, id)

    flow.provider.store.get = counted  # type: ignore[method-assign]  # counts
    yield reads
    flow.provider.store.get = original  # type: ignore[method-assign]  # as it was


def test_only_so_many_admissions_are_kept(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs for long does not grow with the tokens that it has seen."""
    monkeypatch.setattr(bearer, "REMEMBERED", 1)
    first, second = flow.sign_in()["access_token"], flow.sign_in()["access_token"]
    for token in (first, second):
        flow.context(token)  # notes the first use
    flow.context(second)

    with reads_of(flow) as reads:
        flow.context(second)
        assert reads == []
        flow.context(first)
        assert TOKEN in reads


def test_a_token_that_is_known_ends_with_its_grant(flow: Flow) -> None:
    """REF-7: also when the grant's idle time is over first, and the store is not read for it."""
    token = flow.sign_in()["access_token"]
    change(flow.provider, flow.grant(token).id, lambda one: replace(one, idle_ends_at=clock.now() + 60))
    for _ in range(2):
        flow.context(token)

    with clock.shifted(61), pytest.raises(Unauthenticated):
        flow.context(token)

    assert flow.events == [("ended", "expired_idle")]


def test_use_is_noted_now_and_then(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a person's page says when a connection was last used, without a write for every call."""
    monkeypatch.setattr(bearer, "NOTE_USE_EVERY_S", 600.0)
    token = flow.sign_in()["access_token"]
    flow.context(token)
    noted = flow.grant(token).used_at

    def used_after(seconds: float) -> float:
        with clock.shifted(seconds):
            bearer.context_for(flow.provider)(Presented(f"Bearer {token}", None, None, ""))
        return flow.grant(token).used_at - noted

    assert used_after(590) == 0
    assert used_after(610) == pytest.approx(610, abs=60)


def test_a_wrapped_key_that_does_not_open_is_reported(flow: Flow) -> None:
    """STO-4: an integrity event, and the token is invalid."""
    token = flow.sign_in()["access_token"]
    held = flow.held(token)
    (access,) = held.grant.access
    broken = replace(access, wrapped_key="test:AAAA")
    assert swap(flow.provider, held, replace(held.grant, access=(broken,)))

    with pytest.raises(SealBroken):
        flow.context(token).token.current()

    assert flow.events == [("suspicious", "integrity_failure")]
