"""Things that go wrong on order, in this process and from another one."""

import time

import pytest
import requests

from flask_sentry_mcp.sandbox import Fault, Sandbox
from tests.sandbox.asking import Asker

PATH = "organizations/northwind/"


def test_a_status_with_body_and_headers_as_often_as_ordered(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, status=429, headers={"Retry-After": "3"}, body={"detail": "slow down"}, times=2)

    answers = [writer.get(PATH) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[0].json() == {"detail": "slow down"}
    assert "X-Sentry-Rate-Limit-Reset" in answers[0].headers


def test_html_of_a_proxy_where_json_was_due(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, html=True)

    answer = writer.get(PATH)

    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "text/html"
    assert "X-Sentry-Rate-Limit-Reset" not in answer.headers


def test_html_with_200(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, html=True, status=200)

    assert writer.get(PATH).text.startswith("<!doctype html>")


def test_a_dropped_connection_is_seen_and_logged(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, drop=True, times=1)

    with pytest.raises(requests.ConnectionError):
        writer.get(PATH)

    assert own.requests[-1].status == 0
    assert writer.get(PATH).status_code == 200


def test_a_delay_gives_the_true_answer_late(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, delay_s=0.15)
    started = time.monotonic()

    answer = writer.get(PATH)

    assert answer.status_code == 200
    assert 0.15 <= time.monotonic() - started < 10


def test_stopping_does_not_wait_for_a_delay() -> None:
    sandbox = Sandbox().start()
    sandbox.faults.add(delay_s=60)
    connection = requests.Session()
    started = time.monotonic()

    with pytest.raises(requests.Timeout):
        connection.get(f"{sandbox.url}/api/0/auth/", timeout=0.05)
    sandbox.stop()
    connection.close()

    assert time.monotonic() - started < 30


def test_fields_can_be_lost_at_any_depth(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path=PATH, without=["links", "features"])

    body = writer.get(PATH).json()

    assert "links" not in body
    assert "features" not in body["projects"][0]
    assert body["slug"] == "northwind"


def test_a_fault_keeps_to_its_region_and_method(writer: Asker, own: Sandbox) -> None:
    own.faults.add(path="organizations/", region="de", status=500, body={"detail": "Internal Error", "errorId": "ab"})
    own.faults.add(path="*/notes/", method="POST", status=403)
    notes = f"{PATH}issues/CHECKOUT-API-4F/notes/"

    statuses = [writer.get("organizations/", at=at).status_code for at in ("control", "us", "de")]

    assert statuses == [200, 200, 500]
    assert writer.get(notes).status_code == 200
    assert writer.ask("POST", notes, json={"text": "x"}).status_code == 403


def test_the_oauth_endpoints_can_fail_too(own: Sandbox, browser: requests.Session) -> None:
    own.faults.add(path="/oauth/token/", status=503)

    assert browser.post(f"{own.url}/oauth/token/", {}, timeout=10).status_code == 503


def test_an_order_with_an_unknown_field_is_a_mistake(own: Sandbox) -> None:
    with pytest.raises(TypeError):
        own.faults.add(route=PATH)

    assert Fault(path="a*").matches("GET", "/api/0/abc", "us")
    assert not Fault(path="a*").matches("GET", "/abc", "us")


# -- the log --------------------------------------------------------------------------------------------------------


def test_the_log_says_exactly_what_was_sent(writer: Asker, own: Sandbox) -> None:
    own.requests.clear()
    headers = {"X-Sentry-MCP-Client-Family": "cursor"}

    writer.ask("PUT", f"{PATH}issues/CHECKOUT-API-4F/", at="us", json={"status": "resolved"}, headers=headers)
    writer.get(f"{PATH}releases/a%2Fb/?project=1&project=2&query=")

    put, get = own.requests
    assert (put.method, put.silo, put.host, put.status) == ("PUT", "us", own.region_hosts[0], 200)
    assert put.path == "/api/0/organizations/northwind/issues/CHECKOUT-API-4F/"
    assert put.body == {"status": "resolved"}
    assert put.headers["Authorization"] == writer.session.headers["Authorization"]
    assert put.headers["X-Sentry-Mcp-Client-Family"] == "cursor"
    assert put.headers["Content-Type"] == "application/json"
    assert (get.raw_path, get.path) == (
        "/api/0/organizations/northwind/releases/a%2Fb/",
        "/api/0/organizations/northwind/releases/a/b/",
    )
    assert get.query == {"project": ["1", "2"], "query": [""]}
    assert (get.param("project"), get.param("nothing")) == ("1", None)
    assert own.requests.writes() == [put]
    assert own.requests.api() == [put, get]


# -- from another process -------------------------------------------------------------------------------------------


def test_everything_can_be_switched_over_http(writer: Asker, own: Sandbox, browser: requests.Session) -> None:
    switches = f"{own.url}/_sandbox/"
    ordered = browser.post(f"{switches}faults", json={"path": PATH, "status": 500, "times": 1}, timeout=10)

    failed = writer.get(PATH)
    log = browser.get(f"{switches}log", timeout=10).json()
    browser.post(f"{switches}faults", json={"path": PATH, "status": 500}, timeout=10)
    cleared = browser.delete(f"{switches}faults", timeout=10)

    assert (ordered.status_code, failed.status_code, cleared.status_code) == (204, 500, 204)
    assert writer.get(PATH).status_code == 200
    assert (log[-1]["path"], log[-1]["status"]) == ("/api/0/organizations/northwind/", 500)
    assert browser.post(f"{switches}faults", json={"route": 1}, timeout=10).status_code == 400
    assert browser.delete(f"{switches}log", timeout=10).status_code == 204
    assert len(own.requests) == 0, "the switches are not in the log"


def test_a_reset_brings_back_what_was_seeded(fresh: Asker, own: Sandbox, browser: requests.Session) -> None:
    issue = f"{PATH}issues/CHECKOUT-API-4F/"
    fresh.ask("PUT", issue, json={"status": "resolved"})

    browser.post(f"{own.url}/_sandbox/reset", timeout=10)

    assert fresh.get(issue).json()["status"] == "unresolved"


def test_tokens_and_landmarks_over_http(own: Sandbox, browser: requests.Session) -> None:
    made = browser.post(
        f"{own.url}/_sandbox/tokens", json={"user": "jonas", "scopes": "org:read", "life_s": 60}, timeout=10
    ).json()
    headers = {"Authorization": f"Bearer {made['access_token']}"}

    assert browser.get(f"{own.url}/api/0/auth/", headers=headers, timeout=10).json()["name"] == "Jonas Weber"
    assert browser.get(f"{own.url}/_sandbox/landmarks", timeout=10).json()["chained"] == "CHECKOUT-API-4F"
    nobody = browser.post(f"{own.url}/_sandbox/tokens", json={"user": "nobody"}, timeout=10)
    assert nobody.status_code == 400
