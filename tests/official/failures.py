"""Errors as the specification writes them: an id if there was one to be read, and for some codes what to do next."""

from typing import Literal

from mcp import types
from pydantic import BaseModel, ConfigDict

STRICT = ConfigDict(extra="forbid")


class ErrorResponse(BaseModel):
    """Any error. There is no ``"id": null``: an id that cannot be read is left out."""

    model_config = STRICT
    jsonrpc: Literal["2.0"]
    id: int | str = 0
    error: types.ErrorData


class _CapabilityData(types.MissingRequiredClientCapabilityErrorData):
    model_config = STRICT


class _CapabilityError(types.ErrorData):
    code: Literal[-32021]
    data: _CapabilityData


class CapabilityMissing(ErrorResponse):
    """-32021, of 2026-07-28."""

    error: _CapabilityError


class _VersionData(types.UnsupportedProtocolVersionErrorData):
    model_config = STRICT


class _VersionError(types.ErrorData):
    code: Literal[-32022]
    data: _VersionData


class VersionUnknown(ErrorResponse):
    """-32022, of 2026-07-28."""

    error: _VersionError
