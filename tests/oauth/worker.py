"""Another process of the same deployment, for tests: ``python -m tests.oauth.worker <work> <orders as JSON>``.

It waits for a line on its standard input, so that all begin at once, and prints its answers as one JSON list.
"""

import json
import sys
import threading
from typing import Any

from flask_sentry_mcp import config
from flask_sentry_mcp.context import Presented
from flask_sentry_mcp.errors import SentryMCPError
from flask_sentry_mcp.oauth.bearer import context_for
from flask_sentry_mcp.oauth.gate import GatedRequest
from flask_sentry_mcp.oauth.provider import Provider
from flask_sentry_mcp.oauth.tokens import token_response
from tests.oauth.flow import open_provider


def post(provider: Provider, form: dict[str, str]) -> Any:
    """A token request: the answer's body, or the code of the error."""
    try:
        return token_response(provider, GatedRequest("POST", form))[1]
    except SentryMCPError as error:
        return {"error": error.code}


def call(provider: Provider, token: str) -> Any:
    """The upstream token that a tool call would send, or the code of the error."""
    try:
        return context_for(provider)(Presented(f"Bearer {token}", None, None, "")).token.current()
    except SentryMCPError as error:
        return {"error": error.code}


def side_by_side(count: int, work: Any) -> list[Any]:
    """What *count* threads got from *work*, all begun at the same moment."""
    barrier, found = threading.Barrier(count), []

    def one() -> None:
        barrier.wait()
        found.append(work())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main(work: str, orders: dict[str, Any]) -> None:
    """Do *work* in as many threads as ordered."""
    orders["settings"]["SENTRY_MCP_VAULT_KEYS"] = [
        (kid, bytes.fromhex(key)) for kid, key in orders["settings"]["SENTRY_MCP_VAULT_KEYS"]
    ]
    with open_provider(config.load(orders["settings"])) as provider:
        provider.store.stamp()
        print("ready", flush=True)
        sys.stdin.readline()
        if work == "post":
            found = side_by_side(orders["threads"], lambda: post(provider, orders["form"]))
        else:
            found = side_by_side(orders["threads"], lambda: call(provider, orders["token"]))
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
