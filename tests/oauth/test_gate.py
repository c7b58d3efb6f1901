"""The gate: what no OAuth code ever sees (GATE-1..7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sentry_mcp.errors import OAuthError
from flask_sentry_mcp.oauth.gate import Arrival, GatedRequest, gate_form, gate_query, wants_html

FORM = "application/x-www-form-urlencoded"


def form(body: bytes | None, content_type: str | None = FORM, query: bytes = b"") -> GatedRequest:
    return gate_form(Arrival(method="POST", body=body, content_type=content_type, query=query))


def query(raw: bytes, limit: int = 8192) -> GatedRequest:
    return gate_query(Arrival(method="GET", query=raw), limit=limit)


def test_reads_a_form() -> None:
    gated = form(b"grant_type=authorization_code&scope=a+b%20c&empty=&code=x%C3%A9")

    assert gated.params == {"grant_type": "authorization_code", "scope": "a b c", "code": "xé"}


def test_empty_values_count_as_absent() -> None:
    """GATE-4."""
    assert query(b"state=&client_id=a").params == {"client_id": "a"}


@pytest.mark.parametrize("content_type", [FORM + "; charset=utf-8", FORM.upper(), f" {FORM} "])
def test_parameters_of_the_media_type_are_allowed(content_type: str) -> None:
    assert form(b"a=b", content_type).params == {"a": "b"}


@pytest.mark.parametrize(
    "content_type", [None, "", ";", "application/json", "multipart/form-data; boundary=x", "text/plain"]
)
def test_another_media_type_is_refused(content_type: str | None) -> None:
    """GATE-1; Authlib quirk 8: it takes multipart bodies."""
    with pytest.raises(OAuthError, match="urlencoded"):
        form(b"a=b", content_type)


@pytest.mark.parametrize("name", ["code", "client_secret", "refresh_token", "token", "resource", "cod%65"])
def test_oauth_parameters_in_the_address_are_refused(name: str) -> None:
    """GATE-2; Authlib quirk 8: it reads them. Tokens in addresses end up in logs."""
    with pytest.raises(OAuthError, match="not in the address"):
        form(b"a=b", query=f"{name}=x".encode())


@pytest.mark.parametrize("body", [b"code=a&code=b", b"code=a&code=a", b"code=&code=a", b"anything=1&anything=1"])
def test_a_repeated_parameter_is_refused(body: bytes) -> None:
    """GATE-3; Authlib quirk 6: it looks at five names, at authorize only."""
    with pytest.raises(OAuthError, match="more than once") as caught:
        form(body)

    assert caught.value.code == "invalid_request"


def test_resource_may_repeat_if_it_says_the_same() -> None:
    """GATE-3."""
    assert form(b"resource=a&resource=a").params["resource"] == "a"
    with pytest.raises(OAuthError) as caught:
        form(b"resource=a&resource=b")
    assert caught.value.code == "invalid_target"


def test_the_browser_steps_are_told_what_is_repeated() -> None:
    """The caller judges: some of it may be answered by redirect (section 9)."""
    assert query(b"state=a&state=b&scope=x&scope=x&resource=r&resource=r").repeated == {"state", "scope"}


@pytest.mark.parametrize(
    "raw",
    [
        b"a=%",
        b"a=%4",
        b"a=%zz",
        b"a=%ff",
        b"a=\xff",
        b"%C3=b",
        b"a=%ED%A0%80",
        b"a=%00",
        b"a=x%0ay",
        b"a=%7F",
        b"%0a=b",
    ],
)
def test_broken_encodings_and_control_characters_are_refused(raw: bytes) -> None:
    """GATE-6; Authlib quirk 4: such bytes end in a 500."""
    for read in (query, form):
        with pytest.raises(OAuthError) as caught:
            read(raw)
        assert caught.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("raw", "allowed"),
    [
        (b"client_id=" + b"a" * 2048, True),
        (b"client_id=" + b"a" * 2049, False),
        (b"redirect_uri=" + b"a" * 2049, False),
        (b"state=" + b"a" * 4096, True),
        (b"state=" + b"a" * 4097, False),
        (b"&".join(b"p%d=1" % n for n in range(40)), True),
        (b"&".join(b"p%d=1" % n for n in range(41)), False),
    ],
)
def test_sizes(raw: bytes, allowed: bool) -> None:
    """GATE-5, GATE-6."""
    if allowed:
        assert query(raw).params
    else:
        with pytest.raises(OAuthError):
            query(raw)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("client_secret", 512),
        ("code", 256),
        ("refresh_token", 512),
        ("resource", 512),
        ("scope", 1_000),
        ("token", 512),
    ],
)
def test_sizes_of_what_is_posted(name: str, most: int) -> None:
    """GATE-6."""
    assert form(f"{name}={'a' * most}".encode()).params[name]
    with pytest.raises(OAuthError):
        form(f"{name}={'a' * (most + 1)}".encode())


def test_a_long_address_and_a_large_body_are_refused() -> None:
    """GATE-5: 414 for the address, 413 for a body that was cut off."""
    with pytest.raises(OAuthError) as long:
        query(b"a=" + b"b" * 100, limit=100)
    with pytest.raises(OAuthError) as large:
        form(None)

    assert (long.value.http_status, large.value.http_status) == (414, 413)


@pytest.mark.parametrize("verifier", [b"a" * 42, b"a" * 129, b"a" * 42 + b"%0A", b"a" * 42 + b"!"])
def test_a_verifier_of_another_form_is_refused(verifier: bytes) -> None:
    """GATE-6: Authlib's patterns end in $ and let a newline pass."""
    with pytest.raises(OAuthError):
        form(b"code_verifier=" + verifier)


@pytest.mark.parametrize(
    ("accept", "html"), [("text/html,*/*", True), ("TEXT/HTML", True), ("*/*", False), ("", False)]
)
def test_who_reads_the_answer(accept: str, html: bool) -> None:
    """GATE-7."""
    assert wants_html(accept) is html
    assert gate_query(Arrival(method="GET", accept=accept), limit=10).is_html is html


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No input ends in anything but clean parameters or an OAuth error."""
    try:
        values = form(raw).params.values()
    except OAuthError:
        return
    assert not any(ord(character) < 32 or character == "\x7f" for value in values for character in value)
    assert all(values)
