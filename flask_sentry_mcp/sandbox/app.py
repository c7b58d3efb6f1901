"""The sandbox as one WSGI application for all its addresses: log, faults, rate limits, then pages and API.

``environ["sandbox.silo"]`` says at which address a request arrived.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request

from .. import clock
from . import api, control, webpages
from .faults import API_ROOT, Fault, lose
from .oauth import device, pages, token
from .requestlog import record_of
from .server import DropConnection, Environ
from .state import State
from .wire import ApiError, reply

OWN = "/_sandbox/"
HTML = "<!doctype html><html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"


class Front:
    """What stands before Flask: counts who is asking, takes the fault for a request, drops it or lets it through, and
    writes the log.
    """

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
        person, statuses = self._person(environ), [0]
        environ["sandbox.person"], environ["sandbox.open"] = person, self.state.limits.enter(person)

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
            self.state.limits.leave(person)
            self.state.log.add(record_of(environ, time=arrived, body=body, status=statuses[-1]))

    def _person(self, environ: Environ) -> str:
        """Whose limits a request counts against: the token's person, whichever token it is, else the address."""
        token = self.state.credentials.by_access(environ.get("HTTP_AUTHORIZATION", "").rpartition(" ")[2])
        return token.user.key if token is not None else str(environ["REMOTE_ADDR"])


def build(state: State) -> Flask:
    """The Flask application; its state is in ``extensions["sentry_sandbox"]``."""
    app = Flask(__name__)
    app.extensions["sentry_sandbox"] = state
    control_only = (pages.blueprint, token.blueprint, device.blueprint)
    for blueprint in (*control_only, webpages.blueprint, control.blueprint, *api.BLUEPRINTS):
        app.register_blueprint(blueprint)

    @app.before_request
    def before() -> Response | None:
        too_much = None
        if request.path.startswith(API_ROOT):
            person, open_now = request.environ["sandbox.person"], request.environ["sandbox.open"]
            g.limit_headers, too_much = state.limits.count(person, f"{request.method} {request.endpoint}", open_now)
        fault = request.environ.get("sandbox.fault")
        if isinstance(fault, Fault) and fault.replaces:
            return _faulty(fault)
        if too_much is not None:
            return reply({"detail": too_much}, 429)
        if request.environ["sandbox.silo"] in state.addresses.regions and not request.path.startswith((API_ROOT, OWN)):
            return Response(status=404)
        return None

    @app.after_request
    def after(response: Response) -> Response:
        fault = request.environ.get("sandbox.fault")
        if isinstance(fault, Fault) and fault.without and response.is_json:
            response.set_data(json.dumps(lose(response.get_json(), fault.without)))
        if not (isinstance(fault, Fault) and fault.html):
            for name, value in g.get("limit_headers", {}).items():
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
