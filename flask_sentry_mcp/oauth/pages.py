"""What our pages say: the values that the templates of ``sentry_mcp/`` are given. No HTML is put together here.

Texts are fixed; of a request, only what was validated is shown: names, hosts, addresses (ERR-4). An application that
replaces a template by the same path gets the same values; they are listed at the top of each template.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ..config import Settings
from ..errors import SentryMCPError, SignInProblem
from ..skills import SCOPE_WORDS, Skill, implied
from . import redirects
from .answers import Page, Redirection
from .authorize import ReturnToClient
from .clients import Client
from .records import AuthorizationRequest, Grant

_HEADING = "This sign-in cannot go on"
_ADVICE = "Start the sign-in again from your app."


def approval_page(
    settings: Settings,
    request: AuthorizationRequest,
    skills: Collection[Skill],
    *,
    chosen: Collection[str] | None,
    fields: Mapping[str, str],
    is_empty: bool = False,
) -> Page:
    """The page that asks (CON-1). *chosen* are the skills to tick, None for a first visit; *fields* are hidden ones."""
    reach = implied(request.scopes)
    always = _shared_scopes(skills) & reach
    values = {
        **_common(settings),
        "client": _client(request),
        "target": _target(request.redirect_uri),
        "organization": request.resource.organization_slug,
        "project": request.resource.project_slug,
        "always": _words(always),
        "skills": [
            {
                "id": skill.id,
                "label": skill.label,
                "sentence": skill.sentence,
                "adds": _words((implied(skill.scopes) & reach) - always),
                "is_ticked": skill.preselected if chosen is None else skill.id in chosen,
            }
            for skill in skills
        ],
        "fields": fields,
        "action": f"{settings.issuer_path}/oauth/approve",
        "connections_url": f"{settings.public_url}/oauth/connections",
        "is_empty": is_empty,
    }
    return Page("sentry_mcp/approve.html", values)


def problem_page(settings: Settings, error: SentryMCPError, event_id: str | None = None) -> Page:
    """The page for a fault that a person sees, with what they can do about it."""
    values = {
        **_common(settings),
        "heading": error.heading if isinstance(error, SignInProblem) else _HEADING,
        "sentence": error.public,
        "advice": error.advice if isinstance(error, SignInProblem) else _ADVICE,
        "event_id": event_id,
        "link": None,
    }
    wait = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return Page("sentry_mcp/problem.html", values, status=error.http_status, headers=wait)


def connections_page(
    settings: Settings, grants: Sequence[Grant] | None, skills: Collection[Skill], *, csrf: str
) -> Page:
    """A person's own page: their *grants*, or None for somebody who is not signed in."""
    labels = {skill.id: skill.label for skill in skills}
    listed = [
        {
            "id": grant.id,
            "client": _asker(grant.client),
            "places": _places(grant.client),
            "organization": grant.resource.organization_slug,
            "project": grant.resource.project_slug,
            "skills": [labels[id] for id in grant.skills if id in labels],
            "started": _moment(grant.started_at),
            "used": _moment(grant.used_at),
        }
        for grant in grants or ()
    ]
    action = f"{settings.issuer_path}/oauth/connections"
    values = {"is_signed_in": grants is not None, "connections": listed, "action": action, "csrf": csrf}
    return Page("sentry_mcp/connections.html", {**_common(settings), **values})


def refusal(settings: Settings, fault: ReturnToClient) -> Page | Redirection:
    """How a fault of phase B reaches the client: by redirect, or by a link for the person (AUTHZ-3)."""
    target = redirects.parse(fault.location)
    is_stranger = fault.client.kind == "registered" and target is not None and target.scheme == "https"
    if settings.error_redirect == "redirect" or not is_stranger:
        return Redirection(fault.location)
    values = {
        **_common(settings),
        "heading": "The app's request cannot be granted",
        "sentence": fault.public,
        "advice": "You can go back to the app with this answer. If you did not start a sign-in, close this page.",
        "event_id": None,
        "link": {"url": fault.location, "host": target.host if target else ""},
    }
    return Page("sentry_mcp/problem.html", values, status=400)


def _common(settings: Settings) -> dict[str, str]:
    return {"server_host": urlsplit(settings.public_url).netloc, "sentry_host": settings.host}


def _client(request: AuthorizationRequest) -> dict[str, str | bool | None]:
    """Who asks. Only a document proves something: that whoever publishes at ``host`` wrote it."""
    asker = _asker(request.client)
    target = redirects.parse(request.redirect_uri)
    is_web = target is not None and target.scheme == "https"
    is_elsewhere = is_web and asker["host"] not in (None, target.host if target else None)
    return {**asker, "answers_elsewhere": is_elsewhere}


def _asker(client: Client) -> dict[str, str | None]:
    """A client by its name; ``host`` is proven by its document, ``site`` is what a registered one says of itself."""
    host = urlsplit(client.client_id).hostname if client.kind == "document" else None
    site = redirects.parse(client.uri) if client.uri else None
    return {"name": client.name, "kind": client.kind, "host": host, "site": site.host if site else None}


def _places(client: Client) -> list[dict[str, str]]:
    """Where a client may be answered, each place once: ``[{"kind": "web", "name": "claude.ai"}]``, by ``_target``."""
    targets = [_target(uri) for uri in client.redirect_uris]
    named = {(target["kind"], "" if target["kind"] == "loopback" else target["name"]): target for target in targets}
    return [{"kind": target["kind"], "name": target["name"]} for target in named.values()]


def _moment(at: float) -> dict[str, str]:
    """A time for a machine and for a person: ``{"iso": "2026-11-23T19:20+00:00", "text": "23 November 2026, ..."}``."""
    moment = datetime.fromtimestamp(at, UTC)
    return {"iso": moment.isoformat(timespec="minutes"), "text": f"{moment.day} {moment:%B %Y, %H:%M} UTC"}


def _target(uri: str) -> dict[str, str]:
    """Where the answer goes, in three parts so that the one that decides can be emphasised.

    ``{"kind": "web", "before": "https://", "name": "claude.ai", "after": "/callback"}``; ``loopback``: a port of this
    computer; ``app``: whichever program opens such links, by its scheme.
    """
    parts = redirects.parse(uri)
    if parts is None:
        raise ValueError("a redirect URI that was accepted before")
    if parts.is_private_scheme:
        return {"kind": "app", "before": "", "name": uri[: len(parts.scheme)], "after": uri[len(parts.scheme) :]}
    before = f"{parts.scheme}://"
    kind = "loopback" if parts.is_loopback else "web"
    name = uri[len(before) : len(before) + len(parts.host)]
    return {"kind": kind, "before": before, "name": name, "after": uri[len(before) + len(name) :]}


def _shared_scopes(skills: Collection[Skill]) -> frozenset[str]:
    """What every one of *skills* needs: asked of Sentry whichever are ticked."""
    needs = [implied(skill.scopes) for skill in skills]
    return frozenset.intersection(*needs) if needs else frozenset()


def _words(scopes: Collection[str]) -> list[str]:
    """*scopes* in words, in the order of the table; a scope of an application's own skill may have none."""
    listed = [scope for scope in SCOPE_WORDS if scope in scopes]
    return [SCOPE_WORDS[scope] for scope in listed] + sorted(set(scopes) - set(listed))
