"""The sandbox's own switches under ``/_sandbox/``, for tests that drive it from another process."""

from dataclasses import fields

from flask import Blueprint, Response, request

from .. import clock
from . import seed
from .credentials import scopes_of
from .faults import Fault
from .state import state
from .wire import Json, refuse, reply

blueprint = Blueprint("sandbox_control", __name__, url_prefix="/_sandbox")


@blueprint.get("/log")
def log() -> Response:
    """The requests so far, oldest first."""
    return reply([record.as_dict() for record in state().log.all()])


@blueprint.delete("/log")
def clear_log() -> Response:
    state().log.clear()
    return Response(status=204)


@blueprint.post("/faults")
def add_fault() -> Response:
    """A fault as JSON, with the fields of ``Fault``."""
    order = _json()
    unknown = sorted(set(order) - {one.name for one in fields(Fault)})
    if unknown:
        raise refuse(400, f"A fault has no field {unknown[0]}.")
    state().faults.add(**order)
    return Response(status=204)


@blueprint.delete("/faults")
def clear_faults() -> Response:
    state().faults.clear()
    return Response(status=204)


@blueprint.post("/reset")
def reset() -> Response:
    """The world as it was seeded; faults and log are emptied, tokens stay."""
    state().world = seed.plant(state().seed, clock.now())
    state().faults.clear()
    state().log.clear()
    return Response(status=204)


@blueprint.post("/tokens")
def issue_token() -> Response:
    """``{"user": "mira", "scopes": "org:read", "life_s": 60}`` to a token, without a browser."""
    asked = _json()
    person, scopes = state().world.users.get(str(asked.get("user"))), scopes_of(str(asked.get("scopes", "org:read")))
    if person is None or scopes is None:
        raise refuse(400, "Unknown user or scope.")
    client_id = next(iter(state().credentials.applications))
    token = state().credentials.issue(person, scopes, client_id, life_s=asked.get("life_s"))
    return reply({"access_token": token.access_token, "refresh_token": token.refresh_token}, 201)


@blueprint.get("/landmarks")
def landmarks() -> Response:
    return reply(state().world.landmarks)


def _json() -> Json:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise refuse(400, "A JSON object is needed.")
    return body
