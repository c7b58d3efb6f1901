"""``flask sentry-mcp``: what an operator asks of a running installation."""

from dataclasses import MISSING
from typing import TYPE_CHECKING, Any, cast

import click
from flask import current_app
from flask.cli import AppGroup

from . import config, doctor

if TYPE_CHECKING:
    from .extension import State

commands = AppGroup("sentry-mcp", help="Settings, tools and sign-ins of the MCP endpoint.")


def _state() -> "State":
    return cast("State", current_app.extensions["sentry_mcp"])


@commands.command("config")
def show_config() -> None:
    """Show every setting, its value and what it is for. Secrets are never shown."""
    settings = _state().settings
    for row in config.rows():
        value = getattr(settings, row.name)
        click.echo(f"{row.metadata['key']} = {'(set, hidden)' if row.metadata['secret'] and value else _shown(value)}")
        required = " Required." if row.metadata["default"] is MISSING else ""
        click.echo(f"    {row.metadata['doc']}{required}")


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@commands.command("tools")
def show_tools() -> None:
    """List the tools, whether each only reads, and the skills that include it."""
    for tool in _state().endpoint.toolbox.tools.values():
        skills = ", ".join(sorted(tool.skills)) if tool.skills else "every sign-in"
        click.echo(f"{tool.name:32} {'reads' if tool.reads_only else 'writes':7} {skills}")


@commands.command("doctor")
def examine() -> None:
    """Check settings, store, clock and the way to Sentry, and say what to do. Fails if something is at fault."""
    state = _state()
    faults = 0
    for finding in doctor.examine(state.settings, state.store, state.provider.connections):
        faults += finding.verdict == "fault"
        click.echo(f"{finding.verdict:5} {finding.sentence}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    if faults:
        raise click.ClickException(f"{faults} fault{'s' if faults > 1 else ''} found.")
