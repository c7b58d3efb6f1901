"""Which tool is meant by some words: BM25 over names, descriptions and what people say.

Weighted fields: a word in the name counts most, then what people say (a list here: nobody pays for it), then the
description.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

SAID: Mapping[str, str] = {
    "whoami": "who am i me my user account identity signed logged in email",
    "find_organizations": "organization organizations org orgs company workspace account region belong member",
    "find_projects": "project projects app application service repository slug",
    "find_teams": "team teams group squad owner",
    "search_issues": "broken wrong failing problem problems bug bugs issue issues error errors exception list "
    "unresolved open new regression regressed triage inbox production outage recent yesterday today unassigned crash "
    "feedback find common frequent often assigned mine",
    "get_issue_details": "show error exception stacktrace stack trace detail details issue bug look read message "
    "one what went wrong variables locals",
    "get_sentry_resource": "link url paste pasted address web page http https sentry",
    "search_events": "count counts how many number rate trend top aggregate slow slowest endpoint endpoints latency "
    "duration performance p50 p95 p99 percentile average log logs span spans metric metrics query queries database "
    "replay session recording profile profiles events errors per day hour transaction throughput timeout "
    "failed failure request requests",
    "search_issue_events": "events occurrences of this issue happened when last hour sample samples each filter",
    "get_event_stacktrace": "thread threads stack stacktrace full frames deadlock other main variables locals",
    "get_issue_breadcrumbs": "breadcrumb breadcrumbs before trail led happened steps history crash click clicks prior",
    "get_issue_tag_values": "tag tags browser browsers device devices os affected distribution breakdown "
    "version share which environment environments customers",
    "get_issue_activity": "activity history comments comment notes read worked who whom did changed timeline audit "
    "assigned",
    "add_issue_note": "comment note leave write post add reply say",
    "update_issue": "resolve resolved close fix fixed done reopen unresolve ignore archive mute snooze assign unassign "
    "assignee status bug issue",
    "analyze_issue_with_seer": "why root cause analyse analyze analysis explain ai seer fix suggest solution patch "
    "repair happen reason propose",
    "get_trace_details": "trace traces request distributed waterfall end across services path whole",
    "get_span_details": "span spans operation detail details attributes child",
    "find_releases": "release releases deploy deploys deployed deployment version versions ship shipped live rollout "
    "changelog commit commits break broke",
}
"""Words that people use for each tool and that its description need not spend tokens on."""

_STOP = re.compile(
    "about|all|an?|and|are|as|at|be|by|can|could|do|does|for|from|give|has|have|i|if|in|is|its?|me|my|of|on|or|please|"
    "since|so|some|tell|that|the|their|them|there|these|they|this|to|up|us|was|we|were|what|which|will|with|you|your|show"
)
_URL = re.compile(r"https?://\S+")
_ISSUE = re.compile(r"\b[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[A-Z0-9]*\d[A-Z0-9]*\b|\b\d{7,20}\b")
_WEIGHTS = ((3.0, "name"), (2.0, "said"), (1.0, "description"))
_K1, _B = 1.2, 0.5


def rank(query: str, entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of *entries* (of ``tools/list``) that have to do with *query*, the best first. A name alone wins."""
    name = "_".join(re.findall(r"[a-z0-9]+", query.lower()))
    exact = [one for one in entries if one["name"].lower() == name]
    wanted = _stems(query, keep_stop=False) or _stems(query, keep_stop=True)
    documents = [_document(one) for one in entries]
    average = sum(sum(document.values()) for document in documents) / max(1, len(documents))
    scores = []
    for entry, document in zip(entries, documents, strict=True):
        length = sum(document.values())
        score = sum(
            _rarity(word, documents)
            * document[word]
            * (_K1 + 1)
            / (document[word] + _K1 * (1 - _B + _B * length / average))
            for word in wanted
            if document[word]
        )
        if score > 0 and entry not in exact:
            scores.append((score, entry))
    scores.sort(key=lambda one: (-one[0], one[1]["name"]))
    return exact + [entry for _, entry in scores]


def _document(entry: Mapping[str, Any]) -> Counter[str]:
    """How much each word weighs in one tool."""
    texts = {
        "name": entry["name"].replace("_", " "),
        "said": SAID.get(entry["name"], ""),
        "description": entry.get("description", ""),
    }
    found: Counter[str] = Counter()
    for weight, field in _WEIGHTS:
        for word in set(_stems(texts[field], keep_stop=True)):
            found[word] += weight  # type: ignore[assignment]  # a weighted count
    return found


def _rarity(word: str, documents: Sequence[Counter[str]]) -> float:
    having = sum(1 for document in documents if document[word])
    return math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))


def _stems(text: str, *, keep_stop: bool) -> list[str]:
    words = re.findall(r"[a-z0-9]+", _ISSUE.sub(" issue details ", _URL.sub(" link url ", text)).lower())
    return [_stem(_american(word)) for word in words if keep_stop or not _STOP.fullmatch(word)]


def _american(word: str) -> str:
    """*word* in one spelling: ``organisation``, ``analyse``, ``behaviour``."""
    return re.sub(r"our$", "or", re.sub(r"(?<=[iy])s(?=ations?$|e$|es$|ed$|ing$)", "z", word))


def _stem(word: str) -> str:
    """Plural and past forms folded, roughly: ``recordings``, ``recorded`` and ``record`` are one."""
    if word.endswith("ies") and len(word) >= 6:
        return f"{word[:-3]}y"
    for endings in (("es", "s"), ("ing", "ed")):
        ending = next((one for one in endings if word.endswith(one) and len(word) - len(one) >= 3), "")
        word = word.removesuffix(ending)
    return word.removesuffix("e") if len(word) > 4 else word
