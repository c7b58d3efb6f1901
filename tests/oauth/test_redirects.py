"""Redirect URIs: which may be registered, which match, how an answer is appended (REDIR-1..6)."""

import ipaddress
import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sentry_mcp.oauth.redirects import is_acceptable, matches, with_params
from tests.mutations import nearly

SCHEMES = ("cursor", "vscode")


@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://app.example:8443/cb?keep=%20this",
        "https://[2001:db8::1]/cb",
        "HTTPS://App.Example/cb",
        "http://127.0.0.1:43117/callback",
        "http://127.8.9.10/cb",
        "http://[::1]:5000/",
        "http://localhost",
        "http://LOCALHOST:1/cb",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "Cursor://anysphere/cb",
        "com.example.app:/oauth",
        "com.example.app:///oauth",
    ],
)
def test_accepts(uri: str) -> None:
    """REDIR-1..3."""
    assert is_acceptable(uri, SCHEMES)


@pytest.mark.parametrize(
    "uri",
    [
        # characters, before any parser sees them
        "",
        " https://app.example/cb",
        "https://app.example/cb ",
        "https://app.example/cb\n",
        "\thttps://app.example/cb",
        "ht\ntps://app.example/cb",
        'https://app.example/"cb',
        "https://app.example/<b>",
        "http://evil.com\\@127.0.0.1/",
        "https://app.example/%zz",
        "https://app.example/ü",
        "https://аpp.example/cb",  # noqa: RUF001 - a Cyrillic look-alike is the point
        "https://app.example/" + "a" * 2048,
        # what it names
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "https:",
        "https://",
        "https:///cb",
        "https:/app.example",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://user@app.example/cb",
        "https://user:pass@app.example/cb",
        "cursor://user@host/cb",
        "https://app.example:0/cb",
        "https://app.example:65536/cb",
        "https://app.example:/cb",
        "https://app.example:80:80/cb",
        "https://app%2eexample/cb",
        "https://[1:2]/cb",
        "https://[:::]/cb",
        "https://[127.0.0.1]/cb",
        "http://[127.0.0.1]/cb",
        "com.example.app://[::g]/cb",
        "https://app.example/a/../cb",
        "https://app.example/a/%2e%2E/cb",
        "https://app.example/./cb",
        "https://app.example/a%2f..%2fcb",
        "com.example.app:/../cb",
        # parameters of the answer
        "https://app.example/cb?code=1",
        "https://app.example/cb?a=b&state",
        "https://app.example/cb?%69ss=x",
        "https://app.example/cb?a;error=x",
        "https://app.example/cb?error_description=x",
        # plain http beyond this computer
        "http://app.example/cb",
        "http://127.1/cb",
        "http://0x7f000001/cb",
        "http://2130706433/cb",
        "http://127.0.0.01/cb",
        "http://0.0.0.0/cb",
        "http://[::]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::1%25lo]/cb",
        "http://localhost./cb",
        "http://foo.localhost/cb",
        "http://localhost.evil.com/cb",
        "http://127.0.0.1.evil.com/cb",
        # schemes
        "javascript:alert(1)",
        "javascript://x/%0aalert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://app.example/x",
        "intent://x",
        "ms-settings:x",
        "ms-word.document:x",
        "chrome-extension://abc/cb",
        "unlisted://cb",
        "1cursor://cb",
    ],
)
def test_refuses(uri: str) -> None:
    """B11, REDIR-1..3. Authlib's own registration accepts script URIs (quirk 17)."""
    assert not is_acceptable(uri, SCHEMES)


@pytest.mark.parametrize("scheme", ["javascript", "data", "ms-settings", "file", "http"])
def test_dangerous_schemes_are_refused_even_when_listed(scheme: str) -> None:
    """REDIR-3."""
    assert not is_acceptable(f"{scheme}://x/cb", (scheme,))


@pytest.mark.parametrize(
    ("presented", "registered"),
    [
        ("https://a.example/cb", "https://a.example/cb"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:43117/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:43117/cb"),
        ("http://LOCALHOST:1/cb", "http://localhost:2/cb"),
        ("http://[::1]:1/cb", "http://[::1]/cb"),
        ("http://127.0.0.1:1", "http://127.0.0.1/"),
        ("http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:2/cb?x=1"),
    ],
)
def test_matches(presented: str, registered: str) -> None:
    """REDIR-4: the same text, or the same loopback address on any port."""
    assert matches(presented, registered)


@pytest.mark.parametrize(
    ("presented", "registered"),
    [
        ("https://a.example/cb/", "https://a.example/cb"),
        ("https://A.example/cb", "https://a.example/cb"),
        ("https://a.example:443/cb", "https://a.example/cb"),
        ("https://a.example/c%62", "https://a.example/cb"),
        ("https://a.example/cb?x", "https://a.example/cb"),
        ("https://a.example.evil.com/cb", "https://a.example/cb"),
        ("http://localhost:1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.2/cb", "http://127.0.0.1/cb"),
        ("https://127.0.0.1:1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1:1/cb/", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1:1/cb?", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1:1/cb?x=2", "http://127.0.0.1:1/cb?x=1"),
        ("http://user@127.0.0.1:1/cb", "http://127.0.0.1:1/cb"),
        ("cursor://a:1/cb", "cursor://a:2/cb"),
    ],
)
def test_does_not_match(presented: str, registered: str) -> None:
    """REDIR-4: nothing is normalised, and the port is free on loopback alone."""
    assert not matches(presented, registered)


@pytest.mark.parametrize(
    ("uri", "answer"),
    [
        ("https://a.example/cb", "https://a.example/cb?code=c%20%26&iss=i"),
        ("https://a.example/cb?", "https://a.example/cb?code=c%20%26&iss=i"),
        ("https://a.example/cb?a=%20b", "https://a.example/cb?a=%20b&code=c%20%26&iss=i"),
        ("https://a.example/cb?flag", "https://a.example/cb?flag&code=c%20%26&iss=i"),
        ("https://a.example/cb?a?b", "https://a.example/cb?a?b&code=c%20%26&iss=i"),
        ("myapp.x:///cb", "myapp.x:///cb?code=c%20%26&iss=i"),
        ("myapp.x:/cb", "myapp.x:/cb?code=c%20%26&iss=i"),
        ("http://127.0.0.1:5", "http://127.0.0.1:5?code=c%20%26&iss=i"),
    ],
)
def test_an_answer_leaves_the_registered_bytes_alone(uri: str, answer: str) -> None:
    """REDIR-6; Authlib quirk 5: it re-encodes the query and drops a slash of three."""
    assert with_params(uri, {"code": "c &", "iss": "i"}) == answer


URIS = nearly(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(
            [
                *("https://a.example", "https://a.example:8443", "http://127.0.0.1:5", "http://[::1]"),
                *("http://localhost", "cursor://x", "com.example.app:/"),
            ]
        ),
        st.sampled_from(["", "/cb", "/a/b", "/%61"]),
        st.sampled_from(["", "?", "?x=1"]),
    ),
    st.text("/.%2eE?#@\\ab:&=[] \t\n\u00e9", max_size=3),
)


def test_whatever_is_accepted_names_one_safe_place() -> None:
    """REDIR-1: as another parser than ours reads it, too."""
    outcomes: Counter[bool] = Counter()

    @given(URIS)
    def judge(uri: str) -> None:
        accepted = is_acceptable(uri, SCHEMES)
        outcomes[accepted] += 1
        if accepted:
            parts = urlsplit(uri)
            assert re.fullmatch("[!-~]+", uri)
            assert not {"#", "\\"} & set(uri)
            assert "@" not in parts.netloc
            if parts.scheme == "http":
                assert parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
            else:
                assert parts.hostname if parts.scheme == "https" else parts.scheme in SCHEMES or "." in parts.scheme

    judge()

    assert min(outcomes[True], outcomes[False]) >= 20
