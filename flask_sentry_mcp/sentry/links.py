"""Links to Sentry's web pages: made for answers, and read when a person pastes one (B9)."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from ..errors import ForeignLink, InvalidInput
from ..security.regions import Regions
from ..security.slugs import is_slug

_ISSUE = re.compile(r"[0-9]{1,20}|[A-Za-z0-9][\w-]{0,150}-[A-Za-z0-9]{1,20}", re.ASCII)
_AREAS = re.compile(
    "issues|explore|performance|projects|settings|replays|releases|crons|monitors|alerts|feedback|dashboards?|discover|"
    "insights|preprod|profiling|traces"
)
_REGION_LABELS = ("us", "eu", "de", "www")


@dataclass(frozen=True, slots=True)
class WebLinks:
    """Addresses of one organization's pages."""

    regions: Regions
    organization_slug: str

    def to(self, path: str, **query: object) -> str:
        """The page at *path* (percent-encoded already) with *query*, whose None values are left out."""
        if self.regions.is_saas:
            root = f"https://{quote(self.organization_slug, safe='')}.sentry.io"
        else:
            root = f"{self.regions.base_url}/organizations/{quote(self.organization_slug, safe='')}"
        pairs = [(name, value) for name, value in query.items() if value is not None]
        return f"{root}{path}{'?' + urlencode(pairs, doseq=True) if pairs else ''}"

    def issue(self, issue_id: str) -> str:
        return self.to(f"/issues/{quote(issue_id, safe='')}")

    def trace(self, trace_id: str) -> str:
        return self.to(f"/explore/traces/trace/{quote(trace_id, safe='')}")

    def replay(self, replay_id: str) -> str:
        return self.to(f"/explore/replays/{quote(replay_id, safe='')}/")

    def release(self, version: str) -> str:
        return self.to(f"/releases/{quote(version, safe='')}/")


@dataclass(frozen=True, slots=True)
class IssueReference:
    """Which issue is meant. ``region_url`` is set when a link named the region by its host."""

    organization_slug: str
    issue_id: str
    region_url: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a page of ours: its organization (None when it names none), path segments and query."""

    organization_slug: str | None
    segments: tuple[str, ...]
    query: dict[str, str]
    region_url: str | None

    def after(self, *words: str) -> str | None:
        """The segment that follows *words*."""
        for start in range(len(self.segments) - len(words)):
            if self.segments[start : start + len(words)] == words:
                return self.segments[start + len(words)]
        return None


def read_link(regions: Regions, url: str) -> Link:
    """Take *url* apart. Raises: ForeignLink unless its host is our Sentry's; InvalidInput for what is no URL."""
    if not url.startswith(("https://", "http://")):
        raise InvalidInput("The URL must begin with https:// and be copied from the browser's address bar.")
    if not regions.is_ours(url):
        raise ForeignLink("a link to another host")
    parts = urlsplit(url)
    segments = tuple(unquote(one) for one in parts.path.split("/") if one)
    organization = _organization(regions, parts.hostname or "", segments)
    if organization is not None and not is_slug(organization):
        raise InvalidInput("The URL does not name an organization that can exist.")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Link(organization, segments, query, regions.region_of(url))


def issue_reference(
    regions: Regions,
    *,
    issue_id: str | None,
    issue_url: str | None,
    organization_slug: str | None,
    region_url: str | None = None,
) -> IssueReference:
    """The issue that *issue_url*, else *issue_id* within *organization_slug*, names. A link that is given wins.

    Raises: InvalidInput, saying which of them is missing or what an ID looks like; ForeignLink.
    """
    if issue_url:
        link = read_link(regions, issue_url)
        found = link.after("issues")
        if found is None:
            raise InvalidInput("issueUrl is not the address of an issue: it has to contain /issues/ and an ID.")
        organization = same_organization(link, organization_slug)
        return IssueReference(organization, issue_id_of(found), region_url or link.region_url)
    if not organization_slug:
        raise InvalidInput("organizationSlug is missing. Give it with issueId, or give issueUrl alone.")
    if not issue_id:
        raise InvalidInput("issueId is missing. Give an ID such as WEB-4F or 6620113, or the issueUrl.")
    return IssueReference(organization_slug, issue_id_of(issue_id), region_url)


def same_organization(link: Link, organization_slug: str | None) -> str:
    """The organization of *link*, which must agree with *organization_slug*, if that is known. Raises InvalidInput."""
    if link.organization_slug is None:
        if not organization_slug:
            raise InvalidInput("The URL does not say which organization it belongs to: give organizationSlug as well.")
        return organization_slug
    if organization_slug and organization_slug != link.organization_slug:
        raise InvalidInput("The URL belongs to another organization than organizationSlug (or this connection's).")
    return link.organization_slug


def issue_id_of(text: str) -> str:
    """A numeric or a short ID, tidied: models add dots and quotes. Short IDs are upper case.

    >>> issue_id_of('"web-4f".')
    'WEB-4F'
    """
    tidy = re.sub(r"[^A-Za-z0-9_-]", "", text)
    if not _ISSUE.fullmatch(tidy):
        raise InvalidInput("This is no issue ID. It looks like WEB-4F (short ID) or 6620113 (digits only).")
    return tidy.upper()


def _organization(regions: Regions, host: str, segments: tuple[str, ...]) -> str | None:
    """Named by ``/organizations/<slug>``, on Sentry's own service by the host, by ``/<slug>/<area>``, or as in earlier
    versions by ``/<slug>/<project>/issues``.
    """
    if "organizations" in segments[:-1]:
        return segments[segments.index("organizations") + 1]
    label = host.removesuffix(".sentry.io")
    if regions.is_saas and label != host and label not in _REGION_LABELS and "." not in label:
        return label
    if len(segments) < 2 or _AREAS.fullmatch(segments[0]):
        return None
    return segments[0] if _AREAS.fullmatch(segments[1]) or segments[2:3] == ("issues",) else None
