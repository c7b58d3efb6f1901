"""Resources: what a token is good for, and what it never reaches (RES-1..4, META-3, SLUG-1)."""

import json
from collections import Counter
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sentry_mcp.errors import OAuthError
from flask_sentry_mcp.oauth.resources import Resource, from_segments, is_query, parse_resource
from tests.mutations import nearly

ROOT = "https://mcp.acme.example/mcp"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (ROOT, ROOT),
        (ROOT + "/", ROOT),
        (ROOT + "/acme", ROOT + "/acme"),
        (ROOT + "/acme/web/", ROOT + "/acme/web"),
        ("HTTPS://MCP.Acme.Example/mcp/Acme", ROOT + "/Acme"),
        ("https://mcp.acme.example:443/mcp", ROOT),
        (ROOT + "/acme?skills=inspect,triage", ROOT + "/acme"),
    ],
)
def test_reads_the_forms_that_clients_send(text: str, url: str) -> None:
    """RES-1: upper case, a default port, one slash more, a query (not part of the binding)."""
    assert parse_resource(ROOT, text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/mcp",
        "https://mcp.acme.example",
        "https://mcp.acme.example/",
        "https://mcp.acme.example/MCP",
        "https://mcp.acme.example/mcpx",
        "https://mcp.acme.example/other",
        "https://evil.example/mcp",
        "https://mcp.acme.example.evil.example/mcp",
        "http://mcp.acme.example/mcp",
        "https://mcp.acme.example:8443/mcp",
        "https://user@mcp.acme.example/mcp",
        "https://mcp.acme.example/mcp#",
        "https://mcp.acme.example/mcp//",
        "https://mcp.acme.example/mcp//acme",
        "https://mcp.acme.example/mcp/acme//",
        "https://mcp.acme.example/mcp/acme/web/x",
        "https://mcp.acme.example/mcp/../mcp",
        "https://mcp.acme.example/mcp/ac%6de",
        "https://mcp.acme.example/mcp/acme\\web",
        'https://mcp.acme.example/mcp?q="',
        "https://mcp.acme.example/mcp?" + "a" * 257,
        "https://mcp.acme.example/mcp/" + "a" * 101,
        "https://mcp.acmе.example/mcp",  # noqa: RUF001 - a Cyrillic look-alike is the point
        " " + ROOT,
        ROOT + "\n",
        ROOT + "?" + "a" * 500,
    ],
)
def test_refuses_what_is_not_ours(text: str) -> None:
    with pytest.raises(OAuthError) as caught:
        parse_resource(ROOT, text)

    assert caught.value.code == "invalid_target"


@pytest.mark.parametrize(
    ("segments", "path"),
    [("", "/mcp"), ("acme", "/mcp/acme"), ("acme/", "/mcp/acme"), ("acme/web", "/mcp/acme/web")],
)
def test_reads_paths(segments: str, path: str) -> None:
    resource = from_segments(ROOT, segments)

    assert resource is not None
    assert resource.path == path


@pytest.mark.parametrize("segments", ["/", "a/b/c", "a//b", "..", "a/..", "-a", "a b", "a\nb", "a%2fb", "a/b//"])
def test_other_paths_name_nothing(segments: str) -> None:
    """SLUG-1."""
    assert from_segments(ROOT, segments) is None


def test_covers_by_whole_segments() -> None:
    """RES-4, B4: a token of /mcp/acme is good there and below, not at /mcp/acme-corp nor above."""
    account, acme, web = Resource(ROOT), Resource(ROOT, "acme"), Resource(ROOT, "acme", "web")

    assert account.covers(acme)
    assert acme.covers(acme)
    assert acme.covers(web)
    assert not acme.covers(account)
    assert not web.covers(acme)
    assert not acme.covers(Resource(ROOT, "acme-corp"))
    assert not acme.covers(Resource(ROOT, "other", "web"))
    assert not web.covers(Resource(ROOT, "acme", "api"))
    assert not acme.covers(Resource("https://other.example/mcp", "acme"))


def test_survives_the_store() -> None:
    resource = Resource(ROOT, "acme", "web")

    assert Resource.from_dict(json.loads(json.dumps(resource.to_dict()))) == resource


RESOURCES = nearly(
    st.builds(
        "{}{}{}".format,
        st.sampled_from([ROOT, ROOT.replace("https", "HTTPS"), ROOT.replace(".example", ".example:443")]),
        st.sampled_from(["", "/", "/acme", "/acme/web", "/acme/web/"]),
        st.sampled_from(["", "?", "?skills=triage"]),
    ),
    st.text("/.%2eE?#@\\ab:&=- \t\n\u00e9", max_size=3),
)


def test_any_text_is_a_resource_of_ours_or_refused() -> None:
    """RES-1: what is accepted is at our address, as another parser than ours reads it, too."""
    outcomes: Counter[bool] = Counter()

    @given(RESOURCES)
    def judge(text: str) -> None:
        try:
            resource = parse_resource(ROOT, text)
        except OAuthError:
            outcomes[False] += 1
            return
        outcomes[True] += 1
        written = urlsplit(text)
        assert Resource(ROOT).covers(resource)
        assert (written.scheme, written.hostname, written.port or 443) == ("https", "mcp.acme.example", 443)
        assert written.path.removesuffix("/") == urlsplit(resource.url).path

    judge()

    assert min(outcomes[True], outcomes[False]) >= 20


def test_a_query_has_one_alphabet() -> None:
    """META-3."""
    assert is_query("skills=inspect,triage&x=%20")
    assert not any(map(is_query, ['a"b', "a b", "a\r\n", "ü", "a" * 257]))
