"""What gunicorn serves in these tests. Its settings come from the environment, as one JSON object."""

import json
import os
import time
from typing import Any

from flask import Flask

from flask_sentry_mcp import Context, SentryMCP

SETTINGS = "WORKERS_TEST_SETTINGS"


def create_app() -> Flask:
    app = Flask("workers")
    app.config.update(json.loads(os.environ[SETTINGS]))
    mcp = SentryMCP(app)

    @mcp.tool(reads_only=True)
    def which_worker(ctx: Context) -> dict[str, Any]:
        """Tell which worker process answers, and for whom; slowly, so that calls at once need several workers."""
        time.sleep(0.05)
        return {"pid": os.getpid(), "user": ctx.user_id}

    return app
