"""The family of errors: each knows its code, its HTTP status and the one sentence that may leave.

``str(error)`` is for the log and may carry detail. Only ``error.public`` goes to a caller: it is written here, in our
own words, and quotes neither the caller's input nor anything that Sentry said, because a model reads it.

Raise where the fault is known; the doors catch once: ``mcp/calling`` and ``mcp/views``, ``mcp/stdio``,
``mcp/listening`` for streams, ``oauth/views`` and ``oauth/callback``, and ``cli``.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any


class SentryMCPError(Exception):
    """Base of all of ours. A subclass sets ``code``, ``http_status`` and ``public``."""

    code = "server_error"
    http_status = 500
    public = "Something went wrong on this server. The operator can find it by the event id."

    def __init__(self, detail: str = "", *, public: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(detail or public or self.public)
        if public is not None:
            self.public = public
        self.retry_after_s = retry_after_s


def new_event_id() -> str:
    """An id to print beside a fault in the log and in the answer: 32 hex digits, as Sentry's own event ids."""
    return uuid.uuid4().hex


# -- at start -----------------------------------------------------------------------------------------------------


class ConfigurationError(SentryMCPError):
    """Settings that cannot work. Lists every mistake at once, each beginning with the name of its key."""

    code = "configuration"

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        lines = "".join(f"\n  - {mistake}" for mistake in self.mistakes)
        super().__init__(f"flask-sentry-mcp cannot start; please mend these settings:{lines}")


# -- at the door --------------------------------------------------------------------------------------------------


class TooManyRequests(SentryMCPError):
    """A rate limit was reached."""

    code, http_status = "temporarily_unavailable", 429
    public = "Too many requests. Wait the number of seconds given in Retry-After, then try again."

    def __init__(self, detail: str = "", *, public: str | None = None, retry_after_s: int = 5) -> None:
        super().__init__(detail, public=public, retry_after_s=retry_after_s)


class StoreUnavailable(SentryMCPError):
    """The store does not answer. Nothing is issued and nothing is accepted meanwhile."""

    code, http_status = "temporarily_unavailable", 503
    public = "The server cannot reach its store at the moment. Try again shortly."

    def __init__(self, detail: str = "", *, retry_after_s: int = 5) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)


class Unauthenticated(SentryMCPError):
    """No usable access token (401).

    ``error`` is the ``error`` member of the challenge: None when nothing was presented (RFC 6750 section 3.1), else
    ``invalid_token``.
    """

    code, http_status = "unauthorized", 401
    public = "Sign in first: this address needs an access token."

    def __init__(self, detail: str = "", *, error: str | None = None, public: str | None = None) -> None:
        super().__init__(detail, public=public)
        self.error = error


class SignInEnded(Unauthenticated):
    """Sentry no longer accepts the sign-in behind this grant; the client has to authorize again."""

    public = "Sentry no longer accepts this sign-in. Please authorize again."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_token")


class SealBroken(Unauthenticated):
    """What is sealed in the store does not open with this token and our keys (STO-4): the credential is invalid."""

    public = "This sign-in can no longer be used. Please authorize again."
    event = "integrity_failure"  # by which those who keep watch are told

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_token")


class VaultKeyUnknown(SealBroken):
    """It was sealed with a key that this worker does not have: taken out too early, or not here yet (STO-5)."""

    event = "vault_key_unknown"


class InsufficientScope(SentryMCPError):
    """The grant does not reach this far (403). ``scopes`` lists all that are needed, the present ones included."""

    code, http_status = "insufficient_scope", 403
    public = "This sign-in does not include what the call needs. Authorize again and allow it on the approval page."

    def __init__(self, scopes: Sequence[str], detail: str = "") -> None:
        super().__init__(detail)
        self.scopes = tuple(scopes)


class NoAccess(SentryMCPError):
    """The person is not a member of the organization, or cannot see the project, of this address (403)."""

    code, http_status = "access_denied", 403
    public = "You have no access to this organization or project at Sentry."


class ForbiddenOrigin(SentryMCPError):
    """The Origin or Host header names somebody we do not serve (403)."""

    code, http_status = "forbidden", 403
    public = "Requests from this origin or to this host name are not served."


class BadJSON(SentryMCPError):
    """A body that is not the JSON we accept (JSON-1); ``public`` says which rule it broke."""

    code, http_status = "invalid_json", 400
    public = "The body is not valid JSON."


class BadTransport(SentryMCPError):
    """An HTTP request that no message is read from: its type, size, method or address is not served (RS-5)."""

    code, http_status = "invalid_request", 400
    public = "This HTTP request is not served here."

    def __init__(self, status: int, public: str, detail: str = "") -> None:
        super().__init__(detail, public=public)
        self.http_status = status


class ProtocolError(SentryMCPError):
    """A JSON-RPC error. ``rpc_code`` is JSON-RPC's or MCP's number, ``data`` what the specification puts beside it.

    Source: https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes
    """

    code, http_status = "protocol_error", 400

    def __init__(
        self, rpc_code: int, public: str, detail: str = "", *, status: int = 400, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail, public=public)
        self.rpc_code = rpc_code
        self.http_status = status
        self.data = data


# -- in a tool call -----------------------------------------------------------------------------------------------


class InvalidInput(SentryMCPError):
    """The caller's arguments cannot be used; ``public`` says how to correct them, in our words alone."""

    code, http_status = "invalid_input", 400
    public = "The input cannot be used as it is."

    def __init__(self, public: str, detail: str = "") -> None:
        super().__init__(detail, public=public)


class ToolFailed(SentryMCPError):
    """For the tools of an application: the call cannot succeed, and the sentence tells the model why.

    >>> raise ToolFailed("The report for this quarter is not published yet.")
    """

    code, http_status = "tool_failed", 400

    def __init__(self, public: str, detail: str = "") -> None:
        super().__init__(detail, public=public)


class ForbiddenRegion(InvalidInput):
    """A region URL that points to a host we do not speak to (B8, SSRF-1)."""

    code = "forbidden_region"
    public = "This address is not one that this server may speak to. Leave regionUrl out."

    def __init__(self, detail: str = "") -> None:
        super().__init__(self.public, detail)


class ForeignLink(ForbiddenRegion):
    """A link to a Sentry that is not ours, or to no Sentry at all (B9)."""

    public = "This link leads to another host than the Sentry that this server works with, so it is not opened."


class OutsideConstraint(InvalidInput):
    """Organization or project differ from *place*, which this connection is fixed to (RES-5): ``acme/web``."""

    code = "outside_constraint"

    def __init__(self, place: str, detail: str = "") -> None:
        fixed = f": to {place}" if place else ""
        super().__init__(f"This connection is fixed to another organization or project{fixed}.", detail)


# -- Sentry's answers ---------------------------------------------------------------------------------------------


class UpstreamError(SentryMCPError):
    """Sentry did not give us what was asked. 5xx towards HTTP callers, a failed tool call towards agents."""

    code, http_status = "upstream_error", 502
    public = "Sentry could not answer the request."


class SentryRefused(UpstreamError):
    """Sentry answered 4xx. ``status`` is Sentry's; ``fields`` are the names (never the texts) of refused fields."""

    code = "upstream_refused"
    SENTENCES: Mapping[int, str] = {
        400: "Sentry could not use the request: one of the values has the wrong form.",
        401: "Sentry no longer accepts this sign-in. Please authorize again.",
        402: "The Sentry plan of this organization has no budget left for this.",
        403: "Sentry refused this: your role in the organization, or this sign-in, lacks the permission.",
        404: "Sentry has no such resource, or you cannot see it. Check the organization, project and ID.",
        409: "Sentry refused this because something by that name exists already.",
    }

    def __init__(self, status: int, detail: str = "", *, fields: Sequence[str] = ()) -> None:
        super().__init__(f"Sentry {status}: {detail}", public=self.SENTENCES.get(status, "Sentry refused the request."))
        self.status = status
        self.fields = tuple(fields)
        self.said = ""
        """Sentry's own sentence; a stranger's words for all we know, so it may be shown only inside a fence."""

    def name_scopes(self, needed: Collection[str], *, approved: bool) -> None:
        """Say of a 403, unless Sentry told more, which scopes the tool needs. *approved*: the sign-in has them."""
        if self.status != 403 or self.public != self.SENTENCES[403] or not needed:
            return
        cause = (
            "This sign-in has it, so it is your role in the organization, or a team of the project, that is missing."
            if approved
            else "This token, or the role of its owner in the organization, lacks it."
        )
        self.public = f"Sentry refused this. It needs the permission {', '.join(sorted(needed))}. {cause}"


class SentryRateLimited(UpstreamError):
    """Sentry answered 429 (``retry_after_s``: seconds to wait, from its headers; at least 1)."""

    code, http_status = "upstream_rate_limited", 503

    def __init__(self, retry_after_s: int, detail: str = "") -> None:
        super().__init__(
            detail,
            public=f"Sentry asks to slow down. Wait {retry_after_s} s, then repeat the call.",
            retry_after_s=retry_after_s,
        )


class SentryFailed(UpstreamError):
    """Sentry answered 5xx, or not what its API promises. ``error_id`` is Sentry's own, if it gave one."""

    code = "upstream_failed"
    public = "Sentry had an internal problem. Try again later."

    def __init__(self, detail: str = "", *, error_id: str | None = None) -> None:
        hint = f" Sentry's error id is {error_id}." if error_id else ""
        super().__init__(detail, public=self.public + hint)
        self.error_id = error_id


class SentryMisaddressed(SentryFailed):
    """A redirect, or a page for people, where the API has data: SENTRY_HOST leads to something else, most likely."""

    code = "upstream_misaddressed"
    public = (
        "Sentry answered with a page or a redirect instead of data: its address is probably set wrong on this server, "
        "or it wants a login. The operator should check SENTRY_HOST and SENTRY_MCP_INSECURE_HTTP."
    )


class SentryUnreachable(UpstreamError):
    """No answer from Sentry. ``reason`` tells which: ``dns``, ``tls``, ``refused``, ``timeout`` or ``broken``."""

    code, http_status = "upstream_unreachable", 503
    SENTENCES: Mapping[str, str] = {
        "dns": "The name of the Sentry server cannot be found. The operator should check SENTRY_HOST.",
        "tls": "No trusted connection to the Sentry server could be made. The operator should check its certificate, "
        "and SENTRY_MCP_CA_BUNDLE if its authority is a private one.",
        "refused": "The Sentry server does not accept connections at the moment.",
        "timeout": "The Sentry server did not answer in time. Try again, or narrow the request.",
        "broken": "The connection to the Sentry server broke off. Try again.",
    }

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}", public=self.SENTENCES[reason], retry_after_s=5)
        self.reason = reason


class SentrySignInRefused(UpstreamError):
    """Sentry's OAuth endpoints refused a code, a refresh token or ourselves. ``error`` is its code (RFC 6749).

    ``invalid_grant`` is about the person's sign-in; anything else means that our own settings are wrong.
    """

    code, http_status = "upstream_oauth", 503
    public = "The sign-in at Sentry cannot be renewed at the moment. The operator should look at the log."

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(f"{error} {detail}".strip(), retry_after_s=60)
        self.error = error


class MembershipUnknown(UpstreamError):
    """Whether the person may see the place could not be found out (503): a check that fails is never a yes (RES-6)."""

    code, http_status = "temporarily_unavailable", 503
    public = "Sentry cannot be asked at the moment whether you have access to this. Try again shortly."

    def __init__(self, detail: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s or 5)


# -- OAuth --------------------------------------------------------------------------------------------------------


class OAuthError(SentryMCPError):
    """An error with a code of RFC 6749, 7009, 7591 or 8707; ``public`` is its ``error_description`` (ERR-1).

    >>> raise OAuthError("invalid_grant", "The authorization code is unknown, used or expired.")
    """

    STATUS: Mapping[str, int] = {"invalid_client": 401, "server_error": 500, "temporarily_unavailable": 503}

    def __init__(self, code: str, public: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(detail, public=public)
        self.code = code
        self.http_status = status or self.STATUS.get(code, 400)


class SignInProblem(OAuthError):
    """A fault that ends a sign-in on a page of ours, for a person: *heading*, ``public``, and *advice* on what to do.

    Never redirected. A caller that does not want HTML gets the same as JSON.
    """

    def __init__(
        self, code: str, heading: str, public: str, *, advice: str, status: int = 400, detail: str = ""
    ) -> None:
        super().__init__(code, public, detail, status=status)
        self.heading = heading
        self.advice = advice
