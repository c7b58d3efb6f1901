"""A call that goes wrong: what the model reads, what the log keeps, what those who watch are told."""

from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp import signals
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import (
    ConfigurationError,
    ForbiddenRegion,
    InvalidInput,
    NoAccess,
    SentryRefused,
    SentryUnreachable,
    SignInEnded,
    ToolFailed,
    TooManyRequests,
)
from flask_sentry_mcp.mcp.content import Result
from flask_sentry_mcp.mcp.tool import Toolbox


def _raising(serve: Any, error: BaseException) -> Any:
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def work(ctx: Context) -> str:
        """Fail."""
        raise error

    return serve(toolbox)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ToolFailed("Not published yet.", "row 7"), "Not published yet."),
        (InvalidInput("Say when."), "Say when."),
        (ForbiddenRegion("evil.example"), ForbiddenRegion().public),
        (NoAccess("acme"), NoAccess.public),
        (SentryRefused(404, "secret"), SentryRefused(404).public),
        (SentryUnreachable("timeout", "secret"), SentryUnreachable("timeout").public),
    ],
)
def test_an_error_of_ours_speaks_in_its_public_sentence(serve: Any, error: Exception, sentence: str) -> None:
    """In both eras a failed result, for the model to react to; never a JSON-RPC error."""
    failed = {"content": [{"type": "text", "text": sentence}], "isError": True}
    server = _raising(serve, error)

    assert server.call("work") == failed
    assert server.legacy("tools/call", {"name": "work"}).get_json()["result"] == failed


def _refusing(serve: Any, error: SentryRefused, scopes: set[str]) -> Any:
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True, scopes=scopes)
    def work(ctx: Context) -> str:
        """Fail."""
        raise error

    return serve(toolbox)


@pytest.mark.parametrize(
    ("client_id", "cause"),
    [
        (
            "c1",
            "This sign-in has it, so it is your role in the organization, or a team of the project, that is missing.",
        ),
        ("", "This token, or the role of its owner in the organization, lacks it."),
    ],
)
def test_a_403_names_the_scopes_of_the_tool(serve: Any, context: Any, client_id: str, cause: str) -> None:
    """Section 7.8: what is missing, and where."""
    server = _refusing(serve, SentryRefused(403), {"org:read", "event:read"})
    server.caller = context(client_id=client_id)

    said = server.call("work")["content"][0]["text"]

    assert said == f"Sentry refused this. It needs the permission event:read, org:read. {cause}"


@pytest.mark.parametrize(("status", "public"), [(404, None), (403, "Name the project.")])
def test_other_refusals_keep_their_sentence(serve: Any, status: int, public: str | None) -> None:
    error = SentryRefused(status)
    error.public = public or error.public

    said = _refusing(serve, error, {"org:read"}).call("work")["content"][0]["text"]

    assert said == error.public


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("token=sntrys_secret"),
        KeyError("secret"),
        SystemExit("secret"),
        RecursionError("secret"),
        MemoryError("secret"),
        ConfigurationError(["secret"]),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"),
    ],
)
def test_any_other_error_says_nothing_but_an_event_id(
    serve: Any, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """B13: the traceback is in the log of the package, under the id that the caller got."""
    result = _raising(serve, error).call("work")

    said = result["content"][0]["text"]
    assert result["isError"] is True
    assert "secret" not in said
    record = caplog.records[-1]
    assert record.name == "flask_sentry_mcp"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert said.rpartition(" ")[2].rstrip(".") in record.getMessage()


def test_arguments_are_checked_before_the_tool_runs(serve: Any) -> None:
    toolbox = Toolbox()
    ran = []

    @toolbox.tool({"count": fields.Int(required=True)}, reads_only=True)
    def work(ctx: Context, *, count: int) -> str:
        """Count."""
        ran.append(count)
        return "done"

    server = serve(toolbox)

    assert server.call("work", {"count": "many"})["isError"] is True
    assert ran == []


def test_a_limit_of_a_tools_own_says_how_long_to_wait(serve: Any) -> None:
    """Whether its author said so or not."""
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def scarce(ctx: Context) -> str:
        """Count by itself."""
        raise TooManyRequests("the author's own")

    result = serve(toolbox).call("scarce")

    assert result["content"][0]["text"] == "Too many requests. Wait 5 s, then try again."


def test_a_limit_of_a_tool_is_counted_per_grant(serve: Any, context: Any) -> None:
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True, limit="1/hour")
    def work(ctx: Context) -> str:
        """Work."""
        return "done"

    server = serve(toolbox)

    assert "isError" not in server.call("work")
    refused = server.call("work")
    assert refused["isError"] is True
    assert refused["content"][0]["text"].startswith("Too many requests. Wait ")
    server.caller = context(grant_id="g2")
    assert "isError" not in server.call("work")


def test_the_tool_receives_the_caller(serve: Any, context: Any) -> None:
    """B7: the context that authentication built, and nothing else."""
    received = []
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def work(ctx: Context) -> str:
        """Work."""
        received.append(ctx)
        return "done"

    caller = context(user_id="ada")
    serve(toolbox, caller=caller).call("work")

    assert received == [caller]
    assert list(received[0].tools.names()) == ["work"]


@pytest.mark.parametrize(
    ("value", "outcome", "status"),
    [
        ("fine", "ok", 200),
        (Result("no", is_error=True), "error", 200),
        (ToolFailed("no"), "tool_failed", 200),
        (RuntimeError("no"), "server_error", 200),
        (SignInEnded(), "unauthorized", 401),
    ],
)
def test_those_who_watch_are_told(serve: Any, value: Any, outcome: str, status: int) -> None:
    """Who called what, how it went and how long it took; no argument, no result, no token (LOG-1)."""
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def work(ctx: Context) -> Any:
        """Work."""
        if isinstance(value, Exception):
            raise value
        return value

    server = serve(toolbox)
    told: list[dict[str, Any]] = []

    def watch(sender: Any, **said: Any) -> None:
        told.append({"sender": sender, **said})

    with signals.tool_called.connected_to(watch, sender=server.app):
        answer = server.modern("tools/call", {"name": "work"})

    assert answer.status_code == status
    assert 0 <= told[0].pop("duration_ms") < 5000
    assert told == [
        {
            "sender": server.app,
            "tool": "work",
            "grant_id": "g1",
            "client_id": "c1",
            "user_id": "u1",
            "outcome": outcome,
        }
    ]


def test_a_watcher_that_fails_does_not_fail_the_call(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def work(ctx: Context) -> str:
        """Work."""
        return "done"

    def broken(sender: Any, **said: Any) -> None:
        raise RuntimeError("full disk")

    server = serve(toolbox)
    with signals.tool_called.connected_to(broken):
        assert server.call("work") == {"content": [{"type": "text", "text": "done"}]}
    assert "A receiver of tool_called failed" in caplog.text
