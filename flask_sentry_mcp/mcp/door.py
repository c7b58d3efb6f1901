"""How an error leaves: the one place that turns what was raised into a JSON-RPC error."""

from ..errors import BadJSON, ProtocolError, SentryMCPError
from .call import unexpected
from .messages import INTERNAL_ERROR, INVALID_PARAMS, PARSE_ERROR, Id, error_message


def error_message_for(id: Id | None, error: BaseException) -> bytes:
    """The JSON-RPC error for *error*. What is not ours is logged, and says nothing but an event id."""
    if isinstance(error, ProtocolError):
        return error_message(id, error.rpc_code, error.public, error.data)
    if isinstance(error, BadJSON):
        return error_message(id, PARSE_ERROR, error.public)
    if isinstance(error, SentryMCPError) and error.http_status != 500:
        code = INVALID_PARAMS if error.http_status == 400 else INTERNAL_ERROR
        return error_message(id, code, error.public)
    return error_message(id, INTERNAL_ERROR, unexpected("a request"))
