"""The person with a browser: reads our approval page, ticks, approves, signs in at Sentry, approves there.

Plain HTTP, one cookie jar. As a browser does on loopback, the jar sends ``Secure`` cookies over http as well.
"""

import time
from collections.abc import Collection
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from flask_sentry_mcp.testing import Form

from .transcript import Transcript

REDIRECTS = (302, 303)


class Person:
    """Mira or Jonas, at one browser."""

    def __init__(self, transcript: Transcript, user: str = "mira", skills: Collection[str] = ("inspect", "triage")):
        self._transcript, self._user, self._skills = transcript, user, skills
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._browser.cookies.set_policy(DefaultCookiePolicy(secure_protocols=("https", "http")))

    def close(self) -> None:
        self._browser.close()

    def follow(self, url: str, redirect_uri: str) -> dict[str, str]:
        """Go the whole way, and return the query with which *redirect_uri* was reached."""
        query = urlsplit(self.find_the_way_back(url, redirect_uri)).query
        return {name: values[0] for name, values in parse_qs(query).items()}

    def find_the_way_back(self, url: str, redirect_uri: str) -> str:
        """Open *url*, do what is asked on each page, and return the address below *redirect_uri* to which it led."""
        page = self._go("GET", url)
        self._transcript.check(
            "What it may do" in page.text, "the approval page asks what the client may do", page.text
        )
        form = Form.of(page.text)
        self._transcript.note(f"Offered: {', '.join(form.offered['skills'])}. Ticked: {', '.join(self._skills)}.")
        answer = self._go(
            "POST",
            urljoin(url, "/oauth/approve"),
            data={**form.hidden, "decision": "approve", "skills": list(self._skills)},
            headers={"Origin": _origin(url)},
        )
        upstream = self._go("GET", _location(answer))
        if "Who are you?" in upstream.text:
            answer = self._go(
                "POST",
                urljoin(upstream.url, "/auth/login/"),
                data={**Form.of(upstream.text).hidden, "person": self._user},
            )
            upstream = self._go("GET", urljoin(upstream.url, _location(answer)))
        answer = upstream
        if upstream.status_code == 200:
            answer = self._go("POST", urljoin(upstream.url, "/oauth/authorize/"), data={"op": "approve"})
        answer = self._go("GET", _location(answer))
        location = _location(answer)
        self._transcript.check(
            location.startswith(redirect_uri + "?"), "the browser is sent back to the client", location
        )
        return location

    def _go(
        self, method: str, url: str, *, data: dict[str, object] | None = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        started = time.perf_counter()
        response = self._browser.request(method, url, data=data, headers=headers, allow_redirects=False, timeout=20)
        parts = urlsplit(url)
        self._transcript.exchange(
            "browser", method, f":{parts.port}{parts.path}", response.status_code, time.perf_counter() - started
        )
        if response.status_code not in (200, *REDIRECTS):
            self._transcript.check(False, "the page answers the browser", response.text)
        return response


def _location(response: requests.Response) -> str:
    return response.headers.get("Location", "")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
