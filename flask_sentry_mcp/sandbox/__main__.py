"""Run the sandbox alone: ``python -m flask_sentry_mcp.sandbox --port 5001``."""

import argparse
import sys
import threading

from . import Sandbox
from .credentials import TOKEN_LIFE_S


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flask_sentry_mcp.sandbox", description="A stand-in for Sentry.")
    parser.add_argument("--port", type=int, default=5001, help="control host; the regions take the next two (0: any)")
    parser.add_argument("--redirect-uri", action="append", default=[], help="registered redirect address; repeatable")
    parser.add_argument("--self-hosted", action="store_true", help="one host, no regions")
    parser.add_argument("--token-life", type=float, default=TOKEN_LIFE_S, help="seconds that an access token lives")
    asked = parser.parse_args()
    port = asked.port
    ports = (port, port + 1, port + 2) if port else (0, 0, 0)
    uris = asked.redirect_uri or ["http://127.0.0.1:5000/oauth/callback"]
    sandbox = Sandbox(uris, ports=ports, self_hosted=asked.self_hosted, token_life_s=asked.token_life)
    with sandbox:
        lines = [f"Sandbox Sentry at {sandbox.url}", *(f"  region at http://{host}" for host in sandbox.region_hosts)]
        lines += [f"  client id     {sandbox.client_id}", f"  client secret {sandbox.client_secret}"]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
