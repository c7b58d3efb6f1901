"""The shapes of what Sentry answers when it refuses, and of its OAuth endpoints."""

from tests.sandbox.notation import DIGITS, HEX64, TEXT, TIME, WHOLE, Shape, list_of, maybe, one_of, only, thing

DETAIL = only(thing(detail=TEXT))
FIELDS: Shape = {
    "type": "object",
    "minProperties": 1,
    "not": {"required": ["detail"]},
    "additionalProperties": list_of(TEXT),
}
MOVED = only(
    thing(detail=only(thing(code=one_of("resource-moved"), message=TEXT, extra=only(thing(url=TEXT, slug=TEXT)))))
)

# -- OAuth -----------------------------------------------------------------------------------------------------------

TOKENS = thing(
    access_token=HEX64,
    refresh_token=HEX64,
    expires_in=maybe(WHOLE),
    expires_at=maybe(TIME),
    token_type=one_of("Bearer"),
    scope=TEXT,
    user=thing(id=DIGITS, name=TEXT, email=maybe(TEXT)),
)
TOKEN_REFUSAL = only(thing(error=TEXT))
REFUSAL = only(thing(error=TEXT, error_description=TEXT))
DEVICE = thing(
    device_code=HEX64,
    user_code={"type": "string", "pattern": "^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$"},
    verification_uri=TEXT,
    verification_uri_complete=TEXT,
    expires_in=WHOLE,
    interval=WHOLE,
)
METADATA = thing(
    issuer=TEXT,
    authorization_endpoint=TEXT,
    token_endpoint=TEXT,
    response_types_supported=list_of(TEXT),
    grant_types_supported=list_of(TEXT),
    code_challenge_methods_supported=list_of(TEXT),
    scopes_supported=list_of(TEXT),
)
USER_INFO = thing(sub=DIGITS)
