"""The sandbox's reader of searches: how long it takes."""

import time

from flask_sentry_mcp.sandbox.query import parse


def test_time_grows_with_the_length_of_a_query_and_no_faster() -> None:
    """A tenth of a second; with the square of this length it takes ten."""
    started = time.process_time()

    found = parse("a " * 80_000)

    assert len(found.parts) == 80_000
    assert time.process_time() - started < 4
