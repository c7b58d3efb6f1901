"""One request to Sentry: address, token, time limit, error."""

from typing import Protocol


class TokenSource(Protocol):
    """Where the upstream token of one grant comes from. Opens the seal when asked, not before."""

    def current(self) -> str:
        """The token to send now, refreshed if that was due. Raises SignInEnded when there is none any more."""

    def renew(self, rejected: str) -> str:
        """Another token after Sentry answered 401 to *rejected* (UP-5). Raises SignInEnded when there is none."""


class SentryClient:
    """Sentry's API as one person sees it."""
