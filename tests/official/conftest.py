"""One server for all these tests: gunicorn with two workers, one SQLite file between them, no sticky sessions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.__main__ import serving


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server is."""
    with serving(Path(tmp_path_factory.mktemp("official")), "tests.official.site:create_app()") as url:
        yield url
