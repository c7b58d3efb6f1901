"""Which tools a caller sees, what a fixed organization or project does to them, and what a call beyond them gets."""

from typing import Any

import pytest
from marshmallow import fields

from flask_sentry_mcp.context import Constraint, Context
from flask_sentry_mcp.mcp.tool import Toolbox
from flask_sentry_mcp.mcp.visible import Views

SLUGS = {
    "organization_slug": fields.Str(required=True, data_key="organizationSlug"),
    "project": fields.Str(load_default=None, data_key="projectSlugOrId"),
    "region_url": fields.Str(load_default=None, data_key="regionUrl"),
    "query": fields.Str(load_default=""),
}


@pytest.fixture
def toolbox() -> Toolbox:
    """Tools of several skills, scopes and kinds."""
    toolbox = Toolbox()

    @toolbox.tool(reads_only=True)
    def mine(ctx: Context) -> str:
        """An application's own tool."""
        return "mine"

    @toolbox.tool(SLUGS, reads_only=True, skills={"inspect", "triage"}, scopes={"event:read"})
    def search(ctx: Context, **given: Any) -> str:
        """Search."""
        return " ".join(f"{name}={value}" for name, value in given.items())

    @toolbox.tool(reads_only=False, destructive=True, skills={"triage"}, scopes={"event:write"})
    def resolve(ctx: Context) -> str:
        """Resolve."""
        return "resolved"

    @toolbox.tool(reads_only=True, skills={"inspect"}, hidden_by={"organization"})
    def find_organizations(ctx: Context) -> str:
        """Find organizations."""
        return "acme"

    @toolbox.tool(reads_only=True, skills={"inspect"}, hidden_by={"project"})
    def find_projects(ctx: Context) -> str:
        """Find projects."""
        return "web"

    return toolbox


def _error(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.get_json()["error"]["code"]


def test_a_grant_shows_the_tools_of_its_skills_and_the_applications_own(server: Any, context: Any) -> None:
    assert list(server.listed()) == ["mine", "search", "find_organizations", "find_projects"]

    server.caller = context(skills=frozenset())
    assert list(server.listed()) == ["mine"]

    server.caller = context(skills=frozenset({"triage"}), scopes=frozenset({"event:write"}))
    assert list(server.listed()) == ["mine", "search", "resolve"]


def test_skills_without_the_scopes_show_nothing(server: Any, context: Any) -> None:
    server.caller = context(skills=frozenset({"inspect", "triage"}), scopes=frozenset({"org:read"}))

    assert list(server.listed()) == ["mine", "find_organizations", "find_projects"]


def test_a_read_only_server_shows_and_does_nothing_that_writes(serve: Any, toolbox: Any, context: Any) -> None:
    caller = context(skills=frozenset({"triage"}), scopes=frozenset({"event:write"}))
    server = serve(toolbox, {"SENTRY_MCP_READ_ONLY": True}, caller)

    assert list(server.listed()) == ["mine", "search"]
    assert _error(server.modern("tools/call", {"name": "resolve"})) == (200, -32602)


def test_a_fixed_organization_hides_what_it_makes_pointless(server: Any) -> None:
    assert list(server.listed("/mcp/acme")) == ["mine", "search", "find_projects"]
    assert list(server.listed("/mcp/acme/web")) == ["mine", "search"]
    assert _error(server.modern("tools/call", {"name": "find_organizations"}, path="/mcp/acme")) == (200, -32602)


def test_what_is_fixed_leaves_the_schema(server: Any) -> None:
    def parameters(path: str) -> Any:
        schema = server.listed(path)["search"]["inputSchema"]
        return list(schema["properties"]), schema.get("required")

    assert parameters("/mcp") == (
        ["organizationSlug", "projectSlugOrId", "regionUrl", "query"],
        ["organizationSlug"],
    )
    assert parameters("/mcp/acme") == (["projectSlugOrId", "regionUrl", "query"], None)
    assert parameters("/mcp/acme/web") == (["regionUrl", "query"], None)


def test_what_is_fixed_is_filled_in(server: Any) -> None:
    """B14: a caller may repeat it, and null counts as nothing."""
    for given in ({}, {"organizationSlug": "acme"}, {"organizationSlug": None, "projectSlugOrId": "web"}):
        said = server.call("search", given, path="/mcp/acme/web")["content"][0]["text"]

        assert said == "organization_slug=acme project=web region_url=None query="


def test_a_region_is_fixed_with_its_organization(toolbox: Any, context: Any) -> None:
    caller = context(constraint=Constraint("acme", None, "https://de.sentry.io"))
    seen = Views(toolbox).tool(caller, "search")

    assert list(seen.input_schema()["properties"]) == ["projectSlugOrId", "query"]
    assert seen.keywords(caller, {}) == {
        "organization_slug": "acme",
        "project": None,
        "region_url": "https://de.sentry.io",
        "query": "",
    }


@pytest.mark.parametrize(("lacks", "is_there"), [(set(), True), ({"replays"}, True), ({"logs", "traces"}, False)])
def test_what_the_fixed_project_lacks_hides_the_tools_that_need_it(
    toolbox: Toolbox, context: Any, lacks: set[str], is_there: bool
) -> None:
    """Section 1.2: what is not known hides nothing."""

    @toolbox.tool(reads_only=True, skills={"inspect"}, needs={"traces"})
    def get_trace(ctx: Context) -> str:
        """Get a trace."""
        return "spans"

    views = Views(toolbox)
    views.of(context(constraint=Constraint("acme", "web")))  # what others see is not what this one sees
    caller = context(constraint=Constraint("acme", "web", None, frozenset(lacks)))

    assert ("get_trace" in views.of(caller).tools) is is_there


@pytest.mark.parametrize(
    "given",
    [{"organizationSlug": "other"}, {"organizationSlug": "ACME"}, {"projectSlugOrId": "42"}, {"organizationSlug": [1]}],
)
def test_what_is_fixed_cannot_be_changed(server: Any, given: dict[str, Any]) -> None:
    """B14, RES-5: a conflict is refused, never silently replaced."""
    assert server.call("search", given, path="/mcp/acme/web") == {
        "content": [
            {"type": "text", "text": "This connection is fixed to another organization or project: to acme/web."}
        ],
        "isError": True,
    }


def test_hidden_parameters_are_not_offered_when_one_is_misspelt(server: Any) -> None:
    said = server.call("search", {"qery": "x"}, path="/mcp/acme")["content"][0]["text"]

    assert said.endswith("- An argument is unknown. Valid arguments: projectSlugOrId, regionUrl, query.")


def test_a_tool_beyond_the_grant_asks_for_more(server: Any) -> None:
    """SCOPE-4: one challenge with all that is needed, the present scopes included."""
    answer = server.modern("tools/call", {"name": "resolve"})

    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="event:read event:write org:read project:read team:read"'
    )


def test_a_listing_is_compiled_once_for_each_kind_of_caller(toolbox: Any, context: Any) -> None:
    views = Views(toolbox)
    acme, other = (context(constraint=Constraint(slug), grant_id=slug) for slug in ("acme", "other"))

    assert views.of(acme) is views.of(other)
    assert views.of(acme).page("tools", None, modern=True) is views.of(other).page("tools", None, modern=True)
    assert views.of(acme) is not views.of(context())
    toolbox.remove("mine")
    assert "mine" not in views.of(acme).tools


def test_parameters_that_clients_mirror_into_headers(serve: Any) -> None:
    """2026-07-28: the header repeats the argument, or the call is refused; blanks, Base64 and 42.0 are understood."""
    toolbox = Toolbox()

    @toolbox.tool(
        {
            "region": fields.Str(load_default=None, metadata={"x_mcp_header": "Region"}),
            "size": fields.Int(load_default=None, metadata={"x_mcp_header": "Page-Size"}),
            "deep": fields.Bool(load_default=None, metadata={"x_mcp_header": "Deep"}),
        },
        reads_only=True,
    )
    def look(ctx: Context, **given: Any) -> str:
        """Look."""
        return "seen"

    server = serve(toolbox)
    assert server.listed()["look"]["inputSchema"]["properties"]["size"]["x-mcp-header"] == "Page-Size"

    def status(arguments: dict[str, Any], **headers: str) -> int:
        sent = {f"mcp_param_{name}": value for name, value in headers.items()}
        answer = server.modern("tools/call", {"name": "look", "arguments": arguments}, headers=sent)
        code: int = answer.get_json().get("error", {}).get("code", answer.status_code)
        return code

    assert status({}) == 200
    assert status({"region": None}) == 200
    assert status({"region": "eu"}, region=" eu\t") == 200
    assert status({"region": "Zürich"}, region="=?base64?WsO8cmljaA==?=") == 200
    assert status({"region": "=?base64?x"}, region="=?base64?x") == 200
    assert status({"size": 42}, page_size="42.0") == 200
    assert status({"deep": True}, deep="true") == 200
    for arguments, headers in (
        ({"region": "eu"}, {}),
        ({"region": "eu"}, {"region": "us"}),
        ({"region": "eu"}, {"region": "EU"}),
        ({}, {"region": "eu"}),
        ({"region": None}, {"region": "eu"}),
        ({"region": "Zürich"}, {"region": "Z\xfcrich"}),
        ({"region": "Zürich"}, {"region": "=?base64?WsO8cmljaA?="}),
        ({"region": "Zürich"}, {"region": "=?base64?WsO8cmljaA==="}),
        ({"region": "eu"}, {"region": "=?base64?Z*U=?="}),
        ({"size": 42}, {"page_size": "43"}),
        ({"size": 42}, {"page_size": "forty"}),
        ({"deep": True}, {"deep": "True"}),
        ({"deep": True}, {"deep": "1"}),
    ):
        assert status(arguments, **headers) == -32020

    legacy = server.legacy("tools/call", {"name": "look", "arguments": {"region": "eu"}})
    assert legacy.get_json()["result"]["content"][0]["text"] == "seen"


@pytest.mark.parametrize(
    ("runner", "full", "way"), [(True, False, "run with quiet"), (False, False, "quiet"), (True, True, "quiet")]
)
def test_what_is_not_listed_is_named_by_what_runs_it(
    toolbox: Toolbox, context: Any, runner: bool, full: bool, way: str
) -> None:
    @toolbox.tool(reads_only=True, listed=False)
    def quiet(ctx: Context) -> str:
        """Not listed."""
        return "quiet"

    @toolbox.tool(reads_only=True, runs_others=runner)
    def run(ctx: Context) -> str:
        """Run another."""
        return "run"

    ways = Views(toolbox, full=full).of(context()).ways

    assert (ways["quiet"], ways["mine"]) == (way, "mine")


@pytest.mark.parametrize(
    ("skills", "read_only", "hints"),
    [
        ({"inspect"}, False, {"readOnlyHint": True, "openWorldHint": True}),
        ({"triage"}, True, {"readOnlyHint": True, "openWorldHint": True}),
        (
            {"triage"},
            False,
            {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True},
        ),
    ],
)
def test_what_runs_others_is_as_safe_as_they_are(
    toolbox: Toolbox, context: Any, skills: set[str], read_only: bool, hints: dict[str, bool]
) -> None:
    """A host that asks a person before every call that may change something would ask before every read."""

    @toolbox.tool(reads_only=False, destructive=True, runs_others=True)
    def run(ctx: Context) -> str:
        """Run another."""
        return "run"

    views = Views(toolbox, read_only=read_only)
    seen = views.of(context(skills=frozenset(skills), scopes=frozenset({"event:write"}))).tools["run"]

    assert seen.tool.listing({})["annotations"] == hints
