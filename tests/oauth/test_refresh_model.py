"""Whatever clients do, and in whatever order, a refresh is answered as REF-4 says: checked against a model of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import OAuthError, Unauthenticated
from flask_sentry_mcp.oauth.gate import GatedRequest
from flask_sentry_mcp.oauth.tokens import token_response
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.limits import Limits
from tests.oauth.flow import Flow, load_settings, new_flow, open_provider, sqlite_url

GRACE_S, LOST_S, ACCESS_S = 60, 86_400, 3_600

Refresh = tuple[str, int]
ACTIONS = st.one_of(
    st.tuples(st.just("refresh"), st.integers(0, 3)),  # the present token, or one of the three before it
    st.tuples(st.just("use"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([3, 55, 61, 3_500, 40_000, 86_401])),
)


class NoLimits(Limits):
    """Counts nothing: the examples are many."""

    def hit(self, rule: str, *key: str) -> None:
        """Let it through."""


@dataclass
class Model:
    """The rule, written down once more: which token is the tip, when others were superseded, was the tip used."""

    tokens: list[str]
    access: str
    issued_at: float = 0
    superseded_at: list[float] = field(default_factory=list)
    is_tip_used: bool = False
    is_ended: bool = False

    def expects_answer(self, generation: int, now: float) -> bool:
        """Whether the token of *generation* still leads to a pair that works."""
        if self.is_ended or generation == len(self.tokens) - 1:
            return not self.is_ended
        age = now - self.superseded_at[generation]
        is_lost = generation == len(self.tokens) - 2 and not self.is_tip_used and age < LOST_S
        return is_lost or age <= GRACE_S


@pytest.fixture
def unlimited(sandbox: Sandbox, tmp_path: Path) -> Iterator[Flow]:
    with ExitStack() as stack:
        provider = stack.enter_context(open_provider(load_settings(sandbox, sqlite_url(tmp_path))))
        yield new_flow(replace(provider, limits=NoLimits(secret="x" * 32)), sandbox)


def refreshed(flow: Flow, token: str) -> dict[str, str] | None:
    form = {"grant_type": "refresh_token", "client_id": flow.client_id, "refresh_token": token}
    try:
        return dict(token_response(flow.provider, GatedRequest("POST", form))[1])
    except OAuthError as error:
        if error.code != "invalid_grant":
            raise
        return None


@settings(max_examples=50)
@given(actions=st.lists(ACTIONS, min_size=3, max_size=12))
def test_every_history_is_answered_as_the_rule_says(unlimited: Flow, actions: list[Refresh]) -> None:
    """REF-4: the current token rotates, a lost answer is given again, a race finds the tip, and the rest is reuse."""
    flow = unlimited
    tokens = flow.sign_in()
    model = Model([tokens["refresh_token"]], tokens["access_token"])
    now = 0.0
    with ExitStack() as time:
        for action, number in actions:
            if action == "wait":
                time.enter_context(clock.shifted(number))
                now += number
            elif action == "use":
                use(flow, model, now)
            else:
                refresh(flow, model, max(0, len(model.tokens) - 1 - number), now)


def refresh(flow: Flow, model: Model, generation: int, now: float) -> None:
    expected = model.expects_answer(generation, now)

    answer = refreshed(flow, model.tokens[generation])

    assert (answer is not None) is expected
    if answer is None:
        model.is_ended = True
        return
    if generation == len(model.tokens) - 1:
        model.tokens.append(answer["refresh_token"])
        model.superseded_at.append(now)
        model.is_tip_used = False
    assert answer["refresh_token"] == model.tokens[-1]
    assert len(set(model.tokens)) == len(model.tokens)
    model.access, model.issued_at = answer["access_token"], now


def use(flow: Flow, model: Model, now: float) -> None:
    is_good = not model.is_ended and now - model.issued_at < ACCESS_S
    try:
        flow.context(model.access)
    except Unauthenticated:
        assert not is_good
    else:
        assert is_good
        model.is_tip_used = True
