"""The same on every store: a whole life of a sign-in, two providers on one store, and a store that is killed."""

from collections.abc import Iterator

import pytest

from flask_sentry_mcp.errors import StoreUnavailable, Unauthenticated
from flask_sentry_mcp.sandbox import Sandbox
from tests.oauth.at_rest import secrets_of, shown_in
from tests.oauth.flow import Flow, error_of, json_of, load_settings, new_flow, open_provider
from tests.oauth.test_upstream_life import OVER_S, age, refreshes
from tests.oauth.worker import side_by_side
from tests.store.servers import PostgreSQL, Redis, Server


@pytest.fixture(scope="module", params=[PostgreSQL, Redis], ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server: Server = request.param()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def near(server: Server, sandbox: Sandbox) -> Iterator[Flow]:
    """A client at one worker."""
    server.start_if_down()
    server.empty()
    with open_provider(load_settings(sandbox, server.url)) as provider:
        yield new_flow(provider, sandbox)


@pytest.fixture
def far(near: Flow, sandbox: Sandbox) -> Iterator[Flow]:
    """The same client at another worker on the same store."""
    with open_provider(near.provider.settings) as provider:
        flow = new_flow(provider, sandbox)
        flow.client_id = near.client_id
        yield flow


def test_what_one_worker_does_counts_at_the_other_at_once(near: Flow, far: Flow) -> None:
    """REV-3: let in here, refreshed there, revoked here."""
    tokens = near.sign_in()
    assert far.context(tokens["access_token"]).sentry.get("auth")["name"] == "Mira Okafor"

    newer = json_of(far.refresh(tokens["refresh_token"]))
    assert near.context(newer["access_token"])
    assert far.context(newer["access_token"])

    assert near.revoke(newer["refresh_token"]).status_code == 200
    for flow in (near, far):
        with pytest.raises(Unauthenticated):
            flow.context(newer["access_token"])


def test_a_dump_shows_no_secret(server: Server, near: Flow) -> None:
    """B4: as of SQLite's files."""
    secrets = secrets_of(near)

    stolen = server.dump()

    assert near.client_id.encode() in stolen, "the dump holds what may be in it"
    assert shown_in(stolen, secrets) == []


def test_a_code_works_once_whoever_is_asked(near: Flow, far: Flow) -> None:
    """CODE-2."""
    code = near.code()
    far.verifier = near.verifier

    found = side_by_side(5, lambda: near.exchange(code).status_code) + side_by_side(
        5, lambda: far.exchange(code).status_code
    )

    assert sorted(found) == [200] + [400] * 9


def test_parallel_refreshes_at_two_workers_all_work(near: Flow, far: Flow) -> None:
    """REF-4."""
    token = near.sign_in()["refresh_token"]
    workers = iter([near, far] * 10)

    found = side_by_side(20, lambda: json_of(next(workers).refresh(token)))

    assert [one for one in found if "error" in one] == []
    assert all(near.context(one["access_token"]) for one in found)
    assert near.events + far.events == []


def test_parallel_calls_at_two_workers_renew_once(near: Flow, far: Flow) -> None:
    """UP-3."""
    tokens = near.sign_in()
    age(near, tokens["refresh_token"], OVER_S)
    near.sandbox.faults.add(path="/oauth/token/", delay_s=0.3)
    workers = iter([near, far] * 10)

    found = side_by_side(20, lambda: next(workers).context(tokens["access_token"]).token.current())

    assert len(set(found)) == 1
    assert refreshes(near) == 1


def test_a_store_that_is_killed_lets_nobody_in(near: Flow, server: Server) -> None:
    """Section 30 point 3: no 500, no token, the right codes; and all goes on when it is back."""
    tokens = near.sign_in()
    near.context(tokens["access_token"])

    server.kill()
    try:
        with pytest.raises(StoreUnavailable):
            near.context(tokens["access_token"])
        assert error_of(near.refresh(tokens["refresh_token"])) == (503, "temporarily_unavailable")
        assert error_of(near.revoke(tokens["refresh_token"])) == (503, "temporarily_unavailable")
        assert near.ask().status_code == 503
    finally:
        server.start_if_down()
