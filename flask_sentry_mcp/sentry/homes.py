"""Where the data of an organization lives: what Sentry says of it, as far as the operator lets us go there."""

import logging

from ..errors import ForbiddenRegion
from ..security.regions import Regions
from ..security.shapes import Json, as_map

log = logging.getLogger(__name__)


def region_in(regions: Regions, organization: Json) -> str | None:
    """The region of *organization*, as Sentry describes it; None: the base host, which is all that a server of one's
    own has, whatever it calls itself.

    Raises: ForbiddenRegion, and tells the operator.
    """
    url = as_map(organization.get("links")).get("regionUrl")
    return allowed(regions, url) if url and not regions.is_single else None


def allowed(regions: Regions, url: object) -> str:
    """The root to speak to for *url*, which Sentry named. Raises: ForbiddenRegion, and tells the operator."""
    try:
        return regions.resolve(url if isinstance(url, str) else None)
    except ForbiddenRegion:
        log.warning("Sentry has data at %.100r, whose host is not in SENTRY_ALLOWED_REGION_DOMAINS", url)
        raise
