"""A real browser: Chromium as the distribution ships it, driven by Playwright.

Where either is missing the tests are skipped, unless ``TESTS_BROWSER=required``: then that is a failure.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.site import Site, serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Any]:
    if os.environ.get("TESTS_BROWSER") != "required":
        if CHROMIUM is None:
            pytest.skip("no Chromium on this machine")
        pytest.importorskip("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--host-resolver-rules={site.rules}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser profile of its own; a test that parametrizes ``context`` indirectly gives it Playwright's options."""
    context = chromium.new_context(ignore_https_errors=True, **getattr(request, "param", {}))
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: Any) -> Any:
    return context.new_page()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: a temporary folder, or ``TESTS_SCREENSHOTS``, as for the documentation."""
    return Path(os.environ.get("TESTS_SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))
