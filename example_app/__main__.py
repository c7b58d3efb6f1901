"""Serve the example application: ``python -m example_app``, or ``make demo``.

Without ``SENTRY_CLIENT_ID`` and ``SENTRY_CLIENT_SECRET`` in the environment a sandbox is started to be its Sentry, and
has a store of its own.
"""

import argparse
import contextlib
import http.client
import multiprocessing
import os
import socket
import sys
import threading
import time
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from flask_sentry_mcp import config, settings_from
from flask_sentry_mcp.errors import ConfigurationError
from flask_sentry_mcp.sandbox import Sandbox

from . import INSTANCE, SANDBOX, connecting, keys

CREDENTIALS = ("SENTRY_CLIENT_ID", "SENTRY_CLIENT_SECRET")
HOST, PORT = "127.0.0.1", 5000
THREADS = 32
READY_WITHIN_S = 30


def main() -> None:
    """Prepare, start, and stay up until Ctrl-C or SIGTERM."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m example_app", description="Sentry for your agent, to try out.")
    parser.add_argument("--port", type=int, default=PORT, help=f"where to listen on {HOST} (default: {PORT})")
    parser.add_argument(
        "--instance",
        type=Path,
        default=Path("instance"),
        help="where secrets and the store are kept (default: instance)",
    )
    asked = parser.parse_args()
    _check_free(asked.port)
    instance = asked.instance.resolve()
    os.environ[INSTANCE] = str(instance)
    for key, value in ({"SENTRY_MCP_PUBLIC_URL": f"http://{HOST}:{asked.port}"} | keys.kept_in(instance)).items():
        os.environ.setdefault(key, value)
    with contextlib.ExitStack() as stack:
        if not _has_real_sentry():
            _use(stack.enter_context(_sandbox(asked.port)))
        try:
            settings = config.load(settings_from(os.environ))
        except ConfigurationError as error:
            sys.exit(str(error))
        threading.Thread(target=_announce, args=(settings, asked.port, started), daemon=True).start()
        _serve(asked.port)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            sys.exit(f"Port {port} of {HOST} is taken. Choose another: make demo PORT={port + 50}")


def _has_real_sentry() -> bool:
    """By the client id and secret in the environment; none of what is set is passed over in silence."""
    missing = [key for key in CREDENTIALS if not os.environ.get(key)]
    if missing and (len(missing) < len(CREDENTIALS) or os.environ.get("SENTRY_HOST")):
        sys.exit(f"Set {' and '.join(missing)} too, or nothing about Sentry: then a sandbox is started.")
    return not missing


def _sandbox(port: int) -> Sandbox:
    """The sandbox on the three ports after ours, or on free ones; not yet started."""
    ports = (port + 1, port + 2, port + 3)
    with contextlib.ExitStack() as probes:
        try:
            for one in ports:
                probes.enter_context(socket.create_server((HOST, one)))
        except OSError:
            ports = (0, 0, 0)
    return Sandbox([f"{os.environ['SENTRY_MCP_PUBLIC_URL']}/oauth/callback"], ports=ports)


def _use(sandbox: Sandbox) -> None:
    """Put the settings for *sandbox* into the environment, from where the server's worker reads them."""
    for key, value in sandbox.settings().items():
        os.environ[key] = " ".join(value) if isinstance(value, list) else str(value)
    os.environ.setdefault("SENTRY_MCP_STORE", "sqlite:///sandbox.sqlite")
    os.environ[SANDBOX] = "1"


def _serve(port: int) -> None:
    # Spawned, not forked: a fork while the sandbox's threads run may copy a lock that is held.
    multiprocessing.set_start_method("spawn")
    Server(
        "example_app:create_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=HOST,
        port=port,
        blocking_threads=THREADS,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=5,
    ).serve()


def _announce(settings: config.Settings, port: int, started: float) -> None:
    """Say what to paste, as soon as the server answers."""
    while time.monotonic() - started < READY_WITHIN_S:
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection(HOST, port)) as connection:
            connection.request("GET", "/")
            connection.getresponse()
            print(_greeting(settings, time.monotonic() - started), flush=True)
            return
        time.sleep(0.05)


def _greeting(settings: config.Settings, took_s: float) -> str:
    lines = [f"MCP endpoint: {settings.resource_url}"]
    if SANDBOX in os.environ:
        lines += [f"Sentry: a sandbox at {settings.upstream_url}"]
    else:
        lines += [f"Sentry: {settings.upstream_url}", f"Redirect address registered there: {settings.callback_url}"]
    for guide in connecting.guides(settings.resource_url):
        lines += ["", f"{guide.client} - {guide.where}:", ""]
        lines += [f"    {line}" for line in guide.paste.splitlines()]
    return "\n".join(["", *lines, "", f"Ready after {took_s:.1f} s: {settings.public_url}  (Ctrl-C ends it)", ""])


if __name__ == "__main__":
    main()
