"""The tree of a trace: read, equal siblings folded, cut to what matters, drawn.

>>> roots, loose = read(answer)
>>> print(draw(roots, Limits())[0])
POST /pay [http.server · 800ms · a1b2c3d4e5f60718]
└─ SELECT price FROM lines [db · 10 times · 180ms in all · longest 22ms b2c3d4e5f6071829]
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .pieces import Json, as_map, as_maps, duration, plural

LABEL_LIMIT, META_LIMIT = 160, 64
FOLD_BY_OP = 5
STANDS_OUT, STANDS_OUT_MS = 5, 5.0
_TELLING = (
    "gen_ai.request.model",
    "gen_ai.tool.name",
    "mcp.tool.name",
    "db.system",
    "http.response.status_code",
    "http.status_code",
    "messaging.destination.name",
    "rpc.method",
    "faas.name",
    "cache.hit",
)


@dataclass(slots=True, eq=False)
class Span:
    """One span, or several like each other (``members``): ``ms`` is their time together, None when unknown."""

    id: str
    op: str
    label: str
    ms: float | None
    project: str = ""
    meta: tuple[str, ...] = ()
    issues: list[Json] = field(default_factory=list)
    is_transaction: bool = False
    children: list["Span"] = field(default_factory=list)
    members: list["Span"] = field(default_factory=list)
    size: int = 1
    longest: float = 0.0
    score: float = 0.0
    raw: Json = field(default_factory=dict)

    @property
    def each(self) -> list["Span"]:
        """The spans that it stands for."""
        return self.members or [self]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a tree is drawn."""

    roots: int = 12
    spans: int = 96
    depth: int = 8
    children: int = 24


# -- reading --------------------------------------------------------------------------------------------------------


def read(trace: Iterable[Any], *, fold: bool = True) -> tuple[list[Span], list[Json]]:
    """The root spans, and the issues that belong to no span. Without *fold* every span stands for itself."""
    roots, loose = [], []
    for one in trace:
        node = as_map(one)
        if _is_span(node):
            roots.append(_span(node, fold=fold))
        elif node.get("event_type") or node.get("issue_id"):
            loose.append(node)
    return roots, loose


def walk(spans: Sequence[Span]) -> Iterator[Span]:
    """Every span, parents first."""
    pending = list(reversed(spans))
    while pending:
        one = pending.pop()
        yield one
        pending.extend(reversed(one.children))


def span_id(node: Json) -> str:
    """The 16 hex digits of a span hide in one of three members."""
    own = as_map(node.get("additional_attributes")).get("span_id")
    return str(node.get("span_id") or own or node.get("event_id") or "")


def _is_span(node: Json) -> bool:
    return (
        isinstance(node.get("event_id"), str)
        and isinstance(node.get("duration"), int | float)
        and isinstance(node.get("children"), list)
    )


def _span(root: Json, *, fold: bool) -> Span:
    """A tree of any depth, without recursion."""
    top = _bare(root)
    pending = [(root, top)]
    order = [top]
    while pending:
        node, span = pending.pop()
        for child in as_maps(node.get("children")):
            if _is_span(child):
                below = _bare(child)
                span.children.append(below)
                pending.append((child, below))
                order.append(below)
            elif child.get("issue_id") or child.get("event_type") == "error":
                span.issues.append(child)
    for span in reversed(order):
        if fold:
            span.children = _folded(span.children)
        _weigh(span)
    return top


def _bare(node: Json) -> Span:
    attributes = as_map(node.get("additional_attributes"))
    text = node.get("description") or node.get("name") or node.get("transaction") or node.get("op") or "span"
    known = [f"{key.rpartition('.')[2]}={attributes[key]}"[:META_LIMIT] for key in _TELLING if attributes.get(key)]
    return Span(
        id=span_id(node),
        op=str(node.get("op") or ""),
        label=" ".join(str(text).split())[:LABEL_LIMIT],
        ms=node["duration"],
        project=str(node.get("project_slug") or ""),
        meta=tuple(known[:2]),
        issues=as_maps(node.get("errors")) + as_maps(node.get("occurrences")),
        is_transaction=bool(node.get("is_transaction")),
        raw=node,
    )


def _weigh(span: Span) -> None:
    """How much a span deserves to be shown; its children have been weighed."""
    span.size = 1 + sum(one.size for one in span.children)
    span.longest = max([span.ms or 0.0, *(one.longest for one in span.children)])
    best = max((one.score for one in span.children), default=0.0)
    span.score = (
        (span.ms or 0.0)
        + 0.75 * span.longest
        + 4 * span.size
        + (250 if span.is_transaction else 0)
        + (1000 if span.issues else 0)
        + 0.25 * best
    )


def _folded(siblings: list[Span]) -> list[Span]:
    """Equal siblings that have nothing below them become one; of many small ones, all of one kind do."""
    siblings = _fold(siblings, lambda one: (one.op, one.label, one.project), 2)
    slow = _outstanding(siblings)
    return _fold(siblings, lambda one: (one.op, one.project, id(one) in slow), FOLD_BY_OP + 1)


def _outstanding(siblings: list[Span]) -> set[int]:
    """Those that took far longer than is usual for their kind: among the others they would not be seen."""
    kinds: dict[tuple[str, str], list[Span]] = {}
    for one in siblings:
        if _may_fold(one):
            kinds.setdefault((one.op, one.project), []).append(one)
    slow = set()
    for kind in kinds.values():
        usual = sorted(one.longest for one in kind)[len(kind) // 2]
        slow |= {id(one) for one in kind if one.longest > max(STANDS_OUT * usual, STANDS_OUT_MS)}
    return slow


def _may_fold(span: Span) -> bool:
    return bool(span.op) and not span.children and not span.issues


def _fold(siblings: list[Span], key: Any, least: int) -> list[Span]:
    groups: dict[Any, list[Span]] = {}
    for one in siblings:
        groups.setdefault(key(one) if _may_fold(one) else id(one), []).append(one)
    folded = []
    for group in groups.values():
        if len(group) < least:
            folded += group
            continue
        first, members = group[0], [member for one in group for member in one.each]
        labels = list(dict.fromkeys(one.label for one in group))
        label = first.label if len(labels) == 1 else f"{labels[0]}, {labels[1]}, ..."
        count, ms = len(members), sum(one.ms or 0.0 for one in members)
        longest = max(one.longest for one in members)
        folded.append(
            Span("", first.op, label, ms, first.project, members=members, size=count, longest=longest, score=ms + count)
        )
    return folded


# -- drawing --------------------------------------------------------------------------------------------------------


def draw(roots: Sequence[Span], limits: Limits) -> tuple[str, int]:
    """The tree, and how many spans its lines stand for."""
    chosen = _chosen(roots, limits)
    lines: list[str] = []
    tops = [one for one in roots if id(one) in chosen]
    project = tops[0].project if tops else ""
    for one in tops:
        lines += _lines(one, chosen, "", "", project)
    return "\n".join(lines), sum(len(one.each) for one in walk(roots) if id(one) in chosen)


def _chosen(roots: Sequence[Span], limits: Limits) -> set[int]:
    """Best first over the whole trace; a child only after its parent."""
    heap: list[tuple[float, int, int, Span]] = []
    for number, one in enumerate(sorted(roots, key=lambda one: -one.score)[: limits.roots]):
        heapq.heappush(heap, (-one.score, number, 1, one))
    chosen: set[int] = set()
    number = limits.roots
    while heap and len(chosen) < limits.spans:
        _, _, depth, one = heapq.heappop(heap)
        chosen.add(id(one))
        if depth < limits.depth:
            for child in sorted(one.children, key=lambda child: -child.score)[: limits.children]:
                number += 1
                heapq.heappush(heap, (-child.score, number, depth + 1, child))
    return chosen


def _lines(span: Span, chosen: set[int], branch: str, below: str, project: str) -> Iterator[str]:
    yield f"{branch}{_line(span, project)}"
    shown = [one for one in span.children if id(one) in chosen]
    hidden = sum(one.size for one in span.children) - sum(one.size for one in shown)
    for position, one in enumerate(shown):
        last = position == len(shown) - 1 and not hidden
        yield from _lines(
            one, chosen, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), span.project
        )
    if hidden:
        yield f"{below}└─ ({hidden} more)"


def _line(span: Span, project: str) -> str:
    parts = [
        span.op if span.op not in ("", "default", span.label) else None,
        span.project if span.project != project else None,
        *span.meta,
        *(_together(span) if span.members else [duration(span.ms)]),
        plural(len(span.issues), "error") if span.issues else None,
        span.id or None,
    ]
    return f"{span.label} [{' · '.join(one for one in parts if one)}]"


def _together(span: Span) -> list[str]:
    """Of several spans how many, how long, and which was the longest."""
    longest = max(span.members, key=lambda one: one.longest)
    return [
        f"{len(span.members)} times",
        f"{duration(span.ms)} in all",
        f"longest {duration(longest.ms)} {longest.id}".rstrip(),
    ]
