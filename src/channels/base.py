"""What a channel adapter is, what it is handed, and how errors become HTTP status codes.

An adapter translates between a provider and the gateway; it decides nothing. It is given everything it needs and
never imports the app: it only names the routes that the app shall serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from ..conversation.base import Carrier
from ..entries import Entry
from ..errors import (
    BadSignature,
    CrossSiteRequest,
    MalformedRequest,
    NotAuthorised,
    NotFound,
    NoWay,
    RequestRejected,
    StoreUnavailable,
    TandemError,
    TooManyAttempts,
    TurnRunning,
)
from ..model import ReplyStatus, SubjectId
from ..persistence.values import Receipt


class Inbox(Protocol):
    """Where adapters put what happened. Fulfilled by the turn engine."""

    async def accept(self, subject: SubjectId, entries: Sequence[Entry], *, token: str) -> tuple[Receipt, ...]:
        """Make entries durable in the subject's lane and see that a turn takes them up.

        As :meth:`~tandem.persistence.base.LaneStore.accept`: once per key; raises StoreUnavailable.
        """
        ...


class DeliveryStatuses(Protocol):
    """Where adapters report what became of replies. Fulfilled by the turn engine."""

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
    ) -> bool:
        """Store what the provider says of a reply and return whether that was news.

        Repeated, late and unknown statuses are normal and harmless. Raises StoreUnavailable.
        """
        ...


class ChannelAdapter(Carrier, Protocol):
    """One provider's way in and out: routes for what it sends us, and a carrier for our replies."""

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve. Their handlers raise the errors of ``STATUS_CODES``."""
        ...


class BodyTooLarge(MalformedRequest):
    """The request is larger than any that the provider sends."""

    code = "body_too_large"


class UnsupportedBody(MalformedRequest):
    """The request's content type is not served here."""

    code = "unsupported_body"


STATUS_CODES: dict[type[TandemError], int] = {
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    MalformedRequest: 400,
    NotAuthorised: 401,
    BadSignature: 403,
    CrossSiteRequest: 403,
    NotFound: 404,
    TurnRunning: 409,
    NoWay: 409,
    TooManyAttempts: 429,
    RequestRejected: 400,
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
