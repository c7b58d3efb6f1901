"""The check at every request: the header, the audience, the context, and the challenge when it fails (section 19)."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from flask_sentry_mcp import clock, skills
from flask_sentry_mcp.context import Presented
from flask_sentry_mcp.errors import (
    InsufficientScope,
    NoAccess,
    OAuthError,
    SealBroken,
    SentryMCPError,
    StoreUnavailable,
    Unauthenticated,
)
from flask_sentry_mcp.oauth.bearer import challenge, context_for
from flask_sentry_mcp.oauth.grants import GRANT, end
from flask_sentry_mcp.store.base import Record
from tests.oauth.flow import ISSUER, MCP, Flow, json_of, open_provider

METADATA = f"{ISSUER}/.well-known/oauth-protected-resource/mcp"


def header(flow: Flow, value: str | None) -> Unauthenticated | OAuthError:
    with pytest.raises((Unauthenticated, OAuthError)) as caught:
        flow.authenticate(Presented(value, None, None, "127.0.0.1"))
    assert isinstance(caught.value, Unauthenticated | OAuthError)
    return caught.value


# -- the header (RS-1) ------------------------------------------------------------------------------------------------


def test_the_scheme_may_be_in_any_case(flow: Flow) -> None:
    token = flow.sign_in()["access_token"]

    for scheme in ("Bearer", "bearer", "BEARER"):
        assert flow.authenticate(Presented(f"{scheme} {token}", None, None, ""))


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_presented_is_no_error(flow: Flow, value: str | None) -> None:
    """RS-2: RFC 6750 section 3.1; Authlib quirk 19 would name one."""
    error = header(flow, value)

    assert isinstance(error, Unauthenticated)
    assert error.error is None


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "Basic YTpi",
        "Bearer mcpa_" + "A" * 42,
        "Bearer mcpa_" + "A" * 44,
        "Bearer mcpr_" + "A" * 43,
        "Bearer mcpz_" + "A" * 43,
        "Bearer mcpa_" + "A" * 43 + "\n",
        "Bearer mcpa_" + "A" * 43 + " x",
        "Bearer mcpa_" + "é" * 43,
        "Bearer sntryu_" + "a" * 64,
        "Bearer " + "a" * 64,
    ],
)
def test_what_is_no_token_of_ours_never_reaches_the_store(flow: Flow, value: str) -> None:
    """RS-1: straight to 401; a Sentry token under Bearer is none of ours."""

    def unreachable(kind: str, id: str) -> Record | None:
        raise AssertionError("the store was asked")

    flow.provider.store.get = unreachable  # type: ignore[method-assign]  # to see that it is not asked

    error = header(flow, value)

    assert isinstance(error, Unauthenticated)
    assert error.error == "invalid_token"


def test_two_credentials_are_a_bad_request(flow: Flow) -> None:
    """RS-1, RS-2: servers join repeated headers by a comma."""
    token = flow.sign_in()["access_token"]

    error = header(flow, f"Bearer {token}, Bearer {token}")

    assert (error.http_status, error.code) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["refresh_token", "code", "unknown"])
def test_other_credentials_are_no_access_tokens(flow: Flow, kind: str) -> None:
    """RS-2, STO-1; also when the prefix is forged."""
    code = flow.code()
    tokens = json_of(flow.exchange(code))
    presented = {"refresh_token": tokens["refresh_token"], "code": code, "unknown": "mcpa_" + "A" * 43}[kind]

    for value in (presented, "mcpa_" + presented[5:]):
        with pytest.raises(Unauthenticated):
            flow.context(value)


# -- its life ---------------------------------------------------------------------------------------------------------


def test_a_token_ends_with_its_hour(flow: Flow) -> None:
    """RS-2: also when it was let in a moment before, from memory."""
    token = flow.sign_in()["access_token"]
    flow.context(token)

    with clock.shifted(3601), pytest.raises(Unauthenticated):
        flow.context(token)


def test_a_revocation_by_another_worker_counts_at_the_very_next_call(flow: Flow) -> None:
    """REV-3: though the token was let in from memory until then."""
    token = flow.sign_in()["access_token"]
    for _ in range(3):
        flow.context(token)

    with open_provider(flow.provider.settings) as elsewhere:
        end(elsewhere, flow.grant(token).id, "admin")

    with pytest.raises(Unauthenticated):
        flow.context(token)


def test_a_known_token_costs_no_read_while_the_store_is_unchanged(flow: Flow) -> None:
    """The check is on every call: the stamp alone is asked."""
    token = flow.sign_in()["access_token"]
    flow.context(token)  # notes the first use
    flow.context(token)  # reads what that wrote
    reads: list[tuple[str, str]] = []
    original = flow.provider.store.get

    def counted(kind: str, id: str) -> Record | None:
        reads.append((kind, id))
        return original(kind, id)

    flow.provider.store.get = counted  # type: ignore[method-assign]  # counts

    flow.context(token)
    assert reads == []

    with open_provider(flow.provider.settings) as elsewhere:
        elsewhere.store.put("other", "record", b"", ttl_s=60)
    flow.context(token)

    assert [kind for kind, _ in reads] == [GRANT]


def test_a_store_without_a_stamp_is_read_every_time(flow: Flow) -> None:
    """Nothing is kept that cannot be vouched for."""
    token = flow.sign_in()["access_token"]
    flow.provider.store.stamp = lambda: None  # type: ignore[method-assign]  # a store that cannot tell
    flow.context(token)
    end(flow.provider, flow.grant(token).id, "admin")

    with pytest.raises(Unauthenticated):
        flow.context(token)


def test_a_store_that_does_not_answer_lets_nobody_in(flow: Flow) -> None:
    """Section 27: fail closed, also for tokens that were let in before."""
    token = flow.sign_in()["access_token"]
    flow.context(token)

    def down() -> int | None:
        raise StoreUnavailable("down")

    flow.provider.store.stamp = down  # type: ignore[method-assign]  # down

    with pytest.raises(StoreUnavailable):
        flow.context(token)


# -- the audience (RES-4, B4, B14) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "path", "is_covered"),
    [
        ("", (None, None), True),
        ("", ("northwind", None), True),
        ("", ("northwind", "checkout-api"), True),
        ("/northwind", ("northwind", None), True),
        ("/northwind", ("northwind", "checkout-api"), True),
        ("/northwind", (None, None), False),
        ("/northwind", ("northwind-corp", None), False),
        ("/northwind", ("Aurora-Labs", None), False),
        ("/northwind/checkout-api", ("northwind", None), False),
        ("/northwind/checkout-api", ("northwind", "checkout-api"), True),
        ("/northwind/checkout-api", ("northwind", "checkout"), False),
    ],
)
def test_a_token_is_good_for_its_resource_and_what_is_in_it(
    flow: Flow, bound: str, path: tuple[str | None, str | None], is_covered: bool
) -> None:
    """B4, B14, RES-4: at the boundary of a segment, and 401 elsewhere."""
    token = flow.sign_in(resource=MCP + bound)["access_token"]

    if is_covered:
        context = flow.context(token, *path)
        assert (context.constraint.organization_slug, context.constraint.project_slug) == path
    else:
        with pytest.raises(Unauthenticated) as caught:
            flow.context(token, *path)
        assert caught.value.error == "invalid_token"


def test_one_person_two_organizations(flow: Flow) -> None:
    """B14: each has its own approval and its own token; neither serves the other."""
    northwind = flow.sign_in(resource=f"{MCP}/northwind")["access_token"]
    aurora = flow.sign_in(resource=f"{MCP}/Aurora-Labs")["access_token"]

    assert flow.context(northwind, "northwind").organization_slug == "northwind"
    assert flow.context(aurora, "Aurora-Labs").constraint.region_url == f"http://{flow.sandbox.region_hosts[1]}"
    with pytest.raises(Unauthenticated):
        flow.context(northwind, "Aurora-Labs")
    with pytest.raises(Unauthenticated):
        flow.context(aurora, "northwind")


# -- the context (B7) -------------------------------------------------------------------------------------------------


def test_the_context_says_who_calls_and_what_they_may(flow: Flow) -> None:
    """B7: host, token, constraint; skills as ticked and scopes as granted."""
    token = flow.sign_in(skills=("inspect", "triage"))["access_token"]

    context = flow.context(token)

    assert context.host == flow.sandbox.host
    assert context.skills == {"inspect", "triage"}
    assert context.scopes == {"event:write", "org:read", "project:read", "team:read"}
    assert (context.user_id, context.client_id) == ("3104522", flow.client_id)
    assert context.sentry.get("auth")["name"] == "Mira Okafor"


def test_the_context_cannot_be_changed(flow: Flow) -> None:
    """B7: one record, frozen. No tool makes itself another caller."""
    context = flow.context(flow.sign_in()["access_token"])

    for record in (context, context.constraint):
        for field in fields(record):
            with pytest.raises(FrozenInstanceError):
                setattr(record, field.name, "another")


def test_the_context_shows_no_token(flow: Flow) -> None:
    """B7, B13: not in its text, in whatever log it lands."""
    token = flow.sign_in()["access_token"]

    context = flow.context(token)

    assert token not in repr(context)
    assert context.token.current() not in repr((context, context.token))


def test_nothing_is_decrypted_before_a_tool_asks(flow: Flow) -> None:
    """The check opens no seal: a grant whose seal is broken is let in, and fails when its token is used (STO-4)."""
    token = flow.sign_in()["access_token"]
    flow.context(token)
    (record,) = flow.provider.store.find(GRANT)
    value = json.loads(record.value)
    value["upstream"]["sealed"] = "A" * 80
    flow.provider.store.put(GRANT, record.id, json.dumps(value).encode(), ttl_s=60)

    context = flow.context(token)

    with pytest.raises(SealBroken):
        context.token.current()
    assert flow.events == [("suspicious", "integrity_failure")]


def test_skills_that_the_server_no_longer_offers_are_gone(flow: Flow) -> None:
    """Section 27: an unknown skill has no tools, and a server that became read-only gives no writing."""
    token = flow.sign_in(skills=("inspect", "triage"))["access_token"]
    less = replace(flow.provider, skills=tuple(one for one in skills.SKILLS if one.id != skills.INSPECT))
    read_only = replace(flow.provider, settings=replace(flow.provider.settings, read_only=True))
    presented = Presented(f"Bearer {token}", None, None, "")

    assert context_for(less)(presented).skills == {"triage"}
    assert context_for(read_only)(presented).skills == {"inspect"}


# -- challenges (RS-2) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            Unauthenticated(),
            f'Bearer resource_metadata="{METADATA}/acme", '
            'scope="org:read project:read project:write team:read team:write event:read event:write"',
        ),
        (
            Unauthenticated(error="invalid_token", public="The sentence."),
            f'Bearer error="invalid_token", error_description="The sentence.", resource_metadata="{METADATA}/acme"',
        ),
        (
            InsufficientScope(["event:read", "event:write"]),
            f'Bearer error="insufficient_scope", scope="event:read event:write", resource_metadata="{METADATA}/acme"',
        ),
        (OAuthError("invalid_request", "x"), 'Bearer error="invalid_request"'),
        (NoAccess(), None),
        (StoreUnavailable(), None),
    ],
)
def test_challenges_are_those_of_the_table(flow: Flow, error: SentryMCPError, expected: str | None) -> None:
    """RS-2, Authlib quirk 19: one challenge, with the metadata of the address."""
    assert challenge(flow.provider, error, "acme", None, "") == expected


def test_the_challenge_leads_to_the_document_of_the_address(flow: Flow) -> None:
    """META-3: the root, the project, and the query that the address had."""

    def leads_to(*where: str | None, query: str = "") -> str:
        organization, project = where
        return (challenge(flow.provider, Unauthenticated(), organization, project, query) or "").split('"')[1]

    assert leads_to(None, None) == METADATA
    assert leads_to("acme", "web") == f"{METADATA}/acme/web"
    assert leads_to("acme", None, query="skills=inspect%2Ctriage") == f"{METADATA}/acme?skills=inspect%2Ctriage"
    assert leads_to("acme", None, query='a="\r\nX: y') == f"{METADATA}/acme"


@pytest.mark.parametrize("query", ["access_token=mcpa_" + "A" * 43, "a=sntryu_" + "b" * 20, "token=x", "code=abc"])
def test_a_secret_in_the_address_is_not_repeated(flow: Flow, query: str) -> None:
    """RS-1, LOG-1: such a credential is ignored, and goes into no header that others keep."""
    told = challenge(flow.provider, Unauthenticated(), "acme", None, query) or ""

    assert told.split('"')[1] == f"{METADATA}/acme"


def test_no_value_breaks_out_of_a_challenge(flow: Flow) -> None:
    """RS-2: what a header cannot carry is left out."""
    hostile = Unauthenticated(error="invalid_token", public='a", b="c\r\nSet-Cookie: x')

    assert challenge(flow.provider, hostile, None, None, "") == (
        f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
    )
