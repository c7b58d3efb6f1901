"""What an event shows: its entries, contexts and occurrence, built from the story of its issue when it is asked for."""

from collections.abc import Callable

from .records import Event, Issue, Json
from .seed.stories import Story
from .wire import iso


def entries(issue: Issue, event: Event) -> list[Json]:
    """The ``entries`` of an event, in the order in which Sentry gives them."""
    return _BUILDERS[issue.story](issue, event)


def occurrence(issue: Issue) -> Json | None:
    """The evidence of an issue that is not an error; None for errors."""
    shown = issue.detail.get("evidence")
    if shown is None:
        return None
    return {
        "issueTitle": issue.title,
        "subtitle": issue.metadata.get("value", ""),
        "culprit": issue.culprit,
        "level": issue.level,
        "type": issue.detail["occurrence_type"],
        "evidenceData": issue.detail.get("evidence_data", {}),
        "evidenceDisplay": [{"name": name, "value": value, "important": main} for name, value, main in shown],
    }


def contexts(issue: Issue, event: Event) -> Json:
    """Structured contexts: the trace first, then runtime, device or browser."""
    found: Json = {}
    if event.trace_id is not None:
        found["trace"] = {
            "type": "trace",
            "trace_id": event.trace_id,
            "span_id": event.span_id,
            "op": issue.detail.get("op", "http.server"),
        }
    if event.replay_id is not None:
        found["replay"] = {"type": "replay", "replay_id": event.replay_id}
    name, version = _RUNTIMES.get(issue.project.language, ("unknown", "1.0"))
    found["runtime"] = {"type": "runtime", "name": name, "version": version}
    if issue.category == "feedback":
        found["feedback"] = issue.detail["feedback"]
    found.update(issue.detail.get("contexts", {}))
    return found


_RUNTIMES = {
    "python": ("CPython", "3.12.4"),
    "javascript": ("Chrome", "139.0"),
    "node": ("node", "22.4.1"),
    "java": ("Android", "15"),
    "go": ("go", "go1.24.2"),
    "php": ("php", "8.4.1"),
    "ruby": ("ruby", "3.4.1"),
    "native": ("rtos", "2.1"),
}


# -- entries --------------------------------------------------------------------------------------------------------


def _exception(issue: Issue, event: Event) -> list[Json]:
    story: Story = issue.detail["story"]
    values = [_raised(issue, one) for one in _innermost_first(story)]
    return [{"type": "exception", "data": {"values": values}}, *_crumbs(story, event), *_request(event)]


def _threads(issue: Issue, event: Event) -> list[Json]:
    """A crash with several threads. ``stack_in`` says where the frames are: exception, thread, or both."""
    story: Story = issue.detail["story"]
    where = issue.detail.get("stack_in", "both")
    frames = _frames(issue, story)
    raised = _raised(issue, story) | {"threadId": 1}
    if where == "thread":
        raised["stacktrace"] = None
    crashed = _thread(1, "main", crashed=True, frames=frames if where != "exception" else None)
    waiting = [_thread(7, "worker-1", frames=_idle()), _thread(8, "worker-2", frames=_idle())]
    threads = {"type": "threads", "data": {"values": [crashed, *waiting, _thread(9, "worker-2")]}}
    shown = [] if issue.detail.get("no_exception") else [{"type": "exception", "data": {"values": [raised]}}]
    return [*shown, threads, *_crumbs(story, event)]


def _message(issue: Issue, event: Event) -> list[Json]:
    text = issue.title
    return [
        {"type": "message", "data": {"formatted": text, "message": issue.detail.get("template", text), "params": []}},
        *_request(event),
    ]


def _n_plus_one(issue: Issue, event: Event) -> list[Json]:
    query = issue.detail["query"]
    parent = {
        "span_id": "a1b2c3d4e5f60718",
        "parent_span_id": None,
        "op": "http.server",
        "description": issue.detail["parent"],
        "trace_id": event.trace_id,
        "start_timestamp": event.at - 0.8,
        "timestamp": event.at,
    }
    repeated = [
        parent
        | {
            "span_id": f"{0xB0000000 + number:016x}",
            "parent_span_id": "a1b2c3d4e5f60718",
            "op": "db",
            "description": query,
            "start_timestamp": event.at - 0.7 + number * 0.02,
            "timestamp": event.at - 0.685 + number * 0.02,
        }
        for number in range(issue.detail["repeats"])
    ]
    return [{"type": "spans", "data": [parent, *repeated]}, *_request(event)]


def _csp(_issue: Issue, _event: Event) -> list[Json]:
    return [
        {
            "type": "csp",
            "data": {
                "document_uri": "https://shop.example/pay",
                "effective_directive": "script-src",
                "violated_directive": "script-src",
                "blocked_uri": "https://widgets.example/chat.js",
                "disposition": "enforce",
                "original_policy": "default-src 'self'; script-src 'self'",
            },
        }
    ]


def _nothing(_issue: Issue, _event: Event) -> list[Json]:
    return []


_BUILDERS: dict[str, Callable[[Issue, Event], list[Json]]] = {
    "exception": _exception,
    "threads": _threads,
    "message": _message,
    "n_plus_one": _n_plus_one,
    "csp": _csp,
    "occurrence": _nothing,
}


# -- parts ----------------------------------------------------------------------------------------------------------


def _innermost_first(story: Story) -> list[Story]:
    chain = [story]
    while chain[0].cause is not None:
        chain.insert(0, chain[0].cause)
    return chain


def _raised(issue: Issue, story: Story) -> Json:
    return {
        "type": story.type,
        "value": story.value.format(n=issue.detail.get("n", 0)),
        "module": None,
        "threadId": None,
        "mechanism": {"type": story.mechanism, "handled": story.handled},
        "stacktrace": {
            "frames": _frames(issue, story),
            "framesOmitted": None,
            "hasSystemFrames": story.framework is not None,
            "registers": None,
        },
    }


def _frames(issue: Issue, story: Story) -> list[Json]:
    """Caller first, crash point last."""
    found = []
    if story.framework is not None:
        filename, function, line = story.framework
        found.append(_frame(filename, function, line, in_app=False))
    if story.caller is not None:
        filename, function, line, code = story.caller
        found.append(_frame(filename, function, line, in_app=True, context=[[line, code]]))
    first = story.line - 1
    crash = _frame(
        story.filename,
        story.function,
        story.line,
        in_app=True,
        context=[[first + index, code] for index, code in enumerate(story.source) if code],
    )
    crash |= {"module": story.module, "vars": dict(story.variables) or None}
    if issue.project.language in ("javascript", "node"):
        crash["colNo"] = 17
    return [*found, crash]


def _frame(filename: str, function: str, line: int, *, in_app: bool, context: list[list[object]] | None = None) -> Json:
    return {
        "filename": filename,
        "absPath": f"/srv/{filename}" if in_app else f"/venv/{filename}",
        "module": filename.rpartition(".")[0].replace("/", "."),
        "function": function,
        "lineNo": line,
        "colNo": None,
        "inApp": in_app,
        "context": context or [],
        "vars": None,
        "sourceLink": None,
        "platform": None,
        "package": None,
    }


def _thread(number: int, name: str, *, crashed: bool = False, frames: list[Json] | None = None) -> Json:
    return {
        "id": number,
        "name": name,
        "crashed": crashed,
        "current": crashed,
        "state": "RUNNABLE" if crashed else "WAITING",
        "stacktrace": None if frames is None else {"frames": frames, "framesOmitted": None, "hasSystemFrames": True},
    }


def _idle() -> list[Json]:
    return [_frame("java/util/concurrent/LockSupport.java", "park", 194, in_app=False)]


def _crumbs(story: Story, event: Event) -> list[Json]:
    if not story.crumbs:
        return []
    values = [
        {
            "timestamp": iso(event.at - 1.5 * (len(story.crumbs) - index)),
            "type": "default",
            "category": category,
            "level": level,
            "message": message or None,
            "data": data or None,
        }
        for index, (category, level, message, data) in enumerate(story.crumbs)
    ]
    return [{"type": "breadcrumbs", "data": {"values": values}}]


def _request(event: Event) -> list[Json]:
    address = next((tag["value"] for tag in event.tags if tag["key"] == "url"), None)
    if address is None:
        return []
    method = (event.transaction or "").partition(" ")[0]
    return [
        {
            "type": "request",
            "data": {
                "method": method if method in ("GET", "POST", "PUT", "DELETE") else "GET",
                "url": address,
                "query": [],
                "headers": [["Host", "shop.example"], ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"]],
                "data": None,
            },
        }
    ]
