"""flask sentry-mcp: what an operator sees; never a secret."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP, clock, config
from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.extension import state_of
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for, sign_in


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


@pytest.mark.parametrize("command", ["purge", "grants", "clients", "rotate-keys"])
def test_a_store_that_fails_is_told_in_a_sentence(app: Flask, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the disk is gone")

    for method in ("find", "count", "purge"):
        monkeypatch.setattr(type(state_of(app).store), method, fail)

    shown = app.test_cli_runner().invoke(args=["sentry-mcp", command])

    assert shown.exit_code == 1
    assert shown.output == f"Error: {StoreUnavailable.public} (the disk is gone)\n"


def test_tools_lists_every_tool_with_its_skills(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "tools"])

    lines = {line.split()[0]: line for line in shown.output.splitlines()}
    assert set(lines) == set(state_of(app).endpoint.toolbox.tools)
    assert lines["update_issue"].split()[1:] == ["writes", "triage"]
    assert lines["search_issues"].split()[1:] == ["reads", "inspect,", "seer,", "triage"]


def test_tools_tells_what_each_costs_a_model(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "tools", "--cost"])

    *rows, total = shown.output.splitlines()
    costs = {row.split()[0]: int(row.split()[1]) for row in rows}
    listed = sum(int(row.split()[1]) for row in rows if "found by search" not in row)
    assert set(costs) == set(state_of(app).endpoint.toolbox.tools)
    assert total.split()[:4] == ["tools/list", str(listed), "of", f"{sum(costs.values())};"]


def test_doctor_finds_nothing_wrong_with_a_sound_installation(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 0, shown.output
    assert "fault" not in shown.output
    assert "The store reads and writes." in shown.output
    assert "0 grants, " in shown.output
    assert "0 records to purge." in shown.output
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


def test_doctor_tells_when_the_limits_cannot_be_counted(sandbox: Sandbox) -> None:
    app = application(sandbox, SENTRY_MCP_LIMITS_STORAGE="redis://127.0.0.1:1/0")

    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "doctor"])

    assert shown.exit_code == 1
    assert "fault The storage of the rate limits does not answer" in shown.output


def test_doctor_tells_how_requests_are_counted(sandbox: Sandbox) -> None:
    """RATE-1: with no proxy trusted and one in front, all share one limit."""
    counted = "Requests are counted by the address of the socket"
    bare, behind = application(sandbox), application(sandbox, SENTRY_MCP_TRUSTED_PROXY_HOPS=1)

    assert counted in run(bare, "doctor")
    assert counted not in run(behind, "doctor")


def run(app: Flask, *args: str) -> str:
    """What the command prints; it must succeed."""
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", *args])
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_clients_lists_adds_and_removes(app: Flask, sandbox: Sandbox) -> None:
    mcp = sign_in(app, sandbox, client_name="Somebody's agent")

    added = run(app, "clients", "add", "--name", "By hand", "--redirect-uri", "https://a.example/cb", "--secret")
    listed = run(app, "clients")
    removed = run(app, "clients", "remove", mcp.client_id)

    by_hand = re.search(r"client id: (\S+)", added)
    assert by_hand
    assert "client secret, shown only now: " in added
    assert re.search(rf"^{mcp.client_id}  \d{{4}}-\d\d-\d\d  used +Somebody's agent$", listed, re.MULTILINE)
    assert re.search(rf"^{by_hand[1]}  .*  By hand$", listed, re.MULTILINE)
    assert removed == "Removed; 1 grant ended.\n"
    assert mcp.post("tools/list", {}).status_code == 401
    assert mcp.client_id not in run(app, "clients")


def test_a_client_by_hand_is_held_to_the_same_rules(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(
        args=["sentry-mcp", "clients", "add", "--name", "x", "--redirect-uri", "javascript:alert(1)"]
    )

    assert shown.exit_code == 1
    assert "redirect" in shown.output.lower()


def test_grants_lists_and_ends_at_once(app: Flask, sandbox: Sandbox) -> None:
    first, second = sign_in(app, sandbox), sign_in(app, sandbox, user="jonas", organization="tidepool")
    listed = run(app, "grants").splitlines()
    mine = next(line for line in listed if "user 3104522" in line)

    ended = run(app, "grants", "end", mine.split()[0])
    by_user = run(app, "grants", "end", "--user", next(line for line in listed if line != mine).split()[2])

    assert len(listed) == 2
    assert re.fullmatch("[0-9a-f]{32}", mine.split()[0]), "an id that begins with a dash would be an option"
    assert "/mcp/tidepool  inspect  since " in "".join(listed)
    assert (ended, by_user) == ("1 grant ended.\n", "1 grant ended.\n")
    assert [mcp.post("tools/list", {}).status_code for mcp in (first, second)] == [401, 401]
    assert run(app, "grants") == ""
    assert run(app, "grants", "--ended").count("ended: admin") == 2


def test_grants_end_needs_to_know_whose(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["sentry-mcp", "grants", "end"])

    assert shown.exit_code == 2
    assert "Name one grant, or a client or a user." in shown.output


def test_purge_ends_what_has_run_out(app: Flask, sandbox: Sandbox) -> None:
    sign_in(app, sandbox)

    with clock.shifted(91 * 86_400):
        assert run(app, "purge").startswith("1 grant ended, ")
        assert "ended: expired_" in run(app, "grants", "--ended")


def test_rotate_keys_signs_nobody_out_and_says_which_key_can_go(sandbox: Sandbox, tmp_path: Any) -> None:
    """STO-5: a grant moves to the newest key when its client refreshes."""
    old, new = ("old", bytes(range(32))), ("new", bytes(range(32, 64)))
    store = f"sqlite:///{tmp_path}/store.sqlite"
    settings = settings_for(sandbox, SENTRY_MCP_STORE=store)
    before = Flask("app")
    before.config.update(settings | {"SENTRY_MCP_VAULT_KEYS": [old]})
    SentryMCP(before)
    mcp = sign_in(before, sandbox)
    after = mcp.app = Flask("app")
    after.config.update(settings | {"SENTRY_MCP_VAULT_KEYS": [old, new]})
    SentryMCP(after)

    alone = run(before, "rotate-keys")
    needed = run(after, "rotate-keys")
    still_in = mcp.call("whoami").is_error
    mcp.refresh()
    nearly = run(after, "rotate-keys")
    with clock.shifted(3_601):
        free = run(after, "rotate-keys")

    assert alone.endswith("Here there is one key: before step 1.\n")
    assert needed.startswith("Looking at the grants")
    assert re.search(r"^old +1 grant +still needed$", needed, re.MULTILINE)
    assert "Here step 2 is done" in needed
    assert still_in is False
    assert re.search(r"^old +0 grants +needed by tokens that end by [\d-]+ \d\d:\d\d UTC$", nearly, re.MULTILINE)
    assert re.search(r"^old +0 grants +needed by nothing$", free, re.MULTILINE)
    assert "if it is the old one, take it out" in free
    assert re.search(r"^new +1 grant +newest", free, re.MULTILINE)
