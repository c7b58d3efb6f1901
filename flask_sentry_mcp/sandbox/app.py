"""The sandbox as one WSGI application for all its addresses: log, faults, rate limits, then pages and API.

``environ["sandbox.silo"]`` says at which address a request arrived.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request

from .. import clock
from . import api, control, webpages
from .access import limit_headers
from .faults import API_ROOT, Fault, lose
from .oauth import device, pages, token
from .requestlog import record_of
from .server import DropConnection, Environ
from .state import State
from .wire import ApiError, reply

OWN = "/_sandbox/"
HTML = "<!doctype html><html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
TOO_MANY = "You are attempting to use this endpoint too frequently. Limit is {limit} requests in 1 seconds"


class Front:
    """What stands before Flask: takes the fault for a request, drops it or lets it through, writes the log."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.flask = build(state)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(OWN):
            return self.flask(environ, start_response)
        stream: io.BytesIO = environ["wsgi.input"]
        arrived, body = clock.now(), stream.getvalue()
        fault = self.state.faults.take(environ["REQUEST_METHOD"], path, environ["sandbox.silo"])
        statuses = [0]

        def noting(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            statuses.append(int(status[:3]))
            return start_response(status, headers)

        try:
            if fault is not None:
                self.state.stopping.wait(fault.delay_s)
                if fault.drop:
                    raise DropConnection
                environ["sandbox.fault"] = fault
            return self.flask(environ, noting)
        finally:
            self.state.log.add(record_of(environ, time=arrived, body=body, status=statuses[-1]))


def build(state: State) -> Flask:
    """The Flask application; its state is in ``extensions["sentry_sandbox"]``."""
    app = Flask(__name__)
    app.extensions["sentry_sandbox"] = state
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    control_only = (pages.blueprint, token.blueprint, device.blueprint)
    for blueprint in (*control_only, webpages.blueprint, control.blueprint, *api.BLUEPRINTS):
        app.register_blueprint(blueprint)

    @app.before_request
    def before() -> Response | None:
        fault = request.environ.get("sandbox.fault")
        if isinstance(fault, Fault) and fault.replaces:
            return _faulty(fault)
        if request.environ["sandbox.silo"] in state.addresses.regions and not request.path.startswith((API_ROOT, OWN)):
            return Response(status=404)
        return None

    @app.after_request
    def after(response: Response) -> Response:
        fault = request.environ.get("sandbox.fault")
        if isinstance(fault, Fault) and fault.without and response.is_json:
            response.set_data(json.dumps(lose(response.get_json(), fault.without)))
        if not request.path.startswith(API_ROOT) or (isinstance(fault, Fault) and fault.html):
            return response
        headers, too_many = limit_headers(counts)
        if too_many:
            response = reply({"detail": TOO_MANY.format(limit=state.rate_limit)}, 429)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    @app.errorhandler(ApiError)
    def refused(error: ApiError) -> Response:
        return error.response()

    return app


def _faulty(fault: Fault) -> Response:
    status = fault.status or 502
    if fault.html:
        answer = Response(HTML.format(status=status), status=status, content_type="text/html")
    elif isinstance(fault.body, str):
        answer = Response(fault.body, status=status, content_type="application/json")
    else:
        answer = Response(status=status) if fault.body is None else reply(fault.body, status)
    answer.headers.update(fault.headers)
    return answer
