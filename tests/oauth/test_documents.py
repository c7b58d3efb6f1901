"""Client documents: what a stranger's URL may make us do, and what its document proves (CIMD-1..8)."""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_sentry_mcp import clock, signals
from flask_sentry_mcp.config import Settings
from flask_sentry_mcp.oauth import fetching
from flask_sentry_mcp.oauth.fetching import DocumentRefused, Fetched, Fetcher
from flask_sentry_mcp.sandbox import Sandbox
from flask_sentry_mcp.security.addresses import is_public
from tests.oauth.document_host import HOST, ID, REDIRECT, DocumentHost, answer, document, document_host, slowly
from tests.oauth.person import HTML, ISSUER, Person, answer_in, make_provider
from tests.store.processes import forked
from tests.waiting import until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[DocumentHost]:
    with document_host(tmp_path) as host:
        yield host


def person_at(fetcher: Fetcher, **settings: Any) -> Person:
    return Person(make_provider(fetcher=fetcher, **settings))


def come_from(number: int) -> dict[str, str]:
    """The headers of a browser at an address of its own, behind a proxy."""
    return {**HTML, "X-Forwarded-For": f"198.51.100.{number}"}


def is_generic(answer: TestResponse) -> bool:
    """Whether *answer* is the one that tells nothing (CIMD-7)."""
    return answer.status_code == 400 and "could not be fetched, or is not in order" in answer.text


# -- the good case ----------------------------------------------------------------------------------------------------


def test_a_client_by_its_document(host: DocumentHost) -> None:
    """CIMD-8: the page shows the host, which is proven, beside the name, which is not."""
    person = person_at(host.fetcher())

    page = person.open(ID, redirect_uri=REDIRECT)

    assert page.status_code == 200
    assert "Let <bdi>Editor</bdi> use Sentry" in page.text
    assert f"An app published by <strong>{HOST}</strong>" in page.text
    assert 'class="note"' not in page.text
    assert person.press(page).status_code == 303


def test_what_we_say_to_the_host(host: DocumentHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CIMD-3, CIMD-4: its name in SNI and Host; no cookie, no credentials of a netrc file, no proxy in between."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    person_at(host.fetcher()).open(f"{ID}?v=1", redirect_uri=REDIRECT)

    (request,) = host.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /client.json?v=1 HTTP/1.1"
    assert sorted(line for line in lines[1:] if line) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        f"Host: {HOST}",
        "User-Agent: flask-sentry-mcp",
    ]
    assert host.names == [HOST]
    assert host.resolved == [HOST]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("https://elsewhere.example/cb", f"another site than {HOST}"),
        ("http://127.0.0.1:5000/cb", "A program on this computer."),
        ("cursor://x/cb", "Whichever app on this device"),
    ],
)
def test_an_answer_that_goes_elsewhere_is_pointed_out(host: DocumentHost, uri: str, sentence: str) -> None:
    """CIMD-8: a document proves nothing about a program on this computer."""
    host.publish(redirect_uris=[uri])

    assert sentence in person_at(host.fetcher()).open(ID, redirect_uri=uri).text


def test_a_document_that_changes_meanwhile_changes_nothing(host: DocumentHost) -> None:
    """REDIR-7: what was fetched at authorize counts to the end of the sign-in."""
    host.publish("Cache-Control: no-store")
    person = person_at(host.fetcher())
    page = person.open(ID, redirect_uri=REDIRECT)
    host.publish("Cache-Control: no-store", redirect_uris=["https://evil.example/cb"])

    approved, denied = person.press(page), person.press(page, "deny")

    assert approved.status_code == 303
    assert answer_in(denied.location)["error"] == "access_denied"
    assert denied.location.startswith(REDIRECT)
    assert len(host.requests) == 1


def test_a_document_client_gets_its_tokens_and_keeps_them(host: DocumentHost, sandbox: Sandbox) -> None:
    """CIMD-2: from the document to a refresh; once it is signed in, its host may be gone."""
    host.publish("Cache-Control: no-store")
    person = person_at(host.fetcher(), **sandbox.settings())
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    page = person.open(ID, redirect_uri=REDIRECT, code_challenge=challenge)
    back = person.browser.get(sandbox.approve(person.press(page).location, user="mira"))
    assert back.location.startswith(f"{REDIRECT}?")
    host.reply = answer(b"", status="410 Gone")

    def ask(**form: str) -> dict[str, Any]:
        found = person.browser.post(f"{ISSUER}/oauth/token", data={"client_id": ID, **form}).get_json()
        assert isinstance(found, dict)
        return found

    tokens = ask(
        grant_type="authorization_code",
        code=answer_in(back.location)["code"],
        redirect_uri=REDIRECT,
        code_verifier=verifier,
    )
    again = ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    assert tokens["access_token"] != again["access_token"]
    assert len(host.requests) == 1


# -- the id -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "client_id",
    [
        "https://app.example",
        "https://app.example/",
        "https://app.example?x",
        "https://App.example/c",
        "https://app.example:8443/c",
        "https://app.example:80/c",
        "https://user@app.example/c",
        "https://app.example/c#",
        "https://app.example/a/../c",
        "https://app.example/a/%2e%2e/c",
        "https://app.example\\@127.0.0.1/c",
        "https://app.example/c d",
        "https://app.example./c",
        "https://localhost/c",
        "https://host/c",
        "https://printer.local/c",
        "https://db.internal/c",
        "https://a.localhost/c",
        "https://a.test/c",
        "https://127.0.0.1/c",
        "https://10.0.0.1/c",
        "https://2130706433/c",
        "https://0x7f.1/c",
        "https://[::1]/c",
        "https://[2606:4700::1]/c",
        "https://äpp.example/c",
        "https://mcp.acme.example/c",
        "https://app.example/" + "a" * 1024,
    ],
)
def test_ids_that_are_not_looked_up(client_id: str) -> None:
    """B9, CIMD-1: refused before any name is resolved."""
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return []

    person = person_at(Fetcher(resolve=resolve), SENTRY_MCP_PUBLIC_URL="https://mcp.acme.example")

    assert is_generic(person.open(client_id))
    assert asked == []


@pytest.mark.parametrize(
    ("settings", "is_taken"),
    [
        ({}, True),
        ({"SENTRY_MCP_CLIENT_DOMAINS": "other.example app.example"}, True),
        ({"SENTRY_MCP_CLIENT_DOMAINS": "example"}, True),
        ({"SENTRY_MCP_CLIENT_DOMAINS": "pp.example"}, False),
        ({"SENTRY_MCP_CLIENT_DOMAINS": "www.app.example"}, False),
        ({"SENTRY_MCP_REFUSED_CLIENT_DOMAINS": "app.example"}, False),
        ({"SENTRY_MCP_REFUSED_CLIENT_DOMAINS": "pp.example"}, True),
        ({"SENTRY_MCP_CLIENT_DOMAINS": "example", "SENTRY_MCP_REFUSED_CLIENT_DOMAINS": "app.example"}, False),
    ],
)
def test_an_operator_may_list_domains(host: DocumentHost, settings: dict[str, str], is_taken: bool) -> None:
    """CIMD-8: a domain and what is below it; those that are refused look like every other refusal."""
    answer = person_at(host.fetcher(), **settings).open(ID, redirect_uri=REDIRECT)

    assert answer.status_code == 200 if is_taken else is_generic(answer)
    assert bool(host.requests) is is_taken


def test_a_name_of_a_closed_network_is_taken_if_it_is_listed() -> None:
    """CIMD-1: its address is judged like any other."""
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"]

    person = person_at(Fetcher(resolve=resolve), SENTRY_MCP_CLIENT_DOMAINS="corp.internal")

    for host in ("editor.corp.internal", "editor.other.internal"):
        assert is_generic(person.open(f"https://{host}/c"))
    assert asked == ["editor.corp.internal"]


def test_documents_can_be_switched_off(host: DocumentHost) -> None:
    person = person_at(host.fetcher(), SENTRY_MCP_CLIENT_DOCUMENTS=False)

    assert is_generic(person.open(ID, redirect_uri=REDIRECT))
    assert host.requests == []


# -- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
        *("192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::"),
        *(
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::1%eth0",
            "2606:4700::1111%eth0",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ),
        *("2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:a00:1", "100::1", "", "localhost", "1.2.3", "127.1"),
    ],
)
def test_other_addresses(address: str) -> None:
    """B9, CIMD-3: this machine, closed networks, cloud metadata, and IPv6 that carries any of them."""
    assert not is_public(address)


def test_one_bad_address_refuses_the_name(host: DocumentHost) -> None:
    """CIMD-3: nothing is sent, not even to the good one."""
    person = person_at(host.fetcher("93.184.215.14", "127.0.0.1", is_allowed=is_public))

    assert is_generic(person.open(ID))
    assert host.names == []


def test_a_name_is_resolved_once(host: DocumentHost) -> None:
    """CIMD-3: a second answer, which could lead elsewhere, is never asked for (DNS rebinding)."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    fetcher = Fetcher(
        resolve=lambda _: next(answers), is_allowed=lambda _: True, port=host.port, ca_certs=host.ca_certs
    )

    assert person_at(fetcher).open(ID, redirect_uri=REDIRECT).status_code == 200
    assert next(answers) == ["169.254.169.254"]


def test_a_fork_goes_on_with_threads_of_its_own(host: DocumentHost) -> None:
    """A server that loads the application first and then forks: in the child its parent's threads do not exist."""
    fetcher = host.fetcher()

    def fetch() -> None:
        assert fetcher.fetch(ID, HOST, "/client.json").body

    fetch()

    assert forked(fetch)


def test_the_next_address_is_tried_when_one_takes_no_connection(host: DocumentHost) -> None:
    assert person_at(host.fetcher("127.0.0.2", "127.0.0.1")).open(ID, redirect_uri=REDIRECT).status_code == 200


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with document_host(tmp_path, "other.example") as host:
        assert is_generic(person_at(host.fetcher()).open(ID))
        assert host.requests == []


def test_a_certificate_of_nobody_we_trust_is_refused(host: DocumentHost) -> None:
    assert is_generic(person_at(host.fetcher(ca_certs=None)).open(ID))
    assert host.requests == []


def test_production_has_the_guard_and_no_way_around_it() -> None:
    """The tests' own resolver and addresses come in by arguments that no setting reaches."""
    provider = make_provider()

    assert provider.fetcher._is_allowed is is_public
    assert provider.fetcher._resolve is fetching.resolve
    assert provider.fetcher._port == 443
    assert not any("fetch" in name or "resolve" in name for name in Settings.__dataclass_fields__)


# -- the answer -------------------------------------------------------------------------------------------------------

GOOD = json.dumps(document()).encode()


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"", f"Location: {ID}2", status="302 Found"),
        answer(b"", "Location: http://169.254.169.254/", status="301 Moved Permanently"),
        answer(GOOD, status="404 Not Found"),
        answer(GOOD, status="500 Internal Server Error"),
        answer(GOOD, status="206 Partial Content"),
        answer(GOOD, media_type="text/html"),
        answer(GOOD, media_type="application/jsonp"),
        answer(GOOD, "Content-Encoding: gzip"),
        answer(GOOD + b" " * 5120),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + GOOD + b" " * 5120,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n" + GOOD,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n" + GOOD,
        b"nonsense",
        b"",
    ],
)
def test_answers_that_are_not_used(host: DocumentHost, reply: bytes) -> None:
    """CIMD-4: no redirect is followed, nothing large or unusual is read."""
    host.reply = reply

    assert is_generic(person_at(host.fetcher()).open(ID))
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        slowly(answer(GOOD), 0.2),
        slowly(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100, 0.2),
        lambda _: time.sleep(20),
    ],
)
def test_a_slow_host_holds_nobody(host: DocumentHost, reply: Any) -> None:
    """CIMD-4: one clock runs over all of it, a byte now and then does not turn it back; the worker is free again."""
    host.reply = reply
    fetcher = host.fetcher(deadline_s=0.3)
    person = person_at(fetcher)
    started = time.monotonic()

    assert is_generic(person.open(ID))

    until(lambda: not fetcher._flying)
    assert time.monotonic() - started < 15


def test_a_host_that_never_answers_the_handshake_holds_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        fetcher = Fetcher(
            resolve=lambda _: ["127.0.0.1"],
            is_allowed=lambda _: True,
            port=mute.getsockname()[1],
            deadline_s=0.3,
        )
        started = time.monotonic()

        assert is_generic(person_at(fetcher).open(ID))
        assert time.monotonic() - started < 15


def test_a_slow_resolver_holds_nobody() -> None:
    release = threading.Event()

    def resolve(host: str) -> list[str]:
        release.wait(30)
        return []

    started = time.monotonic()
    assert is_generic(person_at(Fetcher(resolve=resolve, deadline_s=0.2)).open(ID))
    release.set()
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": f"{ID}/"},
        {"client_id": ID.upper()},
        {"client_name": None},
        {"client_name": ""},
        {"client_name": "a\u202eb"},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"client_secret": "x"},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ""},
        {"jwks": {"keys": [{"kty": "RSA", "d": "x"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}},
        {"grant_types": ["client_credentials"]},
    ],
)
def test_documents_that_are_not_in_order(host: DocumentHost, changes: dict[str, Any]) -> None:
    """CIMD-5."""
    host.reply = answer(
        json.dumps({**document(), **changes} if None not in changes.values() else document(**changes)).encode()
    )

    assert is_generic(person_at(host.fetcher()).open(ID))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"client_id": 1, "client_id": 2}', b"\xff", b"[" * 900])
def test_bodies_that_are_no_documents(host: DocumentHost, body: bytes) -> None:
    """CIMD-5, JSON-1."""
    host.reply = answer(body)

    assert is_generic(person_at(host.fetcher()).open(ID))


def test_all_refusals_look_the_same(host: DocumentHost) -> None:
    """CIMD-7: nobody learns from us whether a host of the inner network exists."""
    texts = set()
    for fetcher, reply in (
        (Fetcher(resolve=lambda _: []), b""),
        (host.fetcher("10.0.0.1", is_allowed=is_public), b""),
        (host.fetcher(), answer(b"", status="404 Not Found")),
        (host.fetcher(ca_certs=None), answer(GOOD)),
    ):
        host.reply = reply
        page = person_at(fetcher).open(ID)
        texts.add(re.sub(r"[0-9a-f]{32}", "", page.text))

    assert len(texts) == 1


# -- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "kept_s"),
    [
        ((), 300),
        (("Cache-Control: max-age=60",), 60),
        (("Cache-Control: public, max-age=60, s-maxage=120",), 120),
        (("Cache-Control: s-maxage=120, max-age=60",), 120),
        (("Cache-Control: max-age=999999999",), 86_400),
        (("Cache-Control: max-age=0",), 0),
        (("Cache-Control: no-store",), 0),
        (("Cache-Control: no-cache, max-age=60",), 0),
        (('Cache-Control: private="x", max-age=60',), 0),
        (("Expires: Thu, 01 Jan 2020 00:00:00 GMT",), 0),
        (("Expires: never",), 0),
        (("Expires: Mon, 01 Jan 2000 00:00:00 +99999999999999999999",), 0),
        (("Expires: Fri, 01 Jan 2100 00:00:00 GMT",), 86_400),
        (("Cache-Control: max-age=x",), 300),
    ],
)
def test_a_document_is_kept_as_long_as_it_says(host: DocumentHost, headers: tuple[str, ...], kept_s: int) -> None:
    """CIMD-6: at most a day."""
    host.publish(*headers)
    person = person_at(host.fetcher())
    person.open(ID)

    fetches = []
    for shift_s in (max(kept_s - 5, 0), kept_s + 5):
        with clock.shifted(shift_s):
            person.open(ID)
            fetches.append(len(host.requests))

    assert fetches == ([2, 3] if kept_s == 0 else [1, 2])


def test_a_failure_is_not_kept(host: DocumentHost) -> None:
    """CIMD-6."""
    person = person_at(host.fetcher())
    host.reply = answer(b"", status="500 Internal Server Error")
    person.open(ID)
    host.publish()

    assert person.open(ID, redirect_uri=REDIRECT).status_code == 200


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_KEPT", 2)
    fetcher = Fetcher()
    for name in ("a", "b"):
        fetcher.keep(name, {"name": name}, 60)
    fetcher.recall("a")
    fetcher.keep("c", {"name": "c"}, 60)

    assert [fetcher.recall(name) is not None for name in ("a", "b", "c")] == [True, False, True]


def test_those_who_come_together_share_one_fetch(host: DocumentHost) -> None:
    """CIMD-6."""
    fetcher, all_are_there = host.fetcher(), threading.Barrier(8)

    def reply(connection: socket.socket) -> None:
        time.sleep(1)
        connection.sendall(answer(GOOD, "Cache-Control: no-store"))

    def fetch(_: int) -> Fetched:
        all_are_there.wait()
        return fetcher.fetch(ID, HOST, "/client.json")

    host.reply = reply
    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(fetch, range(8)))

    assert [one.body for one in fetched] == [GOOD] * 8
    assert len(host.requests) == 1


def test_a_sign_in_that_joins_a_fetch_is_not_counted(host: DocumentHost) -> None:
    """CIMD-6: ten fetches a minute are not ten people a minute."""
    provider = make_provider(fetcher=host.fetcher())
    released = threading.Event()

    def reply(connection: socket.socket) -> None:
        released.wait(2)
        connection.sendall(answer(GOOD))

    host.reply = reply
    with ThreadPoolExecutor(15) as pool:
        opened = [pool.submit(Person(provider).open, ID, redirect_uri=REDIRECT) for _ in range(15)]
        time.sleep(0.1)
        released.set()

    assert [one.result().status_code for one in opened] == [200] * 15


def test_one_address_does_not_use_up_what_is_there_for_all() -> None:
    """CIMD-6: whoever makes ids up is stopped before others are."""
    person = person_at(Fetcher(resolve=lambda _: []), SENTRY_MCP_TRUSTED_PROXY_HOPS=1)

    statuses = [person.open(f"https://a{number}.example/c", come_from(1)).status_code for number in range(25)]

    assert statuses == [400] * 20 + [429] * 5
    assert person.open("https://b.example/c", come_from(2)).status_code == 400


def test_there_is_a_limit_for_all_together() -> None:
    """CIMD-6: sixty fetches a minute, whoever asks for them."""
    person = person_at(Fetcher(resolve=lambda _: []), SENTRY_MCP_TRUSTED_PROXY_HOPS=1)

    statuses = [person.open(f"https://a{number}.example/c", come_from(number % 4)).status_code for number in range(61)]

    assert statuses == [400] * 60 + [429]


def test_nothing_is_resolved_for_those_who_gave_up() -> None:
    """CIMD-4: what waited for a worker until its time was over is not begun."""
    released, asked = threading.Event(), []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        released.wait(5)
        return []

    fetcher = Fetcher(resolve=resolve, deadline_s=0.2)
    with ThreadPoolExecutor(9) as pool:
        for number in range(9):
            pool.submit(fetcher.fetch, f"https://a{number}.example/c", f"a{number}.example", "/c")
    released.set()
    fetcher._workers.shutdown()

    assert len(asked) == 8


def test_whatever_an_answer_makes_fail_is_a_refusal(host: DocumentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIMD-7: a host that finds an input which we did not think of gets no fault of ours for it."""
    monkeypatch.setattr(fetching, "_life_s", lambda _: 1 // 0)

    assert is_generic(person_at(host.fetcher()).open(ID))


def test_one_host_is_asked_ten_times_a_minute(host: DocumentHost) -> None:
    """CIMD-6, RATE-1."""
    host.publish("Cache-Control: no-store")
    person = person_at(host.fetcher())

    statuses = [person.open(ID, redirect_uri=REDIRECT).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert len(host.requests) == 10


def test_a_refusal_says_why_in_the_log_alone(host: DocumentHost, caplog: pytest.LogCaptureFixture) -> None:
    """CIMD-7, LOG-2: with the host, not with the whole address."""
    host.reply = answer(b"", status="418 Teapot")

    person_at(host.fetcher()).open(f"{ID}?secret=1")

    assert f"client document at {HOST} refused: status 418" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(("body", "reason"), [(b"{}", "client_id"), (b"{", "metadata")])
def test_a_refusal_is_told_with_its_reason(host: DocumentHost, body: bytes, reason: str) -> None:
    """LOG-5: to those who keep watch, in words of ours alone."""
    events: list[dict[str, Any]] = []

    def note(_: object, **payload: Any) -> None:
        events.append(payload)

    host.reply = answer(body)
    with signals.suspicious.connected_to(note):
        person_at(host.fetcher()).open(ID)

    assert events == [{"event": "document_refused", "client_id": HOST, "grant_id": "", "reason": reason}]


def test_a_fetcher_can_fail_by_itself() -> None:
    with pytest.raises(DocumentRefused, match="dns"):
        Fetcher(resolve=_no_such_name).fetch("https://a.example/c", "a.example", "/c")


def _no_such_name(host: str) -> list[str]:
    raise socket.gaierror(-2, "Name or service not known")
