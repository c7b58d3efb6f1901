"""The methods that run what an author wrote: tools, prompts, resources and completions."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from .. import signals
from ..context import Context
from ..errors import (
    InsufficientScope,
    ProtocolError,
    SentryMCPError,
    SentryRefused,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from ..security.redact import client_log_id
from . import content, tasks
from .call import Call, Outcome, complete, complete_text, log, object_in, text_in, unexpected
from .era import check_parameters
from .exchange import BecomesTask, Cancelled, Conversation, InputRequired
from .gateway import Gateway
from .messages import INTERNAL_ERROR, INVALID_PARAMS
from .output import BrokenPromise
from .prompt import prompt_result
from .resource import LARGEST_URI, read_result
from .rounds import Round, arguments_of, input_required, round_of
from .running import Work, run
from .visible import VisibleTool

_SIGNS = (BecomesTask, Cancelled, GeneratorExit)
_PASSED_ON = (ProtocolError, Unauthenticated, InsufficientScope, StoreUnavailable, *_SIGNS)
MOST_VALUES = 100


# -- tools ----------------------------------------------------------------------------------------------------------


def call_tool(call: Call) -> Outcome:
    """``tools/call``: find, check, run; whatever goes wrong inside the tool becomes a failed result for the model."""
    seen = call.server.views.tool(call.context, text_in(call.request.params, "name"))
    arguments = arguments_of(call)
    if call.terms.modern and seen.header_parameters:
        check_parameters(call.headers, seen.header_parameters, arguments)
    tool = seen.tool
    at = round_of(call, tool.name, arguments)

    def too_late() -> bytes:
        log.warning("Tool %s did not finish in time", tool.name)
        return complete(call, content.error_result("The tool did not finish in time."))

    work = partial(_watched, call, seen, arguments, at)
    if tool.task is not None and call.terms.modern and call.server.memory is not None:
        return _call_as_task(call, seen, arguments, at, work, too_late)
    return run(
        call,
        work,
        name=tool.name,
        answers=at.answers,
        timeout_s=tool.timeout_s,
        on_timeout=too_late,
        is_long=tool.task is not None,
    )


def _call_as_task(
    call: Call,
    seen: VisibleTool,
    arguments: dict[str, Any],
    at: Round,
    work: Work,
    too_late: Callable[[], bytes],
) -> Outcome:
    """A call of a tool for long work: a task for a client that knows them, at once or when the tool says so."""
    tool = seen.tool
    name, timeout_s = tool.name, tool.timeout_s
    wait = partial(run, call, name=name, answers=at.answers, timeout_s=timeout_s, on_timeout=too_late, is_long=True)
    begin = partial(tasks.begin, call, work, at.answers, name=name, timeout_s=timeout_s, on_timeout=too_late)
    if tool.task == "required":
        tasks.require(call.terms)
    if not tasks.declared_by(call.terms):
        return wait(work)
    if tool.task_from_start:
        try:
            seen.keywords(call.context, arguments)
        except SentryMCPError as error:
            return complete(call, content.error_result(error.public))
        return begin()

    def until_a_task(talk: Conversation) -> bytes:
        try:
            return work(talk)
        except BecomesTask:
            return begin()

    return wait(until_a_task, may_become_task=True)


def _watched(call: Call, seen: VisibleTool, arguments: dict[str, Any], at: Round, talk: Conversation) -> bytes:
    """The encoded result of one call; those who keep watch are told of it."""
    if not signals.tool_called.receivers:
        return _result(call, seen, arguments, at, talk)[0]
    started = time.perf_counter()
    outcome = "unauthorized"
    try:
        result, outcome = _result(call, seen, arguments, at, talk)
        return result
    except ProtocolError as error:
        outcome = error.code
        raise
    except Cancelled:
        outcome = "cancelled"
        raise
    except BecomesTask:
        outcome = "task"
        raise
    finally:
        _tell(call, seen, outcome, (time.perf_counter() - started) * 1000)


def _result(
    call: Call, seen: VisibleTool, arguments: dict[str, Any], at: Round, talk: Conversation
) -> tuple[bytes, str]:
    """The encoded result of one call, and its outcome: ``ok``, ``error``, ``input_required`` or an error's code."""
    tool = seen.tool
    try:
        returned = _guarded(call, talk, seen, arguments)
        if type(returned) is str and tool.output is None:
            return complete_text(call, returned), "ok"
        members = content.call_result(returned, tool.output)
        if not call.terms.modern and not isinstance(members.get("structuredContent", {}), dict):
            del members["structuredContent"]  # before 2026-07-28 it has to be an object
        return complete(call, members), "error" if members.get("isError") else "ok"
    except InputRequired as unanswered:
        return input_required(call, tool.name, arguments, at, unanswered.questions), "input_required"
    except _PASSED_ON:
        raise
    except TooManyRequests as error:
        sentence = f"Too many requests. Wait {error.retry_after_s} s, then try again."
        return complete(call, content.error_result(sentence)), error.code
    except SentryMCPError as error:
        if error.http_status != 500:
            log.info("Tool %s: %s: %s", tool.name, error.code, error)
            return complete(call, content.error_result(error.public)), error.code
        return complete(call, content.error_result(unexpected(f"tool {tool.name}"))), error.code
    except BaseException:  # noqa: BLE001 - a tool is somebody else's code: what passes here ends a whole worker
        return complete(call, content.error_result(unexpected(f"tool {tool.name}"))), "server_error"


def _guarded(call: Call, talk: Conversation, seen: VisibleTool, arguments: dict[str, Any]) -> Any:
    """What the tool returns: its own limit, what the connection fixes and its schema come first."""
    context, tool = call.context, seen.tool
    if tool.limit is not None:
        call.server.endpoint.limits.hit(tool.limit, "tool", tool.name, context.grant_id)
    keywords = seen.keywords(context, arguments)
    try:
        return tool.handler(_during(call, talk), **keywords)
    except SentryRefused as error:
        # only tools within the approved scopes are offered; a machine's own token was never approved by anybody
        error.name_scopes(tool.scopes, approved=bool(context.client_id))
        raise


def _nested(call: Call, talk: Conversation, seen: VisibleTool, arguments: dict[str, Any]) -> Any:
    """As ``_guarded``, for a tool that another one runs: those who keep watch are told of it as well."""
    started, outcome = time.perf_counter(), "server_error"
    try:
        returned = _guarded(call, talk, seen, arguments)
        outcome = "ok"
        return returned
    except SentryMCPError as error:
        outcome = error.code
        raise
    finally:
        _tell(call, seen, outcome, (time.perf_counter() - started) * 1000)


def _tell(call: Call, seen: VisibleTool, outcome: str, duration_ms: float) -> None:
    context = call.context
    if not signals.tool_called.receivers:
        return
    signals.tell(
        signals.tool_called,
        call.server.endpoint.app,
        tool=seen.tool.name,
        grant_id=context.grant_id,
        client_id=client_log_id(context.client_id),
        user_id=context.user_id,
        outcome=outcome,
        duration_ms=duration_ms,
    )


# -- prompts and resources: their failures are errors of the protocol, for no model reads them -------------------------


def get_prompt(call: Call) -> Outcome:
    """``prompts/get``: the messages of a prompt with its arguments filled in."""
    prompt = call.server.views.prompt(call.context, text_in(call.request.params, "name"))
    arguments = arguments_of(call)
    if not all(isinstance(value, str) for value in arguments.values()):
        raise ProtocolError(INVALID_PARAMS, "The arguments of a prompt are strings.", status=200)
    keywords = _as_invalid_params(lambda: prompt.arguments.read(arguments))

    def answer(talk: Conversation) -> dict[str, Any]:
        return prompt_result(prompt, prompt.handler(_during(call, talk), **keywords))

    return _run(call, prompt.name, arguments, answer)


def read_resource(call: Call) -> Outcome:
    """``resources/read``: the contents at an address."""
    uri = text_in(call.request.params, "uri")
    resource, variables = call.server.views.resource(call.context, uri)
    if resource is None:
        code = INVALID_PARAMS if call.terms.modern else -32002
        data = {"uri": uri} if len(uri) <= LARGEST_URI else {}
        raise ProtocolError(code, "There is no resource at this address.", status=200, data=data)
    found = resource
    hints = {"ttlMs": found.ttl_ms, "cacheScope": found.cache_scope} if call.terms.modern else {}

    def answer(talk: Conversation) -> dict[str, Any]:
        return read_result(found, uri, found.handler(_during(call, talk), **variables)) | hints

    return _run(call, uri, {}, answer)


def complete_argument(call: Call) -> Outcome:
    """``completion/complete``: what could follow what was typed."""
    params = call.request.params
    reference, argument = object_in(params, "ref"), object_in(params, "argument")
    kind = text_in(reference, "type")
    of = text_in(reference, {"ref/prompt": "name", "ref/resource": "uri"}.get(kind, "type"))
    name, value = text_in(argument, "name"), text_in(argument, "value")
    others = object_in(object_in(params, "context"), "arguments")
    if kind not in ("ref/prompt", "ref/resource") or not call.server.views.may_complete(call.context, kind, of, name):
        raise ProtocolError(INVALID_PARAMS, "There is no such argument to complete.", status=200)
    completer = call.server.endpoint.toolbox.completions.get((of, name))

    def answer(talk: Conversation) -> dict[str, Any]:
        try:
            values = [] if completer is None else [str(one) for one in completer(_during(call, talk), value, others)]
        except InputRequired:
            raise BrokenPromise("a completion cannot ask: it is itself an answer to typing") from None
        shown = values[:MOST_VALUES]
        return {"completion": {"values": shown, "total": len(values), "hasMore": len(values) > len(shown)}}

    return _run(call, of, {}, answer)


def _run(
    call: Call, subject: str, arguments: dict[str, Any], answer: Callable[[Conversation], dict[str, Any]]
) -> Outcome:
    at = round_of(call, subject, arguments)

    def work(talk: Conversation) -> bytes:
        try:
            return complete(call, answer(talk))
        except InputRequired as unanswered:
            return input_required(call, subject, arguments, at, unanswered.questions)
        except (Exception, *_SIGNS):
            raise
        except BaseException as error:  # as of tools: what passes the door ends a whole worker
            raise RuntimeError("what an author wrote raised more than an Exception") from error

    def too_late() -> bytes:
        raise ProtocolError(INTERNAL_ERROR, "This did not finish in time.", status=200)

    return run(call, work, name=call.request.method, answers=at.answers, on_timeout=too_late)


def _during(call: Call, talk: Conversation) -> Context:
    context = call.context.during(talk, Gateway(call.server.views, call.context, partial(_nested, call, talk)))
    return context.lasting(tasks.TTL_S) if isinstance(talk, tasks.TaskConversation) else context


def _as_invalid_params(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return read()
    except SentryMCPError as error:
        raise ProtocolError(INVALID_PARAMS, error.public, status=200) from error
