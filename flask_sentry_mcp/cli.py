"""``flask sentry-mcp``: what an operator asks of a running installation."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from . import config, doctor
from .context import Context, Presented
from .errors import OAuthError, SentryMCPError
from .mcp.endpoint import Server
from .mcp.stdio import Stdio
from .oauth import administration, bearer, device
from .oauth.direct import FixedToken
from .oauth.grants import GRANT
from .oauth.registration import register_by_hand
from .security.redact import escape_control
from .sentry.client import SentryClient
from .skills import scopes_of
from .tools import cost

if TYPE_CHECKING:
    from flask import Flask

    from .extension import State


class _Commands(AppGroup):
    """Commands that tell a failure in our own words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SentryMCPError as error:
            raise click.ClickException(f"{error.public} ({error})") from error


commands = _Commands("sentry-mcp", help="Settings, tools and sign-ins of the MCP endpoint.")


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
@click.option("--cost", "costs", is_flag=True, help="What each takes of a model's context in tools/list.")
def show_tools(costs: bool) -> None:
    """List the tools, whether each only reads, and the skills that include it."""
    if costs:
        _show_costs()
        return
    for tool in _state().endpoint.toolbox.tools.values():
        skills = ", ".join(sorted(tool.skills)) if tool.skills else "every sign-in"
        click.echo(f"{tool.name:32} {'reads' if tool.reads_only else 'writes':7} {skills}")


def _show_costs() -> None:
    rows = cost.table(_state().endpoint.toolbox.tools.values())
    for name, tokens, listed in rows:
        click.echo(f"{name:32} {tokens:6}{'' if listed else '  found by search'}")
    shown = sum(tokens for _, tokens, listed in rows if listed)
    click.echo(f"{'tools/list':32} {shown:6}  of {sum(row[1] for row in rows)}; tokens of cl100k, estimated")


@commands.command("doctor")
def examine() -> None:
    """Check settings, store, clock and the way to Sentry, and say what to do. Fails if something is at fault."""
    state = _state()
    faults = 0
    for finding in doctor.examine(state.settings, state.store, state.limits, state.provider.connections):
        faults += finding.verdict == "fault"
        click.echo(f"{finding.verdict:5} {finding.sentence}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    if faults:
        raise click.ClickException(f"{faults} fault{'s' if faults > 1 else ''} found.")


@commands.group("clients", invoke_without_command=True)
@click.pass_context
@with_appcontext
def clients(called: click.Context) -> None:
    """List the registered clients; with a command, add or remove one."""
    if called.invoked_subcommand is not None:
        return
    for client, was_used in administration.list_clients(_state().provider):
        used = "used" if was_used else "never used"
        click.echo(f"{client.client_id}  {_day(client.issued_at)}  {used:10}  {escape_control(client.name)}")


@clients.command("add")
@click.option("--name", required=True, help="What the approval page calls it.")
@click.option("--redirect-uri", "redirect_uris", required=True, multiple=True, help="Where answers go; repeatable.")
@click.option("--secret/--no-secret", default=False, help="Give it a client secret.")
def add_client(name: str, redirect_uris: Sequence[str], secret: bool) -> None:
    """Register a client by hand, for programs that do not register themselves."""
    try:
        client, client_secret = register_by_hand(_state().provider, name, redirect_uris, keeps_secret=secret)
    except OAuthError as error:
        raise click.ClickException(error.public) from None
    click.echo(f"client id: {client.client_id}")
    if client_secret is not None:
        click.echo(f"client secret, shown only now: {client_secret}")


@clients.command("remove")
@click.argument("client_id")
def remove_client(client_id: str) -> None:
    """Delete a client and end its grants."""
    ended = administration.delete_client(_state().provider, client_id)
    if ended is None:
        raise click.ClickException("There is no client by that id.")
    click.echo(f"Removed; {doctor.counted(ended, 'grant')} ended.")


@commands.group("grants", invoke_without_command=True)
@click.option("--client", "client_id", help="Only those of this client id.")
@click.option("--user", "user_id", help="Only those of this Sentry user id.")
@click.option("--ended", is_flag=True, help="Also those that are over, with the reason.")
@click.pass_context
@with_appcontext
def grants(called: click.Context, client_id: str | None, user_id: str | None, ended: bool) -> None:
    """List the grants; with the command end, end some."""
    if called.invoked_subcommand is not None:
        return
    provider = _state().provider
    for grant in administration.list_grants(provider, client_id=client_id, user_id=user_id, with_ended=ended):
        state = (
            f"ended: {grant.end_reason}" if grant.is_ended else f"until {_day(min(grant.idle_ends_at, grant.ends_at))}"
        )
        skills = ",".join(grant.skills)
        click.echo(
            f"{grant.id}  user {grant.user_id}  {grant.resource.path}  {skills}  since {_day(grant.started_at)}  "
            f"used {_day(grant.used_at)}  {state}  {escape_control(grant.client.name)}"
        )


@grants.command("end")
@click.argument("grant_id", required=False)
@click.option("--client", "client_id", help="All of this client id.")
@click.option("--user", "user_id", help="All of this Sentry user id.")
def end_grants(grant_id: str | None, client_id: str | None, user_id: str | None) -> None:
    """End one grant by its id, or all of a client, of a person, or of a person with a client. At once, everywhere."""
    provider = _state().provider
    if grant_id is not None and client_id is None and user_id is None:
        ended = int(administration.end_grant(provider, grant_id))
    elif grant_id is None and (client_id or user_id):
        ended = administration.end_grants(provider, client_id=client_id, user_id=user_id)
    else:
        raise click.UsageError("Name one grant, or a client or a user.")
    click.echo(f"{doctor.counted(ended, 'grant')} ended.")


@commands.command("stdio")
@click.option("--sign-in", is_flag=True, help="Sign in at Sentry with a browser elsewhere, for as long as this runs.")
@click.option("--skills", help="With --sign-in: what may be done, as in inspect,triage. Only reading, unless given.")
@click.option("--organization", help="With --sign-in: the slug of the one organization that it is for.")
def serve_stdio(sign_in: bool, skills: str | None, organization: str | None) -> None:
    """Serve the tools to a program on this machine, as the owner of the Sentry token in SENTRY_ACCESS_TOKEN.

    Without a token there is --sign-in: open the address that is shown, in a browser anywhere, and type the code.
    """
    token = os.environ.get("SENTRY_ACCESS_TOKEN", "").strip()
    if bool(token) == sign_in:
        raise click.UsageError("Set SENTRY_ACCESS_TOKEN to a token of yours at Sentry, or use --sign-in without it.")
    if not sign_in and (skills or organization):
        raise click.UsageError("--skills and --organization are for --sign-in; a token has what it has.")
    state = _state()
    if token:
        _serve_as(state, _owner_of(state, FixedToken(token)))
        return
    with _signed_in(state, skills, organization) as caller:
        _serve_as(state, caller)


def _owner_of(state: "State", token: FixedToken) -> Callable[[], Context]:
    def caller() -> Context:
        """The owner of the token, with all skills, for one message."""
        settings, skills = state.settings, state.provider.skills
        ids = frozenset(skill.id for skill in skills)
        client = SentryClient(state.provider.connections, token, time_s=float(settings.tool_timeout_s))
        scopes = frozenset(scopes_of(skills, ids))
        return Context(host=settings.host, token=token, sentry=client, skills=ids, scopes=scopes, grant_id="stdio")

    return caller


@contextlib.contextmanager
def _signed_in(state: "State", skills: str | None, organization: str | None) -> Iterator[Callable[[], Context]]:
    """The caller by a grant that lasts for as long as the block; whoever ends it earlier is believed."""
    provider = state.provider
    try:
        approved = device.approve(provider, skills.split(",") if skills else None, organization)
        invitation = device.invite(provider, approved)
        click.echo(f"Open {invitation.address_with_code} and approve the code {invitation.user_code}.", err=True)
        token = device.start(provider, approved, device.await_person(provider, invitation))
    except SentryMCPError as error:
        raise click.ClickException(error.public) from error
    click.echo("Signed in.", err=True)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that it ends below, and not by itself some day
    authenticate = bearer.context_for(provider)
    try:
        yield lambda: authenticate(Presented(f"Bearer {token}", organization, None, ""))
    finally:
        device.stop(provider, token)
        signal.signal(signal.SIGTERM, before)


def _serve_as(state: "State", caller: Callable[[], Context]) -> None:
    app = cast("Flask", cast(Any, current_app)._get_current_object())

    def carry(work: Callable[[], None]) -> Callable[[], None]:
        def inside() -> None:
            with app.app_context():
                work()

        return inside

    with _channels() as (source, sink), contextlib.redirect_stdout(sys.stderr):
        Stdio(Server(state.endpoint, carry), caller, sink).serve(source)


@contextlib.contextmanager
def _channels() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output, for the messages alone.

    Whoever else reads the one, a tool or a process that it starts, finds it at its end; what they print goes to
    standard error.
    """
    with open(os.devnull, "rb") as nothing, os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(1), "wb") as sink:
        os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        yield source, sink


@commands.command("purge")
def purge() -> None:
    """End what has run out and remove what is over. Serving goes on meanwhile; a daily run is enough."""
    ended, removed = administration.purge(_state().provider)
    click.echo(f"{doctor.counted(ended, 'grant')} ended, {doctor.counted(removed, 'record')} removed.")


@commands.command("rotate-keys")
@click.option("--retire", "kid", help="End the grants that still need this key, so that it can be taken out.")
def rotate_keys(kid: str | None) -> None:
    """Show which vault keys are still needed, and how to change them; nobody is signed out by that.

    No command can move a sign-in to another key: only its client's own token opens what the old key helped to seal.
    """
    provider = _state().provider
    count = provider.store.count(GRANT)
    if kid is not None:
        with click.progressbar(length=count, label="Ending what needs the key") as bar:
            try:
                ended = administration.retire_key(provider, kid, seen=lambda: bar.update(1))
            except ValueError as error:
                raise click.ClickException(str(error)) from None
        click.echo(f"{doctor.counted(ended, 'grant')} ended.")
    with click.progressbar(length=count, label="Looking at the grants") as bar:
        uses = administration.key_use(provider, seen=lambda: bar.update(1))
    for use in uses:
        click.echo(f"{use.kid:32} {doctor.counted(use.grants, 'grant'):12} {_advice(use)}")
    click.echo(f"\n{ROTATION}\n{_stage(uses)}")


ROTATION = """To change the key and sign nobody out:
  1. Put the new key before the one that seals, and restart every worker: then all can open what it will seal.
  2. Move it to the end, and restart every worker: now it seals what comes.
  3. Sign-ins move to it as their clients refresh. When nothing needs the old key, take it out."""


def _advice(use: administration.KeyUse) -> str:
    if use.is_newest:
        return "newest: seals what comes"
    if not use.is_configured:
        return "NOT CONFIGURED: these sign-ins cannot be opened; put it back or retire it"
    if use.grants:
        return "still needed"
    if use.tokens_end_at is not None:
        return f"needed by tokens that end by {datetime.fromtimestamp(use.tokens_end_at, UTC):%Y-%m-%d %H:%M} UTC"
    return "needed by nothing"


def _stage(uses: Sequence[administration.KeyUse]) -> str:
    """Where on this way the settings of this process are."""
    others = [use for use in uses if use.is_configured and not use.is_newest]
    if not others:
        return "Here there is one key: before step 1."
    if any(use.grants or use.tokens_end_at is not None for use in others):
        return "Here step 2 is done: an old key is still needed."
    return "Here a key is needed by nothing: if it is the new one, step 2 is next; if it is the old one, take it out."


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
