"""Searches that Sentry does not accept, explained: a model can then mend the search by itself."""

from collections.abc import Callable, Sequence

from ..context import Context
from ..errors import SentryRefused
from ..mcp.content import Result
from ..render import searches as render
from ..sentry.client import Page
from .datasets import QUOTES

ISSUE_RULES = (
    "Issues: is:unresolved|resolved|ignored|assigned|unassigned|regressed|escalating|new|for_review|linked, level, "
    "issue.category, issue.type, issue.priority, environment, release (latest), firstRelease, firstSeen:-24h, "
    "lastSeen:-7d, assigned:me, userCount:>100, timesSeen:>10, has:x, any tag. Lists as in level:[error,fatal], "
    f'negation as in !level:info, values with blanks as in transaction:"POST /pay". {QUOTES}'
)
EVENT_RULES = (
    "Events of an issue: environment, release, user.id, user.email, url, any tag, id. Negation as in "
    f'!environment:dev, values with blanks as in transaction:"POST /pay". {QUOTES}'
)


def run(ctx: Context, what: str, search: Callable[[], Page], rules: str) -> Page | Result:
    """The page that *search* finds, or why Sentry did not accept the search of *what*, with the *rules* of it."""
    (found,) = ctx.sentry.attempt(search)
    if isinstance(found, SentryRefused) and found.status == 400 and found.public == SentryRefused.SENTENCES[400]:
        return refused(what, [render.Mistake("query", "", found.said or "not valid")], (), rules)
    if isinstance(found, Exception):
        raise found
    page: Page = found
    return page


def refused(what: str, mistakes: Sequence[render.Mistake], known: Sequence[str], rules: str) -> Result:
    """A failed result that says what would be valid."""
    return Result(render.mistakes(what, mistakes, known, rules), is_error=True)
