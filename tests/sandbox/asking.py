"""One who asks the sandbox's API over real HTTP, with a token of their own."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from flask_sentry_mcp.sandbox import Sandbox

ALL = "org:read project:write team:write event:write"
CALLBACK = "http://127.0.0.1:5000/oauth/callback"


class Asker:
    """``asker.get("organizations/northwind/")``; ``at`` is control, us or de."""

    def __init__(self, sandbox: Sandbox, user: str = "mira", scopes: str = ALL) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {sandbox.issue_token(user, scopes).access_token}"

    def get(self, path: str, *, at: str = "control", **more: Any) -> requests.Response:
        return self.ask("GET", path, at=at, **more)

    def ask(self, method: str, path: str, *, at: str = "control", **more: Any) -> requests.Response:
        us, de = self.sandbox.region_hosts or ("", "")
        host = {"control": self.sandbox.host, "us": us, "de": de}[at]
        url = f"http://{host}/api/0/{path}"
        return self.session.request(method, url, allow_redirects=False, timeout=10, **more)


def query_of(address: str) -> Mapping[str, str]:
    """The query of an address, each parameter once: ``{"code": "...", "state": "..."}``."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query, keep_blank_values=True).items()}


def cursor_of(answer: requests.Response, rel: str) -> tuple[str, bool]:
    """The cursor of ``next`` or ``previous`` in the Link header, and whether there is something there."""
    for part in requests.utils.parse_header_links(answer.headers["Link"]):
        if part["rel"] == rel:
            return part["cursor"], part["results"] == "true"
    raise AssertionError(f"no {rel} in Link")
