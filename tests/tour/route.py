"""The route of the tour: from the first knock to the end of the grant. The same for both protocol eras."""

import json
from dataclasses import dataclass
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent

from .person import Person
from .transcript import Transcript
from .visitor import Visitor

ORGANIZATION, ISSUE = "northwind", "CHECKOUT-API-4F"
LISTED = {
    "find_organizations",
    "find_projects",
    "search_issues",
    "update_issue",
    "draft_status_update",
    "count_unresolved",
}


@dataclass(frozen=True, slots=True)
class Era:
    """A protocol era: what the official client calls it, and what has to be agreed on."""

    mode: str
    version: str


ERAS = (Era("auto", "2026-07-28"), Era("legacy", "2025-11-25"))


async def walk(base_url: str, era: Era, transcript: Transcript) -> None:
    """Take the whole route. Raises: Difference."""
    transcript.title(f"Protocol {era.version}")
    person = Person(transcript)
    visitor = Visitor(f"{base_url}/mcp", person, transcript)
    try:
        metadata = await _knock(base_url, visitor, transcript)
        transcript.step("Connect: discovery, registration, approval, Sentry's sign-in, token")
        async with visitor.connected(era.mode) as client:
            _signed_in(visitor, client, era, transcript)
            await _list(client, transcript)
            await _use_catalogue(client, transcript)
            await _use_own_tools(client, transcript)
            await _refresh(visitor, client, transcript)
            await _revoke(visitor, metadata, transcript)
    finally:
        person.close()


async def _knock(base_url: str, visitor: Visitor, transcript: Transcript) -> dict[str, Any]:
    """What anybody can learn without a token; returns the authorization server's metadata."""
    transcript.step("Knock without a token")
    async with visitor.http() as http:
        refused = await http.post(visitor.url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        challenge = refused.headers.get("WWW-Authenticate", "")
        transcript.check(refused.status_code == 401, "the door is shut: 401", refused.status_code)
        where = f'resource_metadata="{base_url}/.well-known/oauth-protected-resource/mcp"'
        transcript.check(
            challenge.startswith("Bearer") and where in challenge, "the challenge says where to look", challenge
        )
        transcript.note(challenge)
        resource = (await http.get(f"{base_url}/.well-known/oauth-protected-resource/mcp")).json()
        transcript.check(
            resource.get("resource") == visitor.url and resource.get("authorization_servers") == [base_url],
            "the resource names its address and its authorization server",
            resource,
        )
        metadata: dict[str, Any] = (await http.get(f"{base_url}/.well-known/oauth-authorization-server")).json()
        transcript.check(
            metadata.get("issuer") == base_url and metadata.get("code_challenge_methods_supported") == ["S256"],
            "the authorization server names itself and asks for PKCE with S256",
            metadata,
        )
    visitor.seen.clear()
    return metadata


def _signed_in(visitor: Visitor, client: Client, era: Era, transcript: Transcript) -> None:
    signing_in = [
        "POST /mcp 401",
        "GET /.well-known/oauth-protected-resource/mcp 200",
        "GET /.well-known/oauth-authorization-server 200",
        "POST /oauth/register 201",
        "POST /oauth/token 200",
        "POST /mcp 200",
    ]
    transcript.check(visitor.seen[:6] == signing_in, "the client found its way in six requests", visitor.seen)
    tokens = visitor.memory.tokens
    transcript.check(
        tokens is not None and tokens.refresh_token and tokens.expires_in == 3_600,
        "it holds an access token for an hour, and a refresh token",
        tokens,
    )
    transcript.check(client.protocol_version == era.version, f"they speak {era.version}", client.protocol_version)
    server = client.server_info
    transcript.check(server is not None, "the server says who it is", server)
    if server is not None:
        transcript.note(f"{server.name} {server.version}")


async def _list(client: Client, transcript: Transcript) -> None:
    transcript.step("List the tools")
    listed = (await client.list_tools()).tools
    names = {tool.name for tool in listed}
    transcript.check(names >= LISTED, "the tools of the catalogue and the application's own are there", names)
    for tool in listed:
        hints = tool.annotations
        kind = "reads" if hints is not None and hints.read_only_hint else "writes"
        transcript.note(f"{tool.name:22} {kind:7} {(tool.description or '').splitlines()[0]}")


async def _use_catalogue(client: Client, transcript: Transcript) -> None:
    transcript.step("Ask Sentry")
    who = await call(client, transcript, "whoami")
    transcript.check("Mira Okafor" in who, "whoami knows Mira, who signed in", who)
    found = await call(client, transcript, "find_organizations")
    transcript.check(
        ORGANIZATION in found and "Aurora-Labs" in found, "both of Mira's organizations, from both regions", found
    )
    transcript.check("tidepool" not in found, "and not the one she is no member of", found)
    projects = await call(client, transcript, "find_projects", organizationSlug=ORGANIZATION)
    transcript.check("checkout-api" in projects, "the projects of one of them", projects)
    issues = await call(
        client, transcript, "search_issues", organizationSlug=ORGANIZATION, query="is:unresolved level:error", limit=5
    )
    transcript.check("CHECKOUT-API-" in issues or "SHOP-WEB-" in issues, "a search finds issues by name", issues)
    details = await call(client, transcript, "get_issue_details", organizationSlug=ORGANIZATION, issueId=ISSUE)
    transcript.check(ISSUE in details, "one issue, with its error and stack", details)

    transcript.step("Change something, see that it changed, and change it back")
    for status, word in (("resolved", "resolved"), ("unresolved", "unresolved")):
        await call(client, transcript, "update_issue", organizationSlug=ORGANIZATION, issueId=ISSUE, status=status)
        after = await call(client, transcript, "get_issue_details", organizationSlug=ORGANIZATION, issueId=ISSUE)
        transcript.check(f"**Status**: {word}" in after, f"the issue is {word}", after)


async def _use_own_tools(client: Client, transcript: Transcript) -> None:
    transcript.step("Use the application's own tools")
    steps = [
        {"at": "2026-08-18T12:40:00Z", "what": "Checkout failed for one in five customers."},
        {"at": "2026-08-18T13:05:00Z", "what": "The change was taken back."},
    ]
    drafted = await call(client, transcript, "draft_status_update", title="Checkout", impact="major", steps=steps)
    expected = (
        "# Checkout\n\nImpact: **major**\n\n- 18 Aug 13:05 UTC: The change was taken back."
        "\n- 18 Aug 12:40 UTC: Checkout failed for one in five customers."
    )
    transcript.check(drafted == expected, "the nested arguments arrived, and came back in order", drafted)
    wrong = await client.call_tool("draft_status_update", {"title": "Checkout", "impact": "huge", "steps": steps})
    transcript.check(wrong.is_error, "a value that the schema does not know is refused", wrong)
    transcript.note(_text(wrong))
    counted = await client.call_tool("count_unresolved", {"organizationSlug": ORGANIZATION})
    backlog = counted.structured_content
    transcript.check(
        isinstance(backlog, dict)
        and backlog["unresolved"] > 0
        and backlog["unresolved"] == sum(one["unresolved"] for one in backlog["projects"]),
        "the one that asks Sentry counts, as structured content",
        counted,
    )
    transcript.note(json.dumps(backlog))


async def _refresh(visitor: Visitor, client: Client, transcript: Transcript) -> None:
    transcript.step("Let the access token expire")
    before = visitor.memory.tokens
    visitor.seen.clear()
    visitor.forget_time()
    who = await call(client, transcript, "whoami")
    after = visitor.memory.tokens
    transcript.check(visitor.seen[0] == "POST /oauth/token 200", "the client refreshes by itself", visitor.seen)
    transcript.check(
        before
        and after
        and {before.access_token, before.refresh_token}.isdisjoint({after.access_token, after.refresh_token}),
        "both tokens are new",
    )
    transcript.check("Mira Okafor" in who, "and Mira did not have to do anything", who)


async def _revoke(visitor: Visitor, metadata: dict[str, Any], transcript: Transcript) -> None:
    transcript.step("Revoke")
    tokens, registered = visitor.memory.tokens, visitor.memory.client
    assert tokens is not None
    assert registered is not None
    async with visitor.http() as http:
        form = {"token": tokens.refresh_token, "client_id": registered.client_id}
        revoked = await http.post(metadata["revocation_endpoint"], data=form)
        transcript.check(revoked.status_code == 200, "the refresh token is given back", revoked.text)
        refused = await http.post(
            visitor.url,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={"Authorization": f"Bearer {tokens.access_token}"},
        )
        transcript.check(
            refused.status_code == 401 and 'error="invalid_token"' in refused.headers["WWW-Authenticate"],
            "and the access token died with it",
            refused.status_code,
        )


async def call(client: Client, transcript: Transcript, tool: str, **arguments: Any) -> str:
    """The text that *tool* answered; a failed call ends the tour."""
    result = await client.call_tool(tool, arguments)
    text = _text(result)
    given = f" {json.dumps(arguments)}" if arguments else ""
    transcript.note(f"> {tool}{given}\n{_shortened(text)}")
    if result.is_error:
        transcript.check(False, f"{tool} answers", text)
    return text


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _shortened(text: str, lines: int = 8, width: int = 110) -> str:
    shown = [line if len(line) <= width else f"{line[: width - 1]}…" for line in text.splitlines() if line.strip()]
    left = len(shown) - lines
    return "\n".join([*shown[:lines], *([f"... and {left} lines more"] if left > 0 else [])])
