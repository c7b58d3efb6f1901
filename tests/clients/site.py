"""The example application on a port of this process, where a test can move its clock, beside the sandbox's Sentry."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response
from werkzeug.serving import make_server

from example_app import create_app
from flask_sentry_mcp.testing import settings_for, start_sandbox
from tests.tour.server import free_port


@contextmanager
def serve(after: Callable[[Response], Response] | None = None) -> Iterator[str]:
    """Yields the application's address. *after* is what its operator does to each answer before it leaves."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with start_sandbox(url) as sandbox:
        app = create_app(settings_for(sandbox, url))
        if after is not None:
            app.after_request(after)
        with listening(app, port):
            yield url


@contextmanager
def listening(app: Flask, port: int) -> Iterator[None]:
    """*app* behind a threaded server on *port*, until the block ends."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
