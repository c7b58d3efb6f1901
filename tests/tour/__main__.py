"""``make tour``: prints the transcript; ends with 1 on any difference."""

import functools
import logging
import sys

import anyio

from .catalogue import GUESTS, browse
from .route import ERAS, walk
from .server import ROOMY, example_app
from .transcript import Difference, Transcript


def main() -> int:
    logging.getLogger("client").setLevel(logging.ERROR)  # it would tell at each call that unlisted tools are unlisted
    transcript = Transcript(sys.stdout)
    try:
        with example_app(**ROOMY) as (base_url, said):
            transcript.title(f"A tour of flask-sentry-mcp at {base_url}")
            transcript.note(said.strip())
            for era in ERAS:
                anyio.run(walk, base_url, era, transcript)
                for guest in GUESTS:
                    for fixed in (False, True):
                        stroll = functools.partial(browse, fixed=fixed, transcript=transcript)
                        anyio.run(stroll, base_url, era, guest)
    except Difference as difference:
        print(f"\nThe tour ended early: {difference}", file=sys.stderr)
        return 1
    transcript.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
