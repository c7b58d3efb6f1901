"""The audit log: one line for every security event, of this application alone, and never a secret (LOG-5)."""

import json
import logging

import pytest
from flask import Flask

from flask_sentry_mcp import SentryMCP, signals
from flask_sentry_mcp.audit import EVENTS
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for, sign_in


def application(sandbox: Sandbox, form: str) -> Flask:
    app = Flask("app")
    app.config.update(settings_for(sandbox, SENTRY_MCP_AUDIT_LOG=form))
    SentryMCP(app)
    return app


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "flask_sentry_mcp.audit"]


def test_a_sign_in_and_its_end_are_told_line_by_line(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """B13: who did what, without a token, a name or an address."""
    app = application(sandbox, "text")
    with caplog.at_level(logging.INFO, logger="flask_sentry_mcp.audit"):
        mcp = sign_in(app, sandbox)
        mcp.revoke()

    told = lines(caplog)
    assert [line.split()[0] for line in told] == ["approval", "approval", "grant_started", "grant_ended"]
    assert 'decision="given"' in told[1]
    assert f'client_id="{mcp.client_id}"' in told[2]
    assert 'reason="client_revoked"' in told[3]
    assert mcp.tokens["access_token"] not in str(told)
    assert "mira" not in str(told).lower()


def test_json_on_request(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    app = application(sandbox, "json")
    with caplog.at_level(logging.INFO, logger="flask_sentry_mcp.audit"):
        signals.suspicious.send(app, event="refresh_reuse", client_id="a\nb", grant_id="")

    (told,) = lines(caplog)
    event = json.loads(told)
    assert "\n" not in told
    assert event.pop("at").endswith("Z")
    assert event == {"signal": "suspicious", "event": "refresh_reuse", "client_id": "a\nb", "grant_id": ""}


def test_tool_calls_are_traffic_and_no_events(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    app = application(sandbox, "text")
    mcp = sign_in(app, sandbox)
    with caplog.at_level(logging.INFO, logger="flask_sentry_mcp.audit"):
        mcp.call("whoami")

    assert lines(caplog) == []


def test_every_security_signal_makes_a_line_and_another_applications_none(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    app, silent = application(sandbox, "text"), application(sandbox, "off")
    with caplog.at_level(logging.INFO, logger="flask_sentry_mcp.audit"):
        for signal in EVENTS:
            signal.send(app, detail=1)
            signal.send(silent, detail=2)

    assert lines(caplog) == [f"{signal.name.replace('-', '_')} detail=1" for signal in EVENTS]
