"""Sentry's token during the life of a grant: renewed in time, by one, and never lost (section 17)."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import SentryFailed, SentryMCPError, SignInEnded, StoreUnavailable, Unauthenticated
from flask_sentry_mcp.oauth import renewal
from flask_sentry_mcp.oauth.grants import GRANT, change
from tests.oauth.flow import Flow, error_of, json_of

DAY_S = 86_400
DUE_S = 23 * DAY_S  # 30 days in all; less than a quarter of them is left
OVER_S = 31 * DAY_S


def refreshes(flow: Flow) -> int:
    return sum(
        one.path == "/oauth/token/" and one.body["grant_type"] == ["refresh_token"] for one in flow.sandbox.requests
    )


def kept_going(flow: Flow, token: str, days: int) -> str:
    """A refresh token of the same grant *days* later, without any use of Sentry's token meanwhile."""
    with clock.shifted(days * DAY_S):
        return str(json_of(flow.refresh(token))["refresh_token"])


def test_a_young_token_is_used_as_it_is(flow: Flow) -> None:
    """REF-8, UP-2: neither a call nor a refresh of ours asks Sentry for a new one."""
    tokens = flow.sign_in()
    context = flow.context(tokens["access_token"])

    context.token.current()
    flow.refresh(tokens["refresh_token"])

    assert refreshes(flow) == 0


def test_an_ageing_token_is_renewed_at_our_token_endpoint(flow: Flow) -> None:
    """UP-2: less than a quarter of its life is left."""
    tokens = flow.sign_in()
    before = flow.context(tokens["access_token"]).token.current()

    with clock.shifted(DUE_S):
        renewed = json_of(flow.refresh(tokens["refresh_token"]))
        after = flow.context(renewed["access_token"]).token.current()

    assert refreshes(flow) == 1
    assert after != before
    assert flow.grant(renewed["refresh_token"]).upstream.version == 2  # type: ignore[union-attr]  # live


def test_no_scope_is_sent_on_renewal(flow: Flow) -> None:
    """Sentry refuses a refresh that names one."""
    token = flow.sign_in()["refresh_token"]

    with clock.shifted(DUE_S):
        flow.refresh(token)

    (post,) = (one for one in flow.sandbox.requests if one.body and one.body.get("grant_type") == ["refresh_token"])
    assert set(post.body) == {"client_id", "client_secret", "grant_type", "refresh_token"}


def test_an_ageing_token_is_renewed_at_its_first_use(flow: Flow) -> None:
    """UP-2: when an access token of ours is still good by then."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], 29 * DAY_S)

    assert flow.context(tokens["access_token"]).sentry.get("auth")["name"] == "Mira Okafor"
    assert refreshes(flow) == 1


# -- the outcome table (UP-4) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "7"}},
        {"status": 200, "html": True},
        {"status": 401, "body": {"error": "invalid_client"}},
        {"status": 400, "body": {"error": "unauthorized_client"}},
        {"drop": True},
    ],
)
def test_while_the_old_one_serves_a_failed_renewal_does_no_harm(flow: Flow, fault: dict[str, Any]) -> None:
    """UP-4, REF-8: rotate and issue all the same; a rotated secret of ours must not sign everybody out."""
    tokens = flow.sign_in()
    flow.sandbox.faults.add(path="/oauth/token/", **fault)

    with clock.shifted(DUE_S):
        answer = flow.refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        assert flow.context(json_of(answer)["access_token"]).token.current()

    assert not flow.events


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 401, "body": {"error": "invalid_client"}}, {"status": 200, "body": {}}]
)
def test_when_the_old_one_is_over_nothing_is_rotated(flow: Flow, fault: dict[str, Any]) -> None:
    """UP-4, REF-8: 503 with Retry-After, the grant is kept, and the same token works when Sentry is back."""
    token = kept_going(flow, flow.sign_in()["refresh_token"], 20)
    generation = flow.grant(token).generation
    flow.sandbox.faults.add(path="/oauth/token/", **fault)

    with clock.shifted(OVER_S):
        answer = flow.refresh(token)
        assert error_of(answer) == (503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert flow.grant(token).generation == generation

    flow.sandbox.faults.clear()
    with clock.shifted(OVER_S + 60):
        assert flow.refresh(token).status_code == 200


def test_a_sentry_that_is_down_is_not_asked_by_everybody(flow: Flow) -> None:
    """After a failure the present token serves for a while, without a time-out for each call."""
    token = kept_going(flow, flow.sign_in()["refresh_token"], 20)
    fault = flow.sandbox.faults.add(path="/oauth/token/", status=500)

    with clock.shifted(OVER_S):
        for _ in range(5):
            assert flow.refresh(token).status_code == 503

    assert fault.seen == 1


def test_invalid_grant_ends_this_grant_alone(flow: Flow) -> None:
    """UP-4: terminal at the token endpoint."""
    first, second = flow.sign_in(), flow.sign_in(user="jonas")
    flow.sandbox.revoke_all("mira")

    with clock.shifted(DUE_S):
        answer = flow.refresh(first["refresh_token"])
        assert error_of(answer) == (400, "invalid_grant")
        assert "Sentry no longer accepts" in json_of(answer)["error_description"]
        assert flow.refresh(second["refresh_token"]).status_code == 200

    assert flow.events == [("ended", "upstream_invalid")]


def test_a_renewal_whose_answer_was_lost_is_asked_once_more(flow: Flow) -> None:
    """UP-4: nobody knows whether the first was served; the same token again tells."""
    token = flow.sign_in()["refresh_token"]
    flow.sandbox.faults.add(path="/oauth/token/", drop=True, times=1)

    with clock.shifted(DUE_S):
        assert flow.refresh(token).status_code == 200

    assert flow.grant(token).upstream.version == 2  # type: ignore[union-attr]  # live


# -- 401 during a call (UP-5) -----------------------------------------------------------------------------------------


def test_a_401_of_the_api_leads_to_one_renewal(flow: Flow) -> None:
    """UP-5: and the call goes on."""
    token = flow.sign_in()["access_token"]
    flow.sandbox.faults.add(path="auth/", status=401, body={"detail": "Invalid token"}, times=1)

    assert flow.context(token).sentry.get("auth")["name"] == "Mira Okafor"
    assert refreshes(flow) == 1


def test_a_401_after_somebody_elses_renewal_uses_theirs(flow: Flow) -> None:
    """UP-5: the version differs, so Sentry is not asked again."""
    token = flow.sign_in()["access_token"]
    late = flow.context(token)
    old = late.token.current()
    new = flow.context(token).token.renew(old)

    assert late.token.renew(old) == new
    assert refreshes(flow) == 1


def test_a_sign_in_that_ended_at_sentry_ends_here(flow: Flow) -> None:
    """UP-5: this grant only, 401 ``invalid_token``, so that the client signs in again."""
    token = flow.sign_in()["access_token"]
    other = flow.sign_in(user="jonas")["access_token"]
    flow.sandbox.revoke_all("mira")

    with pytest.raises(SignInEnded) as caught:
        flow.context(token).sentry.get("auth")

    assert caught.value.error == "invalid_token"
    with pytest.raises(Unauthenticated):
        flow.context(token)
    assert flow.context(other).sentry.get("auth")
    assert flow.events == [("ended", "upstream_invalid")]


def test_a_401_while_sentrys_sign_in_is_down_keeps_the_grant(flow: Flow) -> None:
    """UP-4, UP-5: a failure is no end."""
    token = flow.sign_in()["access_token"]
    flow.sandbox.faults.add(path="auth/", status=401, body={"detail": "Invalid token"})
    flow.sandbox.faults.add(path="/oauth/token/", status=500)

    with pytest.raises(SentryFailed):
        flow.context(token).sentry.get("auth")

    assert flow.context(token)


def test_a_403_is_an_answer_and_no_end(flow: Flow) -> None:
    """UP-5."""
    token = flow.sign_in()["access_token"]
    flow.sandbox.faults.add(path="auth/", status=403, body={"detail": "no"})

    with pytest.raises(SentryMCPError) as caught:
        flow.context(token).sentry.get("auth")

    assert caught.value.http_status == 502
    assert refreshes(flow) == 0
    assert flow.context(token)


def test_a_token_without_refresh_ends_with_its_401(flow: Flow) -> None:
    """Old installations: there is nothing to renew it with."""
    at_sentry = flow.to_sentry()
    body = {
        "token_type": "bearer",
        "access_token": "a" * 64,
        "scope": "event:read org:read project:read team:read",
        "user": {"id": "1"},
    }
    flow.sandbox.faults.add(path="/oauth/token/", status=200, body=body)
    answer = flow.come_back(at_sentry)
    token = json_of(flow.exchange(answer.location.partition("code=")[2].partition("&")[0]))["access_token"]

    with pytest.raises(SignInEnded):
        flow.context(token).sentry.get("auth")

    assert flow.events == [("ended", "upstream_invalid")]


# -- single flight (UP-3) ---------------------------------------------------------------------------------------------


def test_fifty_calls_at_the_end_of_a_token_make_one_renewal(flow: Flow) -> None:
    """UP-3, section 30: threads of one process."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    gate, found = threading.Barrier(50), []

    def call() -> None:
        context = flow.context(tokens["access_token"])
        gate.wait()
        found.append(context.token.current())

    run(50, call)

    assert len(found) == 50
    assert len(set(found)) == 1
    assert refreshes(flow) == 1


def test_a_lease_of_another_process_is_waited_for(flow: Flow) -> None:
    """UP-3: whoever comes second uses what the first one brings."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S, lease_s=60)
    context, found = flow.context(tokens["access_token"]), []

    waiting = threading.Thread(target=lambda: found.append(context.token.current()))
    waiting.start()
    time.sleep(0.3)
    assert refreshes(flow) == 0
    age(flow, tokens["refresh_token"], 0)  # as the other one would write it
    waiting.join(timeout=30)

    assert len(found) == 1
    assert refreshes(flow) == 0


def test_a_lease_that_was_never_given_back_runs_out(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """UP-3: a worker that died in the middle does not hold the grant for ever."""
    monkeypatch.setattr(renewal, "WAIT_S", 0.2)
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S, lease_s=30)
    context = flow.context(tokens["access_token"])

    with pytest.raises(SentryMCPError) as caught:
        context.token.current()
    assert caught.value.http_status == 503

    with clock.shifted(31):
        assert context.token.current()


def test_what_sentry_renewed_is_written_however_often_it_takes(flow: Flow) -> None:
    """UP-3: the new pair exists nowhere else; the swap is retried, the call to Sentry never."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    context = flow.context(tokens["access_token"])
    original = flow.provider.store.swap
    failures: list[int] = []

    def shaky(*args: Any, **kwargs: Any) -> bool:
        if refreshes(flow) and len(failures) < 3:
            failures.append(1)
            raise StoreUnavailable("for a moment")
        return original(*args, **kwargs)

    flow.provider.store.swap = shaky  # type: ignore[method-assign]  # fails three times after Sentry's answer
    token = context.token.current()

    assert len(failures) == 3
    assert refreshes(flow) == 1
    assert flow.context(tokens["access_token"]).token.current() == token


def test_a_pair_that_cannot_be_written_is_reported(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """UP-3: an integrity event, for that sign-in is lost."""
    monkeypatch.setattr(renewal, "WAIT_S", 0.3)
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    context = flow.context(tokens["access_token"])
    original = flow.provider.store.swap

    def down(*args: Any, **kwargs: Any) -> bool:
        if refreshes(flow):
            raise StoreUnavailable("gone")
        return original(*args, **kwargs)

    flow.provider.store.swap = down  # type: ignore[method-assign]  # gone after Sentry's answer

    with pytest.raises(StoreUnavailable):
        context.token.current()

    assert flow.events == [("suspicious", "integrity_failure")]


def test_a_grant_that_ended_meanwhile_takes_nothing(flow: Flow) -> None:
    """UP-3: the new pair is given back to Sentry, not kept."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    context = flow.context(tokens["access_token"])
    original = flow.provider.connections.send

    def ending(method: str, url: str, **options: Any) -> Any:
        answer = original(method, url, **options)
        if url.endswith("/oauth/token/"):
            flow.provider.store.delete(GRANT, context.grant_id)
        return answer

    flow.provider.connections.send = ending  # type: ignore[method-assign]  # the grant ends during the call

    with pytest.raises(SignInEnded):
        context.token.current()

    assert [one.path for one in flow.sandbox.requests][-1] == "/oauth/revoke/"


def age(flow: Flow, token: str, seconds: float, lease_s: float = 0.0) -> None:
    """Make Sentry's token *seconds* older in the record, 30 days long in all; *lease_s*: somebody is renewing it."""
    now = clock.now()
    change(
        flow.provider,
        flow.grant(token).id,
        lambda grant: replace(
            grant,
            upstream=grant.upstream
            and replace(
                grant.upstream,
                issued_at=now - seconds,
                expires_at=now - seconds + 30 * DAY_S,
                lease_until=now + lease_s,
            ),
        ),
    )


def run(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
