"""What an operator does: look at sign-ins, end them, purge, retire a key (GRANT-2)."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_sentry_mcp import clock
from flask_sentry_mcp.errors import Unauthenticated, VaultKeyUnknown
from flask_sentry_mcp.oauth import administration
from flask_sentry_mcp.oauth.grants import GRANT, end
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth.flow import Flow, error_of, json_of, load_settings, new_flow, open_provider, sqlite_url

DAY_S = 86_400
OLD, NEW = ("2026a", b"a" * 24 + b"bcdefghi"), ("2026b", b"b" * 24 + b"cdefghij")


def test_grants_are_listed_by_client_and_person(flow: Flow) -> None:
    mira, jonas = flow.sign_in(), flow.sign_in(user="jonas")
    first = flow.client_id
    flow.register()
    other = flow.sign_in()

    def ids(client_id: str | None = None, user_id: str | None = None) -> set[str]:
        found = administration.list_grants(flow.provider, client_id=client_id, user_id=user_id)
        return {grant.id for grant in found}

    of = {name: flow.grant(tokens["refresh_token"]).id for name, tokens in (("m", mira), ("j", jonas), ("o", other))}
    assert ids() == set(of.values())
    assert ids(client_id=first) == {of["m"], of["j"]}
    assert ids(user_id="3104522") == {of["m"], of["o"]}
    assert ids(client_id=first, user_id="3104522") == {of["m"]}


def test_an_ended_grant_is_listed_on_request_with_its_reason(flow: Flow) -> None:
    """LOG-5: "why was I signed out" is what users ask most."""
    token = flow.sign_in()["refresh_token"]
    assert administration.end_grant(flow.provider, flow.grant(token).id)
    assert not administration.end_grant(flow.provider, flow.grant(token).id)

    assert list(administration.list_grants(flow.provider)) == []
    (ended,) = administration.list_grants(flow.provider, with_ended=True)
    assert (ended.end_reason, ended.is_ended) == ("admin", True)
    assert flow.events == [("ended", "admin")]


def test_all_grants_of_a_person_can_be_ended(flow: Flow) -> None:
    first, second, other = flow.sign_in(), flow.sign_in(), flow.sign_in(user="jonas")

    assert administration.end_grants(flow.provider, user_id="3104522") == 2

    for tokens in (first, second):
        with pytest.raises(Unauthenticated):
            flow.context(tokens["access_token"])
    assert flow.context(other["access_token"])


def test_nobody_named_is_not_everybody(flow: Flow) -> None:
    token = flow.sign_in()["access_token"]

    with pytest.raises(ValueError, match="name a client"):
        administration.end_grants(flow.provider)

    assert flow.context(token)


def test_deleting_a_client_ends_its_grants(flow: Flow) -> None:
    """GRANT-2: and it has to register again."""
    tokens = flow.sign_in()

    assert administration.delete_client(flow.provider, flow.client_id) == 1

    with pytest.raises(Unauthenticated):
        flow.context(tokens["access_token"])
    assert error_of(flow.refresh(tokens["refresh_token"])) == (401, "invalid_client")
    assert administration.delete_client(flow.provider, flow.client_id) is None


def test_clients_are_listed_with_whether_they_were_used(flow: Flow) -> None:
    used = flow.client_id
    flow.sign_in()
    flow.register(client_name="Never used")

    listed = {client.client_id: was_used for client, was_used in administration.list_clients(flow.provider)}

    assert listed == {used: True, flow.client_id: False}


def test_purge_ends_what_ran_out_and_keeps_the_reason(flow: Flow) -> None:
    """REF-7: nobody had to come by for the secrets to go."""
    idle = flow.grant(flow.sign_in()["refresh_token"])
    flow.code()  # never collected

    with clock.shifted(31 * DAY_S):
        ended, removed = administration.purge(flow.provider)
        (kept,) = administration.list_grants(flow.provider, with_ended=True)
        assert administration.purge(flow.provider) == (0, 0)

    assert ended == 1
    assert removed > 3
    assert (kept.id, kept.end_reason, kept.upstream) == (idle.id, "expired_idle", None)
    assert flow.events == [("ended", "expired_idle")]


def test_purge_leaves_what_is_alive(flow: Flow) -> None:
    tokens = flow.sign_in()

    administration.purge(flow.provider)

    assert flow.context(tokens["access_token"])
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


def test_purge_leaves_the_store_to_others_for_half_of_the_time(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small steps, and after each a rest for as long as it took (here: a second)."""
    seconds = itertools.count()
    rests: list[float] = []
    slow = SimpleNamespace(monotonic=lambda: next(seconds), sleep=rests.append)
    monkeypatch.setattr(administration, "time", slow)
    for number in range(250):
        flow.provider.store.put("form", str(number), b"over", ttl_s=0)

    ended, removed = administration.purge(flow.provider)

    assert (ended, removed) == (0, 250)
    assert rests == [1, 1, 1, 1]


def test_the_reason_of_an_end_goes_thirty_days_after_the_longest_life(flow: Flow) -> None:
    """Section 26: the record of an ended grant is not kept for ever."""
    end(flow.provider, flow.grant(flow.sign_in()["refresh_token"]).id, "admin")

    with clock.shifted(119 * DAY_S):
        assert flow.provider.store.count(GRANT) == 1
    with clock.shifted(121 * DAY_S):
        assert flow.provider.store.count(GRANT) == 0


# -- keys (STO-5) -----------------------------------------------------------------------------------------------------


def use(flow: Flow) -> dict[str, int]:
    return {one.kid: one.grants for one in administration.key_use(flow.provider)}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


@contextmanager
def deployed(sandbox: Sandbox, url: str, *keys: tuple[str, bytes], before: Flow | None = None) -> Iterator[Flow]:
    with open_provider(load_settings(sandbox, url, SENTRY_MCP_VAULT_KEYS=list(keys))) as provider:
        flow = new_flow(provider, sandbox)
        yield replace(flow, client_id=before.client_id) if before else flow


def test_a_key_is_rotated_step_by_step(sandbox: Sandbox, url: str) -> None:
    """Add the new key; wait for clients to refresh; end the rest; take the old key out. Any step may be repeated."""
    with deployed(sandbox, url, OLD) as first:
        active, idle = first.sign_in(), first.sign_in()
        assert use(first) == {"2026a": 2}

    with deployed(sandbox, url, OLD, NEW, before=first) as second:
        active = json_of(second.refresh(active["refresh_token"]))
        assert use(second) == {"2026a": 1, "2026b": 1}

        assert administration.retire_key(second.provider, "2026a") == 1
        assert administration.retire_key(second.provider, "2026a") == 0
        assert use(second) == {"2026a": 0, "2026b": 1}

    with deployed(sandbox, url, NEW, before=first) as third:
        assert third.context(active["access_token"]).token.current()
        assert error_of(third.refresh(idle["refresh_token"])) == (400, "invalid_grant")
        assert third.events == []


@pytest.mark.parametrize("rings", [([OLD], [NEW, OLD]), ([NEW, OLD], [OLD, NEW])], ids=["before the old", "at the end"])
def test_workers_before_and_after_each_restart_serve_the_same_people(
    sandbox: Sandbox, url: str, rings: tuple[list[tuple[str, bytes]], ...]
) -> None:
    """STO-5: first a key that is accepted and seals nothing, then one that seals: a rolling restart at each step."""
    with deployed(sandbox, url, *rings[0]) as early, deployed(sandbox, url, *rings[1], before=early) as late:
        for here, there in ((early, late), (late, early)):
            tokens = here.sign_in()
            assert there.context(tokens["access_token"]).token.current()
            tokens = json_of(there.refresh(tokens["refresh_token"]))
            assert here.context(tokens["access_token"]).token.current()
            assert here.refresh(tokens["refresh_token"]).status_code == 200

        assert (early.events, late.events) == ([], [])


def test_a_key_that_seals_before_all_workers_have_it_is_told_by_its_name(sandbox: Sandbox, url: str) -> None:
    """STO-4, STO-5: it is no broken seal, and who keeps watch can tell."""
    with deployed(sandbox, url, OLD) as early, deployed(sandbox, url, OLD, NEW, before=early) as late:
        tokens = late.sign_in()

        with pytest.raises(VaultKeyUnknown):
            early.context(tokens["access_token"]).token.current()
        assert error_of(early.refresh(tokens["refresh_token"])) == (400, "invalid_grant")

        assert early.events == [("suspicious", "vault_key_unknown")] * 2


def test_access_tokens_need_the_old_key_until_they_end(sandbox: Sandbox, url: str) -> None:
    """STO-5: or a client that has just refreshed would be refused with a token that is still good."""
    with deployed(sandbox, url, OLD) as first:
        tokens = first.sign_in()

    with deployed(sandbox, url, OLD, NEW, before=first) as second:
        second.refresh(tokens["refresh_token"])
        (old, _) = administration.key_use(second.provider)
        (entry, *_) = second.grant(tokens["refresh_token"]).access
        with clock.shifted(3_601):
            (later, _) = administration.key_use(second.provider)

    assert (old.grants, old.tokens_end_at) == (0, entry.expires_at)
    assert (later.grants, later.tokens_end_at) == (0, None)


def test_a_key_that_is_nowhere_cannot_be_retired(sandbox: Sandbox, url: str) -> None:
    """A slip of the pen must not look like a job done."""
    with deployed(sandbox, url, OLD) as flow:
        token = flow.sign_in()["access_token"]
        with pytest.raises(ValueError, match="no key by that name"):
            administration.retire_key(flow.provider, "tpyo")

        assert flow.context(token)


def test_a_code_on_its_way_counts_too(sandbox: Sandbox, url: str) -> None:
    """A sign-in that is not finished needs the key as well."""
    with deployed(sandbox, url, OLD) as first:
        code = first.code()

    with deployed(sandbox, url, OLD, NEW, before=first) as second:
        second.verifier = first.verifier
        assert use(second) == {"2026a": 1, "2026b": 0}
        administration.retire_key(second.provider, "2026a")
        assert error_of(second.exchange(code)) == (400, "invalid_grant")


def test_a_key_that_was_taken_out_too_early_is_named(sandbox: Sandbox, url: str) -> None:
    """The operator can see why sign-ins broke, and put it back."""
    with deployed(sandbox, url, OLD) as first:
        first.sign_in()

    with deployed(sandbox, url, NEW) as second:
        (newest, missing) = administration.key_use(second.provider)

    assert (newest.kid, newest.is_newest, newest.grants) == ("2026b", True, 0)
    assert (missing.kid, missing.is_configured, missing.grants) == ("2026a", False, 1)


def test_the_newest_key_cannot_be_retired(sandbox: Sandbox, url: str) -> None:
    with deployed(sandbox, url, OLD) as flow:
        token = flow.sign_in()["access_token"]
        with pytest.raises(ValueError, match="newest"):
            administration.retire_key(flow.provider, "2026a")

        assert flow.context(token)
