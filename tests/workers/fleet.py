"""Three gunicorn workers as their own processes, and a client that speaks to whichever takes the connection."""

import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from flask_sentry_mcp.testing import REDIRECT_URI, authorization
from tests.tour.person import Person
from tests.tour.transcript import Transcript
from tests.workers.application import SETTINGS

ROOT = Path(__file__).parent.parent.parent
WORKERS = 3


@contextmanager
def fleet(port: int, settings: Mapping[str, Any], log: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve on *port* while the block lasts; leaves as an operator would end it, by SIGTERM to the master.

    A sync worker takes one connection at a time, so calls made at once are spread. (A gthread worker that happens to be
    awake takes all it can get.)
    """
    command = [sys.executable, "-m", "gunicorn", "tests.workers.application:create_app()"]
    command += ["--workers", str(WORKERS), "--worker-class", "sync", "--bind", f"127.0.0.1:{port}"]
    command += ["--graceful-timeout", "5", *options]
    environment = {**os.environ, SETTINGS: json.dumps(settings)}
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        _until_it_answers(port, process, log)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/.well-known/oauth-authorization-server", timeout=5)
            return
        except (requests.ConnectionError, requests.Timeout):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.05)


class Caller:
    """A signed-in client. Every request is a new connection, so that any worker may get it."""

    def __init__(self, base_url: str, user: str) -> None:
        self.base_url, self.user = base_url, user
        self.client_id, self.tokens = "", {"access_token": "", "refresh_token": ""}

    def sign_in(self) -> None:
        """Register, approve in a browser, sign in at Sentry, take the tokens."""
        wanted = {"client_name": "A client", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        self.client_id = self._post("/oauth/register", json=wanted).json()["client_id"]
        verifier = secrets.token_urlsafe(48)
        asked = authorization(self.client_id, verifier, f"{self.base_url}/mcp")
        url = requests.Request("GET", f"{self.base_url}/oauth/authorize", params=asked).prepare().url or ""
        person = Person(Transcript(io.StringIO()), self.user, ("inspect",))
        answer = person.follow(url, REDIRECT_URI)
        person.close()
        form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT_URI}
        self.tokens = self.token({**form, "code_verifier": verifier}).json()

    def refresh(self) -> requests.Response:
        """Rotate the tokens; on success keep the new ones."""
        answer = self.token({"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]})
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def revoke(self) -> requests.Response:
        """End the grant."""
        return self._post("/oauth/revoke", data={"token": self.tokens["refresh_token"], "client_id": self.client_id})

    def token(self, form: Mapping[str, str]) -> requests.Response:
        """Ask the token endpoint."""
        return self._post("/oauth/token", data={**form, "client_id": self.client_id})

    def call(self, tool: str, **arguments: Any) -> requests.Response:
        """Call *tool* in the handshake-less form of 2025-11-25, over a connection of its own."""
        return self._post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}},
            headers={
                "Authorization": f"Bearer {self.tokens['access_token']}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            },
        )

    def _post(self, path: str, **content: Any) -> requests.Response:
        return requests.post(self.base_url + path, timeout=20, **content)
