"""Tasks: long calls answered with a handle, their questions, their end; also when the worker that ran them is gone."""

import threading
import time
from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp import clock
from flask_sentry_mcp.context import Context
from flask_sentry_mcp.errors import ProtocolError, ToolFailed
from flask_sentry_mcp.mcp.questions import Elicit
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.store.memory import MemoryStore
from tests.waiting import until

EXTENSION = "io.modelcontextprotocol/tasks"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
KNOWS_TASKS: dict[str, Any] = {CAPABILITIES: {"extensions": {EXTENSION: {}}, "elicitation": {}}}
NAME = {"name": fields.Str(required=True)}
ADA = {"action": "accept", "content": {"name": "Ada"}}


@pytest.fixture
def go() -> threading.Event:
    """Work waits for it."""
    return threading.Event()


@pytest.fixture
def toolbox(go: threading.Event) -> Toolbox:
    """Tools for long work."""
    toolbox = Toolbox()

    @toolbox.tool({"n": fields.Int(load_default=1)}, reads_only=True, task="optional")
    def work(ctx: Context, *, n: int) -> dict[str, Any]:
        """Work until told or cancelled."""
        while not go.wait(0.02):
            if ctx.is_cancelled:
                break
        return {"n": n}

    @toolbox.tool({"how": fields.Str(required=True)}, reads_only=True, task="required")
    def fail(ctx: Context, *, how: str) -> str:
        """Fail in one of several ways."""
        raise {"tool": ToolFailed("No luck."), "protocol": ProtocolError(-32603, "Broken.")}.get(
            how, RuntimeError("secret")
        )

    @toolbox.tool(reads_only=True, task="required")
    def ask(ctx: Context) -> str:
        """Ask two things at once, then one of them again."""
        answers = ctx.ask(first=Elicit("First?", NAME), second=Elicit("Second?", NAME))
        again = ctx.elicit("Again?", NAME, key="first")
        return " ".join(one.content["name"] for one in (*answers.values(), again))

    @toolbox.tool(reads_only=True, task="required", task_from_start=False)
    def first_ask(ctx: Context) -> str:
        """Ask, then work as a task."""
        name = (ctx.elicit("Who?", NAME, key="who").content or {})["name"]
        ctx.continue_as_task()
        return f"Worked for {name}."

    return toolbox


@pytest.fixture
def store() -> MemoryStore:
    """What all workers of a test share."""
    return MemoryStore()


@pytest.fixture
def server(serve: Any, toolbox: Toolbox, store: MemoryStore) -> Any:
    """A worker with a store."""
    return serve(toolbox, store=store)


def _result(answer: Any) -> dict[str, Any]:
    result: dict[str, Any] = answer.get_json()["result"]
    result.pop("_meta", None)
    return result


def _begin(server: Any, name: str, meta: Any = KNOWS_TASKS, **arguments: Any) -> dict[str, Any]:
    return _result(server.modern("tools/call", {"name": name, "arguments": arguments}, meta=meta))


def _get(server: Any, id: str) -> dict[str, Any]:
    return _result(server.modern("tasks/get", {"taskId": id}, meta=KNOWS_TASKS))


def _until(server: Any, id: str, *statuses: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = _get(server, id)
        return task if task["status"] in statuses else None

    return until(look)


def _update(server: Any, id: str, **answers: Any) -> dict[str, Any]:
    return _result(server.modern("tasks/update", {"taskId": id, "inputResponses": answers}, meta=KNOWS_TASKS))


def _code(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.get_json()["error"]["code"]


def test_a_handle_is_given_at_once_and_any_worker_tells_the_rest(
    serve: Any, toolbox: Any, store: Any, server: Any, go: threading.Event
) -> None:
    other = serve(toolbox, store=store)
    handle = _begin(server, "work", n=7)
    id = handle["taskId"]
    times = handle.pop("createdAt"), handle.pop("lastUpdatedAt")
    assert times[0] == times[1]
    assert times[0].endswith("Z")
    assert handle == {
        "resultType": "task",
        "taskId": id,
        "status": "working",
        "ttlMs": 3600000,
        "pollIntervalMs": 1000,
    }
    assert _get(other, id)["status"] == "working"

    go.set()
    told = _until(other, id, "completed")
    for name in ("createdAt", "lastUpdatedAt"):
        del told[name]
    result = told.pop("result")
    del result["_meta"]
    assert told == {
        "resultType": "complete",
        "taskId": id,
        "status": "completed",
        "ttlMs": 3600000,
        "pollIntervalMs": 1000,
    }
    assert result == {
        "resultType": "complete",
        "content": [{"type": "text", "text": '{"n":7}'}],
        "structuredContent": {"n": 7},
    }


def test_tasks_are_announced_where_there_are_any(server: Any, serve: Any) -> None:
    assert _result(server.modern("server/discover"))["capabilities"]["extensions"] == {EXTENSION: {}}
    assert (
        "extensions"
        not in server.legacy("initialize", {"protocolVersion": "2025-11-25"}).get_json()["result"]["capabilities"]
    )
    assert _code(serve(Toolbox(), store=MemoryStore()).modern("tasks/get", {"taskId": "x"}, meta=KNOWS_TASKS)) == (
        404,
        -32601,
    )


def test_a_client_without_tasks_waits_or_is_told_what_it_lacks(server: Any, go: threading.Event) -> None:
    go.set()

    assert _begin(server, "work", meta={})["structuredContent"] == {"n": 1}
    refused = server.modern("tools/call", {"name": "ask"})
    assert _code(refused) == (400, -32021)
    assert refused.get_json()["error"]["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert _code(server.modern(method, {"taskId": "x"})) == (400, -32021)


def test_a_client_of_2025_waits(server: Any, go: threading.Event) -> None:
    go.set()

    assert server.legacy("tools/call", {"name": "work"}).get_json()["result"]["structuredContent"] == {"n": 1}


def test_wrong_arguments_make_no_task(server: Any) -> None:
    assert _begin(server, "work", n="many")["isError"] is True


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("tool", "completed", {"content": [{"type": "text", "text": "No luck."}], "isError": True}),
        ("protocol", "failed", {"code": -32603, "message": "Broken."}),
    ],
)
def test_how_a_task_fails(server: Any, how: str, status: str, told: dict[str, Any]) -> None:
    """What a model can react to is a result; only an error of the protocol is a failure."""
    task = _until(server, _begin(server, "fail", how=how)["taskId"], "completed", "failed")

    outcome = task.get("result") or task["error"]
    assert task["status"] == status
    assert {name: outcome[name] for name in told} == told


def test_an_unexpected_error_says_nothing(server: Any) -> None:
    task = _until(server, _begin(server, "fail", how="other")["taskId"], "completed", "failed")

    assert task["result"]["isError"] is True
    assert "secret" not in str(task)


def test_questions_wait_in_the_task_and_are_answered_in_any_order_at_any_worker(
    serve: Any, toolbox: Any, store: Any, server: Any
) -> None:
    """A key names one question for good: asked again, it gets another."""
    other = serve(toolbox, store=store)
    id = _begin(server, "ask")["taskId"]
    asked = _until(server, id, "input_required")["inputRequests"]
    assert list(asked) == ["first", "second"]
    assert asked["first"]["method"] == "elicitation/create"

    assert _update(other, id, second=ADA, unknown=5) == {"resultType": "complete"}
    assert list(_get(server, id)["inputRequests"]) == ["first"]
    _update(other, id, first={"action": "accept", "content": {"name": "Bea"}})
    until(lambda: "first-2" in _get(server, id).get("inputRequests", {}))
    _update(server, id, **{"first-2": {"action": "accept", "content": {"name": "Cy"}}})

    assert _until(server, id, "completed")["result"]["content"][0]["text"] == "Bea Ada Cy"


def test_an_answer_of_the_wrong_form_fails_the_task(server: Any) -> None:
    id = _begin(server, "ask")["taskId"]
    _until(server, id, "input_required")
    _update(server, id, first=5, second=ADA)

    assert _until(server, id, "failed")["error"]["code"] == -32602


def test_a_tool_may_ask_first_and_become_a_task_then(server: Any) -> None:
    """The rounds come before the handle, and what they gathered is known to the task."""
    begun = _begin(server, "first_ask")
    assert (begun["resultType"], list(begun["inputRequests"])) == ("input_required", ["who"])

    params = {"name": "first_ask", "requestState": begun["requestState"], "inputResponses": {"who": ADA}}
    handle = _result(server.modern("tools/call", params, meta=KNOWS_TASKS))

    assert (handle["resultType"], "requestState" in handle) == ("task", False)
    assert _until(server, handle["taskId"], "completed")["result"]["content"][0]["text"] == "Worked for Ada."


def test_a_cancelled_task_is_over_at_once_and_stays_so(server: Any, go: threading.Event) -> None:
    id = _begin(server, "work")["taskId"]
    for _ in range(2):
        assert _result(server.modern("tasks/cancel", {"taskId": id}, meta=KNOWS_TASKS)) == {"resultType": "complete"}
    assert _get(server, id)["status"] == "cancelled"

    go.set()
    time.sleep(0.1)
    task = _get(server, id)
    assert (task["status"], "result" in task) == ("cancelled", False)


def test_a_task_is_of_its_grant_alone(server: Any, context: Any) -> None:
    """B14: to anybody else there is no such task."""
    id = _begin(server, "work")["taskId"]
    server.caller = context(grant_id="g2")

    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert _code(server.modern(method, {"taskId": id, "inputResponses": {}}, meta=KNOWS_TASKS)) == (200, -32602)
    for unknown in ("nothing", "", "../x", "é", "x" * 600):
        quoted = {"mcp_name": "=?base64?w6k=?="} if unknown == "é" else {}
        assert _code(server.modern("tasks/get", {"taskId": unknown}, meta=KNOWS_TASKS, headers=quoted)) == (200, -32602)


def test_a_task_whose_worker_is_gone_has_failed(server: Any, go: threading.Event) -> None:
    """The worker leaves a sign of life; silence is told, not waited for."""
    id = _begin(server, "work")["taskId"]

    with clock.shifted(40):
        task = _get(server, id)

    assert (task["status"], task["error"]["code"]) == ("failed", -32603)
    go.set()
    time.sleep(0.1)
    assert _get(server, id)["status"] == "failed"


def test_a_worker_runs_so_many_tasks_and_no_more(serve: Any, toolbox: Any, store: Any, go: threading.Event) -> None:
    server = serve(toolbox, store=store, workers=1)
    id = _begin(server, "work")["taskId"]

    refused = server.modern("tools/call", {"name": "work"}, meta=KNOWS_TASKS)
    assert refused.status_code == 429
    go.set()
    _until(server, id, "completed")
    # the thread leaves its place just after it has told the end
    until(lambda: server.modern("tools/call", {"name": "work"}, meta=KNOWS_TASKS).status_code == 200)


def test_a_change_that_cannot_be_made_is_not_told_as_made(
    server: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, go: threading.Event
) -> None:
    """When others are first each time, the client has to try again."""
    id = _begin(server, "work")["taskId"]
    with monkeypatch.context() as busy:
        busy.setattr(store, "swap", lambda *_, **__: False)
        assert server.modern("tasks/cancel", {"taskId": id}, meta=KNOWS_TASKS).status_code == 503
    assert _get(server, id)["status"] == "working"
    go.set()


def test_a_subscription_hears_nothing_of_another_grant_s_task(
    server: Any, context: Any, toolbox: Toolbox, go: threading.Event
) -> None:
    """Not even that there is one: its id is as unknown as any other."""
    id = _begin(server, "work")["taskId"]
    owner, server.caller = server.caller, context(grant_id="g2")
    wanted = {"notifications": {"taskIds": [id], "toolsListChanged": True}}
    chunks = server.modern("subscriptions/listen", wanted, meta=KNOWS_TASKS).iter_encoded()
    assert '"taskIds":[]' in next(chunks).decode()

    server.caller = owner
    go.set()
    _until(server, id, "completed")
    toolbox.remove("fail")

    assert '"method":"notifications/tools/list_changed"' in next(chunks).decode()


def test_a_subscription_tells_how_a_task_goes(server: Any, go: threading.Event) -> None:
    id = _begin(server, "work")["taskId"]
    wanted = {"notifications": {"taskIds": [id, "unknown"]}}
    assert _code(server.modern("subscriptions/listen", wanted)) == (400, -32021)
    chunks = server.modern("subscriptions/listen", wanted, id=4, meta=KNOWS_TASKS).iter_encoded()
    assert f'"taskIds":["{id}"]' in next(chunks).decode()

    go.set()
    said = next(chunks).decode()

    assert '"method":"notifications/tasks"' in said
    assert '"status":"completed"' in said
    assert '"io.modelcontextprotocol/subscriptionId":4' in said
