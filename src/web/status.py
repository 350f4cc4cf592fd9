"""HTTP status codes of our errors, in one table, and the answer for an error that a route raised."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import (
    BadSignature,
    BodyTooLarge,
    CrossSiteRequest,
    DeliveryError,
    MalformedRequest,
    NoCall,
    NotAuthorised,
    NotFound,
    NoWay,
    OutOfScope,
    RequestRejected,
    StoreUnavailable,
    TandemError,
    TooManyAttempts,
    TurnRunning,
    UnsupportedBody,
)

STATUS_CODES: dict[type[TandemError], int] = {
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    MalformedRequest: 400,
    NotAuthorised: 401,
    BadSignature: 403,
    OutOfScope: 403,
    CrossSiteRequest: 403,
    NotFound: 404,
    TurnRunning: 409,
    NoCall: 409,
    NoWay: 409,
    TooManyAttempts: 429,
    RequestRejected: 400,
    DeliveryError: 502,
    StoreUnavailable: 503,
    TandemError: 500,
}
"""The one table of status codes. A class that is missing has the code of its nearest ancestor."""


def status_code(error: TandemError) -> int:
    """Look up the HTTP status of an error."""
    return next(STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)


async def error_response(request: Request, error: Exception) -> Response:
    """Answer for an error that a route raised; register it for TandemError with Starlette.

    Only what a caller did wrong is explained; of our own trouble they learn the kind.
    """
    if not isinstance(error, TandemError):
        raise error
    told = str(error) if isinstance(error, RequestRejected) else (type(error).__doc__ or "").splitlines()[0]
    code = status_code(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}, 503: {"Retry-After": "1"}}.get(code)
    return JSONResponse({"error": told, "code": error.code}, status_code=code, headers=headers)
