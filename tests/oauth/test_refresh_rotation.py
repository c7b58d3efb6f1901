"""Refresh: a new token on every use, a way back for lost answers and races, and theft recognised (section 16)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import SealBroken, Unauthenticated
from flask_sentry_mcp.oauth.gate import GatedRequest
from flask_sentry_mcp.oauth.grants import GRANT, TOKEN, LookUp, put_look_up, swap, token_hash
from flask_sentry_mcp.oauth.issuing import Issue, with_access
from flask_sentry_mcp.oauth.tokens import token_response
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth.flow import MCP, Flow, error_of, json_of, load_settings, new_flow, open_provider, sqlite_url

INVALID_GRANT = (400, "invalid_grant")
DAY_S = 86_400


def refreshed(flow: Flow, token: str, **changes: str) -> dict[str, str]:
    answer = flow.refresh(token, **changes)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def test_every_use_gives_a_new_pair(flow: Flow) -> None:
    """REF-1, Authlib quirk 16: for public clients as for confidential ones."""
    first = flow.sign_in()

    second = refreshed(flow, first["refresh_token"])

    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["scope"] == first["scope"]


def test_earlier_access_tokens_live_on(flow: Flow) -> None:
    """REF-6: until their own end, but for those of more than ten generations ago."""
    tokens = [flow.sign_in()]
    for _ in range(10):
        tokens.append(refreshed(flow, tokens[-1]["refresh_token"]))

    with pytest.raises(Unauthenticated):
        flow.context(tokens[0]["access_token"])
    assert all(flow.context(one["access_token"]) for one in tokens[1:])


def test_there_is_an_end_to_the_access_tokens_of_one_grant(flow: Flow) -> None:
    """REF-6: sixty, also for callers that only ever fetch a lost answer; the newest stay."""
    tokens = flow.sign_in()
    grant, key, issued = flow.grant(tokens["refresh_token"]), flow.provider.vault.new_data_key(), []
    for number in range(70):
        issued.append(f"mcpa_{number:043}")
        issue = Issue(access_token=issued[-1], refresh_token=None, expires_in=3600, scopes=(), resource=grant.resource)
        grant = with_access(flow.provider, grant, key, issue)

    assert [one.hash for one in grant.access] == [token_hash(token) for token in issued[-60:]]


def test_another_clients_token_is_refused_and_untouched(flow: Flow) -> None:
    """REF-2: ``invalid_grant``; the rightful client does not notice."""
    token, owner = flow.sign_in()["refresh_token"], flow.client_id
    flow.register()
    assert error_of(flow.refresh(token)) == INVALID_GRANT

    flow.client_id = owner

    assert refreshed(flow, token)
    assert flow.events == []


@pytest.mark.parametrize("kind", ["access", "code", "unknown", "upstream"])
def test_only_a_refresh_token_refreshes(flow: Flow, kind: str) -> None:
    """STO-1: the other kinds of tokens are no refresh tokens."""
    code = flow.code()
    access = json_of(flow.exchange(code))["access_token"]
    upstream = flow.context(access).token.current()
    token = {"access": access, "code": code, "unknown": "mcpr_" + "A" * 43, "upstream": upstream}[kind]

    assert error_of(flow.refresh(token)) == INVALID_GRANT


# -- the lost answer (REF-4 a) ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("later_s", [1, 3600, DAY_S - 60])
def test_a_lost_answer_can_be_fetched_again(flow: Flow, later_s: int) -> None:
    """REF-4 a: as long as nobody used the successor it is given again, with a fresh access token."""
    first = flow.sign_in()
    lost = refreshed(flow, first["refresh_token"])

    with clock.shifted(later_s):
        again = refreshed(flow, first["refresh_token"])

        assert again["refresh_token"] == lost["refresh_token"]
        assert again["access_token"] != lost["access_token"]
        assert flow.context(again["access_token"])
        assert refreshed(flow, again["refresh_token"])


def test_every_answer_can_be_lost_anew(flow: Flow) -> None:
    """REF-4 a: that an earlier answer arrived says nothing about the next one."""
    second = refreshed(flow, flow.sign_in()["refresh_token"])
    flow.context(second["access_token"])
    lost = refreshed(flow, second["refresh_token"])

    with clock.shifted(3600):
        assert refreshed(flow, second["refresh_token"])["refresh_token"] == lost["refresh_token"]

    assert flow.events == []


def test_a_day_later_it_is_reuse(flow: Flow) -> None:
    """REF-4 a, c."""
    first = flow.sign_in()
    refreshed(flow, first["refresh_token"])

    with clock.shifted(DAY_S + 1):
        assert error_of(flow.refresh(first["refresh_token"])) == INVALID_GRANT

    assert flow.events == [("suspicious", "refresh_reuse"), ("ended", "reuse")]


@pytest.mark.parametrize("used", ["access", "refresh"])
def test_once_the_answer_was_used_it_was_not_lost(flow: Flow, used: str) -> None:
    """REF-4 a, RS-3: the use of either token of the answer proves that it arrived."""
    first = flow.sign_in()
    second = refreshed(flow, first["refresh_token"])
    if used == "access":
        flow.context(second["access_token"])
    else:
        refreshed(flow, second["refresh_token"])

    with clock.shifted(61):
        assert error_of(flow.refresh(first["refresh_token"])) == INVALID_GRANT

    assert ("ended", "reuse") in flow.events


# -- the race (REF-4 b) -----------------------------------------------------------------------------------------------


def test_in_its_grace_an_old_token_finds_the_tip(flow: Flow) -> None:
    """REF-4 b: through any number of hops, and everybody leaves with a pair that works."""
    tokens = [flow.sign_in()]
    for _ in range(4):
        tokens.append(refreshed(flow, tokens[-1]["refresh_token"]))
        flow.context(tokens[-1]["access_token"])

    answers = [refreshed(flow, one["refresh_token"]) for one in tokens[:-1]]

    assert {one["refresh_token"] for one in answers} == {tokens[-1]["refresh_token"]}
    assert all(flow.context(one["access_token"]) for one in [*tokens, *answers])
    assert flow.events == []


def test_the_winner_of_a_race_keeps_what_it_got(flow: Flow) -> None:
    """REF-4 b: FlowFuse#8270; the loser does not rotate the winner's token away."""
    first = flow.sign_in()
    winner = refreshed(flow, first["refresh_token"])
    flow.context(winner["access_token"])

    refreshed(flow, first["refresh_token"])

    assert flow.context(winner["access_token"])
    assert refreshed(flow, winner["refresh_token"])


# -- theft (REF-4 c) --------------------------------------------------------------------------------------------------


def test_reuse_ends_everything(flow: Flow) -> None:
    """REF-4 c: thief and owner are both signed out, and those who keep watch are told."""
    first = flow.sign_in()
    second = refreshed(flow, first["refresh_token"])
    third = refreshed(flow, second["refresh_token"])

    with clock.shifted(61):
        assert error_of(flow.refresh(first["refresh_token"])) == INVALID_GRANT

        for tokens in (first, second, third):
            with pytest.raises(Unauthenticated):
                flow.context(tokens["access_token"])
            assert error_of(flow.refresh(tokens["refresh_token"])) == INVALID_GRANT
    assert flow.events == [("suspicious", "refresh_reuse"), ("ended", "reuse")]


def test_reuse_is_recognised_however_late(flow: Flow) -> None:
    """The grant record forgets an old token after its grace; its look-up does not."""
    first = flow.sign_in()
    token = refreshed(flow, first["refresh_token"])["refresh_token"]
    with clock.shifted(20 * DAY_S):
        token = refreshed(flow, token)["refresh_token"]
        assert len(flow.grant(token).superseded) == 1

    with clock.shifted(40 * DAY_S):
        assert error_of(flow.refresh(first["refresh_token"])) == INVALID_GRANT

    assert ("ended", "reuse") in flow.events


def test_a_token_that_was_never_handed_out_is_no_reuse(flow: Flow) -> None:
    """STORE-1: a look-up whose swap was lost means nothing; it must not end the grant either."""
    token = flow.sign_in()["refresh_token"]
    stillborn = "mcpr_" + "B" * 43
    put_look_up(flow.provider, stillborn, LookUp(flow.grant(token).id, "refresh", 1), ttl_s=60)

    assert error_of(flow.refresh(stillborn)) == INVALID_GRANT

    assert refreshed(flow, token)
    assert flow.events == []


@pytest.fixture
def strict(sandbox: Sandbox, tmp_path: Path) -> Iterator[Flow]:
    with ExitStack() as stack:
        settings = load_settings(sandbox, sqlite_url(tmp_path), SENTRY_MCP_REFRESH_GRACE=0)
        yield new_flow(stack.enter_context(open_provider(settings)), sandbox)


def test_without_grace_a_used_answer_makes_the_old_token_reuse_at_once(strict: Flow) -> None:
    """``SENTRY_MCP_REFRESH_GRACE=0``; a lost answer can still be fetched."""
    first = strict.sign_in()
    second = refreshed(strict, first["refresh_token"])
    assert refreshed(strict, first["refresh_token"])["refresh_token"] == second["refresh_token"]
    strict.context(second["access_token"])

    with clock.shifted(1):
        assert error_of(strict.refresh(first["refresh_token"])) == INVALID_GRANT

    assert ("ended", "reuse") in strict.events


def test_the_successor_is_forgotten_when_only_reuse_is_left(strict: Flow) -> None:
    """REF-5: what nobody may open any more is not kept."""
    tokens = refreshed(strict, strict.sign_in()["refresh_token"])
    with clock.shifted(1):
        strict.context(tokens["access_token"])

    assert strict.grant(tokens["refresh_token"]).superseded == ()


# -- scope and resource (REF-3) ---------------------------------------------------------------------------------------


def test_scope_may_be_narrowed_for_the_access_token_alone(flow: Flow) -> None:
    """REF-3: the refresh token keeps the whole grant."""
    tokens = flow.sign_in(skills=("inspect", "triage"))
    narrow = refreshed(flow, tokens["refresh_token"], scope="issue:read org:read project:read team:read")

    assert narrow["scope"] == "event:read org:read project:read team:read"
    assert flow.context(narrow["access_token"]).skills == {"inspect"}
    whole = refreshed(flow, narrow["refresh_token"])
    assert whole["scope"] == tokens["scope"]
    assert flow.context(whole["access_token"]).skills == {"inspect", "triage"}


@pytest.mark.parametrize("scope", ["event:admin", "nonsense", "org:read nonsense", "project:write"])
def test_a_wider_or_unknown_scope_is_refused(flow: Flow, scope: str) -> None:
    """REF-3: and the token is not spent."""
    token = flow.sign_in()["refresh_token"]

    assert error_of(flow.refresh(token, scope=scope)) == (400, "invalid_scope")
    assert flow.grant(token).generation == 0


@pytest.mark.parametrize("scope", [" ", "", "offline_access", "openid offline_access"])
def test_a_scope_that_asks_for_nothing_counts_as_absent(flow: Flow, scope: str) -> None:
    """REF-3, Authlib quirk 16: it would issue the scope ``" "``."""
    tokens = flow.sign_in()

    assert refreshed(flow, tokens["refresh_token"], scope=scope)["scope"] == tokens["scope"]


def test_resource_may_be_left_out_repeated_or_narrowed(flow: Flow) -> None:
    """REF-3, RES-3."""
    token = flow.sign_in(resource=f"{MCP}/northwind")["refresh_token"]

    same = refreshed(flow, token)
    less = refreshed(flow, same["refresh_token"], resource=f"{MCP}/northwind/checkout-api")

    assert flow.context(same["access_token"], "northwind")
    with pytest.raises(Unauthenticated):
        flow.context(less["access_token"], "northwind")
    assert flow.context(less["access_token"], "northwind", "checkout-api")


@pytest.mark.parametrize("resource", [MCP, f"{MCP}/Aurora-Labs", f"{MCP}/northwind-corp"])
def test_resource_is_never_widened(flow: Flow, resource: str) -> None:
    """RES-3, B14: and the token is not spent."""
    token = flow.sign_in(resource=f"{MCP}/northwind")["refresh_token"]

    assert error_of(flow.refresh(token, resource=resource)) == (400, "invalid_target")
    assert flow.grant(token).generation == 0


# -- its life (REF-7) -------------------------------------------------------------------------------------------------


def test_an_unused_grant_ends_after_thirty_days(flow: Flow) -> None:
    """REF-7: and the person is told why (LOG-5)."""
    token = flow.sign_in()["refresh_token"]

    with clock.shifted(30 * DAY_S + 1):
        answer = flow.refresh(token)

    assert error_of(answer) == INVALID_GRANT
    assert "not used for too long" in json_of(answer)["error_description"]
    assert flow.events == [("ended", "expired_idle")]


def test_use_renews_the_idle_time_but_not_the_end(flow: Flow) -> None:
    """REF-7: thirty days slide, ninety do not."""
    token = flow.sign_in()["refresh_token"]
    for day in (29, 58, 87):
        with clock.shifted(day * DAY_S):
            token = refreshed(flow, token)["refresh_token"]

    with clock.shifted(90 * DAY_S + 1):
        answer = flow.refresh(token)

    assert error_of(answer) == INVALID_GRANT
    assert "longest life" in json_of(answer)["error_description"]
    assert flow.events == [("ended", "expired_absolute")]


def test_an_ended_grant_keeps_its_reason_and_no_secret(flow: Flow) -> None:
    """STORE-1: for the person who asks why they were signed out."""
    token = flow.sign_in()["refresh_token"]
    with clock.shifted(30 * DAY_S + 1):
        flow.refresh(token)
        (record,) = flow.provider.store.find(GRANT)

    kept = json.loads(record.value)
    assert kept["end_reason"] == "expired_idle"
    assert (kept["upstream"], kept["refresh_key"], kept["access"], kept["superseded"]) == (None, None, [], [])


# -- what breaks (STO-4, STORE-1) -------------------------------------------------------------------------------------


def test_a_broken_seal_is_an_invalid_token(flow: Flow) -> None:
    """STO-4: an integrity event, never a 500 and never clear text."""
    token = flow.sign_in()["refresh_token"]
    held = flow.held(token)
    assert swap(flow.provider, held, replace(held.grant, refresh_key="test:AAAA"))

    assert error_of(flow.refresh(token)) == INVALID_GRANT
    assert flow.events == [("suspicious", "integrity_failure")]


def test_a_broken_seal_is_one_while_sentrys_token_is_due_as_well(flow: Flow) -> None:
    """STO-4, ERR-2: at every try, and for an access token too."""
    tokens = flow.sign_in()
    held = flow.held(tokens["refresh_token"])
    assert held.grant.upstream
    broken = replace(held.grant.upstream, sealed="A" * 80, expires_at=clock.now() - 1)
    assert swap(flow.provider, held, replace(held.grant, upstream=broken))

    answers = [error_of(flow.refresh(tokens["refresh_token"])) for _ in range(2)]
    with pytest.raises(SealBroken):
        flow.context(tokens["access_token"]).token.current()

    assert answers == [INVALID_GRANT] * 2
    assert flow.events == [("suspicious", "integrity_failure")] * 3


def test_what_a_lost_swap_leaves_is_garbage(flow: Flow) -> None:
    """STORE-1: look-ups are written first; a crash then leaves no token that works, and the old one still does."""
    token = flow.sign_in()["refresh_token"]
    before = {record.id for record in flow.provider.store.find(TOKEN)}
    original, calls = flow.provider.store.swap, []

    def crash(kind: str, *args: object, **kwargs: object) -> bool:
        calls.append(kind)
        raise RuntimeError("the process dies here")

    flow.provider.store.swap = crash  # type: ignore[method-assign]  # the crash
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": flow.client_id}
    with pytest.raises(RuntimeError):
        token_response(flow.provider, GatedRequest("POST", form))
    flow.provider.store.swap = original  # type: ignore[method-assign]  # alive again

    assert calls == [GRANT]
    assert len({record.id for record in flow.provider.store.find(TOKEN)} - before) == 2
    assert refreshed(flow, token)
