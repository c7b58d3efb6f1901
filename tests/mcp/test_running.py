"""Running calls: their time, their one end, silence, a store that hiccups, and who leaves room for whom."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp import clock
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import StoreUnavailable
from flask_sentry_mcp.mcp import listening, running, streams
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore
from tests.mcp.talking import HANDSHAKE, Reader, events, session
from tests.waiting import until

TASKS: dict[str, Any] = {
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}
}
TOO_LATE = "The tool did not finish in time."
PLAIN_HANDSHAKE = {**HANDSHAKE, "capabilities": {}}


class Hiccups(MemoryStore):
    """A store that cannot be reached for a while."""

    failing = ""

    def wait(self, channel: str, after: int, *, timeout_s: float) -> Any:
        self._hiccup("wait")
        return super().wait(channel, after, timeout_s=timeout_s)

    def publish(self, channel: str, body: bytes, *, ttl_s: float = 60.0) -> None:
        self._hiccup("publish")
        super().publish(channel, body, ttl_s=ttl_s)

    def _hiccup(self, what: str) -> None:
        if self.failing == what:
            raise StoreUnavailable("down")


class Works:
    """What the test lets the tools do, and what they saw."""

    def __init__(self) -> None:
        self.go, self.seen = threading.Event(), list[Any]()


@pytest.fixture
def works() -> Iterator[Works]:
    """Lets everything go in the end."""
    works = Works()
    yield works
    works.go.set()


@pytest.fixture
def toolbox(works: Works) -> Toolbox:
    """Tools, and a prompt, that wait until they may go on."""
    toolbox = Toolbox()

    def hang(ctx: Context) -> str:
        """Wait, quietly, until told or cancelled."""
        while not (works.go.wait(0.02) or ctx.is_cancelled):
            pass
        works.seen.append(ctx.is_cancelled)
        return "hung"

    def step(ctx: Context) -> str:
        """Say something, then wait without looking round."""
        ctx.progress(1)
        works.go.wait(20)
        ctx.progress(2)
        works.seen.append(ctx.is_cancelled)
        return "stepped"

    toolbox.tool(reads_only=True, name="hang", timeout_s=30)(hang)
    toolbox.tool(reads_only=True, name="plain")(hang)
    toolbox.tool(reads_only=True, name="long", task="optional")(hang)
    toolbox.tool(reads_only=True, name="timed_task", timeout_s=0.2, task="required")(hang)
    toolbox.tool(reads_only=True, name="asks_first", timeout_s=0.2, task="required", task_from_start=False)(hang)
    toolbox.tool(reads_only=True, name="step", timeout_s=30)(step)
    toolbox.tool(reads_only=True, name="timed_step", timeout_s=0.2)(step)
    toolbox.prompt(name="prompt")(step)

    @toolbox.tool(reads_only=True, task="required", task_from_start=False)
    def begins_late(ctx: Context) -> str:
        """Wait before the long work begins."""
        works.go.wait(10)
        ctx.continue_as_task()
        return "begun"

    @toolbox.tool({"most": fields.Int(load_default=500)}, reads_only=True)
    def flood(ctx: Context, *, most: int) -> str:
        """Tell of every little step, and of some that are none."""
        for number in (float("-inf"), float("nan"), *range(1, most + 1), float("inf")):
            ctx.progress(number, most)
        return "flooded"

    return toolbox


@pytest.fixture
def store() -> Hiccups:
    """What all workers of a test share."""
    return Hiccups()


@pytest.fixture
def server(serve: Any, toolbox: Toolbox, store: MemoryStore) -> Any:
    """A worker with a store."""
    return serve(toolbox, store=store, settings={"SENTRY_MCP_TOOL_TIMEOUT": "1"})


def _call(server: Any, name: str, meta: Any = None) -> Any:
    """A call of 2026-07-28 that may be told of progress."""
    return server.modern("tools/call", {"name": name}, meta={"progressToken": "t", **(meta or {})})


def _in_session(server: Any, name: str, id: str) -> Any:
    params = {"name": name, "_meta": {"progressToken": "t"}}
    return server.legacy("tools/call", params, id="me", mcp_session_id=id)


def _resume(server: Any, id: str, last: str) -> Any:
    return server.client.get("/mcp", headers={"Mcp-Session-Id": id, "Last-Event-ID": last})


def _text(result: Any) -> str:
    text: str = result["content"][0]["text"]
    return text


# -- time -----------------------------------------------------------------------------------------------------------


def test_a_task_has_its_time(server: Any, works: Works) -> None:
    """What is left of it is a failed result of the tool's, and the tool is told that nobody waits."""
    id = _call(server, "timed_task", TASKS).get_json()["result"]["taskId"]
    told: dict[str, Any] = {}

    def is_over() -> bool:
        told.update(server.modern("tasks/get", {"taskId": id}, meta=TASKS).get_json()["result"])
        return bool(told["status"] != "working")

    until(is_over)

    assert (told["status"], told["result"]["isError"], _text(told["result"])) == ("completed", True, TOO_LATE)
    until(lambda: works.seen == [True])


def test_the_part_before_a_task_has_its_time_too(server: Any, works: Works) -> None:
    result = server.modern("tools/call", {"name": "asks_first"}, meta=TASKS).get_json()["result"]

    assert _text(result) == TOO_LATE


def test_a_tool_for_long_work_has_its_time_where_the_client_waits(server: Any) -> None:
    """It has no limit of its own, so the one of the settings holds."""
    result = server.modern("tools/call", {"name": "long"}).get_json()["result"]

    assert _text(result) == TOO_LATE


def test_time_passes_although_nobody_reads_the_stream(server: Any, works: Works) -> None:
    """A client of 2025 that dropped, and comes back, finds the end of its call, numbered, and only one."""
    id = session(server)
    reader = Reader(_in_session(server, "timed_step", id))
    reader.next()
    reader.leave()

    resumed = Reader(_resume(server, id, reader.ids[-1]))
    end = resumed.next()
    works.go.set()
    until(lambda: works.seen == [True])

    assert (end["id"], _text(end["result"])) == ("me", TOO_LATE)
    assert resumed.next() is None
    again = events(_resume(server, id, reader.ids[-1]))
    assert again == [end]
    assert events(_resume(server, id, resumed.ids[-1])) == []


def test_a_prompt_that_is_out_of_time_says_so_on_its_stream(server: Any, works: Works) -> None:
    answer = server.modern("prompts/get", {"name": "prompt"}, meta={"progressToken": "t"})

    assert events(answer)[-1]["error"] == {"code": -32603, "message": "This did not finish in time."}


def test_a_task_that_begins_after_a_while_of_silence_is_told_on_the_stream(
    server: Any, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "OPEN_AFTER_S", 0.01)
    answer = server.modern("tools/call", {"name": "begins_late"}, meta=TASKS)

    works.go.set()

    assert events(answer)[-1]["result"]["status"] == "working"


# -- silence --------------------------------------------------------------------------------------------------------


def test_after_a_while_of_silence_a_stream_is_opened(
    server: Any, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a proxy has something to pass on, and it is noticed that the client has gone."""
    monkeypatch.setattr(running, "OPEN_AFTER_S", 0.05)
    answer = server.modern("tools/call", {"name": "hang"})
    assert next(answer.iter_encoded()) == streams.KEEP_ALIVE

    answer.response.close()

    until(lambda: works.seen == [True])


def test_in_a_session_it_can_be_resumed_from_its_first_event(
    server: Any, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "OPEN_AFTER_S", 0.05)
    id = session(server)
    answer = server.legacy("tools/call", {"name": "hang"}, mcp_session_id=id)
    first = next(answer.iter_encoded()).decode().splitlines()
    answer.response.close()
    works.go.set()

    resumed = Reader(_resume(server, id, first[0].removeprefix("id: ")))

    assert _text(resumed.next()["result"]) == "hung"
    assert works.seen == [False]


def test_a_plain_call_of_a_session_is_cancelled_by_a_notification(server: Any, works: Works) -> None:
    """One that could say nothing, and runs in its request's own thread."""
    id = session(server, PLAIN_HANDSHAKE)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "me"}}
    other = threading.Timer(0.1, lambda: server.post(json.dumps(cancel), mcp_session_id=id))
    other.start()

    server.legacy("tools/call", {"name": "plain"}, id="me", mcp_session_id=id)
    other.join()

    assert works.seen == [True]


# -- a store that hiccups -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["wait", "publish"])
def test_a_running_call_outlives_a_hiccup_of_the_store(
    server: Any, store: Hiccups, works: Works, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Whether it was cancelled cannot be seen, what it says cannot be kept: but it is answered."""
    monkeypatch.setattr(running, "_TICK_S", 0.05)
    monkeypatch.setattr(running, "_LOOK_S", 0.0)
    id = session(server)
    reader = Reader(_in_session(server, "step", id))
    reader.next()

    store.failing = failing
    time.sleep(0.2)
    works.go.set()

    assert reader.next()["params"]["progress"] == 2
    assert _text(reader.next()["result"]) == "stepped"


def test_a_listening_stream_ends_cleanly_when_the_store_is_gone(
    server: Any, store: Hiccups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "KEEP_ALIVE_S", 0.05)
    id = session(server)
    chunks = server.client.get("/mcp", headers={"Mcp-Session-Id": id}).iter_encoded()
    next(chunks)

    monkeypatch.setattr(store, "get", _unavailable)

    assert set(chunks) <= {streams.KEEP_ALIVE}


def _unavailable(*given: Any) -> Any:
    raise StoreUnavailable("down")


# -- coming back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["not ours", f"{'x' * 16}.1"])
def test_a_stream_that_never_was_is_not_resumed(server: Any, last: str) -> None:
    """Not by a 404, which would tell the client that its session is over."""
    answer = _resume(server, session(server), last)

    assert answer.status_code == 400
    assert answer.get_json()["error_description"] == "The Last-Event-ID is of no stream of this session."


def test_a_resumed_stream_ends_when_the_worker_that_ran_the_call_is_gone(
    server: Any, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves a sign of life; silence is told, not waited for."""
    monkeypatch.setattr(listening, "KEEP_ALIVE_S", 0.05)
    id = session(server)
    reader = Reader(_in_session(server, "step", id))
    reader.next()
    reader.leave()

    with clock.shifted(40):
        said = events(_resume(server, id, reader.ids[-1]))

    sentence = "The server that ran this call has stopped. Call again."
    assert said == [{"jsonrpc": "2.0", "id": "me", "error": {"code": -32603, "message": sentence}}]


def test_a_cancelled_call_has_an_end_for_those_who_come_back(server: Any, works: Works) -> None:
    id = session(server)
    reader = Reader(_in_session(server, "step", id))
    reader.next()
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "me"}}
    server.post(json.dumps(cancel), mcp_session_id=id)
    assert reader.next() is None

    assert events(_resume(server, id, reader.ids[-1])) == []


# -- room -----------------------------------------------------------------------------------------------------------


def test_listening_clients_leave_room_for_calls(serve: Any, toolbox: Toolbox, store: MemoryStore, works: Works) -> None:
    """Those that hold all places for it are still answered, with progress and in sessions too."""
    server = serve(toolbox, store=store, streams_per_worker=1)
    works.go.set()
    id = session(server)
    listener = Reader(server.client.get("/mcp", headers={"Mcp-Session-Id": id}))

    assert _text(events(_call(server, "step"))[-1]["result"]) == "stepped"
    assert _text(events(_in_session(server, "step", id))[-1]["result"]) == "stepped"
    listener.leave()


def test_one_grant_does_not_take_all_that_a_worker_can_do(
    serve: Any, toolbox: Toolbox, store: MemoryStore, context: Any
) -> None:
    """Of tasks and of calls, which do not take each other's places."""
    server = serve(toolbox, store=store, workers=2, workers_per_grant=1)

    def statuses() -> list[int]:
        task = server.modern("tools/call", {"name": "long"}, meta=TASKS)
        return [task.status_code, _call(server, "step").status_code]

    assert statuses() == [200, 200]
    assert statuses() == [429, 429]
    server.caller = context(grant_id="g2")
    assert statuses() == [200, 200]
    server.caller = context(grant_id="g3")
    assert statuses() == [429, 429]


def test_progress_has_a_pace(server: Any) -> None:
    """A tool that tells of every little step floods nobody; the last is told, and what is no number is none."""
    said = events(_call(server, "flood"))

    steps = [one["params"]["progress"] for one in said[:-1]]
    assert steps[:25] == list(range(1, 26))
    assert steps[-1] == 500
    assert len(steps) < 250
    assert _text(said[-1]["result"]) == "flooded"
