"""get_sentry_resource: whatever a link or an ID denotes, by the tool that shows such things."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..context import Context
from ..errors import InvalidInput, OutsideConstraint
from ..mcp.tool import Toolbox
from ..render import releases as render
from ..render.pieces import as_maps
from ..sentry import releases
from ..sentry.links import Link, WebLinks, issue_id_of, read_link, same_organization
from ..skills import INSPECT, SEER, TRIAGE
from . import fields

_WORDS = {
    "issue": "issues",
    "event": "events",
    "trace": "traces",
    "span": "spans",
    "ai_conversation": "AI conversations",
    "replay": "replays",
    "monitor": "monitors",
    "snapshot": "snapshots",
    "release": "releases",
    "dashboard": "dashboards",
    "profile": "profiles",
}
_TOOLS = {
    "issue": "get_issue_details",
    "event": "get_issue_details",
    "trace": "get_trace_details",
    "span": "get_span_details",
    "ai_conversation": "get_ai_conversation_details",
    "replay": "get_replay_details",
    "monitor": "get_monitor_details",
    "snapshot": "get_snapshot",
    "dashboard": "get_dashboard_details",
    "profile": "get_profile_details",
}
"""The tool that shows each type. A release is shown here."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a link denotes: its type, and the arguments of the tool that shows it, without the organization."""

    type: str
    arguments: dict[str, Any]


def toolbox_for(catalogue: Collection[str]) -> Toolbox:
    """get_sentry_resource for a *catalogue* of these tools: it opens what they show."""
    opens = frozenset(type_ for type_ in _WORDS if type_ == "release" or _TOOLS[type_] in catalogue)
    by_id = [type_ for type_ in _BY_ID if type_ in opens]
    toolbox = Toolbox()

    class GetSentryResource(fields.Input):
        url = fields.text("A link to Sentry")
        resource_type = fields.choice(by_id, description="With resourceId, instead of url")
        resource_id = fields.text(kind=fields.ID)
        organization_slug = fields.org_slug(required=False)

    @toolbox.tool(
        GetSentryResource, skills={INSPECT, TRIAGE, SEER}, scopes={"event:read", "project:read"}, reads_only=True
    )
    def get_sentry_resource(ctx: Context, **named: str | None) -> Any:
        """Open whatever a Sentry link or ID stands for: an issue (stack trace, tags, context), event, trace, span,
        release.

        Use it whenever the user pastes a Sentry URL, or give resourceType, resourceId and organizationSlug.
        """
        return _open(ctx, opens, *_meant(ctx, opens, **named))

    return toolbox


def _meant(
    ctx: Context,
    opens: Collection[str],
    *,
    url: str | None,
    resource_type: str | None,
    resource_id: str | None,
    organization_slug: str | None,
) -> tuple[Target, str, str | None]:
    """The target, its organization and its region if the link names one."""
    if url:
        link = read_link(ctx.sentry.regions, url)
        organization = same_organization(link, organization_slug)
        return _agreed(_target(link, opens), resource_type), organization, link.region_url
    if not resource_type:
        raise InvalidInput("Give url, or resourceType with resourceId and organizationSlug.")
    if not resource_id:
        raise InvalidInput("resourceId is missing.")
    if not organization_slug:
        raise InvalidInput("organizationSlug is missing.")
    return Target(resource_type, _BY_ID[resource_type](resource_id)), organization_slug, None


def _open(ctx: Context, opens: Collection[str], target: Target, organization: str, region: str | None) -> Any:
    if target.type == "release":
        version = target.arguments["version"]
        found = releases.get_release(ctx.sentry, organization, version, region_url=region)
        _check_project(ctx, found)
        return render.release(organization, found, WebLinks(ctx.sentry.regions, organization).release(version))
    if target.type not in opens:
        raise InvalidInput(_why_not(ctx, target.type))
    tool = _TOOLS[target.type]
    if tool not in ctx.tools.names():
        raise InvalidInput(f"This needs the tool {tool}, which this connection does not have.")
    fixed = ctx.constraint.region_url
    where = {"organizationSlug": organization} | ({"regionUrl": region} if region and not fixed else {})
    return ctx.tools.call(tool, target.arguments | where)


def _why_not(ctx: Context, type_: str) -> str:
    search = ctx.tools.ways().get("search_events") if type_ == "replay" else None
    instead = f" {search} with dataset replays finds and sums them up." if search else ""
    return f"This server cannot show {_WORDS[type_]}; their page in Sentry does.{instead}"


def _check_project(ctx: Context, release: dict[str, Any]) -> None:
    """Raises: OutsideConstraint when this connection is fixed to a project that *release* is not of."""
    slugs = [project.get("slug") for project in as_maps(release.get("projects"))]
    if ctx.constraint.project_slug not in (None, *slugs):
        raise OutsideConstraint(ctx.constraint.place, "release of another project")


# -- by ID ----------------------------------------------------------------------------------------------------------


def _span_of(text: str) -> dict[str, Any]:
    trace, _, span = text.partition(":")
    if not span:
        raise InvalidInput("The resourceId of a span is <traceId>:<spanId>.")
    return {"traceId": _hexadecimal(trace), "spanId": span}


def _hexadecimal(text: str) -> str:
    found = fields.without_dashes(text)
    if not re.fullmatch(r"[0-9a-f]{32}", found):
        raise InvalidInput("resourceId: the ID of an event or a trace has 32 hexadecimal digits.")
    return found


_BY_ID: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "issue": lambda one: {"issueId": issue_id_of(one)},
    "event": lambda one: {"eventId": _hexadecimal(one)},
    "trace": lambda one: {"traceId": _hexadecimal(one)},
    "span": _span_of,
    "ai_conversation": lambda one: {"conversationId": one},
    "replay": lambda one: {"replayId": one},
    "monitor": lambda one: {"monitorSlug": one},
    "snapshot": lambda one: {"snapshotId": one},
    "release": lambda one: {"version": one},
    "dashboard": lambda one: {"dashboardIdOrTitle": one},
}
"""The arguments that an ID of each type stands for."""


# -- by link --------------------------------------------------------------------------------------------------------


def _agreed(target: Target, resource_type: str | None) -> Target:
    """The target, if *resource_type* does not say otherwise. Of a span, the whole trace may be asked for."""
    if resource_type in (None, target.type):
        return target
    if (resource_type, target.type) == ("trace", "span"):
        return Target("trace", {"traceId": target.arguments["traceId"]})
    raise InvalidInput("The URL is of another type than resourceType; leave resourceType out.")


def _target(link: Link, opens: Collection[str] = tuple(_WORDS)) -> Target:
    """What a link denotes; the order decides where patterns overlap. A link to nothing is told what *opens* here."""
    for find in (_profile, _conversation, _replay, _monitor, _release, _dashboard, _trace, _issue, _snapshot):
        found = find(link)
        if found is not None:
            return found
    if link.after("performance") == "summary":
        raise InvalidInput(
            "This is the summary of a transaction. Its numbers come from search_events: dataset spans, query "
            'transaction:"<name>" is_transaction:true, fields such as p95(span.duration) and count().'
        )
    *most, last = (words for type_, words in _WORDS.items() if type_ in opens)
    raise InvalidInput(
        f"This Sentry page is of no kind that can be shown here. Links to {', '.join(most)} and {last} can."
    )


def _profile(link: Link) -> Target | None:
    at = _index(link, "profile")
    rest = link.segments[at + 1 :] if at is not None and "profiling" in link.segments else ()
    if len(rest) >= 3 and rest[2] == "flamegraph":
        return Target("profile", {"projectSlugOrId": rest[0], "profileId": rest[1]})
    if len(rest) >= 2 and rest[1] == "flamegraph" and "profilerId" in link.query:
        window = {name: link.query.get(name) for name in ("start", "end")}
        return Target("profile", {"projectSlugOrId": rest[0], "profilerId": link.query["profilerId"]} | window)
    return None


def _conversation(link: Link) -> Target | None:
    found = link.after("explore", "conversations")
    return Target("ai_conversation", {"conversationId": found}) if found else None


def _replay(link: Link) -> Target | None:
    found = link.after("replays")
    return Target("replay", {"replayId": found}) if found and found != "selectors" else None


def _monitor(link: Link) -> Target | None:
    for word in ("crons", "monitors"):
        at = _index(link, word)
        rest = [one for one in link.segments[at + 1 :] if one != "details"] if at is not None else []
        if rest and rest[0] not in ("new", "alerts"):
            slug = {"monitorSlug": rest[-1]} if len(rest) == 1 else {"projectSlugOrId": rest[0], "monitorSlug": rest[1]}
            return Target("monitor", slug)
    return None


def _release(link: Link) -> Target | None:
    found = link.after("releases")
    return Target("release", {"version": found}) if found and found not in ("new-events", "all-events") else None


def _dashboard(link: Link) -> Target | None:
    found = link.after("dashboard") or link.after("dashboards")
    return Target("dashboard", {"dashboardIdOrTitle": found}) if found and found.isdecimal() else None


def _trace(link: Link) -> Target | None:
    found = link.after("trace")
    if not found or not re.fullmatch(r"[0-9a-fA-F]{32}", found):
        return None
    node = re.fullmatch(r"span-([0-9a-fA-F]{16})", link.query.get("node", ""))
    return Target("span", {"traceId": found, "spanId": node[1]}) if node else Target("trace", {"traceId": found})


def _issue(link: Link) -> Target | None:
    found = link.after("issues")
    if not found:
        return None
    issue = {"issueId": issue_id_of(found)}
    event = link.after("issues", found, "events")
    if event and re.fullmatch(r"[0-9a-fA-F]{32}", event):
        return Target("event", issue | {"eventId": event})
    return Target("issue", issue)


def _snapshot(link: Link) -> Target | None:
    found = link.after("preprod", "snapshots")
    return Target("snapshot", {"snapshotId": found}) if found else None


def _index(link: Link, word: str) -> int | None:
    return link.segments.index(word) if word in link.segments else None
