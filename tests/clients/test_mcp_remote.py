"""mcp-remote brings a program that only knows stdio to our server, keeps it there, and asks nobody without need."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from flask_sentry_mcp import clock
from tests.tour.server import example_app, free_port

from .remote import McpRemote
from .site import serve


@contextmanager
def running(url: str, home: Path, port: int) -> Iterator[McpRemote]:
    remote = McpRemote(f"{url}/mcp", home, port)
    try:
        yield remote
    finally:
        remote.end()


def kept_in(home: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What mcp-remote keeps between runs: its tokens, its registration."""
    return tuple(json.loads(next(home.rglob(f"*_{what}.json")).read_text()) for what in ("tokens", "client_info"))


@pytest.fixture
def port() -> int:
    return free_port()


def test_signs_in_and_serves_a_program_on_stdio(tmp_path: Path, port: int) -> None:
    """B1: against the example application as people run it, in a process of its own."""
    with example_app() as (url, _), running(url, tmp_path, port) as remote:
        remote.send_person()

        told = remote.introduce()
        names = {tool["name"] for tool in remote.ask("tools/list")["tools"]}
        counted = remote.ask("tools/call", name="count_unresolved", arguments={"organizationSlug": "northwind"})

        assert told["serverInfo"]["name"] == "flask-sentry-mcp"
        assert {"find_organizations", "search_issues", "draft_status_update"} <= names
        assert counted["structuredContent"]["unresolved"] > 0
        assert "Mira Okafor" in remote.text("whoami")


def test_asks_the_person_once_and_again_only_after_revocation(tmp_path: Path, port: int) -> None:
    """A second start, and one when the access token has expired, need nobody; the end of the grant does."""
    with serve() as url:
        with running(url, tmp_path, port) as remote:
            remote.send_person()
            remote.introduce()
        first, _ = kept_in(tmp_path)

        with running(url, tmp_path, port) as remote:
            remote.introduce()
            assert "Mira Okafor" in remote.text("whoami")
            assert not remote.has_asked_for_person
        assert kept_in(tmp_path)[0]["access_token"] == first["access_token"]

        with clock.shifted(first["expires_in"] + 1), running(url, tmp_path, port) as remote:
            remote.introduce()
            assert "Mira Okafor" in remote.text("whoami")
            assert not remote.has_asked_for_person
        tokens, registration = kept_in(tmp_path)
        assert {first["access_token"], first["refresh_token"]}.isdisjoint(
            [tokens["access_token"], tokens["refresh_token"]]
        )

        form = {"token": tokens["refresh_token"], "client_id": registration["client_id"]}
        assert requests.post(f"{url}/oauth/revoke", data=form, timeout=10).status_code == 200
        with running(url, tmp_path, port) as remote:
            remote.send_person()
            remote.introduce()
            assert remote.has_asked_for_person
            assert "Mira Okafor" in remote.text("whoami")
