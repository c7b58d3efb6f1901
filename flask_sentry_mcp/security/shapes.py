"""Reading what another server sent, of which any member may be missing, null or of another kind than expected."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def as_map(value: object) -> Json:
    """*value* if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """*value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_maps(value: object) -> list[Json]:
    """The objects of a list; nulls and anything else in it are left out."""
    return [one for one in as_list(value) if isinstance(one, Mapping)]
