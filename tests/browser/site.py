"""An application with our extension, served over TLS as a browser meets it, beside the sandbox that plays Sentry.

The names below lead to this machine by the browser's own rules, so that issuer, cookies and headers are those of a
deployment on https. The certificate is made for the run, and the browser is told to take it.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, request
from werkzeug.serving import make_server
from werkzeug.test import Client

from flask_sentry_mcp import SentryMCP
from flask_sentry_mcp.oauth.grants import GRANT
from flask_sentry_mcp.oauth.records import Grant
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.testing import settings_for, start_sandbox
from tests.oauth.document_host import certificate_for

SERVER, CLIENT = "mcp.acme.example", "editor.example"
PUBLIC_URL = f"https://{SERVER}"
REDIRECT_URI = f"https://{CLIENT}/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass
class Site:
    """The running application. ``answers`` is what the client's own page was told, newest last."""

    app: Flask
    sandbox: Sandbox
    port: int
    answers: list[dict[str, str]]

    @property
    def rules(self) -> str:
        """For the browser: which names lead to this server."""
        return ",".join(f"MAP {name}:443 127.0.0.1:{self.port}" for name in (SERVER, CLIENT))

    def link(self, name: str = "Editor", redirect_uri: str = REDIRECT_URI, **changes: str) -> str:
        """What a client called *name* opens in the browser, once it has registered."""
        wanted = {"client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
        registered = Client(self.app).post(f"{PUBLIC_URL}/oauth/register", json=wanted)
        assert registered.status_code == 201, registered.text
        found = registered.get_json()
        assert isinstance(found, dict)
        query = {
            "response_type": "code",
            "client_id": found["client_id"],
            "redirect_uri": redirect_uri,
            "state": "state of the client",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "prompt": "consent",
            **changes,
        }
        return f"{PUBLIC_URL}/oauth/authorize?{urlencode(query)}"

    def newest_grant(self) -> Grant:
        """The grant of the last sign-in."""
        records = self.app.extensions["sentry_mcp"].provider.store.find(GRANT)
        return max((Grant.from_dict(json.loads(one.value)) for one in records), key=lambda grant: grant.started_at)


@contextmanager
def serve(directory: Path) -> Iterator[Site]:
    """The site, until the block ends."""
    with start_sandbox(PUBLIC_URL) as sandbox:
        app = Flask("acme", root_path=str(directory))
        app.config.update(settings_for(sandbox, PUBLIC_URL))
        SentryMCP(app)
        answers: list[dict[str, str]] = []

        @app.get("/callback")
        def client_callback() -> str:
            answers.append(request.args.to_dict())
            return "<!doctype html><html lang=en><title>Editor</title><h1>Back in the editor</h1>"

        @app.get("/favicon.ico")
        def favicon() -> tuple[str, int]:
            return "", 204

        certificate, key = certificate_for(directory, SERVER)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Site(app, sandbox, server.server_port, answers)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
