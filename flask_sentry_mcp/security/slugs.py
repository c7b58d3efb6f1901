"""What an organization's or project's slug may look like (SLUG-1)."""

import re

_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def is_slug(text: str) -> bool:
    """Whether *text* can stand as one segment of an address: ``acme``, ``Acme.eu``; not ``..``, ``a/b`` or ``a%2f``."""
    return _SLUG.fullmatch(text) is not None and ".." not in text
