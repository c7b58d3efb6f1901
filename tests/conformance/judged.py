"""The server under test, with a judge that reads along in each worker and writes down what is wrong.

The suite looks at what its scenarios are about; the judge holds every message against the specification's own types.
"""

import json
import os
from pathlib import Path

from flask import Flask

from tests.conformance import fixture
from tests.official.reading_along import Judged
from tests.official.wire import Asked, Judge


class Writing(Judge):
    """Complains into a file that all workers share."""

    def message(self, asked: Asked, raw: bytes) -> None:
        """Judge one message, but for a result on a resumed stream: another worker knows what was asked for it."""
        if asked.method is not None or b'"method"' in raw:
            super().message(asked, raw)

    def _complain(self, what: str, asked: Asked) -> None:
        line = json.dumps(f"{asked.method} of {asked.version}: {what}") + "\n"
        with Path(os.environ["CONFORMANCE_COMPLAINTS"]).open("a") as complaints:
            complaints.write(line)


def create_app() -> Flask:
    """The application; the file for complaints is CONFORMANCE_COMPLAINTS."""
    app = fixture.create_app()
    app.wsgi_app = Judged(app.wsgi_app, Writing())  # type: ignore[method-assign]  # as Flask says it is done
    return app
