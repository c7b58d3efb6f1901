"""An application with flask-sentry-mcp in it: a start page, the catalogue of Sentry tools, two tools of its own.

``python -m example_app`` serves it with a sandbox as its Sentry. ``create_app()`` is what any WSGI server takes, with
its settings in the environment: ``gunicorn "example_app:create_app()"``.
"""

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask

from flask_sentry_mcp import settings_from

from .pages import pages
from .tools import mcp

INSTANCE, SANDBOX = "EXAMPLE_APP_INSTANCE", "EXAMPLE_APP_SANDBOX"


def create_app(changes: Mapping[str, Any] | None = None) -> Flask:
    """The application, with its settings from the environment and then from *changes*.

    Raises: ConfigurationError, which lists every mistake in the settings.
    """
    app = Flask(__name__, instance_path=os.environ.get(INSTANCE))
    app.config.from_mapping(settings_from(os.environ))
    app.config[SANDBOX] = os.environ.get(SANDBOX)
    app.config.from_mapping(changes or {})
    mcp.init_app(app)
    app.register_blueprint(pages)
    return app
