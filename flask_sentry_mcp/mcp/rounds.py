"""Multi round-trip requests of 2026-07-28: a call that ends with questions, and comes back with the answers.

Nothing is kept between the rounds. What is known so far travels with the client, sealed and bound to the grant, the
method, what it names and its arguments, for a quarter of an hour.
Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..context import Question
from ..errors import ProtocolError
from .call import Call, object_in
from .messages import INVALID_PARAMS, encode
from .questions import as_input_request

STATE_TTL_S = 900.0


class Round(NamedTuple):
    """Where a request stands: what it is, as text to compare, and the answers to all rounds so far."""

    binding: str
    answers: dict[str, Any]


def round_of(call: Call, subject: str, arguments: Mapping[str, Any]) -> Round:
    """The round that *call* begins or continues; *subject* is the tool, prompt or resource it names.

    Raises: ProtocolError (-32602) for a state that is not ours, changed, over, or of another request.
    """
    if not call.terms.modern:
        return Round("", {})
    params = call.request.params
    given, state = params.get("inputResponses"), params.get("requestState")
    if given is None and state is None and "inputResponses" not in params:
        return Round("", {})
    if not isinstance(given, dict | None) or (given is None and "inputResponses" in params):
        raise ProtocolError(INVALID_PARAMS, "params.inputResponses must be an object.")
    given = given or {}
    if state is None:
        return Round("", dict(given))
    binding = _binding(call, subject, arguments)
    try:
        bound_to, asked, known = call.server.state_seal.get(state if isinstance(state, str) else "")
    except (ValueError, TypeError):
        bound_to, asked, known = None, [], {}
    if bound_to != binding:
        raise ProtocolError(INVALID_PARAMS, "The request state is not of this request, or its time is over.")
    return Round(binding, known | {key: given[key] for key in asked if key in given})


def input_required(
    call: Call, subject: str, arguments: Mapping[str, Any], at: Round, questions: Mapping[str, Question]
) -> bytes:
    """The result that asks *questions*, with the state that the client has to bring back."""
    binding = at.binding or _binding(call, subject, arguments)
    state = call.server.state_seal.put([binding, list(questions), at.answers], ttl_s=STATE_TTL_S)
    asked = {key: as_input_request(one) for key, one in questions.items()}
    return b'{"resultType":"input_required",%b,%b}' % (
        encode({"inputRequests": asked, "requestState": state})[1:-1],
        call.server.signature,
    )


def _binding(call: Call, subject: str, arguments: Mapping[str, Any]) -> str:
    fixed = call.context.constraint
    parts = [call.context.grant_id, call.request.method, subject, fixed.organization_slug, fixed.project_slug]
    written = json.dumps([*parts, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def arguments_of(call: Call) -> dict[str, Any]:
    """``params.arguments``, or nothing."""
    return object_in(call.request.params, "arguments")
