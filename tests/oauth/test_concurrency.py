"""Two processes on one store, many at once (section 30 point 2): one code, one chain of tokens, one renewal."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flask_sentry_mcp.errors import Unauthenticated
from flask_sentry_mcp.oauth.grants import of_user
from flask_sentry_mcp.testing import REDIRECT_URI
from tests.oauth.flow import COOKIE_SECRET, ISSUER, VAULT_KEYS, Flow, json_of
from tests.oauth.test_upstream_life import OVER_S, age, refreshes
from tests.oauth.worker import side_by_side

ROOT = Path(__file__).parent.parent.parent
MIRA = "3104522"


@contextmanager
def two_processes(flow: Flow, work: str, **orders: Any) -> Iterator[list[subprocess.Popen[str]]]:
    """Two workers that are ready and wait for the word."""
    settings = {
        **flow.sandbox.settings(),
        "SENTRY_MCP_PUBLIC_URL": ISSUER,
        "SENTRY_MCP_STORE": flow.provider.settings.store,
        "COOKIE_SECRET": COOKIE_SECRET,
        "SENTRY_MCP_VAULT_KEYS": [(kid, key.hex()) for kid, key in VAULT_KEYS],
    }
    command = [sys.executable, "-m", "tests.oauth.worker", work, json.dumps({"settings": settings, **orders})]
    workers = [
        subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def answers(workers: list[subprocess.Popen[str]]) -> list[Any]:
    """Give the word, and collect what all threads of both got."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    found = []
    for worker in workers:
        assert worker.stdout is not None
        found += json.loads(worker.stdout.readline())
    return found


def test_fifty_exchanges_of_one_code_give_one_success(flow: Flow) -> None:
    """CODE-2: by one swap; the others are refused, and as replays they end the grant (CODE-3)."""
    code = flow.code()
    form = {
        "grant_type": "authorization_code",
        "client_id": flow.client_id,
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": flow.verifier,
    }

    with two_processes(flow, "post", threads=25, form=form) as workers:
        found = answers(workers)

    successes = [one for one in found if "access_token" in one]
    assert len(found) == 50
    assert len(successes) == 1
    assert {one["error"] for one in found if one not in successes} == {"invalid_grant"}
    with pytest.raises(Unauthenticated):
        flow.context(successes[0]["access_token"])


def test_fifty_refreshes_give_fifty_answers_that_work(flow: Flow) -> None:
    """REF-4: one grant, one chain; every access token is let in, and the refresh token they share refreshes."""
    token = flow.sign_in()["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": flow.client_id, "refresh_token": token}

    with two_processes(flow, "post", threads=25, form=form) as workers:
        found = answers(workers)

    assert len(found) == 50
    assert [one for one in found if "error" in one] == []
    assert len({one["refresh_token"] for one in found}) == 1
    assert len({one["access_token"] for one in found}) == 50
    assert all(flow.context(one["access_token"]) for one in found)
    assert flow.refresh(found[0]["refresh_token"]).status_code == 200
    assert len(list(of_user(flow.provider, MIRA))) == 1
    assert flow.events == []


def test_fifty_calls_at_upstream_expiry_make_one_renewal(flow: Flow) -> None:
    """UP-3: across processes, by the lease; everybody gets the new token."""
    tokens = flow.sign_in()
    age(flow, tokens["refresh_token"], OVER_S)
    flow.sandbox.faults.add(path="/oauth/token/", delay_s=0.5)  # so that both processes come to the same door

    with two_processes(flow, "call", threads=25, token=tokens["access_token"]) as workers:
        found = answers(workers)

    assert len(found) == 50
    assert {type(one) for one in found} == {str}
    assert len(set(found)) == 1
    assert refreshes(flow) == 1


def test_a_chain_survives_impatient_clients(flow: Flow) -> None:
    """REF-4 under load: callers of many generations at once, and nobody is signed out."""
    newest = flow.sign_in()["refresh_token"]
    for _ in range(5):
        found = side_by_side(8, lambda token=newest: json_of(flow.refresh(token)))
        assert [one for one in found if "error" in one] == []
        newest = found[0]["refresh_token"]

    assert flow.grant(newest).generation == 5
    assert flow.events == []
