"""B1: a real MCP client, the official one, completes the way from 401 to revocation, in both protocol eras."""

import functools
import io
from collections.abc import Iterator

import anyio
import pytest

from .catalogue import GUESTS, Guest, browse
from .route import ERAS, Era, walk
from .server import ROOMY, example_app
from .transcript import Difference, Transcript


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with example_app(**ROOMY) as (url, _):
        yield url


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.version)
def test_the_official_client_completes_the_tour(base_url: str, era: Era) -> None:
    """B1: client, our authorization server, Sentry's OAuth, Sentry's API, and back: every step as it has to be."""
    transcript = io.StringIO()

    anyio.run(walk, base_url, era, Transcript(transcript))

    assert "✗" not in transcript.getvalue()
    assert "the access token died with it" in transcript.getvalue()


@pytest.mark.parametrize("fixed", [False, True], ids=["open", "fixed"])
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.user)
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.version)
def test_all_tools_answer_two_people_at_both_kinds_of_address(
    base_url: str, era: Era, guest: Guest, fixed: bool
) -> None:
    """B14: each sees their own organizations; an address that is fixed to one offers no others."""
    transcript = io.StringIO()

    anyio.run(functools.partial(browse, fixed=fixed, transcript=Transcript(transcript)), base_url, era, guest)

    assert "✗" not in transcript.getvalue()
    assert transcript.getvalue().count(" answers what it should") == (20 if fixed else 21)


def test_a_difference_ends_the_tour() -> None:
    """The test of this test: a check that does not hold is printed and raised."""
    out = io.StringIO()

    with pytest.raises(Difference, match="water is dry; instead: 'wet'"):
        Transcript(out).check(False, "water is dry", "wet")

    assert "✗ water is dry" in out.getvalue()
