"""Giving a token back: effective at once, no oracle, and Sentry forgets it too (section 20)."""

from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import StoreUnavailable, Unauthenticated
from flask_sentry_mcp.oauth.grants import swap
from tests.oauth.flow import Flow, error_of, json_of


def is_done(answer: TestResponse) -> bool:
    return answer.status_code == 200 and json_of(answer) == {} and answer.headers["Cache-Control"] == "no-store"


def at_sentry(flow: Flow) -> list[list[str]]:
    return [one.body["token"] for one in flow.sandbox.requests if one.path == "/oauth/revoke/"]


def test_a_refresh_token_ends_the_grant_and_the_sign_in_at_sentry(flow: Flow) -> None:
    """REV-3, REV-4: every token of it, at once; what was sealed is given back to Sentry, ours never goes there."""
    tokens = flow.sign_in()
    upstream = flow.context(tokens["access_token"]).token.current()

    assert is_done(flow.revoke(tokens["refresh_token"]))

    with pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])
    assert error_of(flow.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert at_sentry(flow) == [[upstream]]
    assert flow.events == [("ended", "client_revoked")]


def test_a_superseded_refresh_token_ends_it_too(flow: Flow) -> None:
    """REV-3: any token of the family."""
    first = flow.sign_in()
    second = json_of(flow.refresh(first["refresh_token"]))

    assert is_done(flow.revoke(first["refresh_token"]))

    with pytest.raises(Unauthenticated):
        flow.context(second["access_token"])


def test_an_access_token_ends_alone(flow: Flow) -> None:
    """REV-3."""
    first = flow.sign_in()
    second = json_of(flow.refresh(first["refresh_token"]))
    flow.context(first["access_token"])

    assert is_done(flow.revoke(first["access_token"]))

    with pytest.raises(Unauthenticated):
        flow.context(first["access_token"])
    assert flow.context(second["access_token"])
    assert flow.refresh(second["refresh_token"]).status_code == 200
    assert flow.events == []


def test_the_only_token_of_a_grant_ends_it(flow: Flow) -> None:
    """REV-3, REV-4: a client without refresh tokens has no other; nobody could use the grant any more."""
    flow.register(grant_types=["authorization_code"])
    tokens = flow.sign_in()
    assert "refresh_token" not in tokens
    upstream = flow.context(tokens["access_token"]).token.current()

    for _ in range(2):
        assert is_done(flow.revoke(tokens["access_token"]))

    assert flow.grant(tokens["access_token"]).is_ended
    assert at_sentry(flow) == [[upstream]]
    assert flow.events == [("ended", "client_revoked")]


def test_a_broken_seal_is_reported_and_the_grant_ends_all_the_same(flow: Flow) -> None:
    """STO-4: what is only too late, as a token that was rotated away long ago, is nothing suspicious."""
    broken = flow.sign_in()["refresh_token"]
    held = flow.held(broken)
    assert swap(flow.provider, held, replace(held.grant, refresh_key="test:AAAA"))
    late = flow.sign_in()["refresh_token"]
    flow.context(json_of(flow.refresh(late))["access_token"])

    assert is_done(flow.revoke(broken))
    with clock.shifted(3600):
        assert is_done(flow.revoke(late))

    assert flow.events == [
        ("ended", "client_revoked"),
        ("suspicious", "integrity_failure"),
        ("ended", "client_revoked"),
    ]
    assert at_sentry(flow) == []


@pytest.mark.parametrize("token", ["mcpr_" + "A" * 43, "mcpa_" + "A" * 43, "x", "mcpz_" + "A" * 43, "é" * 10])
def test_what_is_unknown_is_done_already(flow: Flow, token: str) -> None:
    """REV-2: RFC 7009 section 2.2."""
    assert is_done(flow.revoke(token))


def test_twice_is_no_fault(flow: Flow) -> None:
    """REV-2: and there is one end, not two."""
    token = flow.sign_in()["refresh_token"]

    assert is_done(flow.revoke(token))
    assert is_done(flow.revoke(token))
    assert flow.events == [("ended", "client_revoked")]


def test_another_clients_token_stays_and_nobody_is_told(flow: Flow) -> None:
    """REV-2, Authlib quirk 18: the same answer as for an unknown one; those who keep watch see it."""
    tokens = flow.sign_in()
    flow.register()

    assert is_done(flow.revoke(tokens["refresh_token"]))
    assert is_done(flow.revoke(tokens["access_token"]))

    assert flow.context(tokens["access_token"])
    assert flow.events == [("suspicious", "foreign_revocation")] * 2


@pytest.mark.parametrize("hint", ["access_token", "nonsense", ""])
def test_the_hint_is_ignored(flow: Flow, hint: str) -> None:
    """REV-2, Authlib quirk 18: an unknown or wrong one is no error."""
    token = flow.sign_in()["refresh_token"]

    assert is_done(flow.revoke(token, token_type_hint=hint))
    assert flow.grant(token).end_reason == "client_revoked"


def test_without_a_token_there_is_nothing_to_do(flow: Flow) -> None:
    """REV-1: ``invalid_request``."""
    assert error_of(flow.post("revoke", {})) == (400, "invalid_request")


@pytest.mark.parametrize("status", [404, 500, 401])
def test_sentrys_help_is_not_needed(flow: Flow, status: int) -> None:
    """REV-4: best effort; old servers answer 404."""
    token = flow.sign_in()["refresh_token"]
    flow.sandbox.faults.add(path="/oauth/revoke/", status=status)

    assert is_done(flow.revoke(token))
    assert flow.grant(token).is_ended


def test_never_done_without_effect(flow: Flow) -> None:
    """REV-5: 503 and Retry-After when the store fails."""
    token = flow.sign_in()["refresh_token"]
    original = flow.provider.store.swap

    def down(*_: object, **__: object) -> bool:
        raise StoreUnavailable("down")

    flow.provider.store.swap = down  # type: ignore[method-assign]  # down
    answer = flow.revoke(token)
    flow.provider.store.swap = original  # type: ignore[method-assign]  # up again

    assert error_of(answer) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert not flow.grant(token).is_ended
