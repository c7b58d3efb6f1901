"""Where a list goes on (Sentry's ``Link`` header) and how long it is."""

import re
from collections.abc import Mapping

_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


def next_cursor(headers: Mapping[str, str]) -> str | None:
    """The cursor of the next page, None on the last one.

    Both directions are always in the header, as in ``<...>; rel="next"; results="true"; cursor="0:100:0"``;
    ``results`` tells whether there is anything.

    Source: https://docs.sentry.io/api/pagination/
    """
    for part in headers.get("Link", "").split(">;")[1:]:
        attributes = dict(_ATTRIBUTE.findall(part))
        if attributes.get("rel") == "next" and attributes.get("results") == "true":
            return attributes.get("cursor") or None
    return None


def hits(headers: Mapping[str, str]) -> int | None:
    """How many there are in all, if Sentry counted (``X-Hits``; it may be an estimate)."""
    text = headers.get("X-Hits", "")
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None
