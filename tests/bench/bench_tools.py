"""``python -m tests.bench.bench_tools``: what tools add to Sentry's own time, and what they cost a model.

The sandbox plays Sentry in a process of its own and waits before it answers. Prints the tables for
docs/performance.md: the overhead of get_issue_details, 200 calls at once, new connections, tokens of every answer.
"""

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from flask_sentry_mcp.context import Context
from flask_sentry_mcp.mcp.gateway import Gateway
from flask_sentry_mcp.mcp.visible import Views, VisibleTool
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.regions import Regions
from flask_sentry_mcp.sentry.client import SentryClient
from flask_sentry_mcp.sentry.connections import SentryConnections
from flask_sentry_mcp.tools import catalogue
from flask_sentry_mcp.tools.cost import tokens
from tests.tools.callers import SCOPES, SKILLS, OneToken
from tests.tools.test_injection import CALLS

ISSUE = {"organizationSlug": "northwind", "issueId": "CHECKOUT-API-4F"}
ROUNDS = 2  # of upstream calls in get_issue_details, one after the other
THREADS, CALLS_AT_ONCE = 64, 200


def upstream(pipe: Connection, delay_s: float) -> None:
    """The other process: a Sentry that waits *delay_s* before each answer. Tells its connections when asked."""
    with Sandbox() as sandbox:
        if delay_s:
            sandbox.faults.add(path="*", delay_s=delay_s)
        token = sandbox.issue_token(user="mira").access_token
        pipe.send({"host": sandbox.host, "regions": sandbox.region_hosts, "token": token})
        while pipe.recv() != "stop":
            pipe.send(sandbox.connections)


class Caller:
    """Calls tools within this process, as the endpoint would."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        where: Mapping[str, Any] = pipe.recv()
        self._host, self._token = where["host"], OneToken(where["token"])
        regions = Regions(where["host"], where["regions"], insecure_http=True)
        self._connections = SentryConnections(regions, user_agent="bench")
        self._views = Views(catalogue())

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        client = SentryClient(self._connections, self._token)
        context = Context(host=self._host, token=self._token, sentry=client, skills=SKILLS, scopes=SCOPES)

        def run(seen: VisibleTool, given: dict[str, Any]) -> Any:
            return seen.tool.handler(inside, **seen.keywords(inside, given))

        inside = context.during(context.exchange, Gateway(self._views, context, run))
        return run(self._views.tool(inside, name), arguments)

    def connections(self) -> int:
        self._pipe.send("connections")
        return int(self._pipe.recv())


@contextmanager
def caller(delay_s: float) -> Iterator[Caller]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=upstream, args=(theirs, delay_s))
    process.start()
    try:
        yield Caller(ours)
    finally:
        ours.send("stop")
        process.join(timeout=30)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def overhead() -> None:
    with caller(0.05) as sentry:
        for _ in range(5):
            sentry.call("get_issue_details", ISSUE)
        times = [timed(lambda: sentry.call("get_issue_details", ISSUE)) * 1000 for _ in range(60)]
    p50 = statistics.median(times)
    print(f"get_issue_details, upstream 50 ms: p50 {p50:.0f} ms, {p50 - ROUNDS * 50:.0f} ms beyond {ROUNDS} rounds")


def at_once() -> None:
    with caller(0.2) as sentry, ThreadPoolExecutor(THREADS) as threads:

        def round_() -> None:
            arguments = {"organizationSlug": "northwind"}
            list(threads.map(lambda _: sentry.call("find_teams", arguments), range(CALLS_AT_ONCE)))

        round_()
        before = sentry.connections()
        took = timed(round_)
        new = sentry.connections() - before
    ideal = -(-CALLS_AT_ONCE // THREADS) * 0.2
    print(f"{CALLS_AT_ONCE} calls on {THREADS} threads, upstream 200 ms: {took:.2f} s, {ideal / took:.0%} of the ideal")
    print(f"new connections meanwhile: {new}")


def costs() -> None:
    print("tokens of an answer, estimated:")
    with caller(0) as sentry:
        for name in sorted(CALLS):
            answer = sentry.call(name, CALLS[name])
            text = answer if isinstance(answer, str) else json.dumps(answer, separators=(",", ":"))
            print(f"  {name:28} {tokens(text):6}")


def main() -> None:
    overhead()
    at_once()
    costs()


if __name__ == "__main__":
    main()
