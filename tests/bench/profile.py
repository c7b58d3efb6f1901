"""``python -m tests.bench.profile``: where the time of one trivial ``tools/call`` goes, by whose code it is.

Within one process, without a server. The profiler makes small functions look dearer than they are: read the shares.
"""

import cProfile
import io
import logging
import pstats
from collections import Counter
from typing import Any

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from . import apps, open_apps

CALLS = 6_000
BODY = apps.body()
OWNERS = (
    ("flask_sentry_mcp/mcp", "the protocol (`mcp/`)"),
    ("flask_sentry_mcp/security", "the guard (`security/`)"),
    ("flask_sentry_mcp", "the rest of ours"),
    ("werkzeug", "werkzeug"),
    ("flask", "Flask"),
    ("marshmallow", "marshmallow"),
    ("json", "the standard library's JSON"),
    ("blinker", "signals"),
)


def main() -> None:
    logging.disable(logging.WARNING)
    shares = {name: _shares(app) for name, app in (("bare", apps.bare()), ("ours", open_apps.app()))}
    rows = sorted(set().union(*shares.values()), key=lambda owner: -shares["ours"][owner])
    print("| whose code | bare Flask view | ours |\n|---|---|---|")
    whole = sum(shares["bare"].values())
    for owner in rows:
        print(f"| {owner} | {shares['bare'][owner] / whole:.0%} | {shares['ours'][owner] / whole:.0%} |")
    print(f"| together | 100% | {sum(shares['ours'].values()) / whole:.0%} |")


def _shares(app: Flask) -> "Counter[str]":
    """Microseconds per call by owner, as the profiler sees them."""
    profile = cProfile.Profile()
    environ = _environ()
    for _ in range(500):
        _call(app, environ)
    profile.enable()
    for _ in range(CALLS):
        _call(app, environ)
    profile.disable()
    shares: Counter[str] = Counter()
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed
    for (file, _, name), (_, _, own_s, _, _) in stats.items():
        shares[_owner(file, name)] += round(own_s / CALLS * 1e9)
    return shares


def _owner(file: str, name: str) -> str:
    if file == "~":
        return "the standard library's JSON" if "json" in name else "Python's built-ins"
    return next((owner for part, owner in OWNERS if f"/{part}/" in file), "the rest of the standard library")


def _environ() -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "echo",
    }
    return EnvironBuilder(
        method="POST", base_url="http://127.0.0.1:5000", path="/mcp", data=BODY, headers=Headers(headers)
    ).get_environ()


def _call(app: Flask, environ: dict[str, Any]) -> None:
    answer = app.wsgi_app({**environ, "wsgi.input": io.BytesIO(BODY)}, lambda *_: lambda _: None)
    if b"hello" not in b"".join(answer):
        raise RuntimeError("a wrong answer")


if __name__ == "__main__":
    main()
