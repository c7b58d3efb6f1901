"""flask sentry-mcp: what an operator sees; never a secret."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flask import Flask

from flask_sentry_mcp import SentryMCP, clock, config
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for


def application(sandbox: Sandbox, **changes: Any) -> Flask:
    app = Flask("app")
    app.config.update(settings_for(sandbox) | changes)
    SentryMCP(app)
    return app


def test_config_shows_every_setting_and_no_secret(app: Flask) -> None:
    """B13: an operator may paste this into a ticket."""
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "config"])

    assert shown.exit_code == 0
    for row in config.rows():
        assert f"{row.metadata['key']} = " in shown.output
    assert "SENTRY_CLIENT_SECRET = (set, hidden)" in shown.output
    for secret in (app.config["SENTRY_CLIENT_SECRET"], app.config["COOKIE_SECRET"]):
        assert secret not in shown.output
    assert str(app.config["SENTRY_MCP_VAULT_KEYS"][0][1]) not in shown.output


def test_tools_lists_every_tool_with_its_skills(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "tools"])

    lines = {line.split()[0]: line for line in shown.output.splitlines()}
    assert set(lines) == set(state_of(app).endpoint.toolbox.tools)
    assert lines["update_issue"].split()[1:] == ["writes", "triage"]
    assert lines["search_issues"].split()[1:] == ["reads", "inspect,", "seer,", "triage"]


def test_doctor_finds_nothing_wrong_with_a_sound_installation(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 0, shown.output
    assert "fault" not in shown.output
    assert "The store reads and writes." in shown.output
    assert "Sentry knows the OAuth application and its secret." in shown.output


def test_doctor_tells_a_wrong_secret_and_does_not_show_it(sandbox: Sandbox) -> None:
    app = application(sandbox, SENTRY_CLIENT_SECRET="0123456789" * 6)

    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 1
    assert "or the secret is wrong" in shown.output
    assert "Compare SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET" in shown.output
    assert "0123456789" not in shown.output


def test_doctor_tells_when_sentry_cannot_be_reached(sandbox: Sandbox) -> None:
    app = application(sandbox, SENTRY_HOST="127.0.0.1:1")

    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 1
    assert "does not accept connections" in shown.output
    assert "Check SENTRY_HOST." in shown.output


class LateClock(BaseHTTPRequestHandler):
    """A Sentry whose clock is two minutes behind ours."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(clock.now() - 120)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def test_doctor_tells_when_the_clock_is_wrong(sandbox: Sandbox) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), LateClock) as server:
        threading.Thread(target=server.serve_forever).start()
        app = application(sandbox, SENTRY_HOST=f"127.0.0.1:{server.server_port}")

        shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

        server.shutdown()
    assert shown.exit_code == 1
    assert re.search(r"fault Our clock and Sentry's differ by 1(19|20|21) s\.", shown.output)
    assert "Sentry's token endpoint did not say whether it knows the OAuth application." in shown.output


def test_doctor_tells_when_the_store_is_gone(sandbox: Sandbox, tmp_path: Any) -> None:
    app = application(sandbox, SENTRY_MCP_STORE=f"sqlite:///{tmp_path}/store.sqlite")
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()

    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 1
    assert "The store does not work" in shown.output
