"""The official conformance suite's authorization scenarios, against our server: every check of them a SUCCESS."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Response, request

from tests.tour.person import Person
from tests.tour.server import example_app, free_port
from tests.tour.transcript import Transcript

from .child import Child
from .packages import script
from .site import serve

CHECKS = {
    "authorization-server-metadata": "SUCCESS",
    "authorization-server-metadata-cimd": "SUCCESS",
    "authorization-code-grant": "SUCCESS",
}
METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with example_app() as (url, _):
        yield url


@pytest.fixture(scope="module", params=["client_secret_post", "client_secret_basic"])
def confidential(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The address of a server whose metadata name one method of authentication, and that method."""
    method: str = request.param

    def without_the_others(response: Response) -> Response:
        return _with_methods(response, [method])

    with serve(after=without_the_others) as url:
        yield url, method


@pytest.mark.parametrize("has_resource", [False, True], ids=["no resource", "resource"])
def test_a_public_client(url: str, tmp_path: Path, has_resource: bool) -> None:
    """Section 30.1: metadata; then code, state, iss once each and a token, with and without a resource indicator."""
    suite = Suite(url, tmp_path, "none", resource=f"{url}/mcp" if has_resource else None)

    assert suite.run() == (0, CHECKS)


@pytest.mark.parametrize("has_resource", [False, True], ids=["no resource", "resource"])
def test_a_client_with_a_secret(confidential: tuple[str, str], tmp_path: Path, has_resource: bool) -> None:
    """The same with either way to send a secret.

    The suite sends none wherever the metadata list ``none`` too, so these are of an operator who does not list it.
    """
    url, method = confidential
    suite = Suite(url, tmp_path, method, resource=f"{url}/mcp" if has_resource else None)

    assert suite.run() == (0, CHECKS)


def test_a_secret_that_is_not_sent_is_missed(url: str, tmp_path: Path) -> None:
    """TOK-1: a client that registered with a secret gets no token without it. (See above for why it is not sent.)"""
    suite = Suite(url, tmp_path, "client_secret_post")

    assert suite.run() == (1, CHECKS | {"authorization-code-grant": "FAILURE: Invalid status code: 401"})


class Suite:
    """One run of the suite at the server *url*, with a client that registered *method*, and Mira at the browser."""

    def __init__(self, url: str, folder: Path, method: str, *, resource: str | None = None) -> None:
        port = free_port()
        self._redirect_uri = f"http://127.0.0.1:{port}/callback"
        self._out = folder / "out"
        client = self._register(url, method)
        command = script("@modelcontextprotocol/conformance/dist/index.js")
        command += ["authorization", "--url", url, "--port", str(port), "-o", str(self._out)]
        command += ["--client-id", client["client_id"]]
        command += ["--client-secret", client["client_secret"]] if method != "none" else []
        command += ["--resource", resource] if resource else []
        self._child = Child(command, {"HOME": str(folder)})

    def run(self) -> tuple[int, dict[str, str]]:
        """Its exit code, and what became of each check: ``{"authorization-code-grant": "SUCCESS"}``."""
        try:
            self._send_person()
            code = self._child.wait()
        finally:
            self._child.end()
        checks = [check for path in self._out.glob("*/checks.json") for check in json.loads(path.read_text())]
        return code, {check["id"]: _outcome(check) for check in checks}

    def _send_person(self) -> None:
        self._child.see(lambda line: "Waiting" in line)
        url = self._child.see(lambda line: "/oauth/authorize?" in line)
        person = Person(Transcript(io.StringIO()))
        try:
            back = person.find_the_way_back(url, self._redirect_uri)
        finally:
            person.close()
        requests.get(back, timeout=10).raise_for_status()

    def _register(self, url: str, method: str) -> dict[str, Any]:
        wanted = {
            "client_name": "The conformance suite",
            "redirect_uris": [self._redirect_uri],
            "token_endpoint_auth_method": method,
        }
        answer = requests.post(f"{url}/oauth/register", json=wanted, timeout=10)
        assert answer.status_code == 201, answer.text
        client: dict[str, Any] = answer.json()
        return client


def _outcome(check: dict[str, Any]) -> str:
    return ": ".join(filter(None, [check["status"], check.get("errorMessage")]))


def _with_methods(response: Response, methods: list[str]) -> Response:
    if request.path == METADATA and request.method == "GET":
        metadata = response.get_json() | {"token_endpoint_auth_methods_supported": methods}
        response.set_data(json.dumps(metadata))
    return response
