"""The example application: its settings, its start page, its two tools, and how it starts and ends."""

import re
import resource
import socket
import stat
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from example_app import connecting, create_app, keys
from flask_sentry_mcp import ConfigurationError, config
from flask_sentry_mcp.errors import SentryRefused
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import PUBLIC_URL, settings_for, sign_in
from tests.tour.server import STARTS_WITHIN_S, clean_environment, example_app, free_port

ROOT = Path(__file__).parent.parent


@pytest.fixture
def app(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The example application on the sandbox of the tests."""
    monkeypatch.setenv("EXAMPLE_APP_INSTANCE", str(tmp_path))
    return create_app(settings_for(sandbox))


# -- settings -------------------------------------------------------------------------------------------------------


def test_a_misspelt_setting_in_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_MCP_ACESS_TTL", "600")

    with pytest.raises(ConfigurationError, match="SENTRY_MCP_ACESS_TTL is not a setting"):
        create_app()


def test_without_settings_it_does_not_start_and_says_which_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in config.rows():
        monkeypatch.delenv(row.metadata["key"], raising=False)

    with pytest.raises(ConfigurationError) as refused:
        create_app()

    missing = [mistake.split()[0] for mistake in refused.value.mistakes]
    assert missing == [
        "SENTRY_MCP_PUBLIC_URL",
        "SENTRY_CLIENT_ID",
        "SENTRY_CLIENT_SECRET",
        "COOKIE_SECRET",
        "SENTRY_MCP_VAULT_KEYS",
    ]


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    """So a restart signs nobody out."""
    folder = tmp_path / "instance"

    first, second = keys.kept_in(folder), keys.kept_in(folder)

    assert first == second
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert keys.kept_in(tmp_path / "another") != first


# -- the start page -------------------------------------------------------------------------------------------------


class PageReader(HTMLParser):
    """What a reader of the page gets: code by id, and every element with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code: dict[str, str] = {}
        self._in: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in = dict(attrs).get("id") if tag == "code" else self._in

    def handle_endtag(self, tag: str) -> None:
        self._in = None if tag == "code" else self._in

    def handle_data(self, data: str) -> None:
        if self._in:
            self.code[self._in] = self.code.get(self._in, "") + data


def test_the_start_page_says_how_to_connect_each_client(app: Flask) -> None:
    """What is shown is what is copied, and what the terminal prints."""
    page = PageReader(app.test_client().get("/", base_url=PUBLIC_URL).get_data(as_text=True))

    guides = connecting.guides(f"{PUBLIC_URL}/mcp")
    assert list(page.code.values()) == [guide.paste for guide in guides]
    assert {guide.client for guide in guides} == {"Claude Code", "Cursor", "VS Code"}
    buttons = [attrs for tag, attrs in page.elements if tag == "button"]
    assert [button["data-copy"] for button in buttons] == list(page.code)


def test_without_javascript_there_is_no_copy_button(app: Flask) -> None:
    """A button that does nothing is worse than none: only the script shows them."""
    page = PageReader(app.test_client().get("/", base_url=PUBLIC_URL).get_data(as_text=True))

    assert all("hidden" in attrs for tag, attrs in page.elements if tag == "button")


def test_the_start_page_runs_its_own_script_only(app: Flask) -> None:
    response = app.test_client().get("/", base_url=PUBLIC_URL)
    page = PageReader(response.get_data(as_text=True))

    policy = response.headers["Content-Security-Policy"]
    found = re.search(r"script-src 'nonce-([\w-]{22})'", policy)
    assert found is not None
    assert [attrs for tag, attrs in page.elements if tag in ("script", "style")] == [{"nonce": found[1]}] * 2
    assert "default-src 'none'" in policy
    assert not [attrs for _, attrs in page.elements if "style" in attrs or any(name.startswith("on") for name in attrs)]
    again = app.test_client().get("/", base_url=PUBLIC_URL).headers["Content-Security-Policy"]
    assert again != policy


def test_the_start_page_lists_every_tool(app: Flask) -> None:
    page = app.test_client().get("/", base_url=PUBLIC_URL).get_data(as_text=True)

    for name in app.extensions["sentry_mcp"].endpoint.toolbox.tools:
        assert f"<code>{name}</code>" in page


def test_the_start_page_is_limited_per_address(app: Flask) -> None:
    """The application's own route, under ``mcp.limit``."""
    client = app.test_client()

    statuses = [client.get("/", base_url=PUBLIC_URL).status_code for _ in range(121)]

    assert statuses == [200] * 120 + [429]


# -- its tools ------------------------------------------------------------------------------------------------------


def test_draft_status_update_puts_the_newest_step_first(app: Flask, sandbox: Sandbox) -> None:
    agent = sign_in(app, sandbox)
    steps = [
        {"at": "2026-08-18T12:40:00Z", "what": "It broke."},
        {"at": "2026-08-18T15:05:00+02:00", "what": "It works."},
    ]

    answer = agent.call("draft_status_update", title="Checkout", impact="minor", steps=steps)

    assert answer.text == (
        "# Checkout\n\nImpact: **minor**\n\n- 18 Aug 15:05 UTC+02:00: It works.\n- 18 Aug 12:40 UTC: It broke."
    )


def test_the_nested_schema_of_draft_status_update_is_told_to_clients(app: Flask, sandbox: Sandbox) -> None:
    listed = {tool["name"]: tool for tool in sign_in(app, sandbox).tools()}

    schema = listed["draft_status_update"]["inputSchema"]

    assert schema["properties"]["steps"]["items"] == {"$ref": "#/$defs/Step"}
    assert set(schema["$defs"]["Step"]["properties"]) == {"at", "what"}
    assert listed["draft_status_update"]["annotations"] == {"readOnlyHint": True, "openWorldHint": False}


def test_a_wrong_step_is_refused_with_its_place(app: Flask, sandbox: Sandbox) -> None:
    answer = sign_in(app, sandbox).call("draft_status_update", title="x", impact="minor", steps=[{"at": "noon"}])

    assert answer.is_error
    assert "steps" in answer.text
    assert "what" in answer.text


def test_count_unresolved_counts_what_sentry_counts(app: Flask, sandbox: Sandbox) -> None:
    agent = sign_in(app, sandbox)

    counted = agent.call("count_unresolved", organizationSlug="northwind").structured

    slugs = {project.slug for project in sandbox.world.projects if project.organization == "northwind"}
    assert {one["project"] for one in counted["projects"]} == slugs
    assert counted["unresolved"] == sum(one["unresolved"] for one in counted["projects"]) > 0
    assert counted["projects"] == sorted(counted["projects"], key=lambda one: (-one["unresolved"], one["project"]))


def test_count_unresolved_of_an_organization_of_others_says_nothing_about_it(app: Flask, sandbox: Sandbox) -> None:
    answer = sign_in(app, sandbox, user="mira").call("count_unresolved", organizationSlug="tidepool")

    refused = SentryRefused(403)
    refused.name_scopes({"event:read", "project:read"}, approved=True)
    assert answer.is_error
    assert answer.text == refused.public


# -- the launcher ---------------------------------------------------------------------------------------------------


def test_it_starts_soon_and_says_what_to_paste() -> None:
    """Processor time, launcher and worker together: under three seconds, and more where others share the cores."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    with example_app() as (url, said):
        assert all(line in said for guide in connecting.guides(f"{url}/mcp") for line in guide.paste.splitlines())
        assert "a sandbox at http://127.0.0.1:" in said

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10


def test_ctrl_c_ends_everything_it_started() -> None:
    """The tour's server raises when the process does not end well; here it is also asked for its children."""
    with example_app() as (url, _):
        port = int(url.rpartition(":")[2])
        children = _processes_that_name(str(port))
        assert children

    assert _processes_that_name(str(port)) == []


def _processes_that_name(word: str) -> list[str]:
    """Command lines and environments of living processes that hold *word*, as the launcher's worker does."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"127.0.0.1:{word}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except (OSError, PermissionError):
            continue  # ended meanwhile, or another user's
    return found


def _run(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """How *command* ended by itself, and what it said."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=STARTS_WITHIN_S, check=False
    )


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "example_app", "--port", str(port), "--instance", str(tmp_path)]
        ran = _run(command, clean_environment())

    assert ran.returncode == 1
    assert ran.stderr == f"Port {port} of 127.0.0.1 is taken. Choose another: make demo PORT={port + 50}\n"


def test_a_mistake_in_the_settings_is_told_before_anything_is_served(tmp_path: Path) -> None:
    environment = clean_environment() | {"SENTRY_MCP_CALL_LIMIT": "many"}
    command = [sys.executable, "-m", "example_app", "--port", str(free_port()), "--instance", str(tmp_path)]

    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=STARTS_WITHIN_S, check=False
    )

    assert ran.returncode == 1
    assert "SENTRY_MCP_CALL_LIMIT must look like 60/minute" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_with_a_client_id_and_secret_it_speaks_to_the_real_sentry() -> None:
    """Nothing is asked of Sentry before a person signs in, so this needs no network."""
    with example_app(SENTRY_CLIENT_ID="an-id", SENTRY_CLIENT_SECRET="a-secret") as (_, said):
        assert "Sentry: https://sentry.io\n" in said
        assert re.search(r"Redirect address registered there: http://127\.0\.0\.1:\d+/oauth/callback\n", said)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SENTRY_CLIENT_ID": "an-id"}, "Set SENTRY_CLIENT_SECRET too,"),
        ({"SENTRY_CLIENT_SECRET": "a-secret"}, "Set SENTRY_CLIENT_ID too,"),
        ({"SENTRY_HOST": "sentry.acme.example"}, "Set SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET too,"),
    ],
)
def test_half_a_sentry_is_not_passed_over_for_the_sandbox(given: dict[str, str], named: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "example_app", "--port", str(free_port()), "--instance", str(tmp_path)]

    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment() | given,
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN_S,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith(named)


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--bind", "127.0.0.1:{port}", "--threads", "2", "example_app:create_app()"],
        ["flask", "--app", "example_app", "run", "--port", "{port}"],
    ],
    ids=["gunicorn", "flask run"],
)
def test_other_servers_serve_it_from_the_environment(command: list[str], tmp_path: Path) -> None:
    port = free_port()
    environment = clean_environment() | keys.kept_in(tmp_path)
    environment |= {
        "SENTRY_MCP_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SENTRY_CLIENT_ID": "an-id",
        "SENTRY_CLIENT_SECRET": "a-secret",
        "EXAMPLE_APP_INSTANCE": str(tmp_path),
    }
    arguments = [argument.format(port=port) for argument in command]

    with subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    ) as server:
        try:
            metadata = _answer_within(
                STARTS_WITHIN_S, f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp"
            )
        finally:
            server.terminate()
            server.communicate(timeout=STARTS_WITHIN_S)

    assert metadata["resource"] == f"http://127.0.0.1:{port}/mcp"


def _answer_within(seconds: float, url: str) -> dict[str, Any]:
    """The JSON at *url*. A server may accept before it can answer, so one request has all the time too."""
    until = time.monotonic() + seconds
    while True:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer: dict[str, Any] = session.get(url, timeout=seconds).json()
                return answer
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
