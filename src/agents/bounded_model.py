"""Bounds one model call: a deadline, one policy of trying again, and errors in our own terms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import structlog
from agents import Model, ModelResponse
from agents.items import TResponseStreamEvent

from ..errors import ModelUnavailable, TurnTimedOut
from ..web.http_client import retrying
from .model_input import chars, shortened
from .model_trouble import Trouble, trouble_of
from .model_wrapper import ModelWrapper

log = structlog.get_logger(__name__)

R = TypeVar("R")

ATTEMPTS = 3
FIRST_BACKOFF, BACKOFF_JITTER, MAX_BACKOFF = 0.2, 0.2, 4.0


class Bounded(ModelWrapper):
    """Bounds one model call in time, and repeats it after passing trouble as long as nothing has come out of it.

    An input that is refused for what it holds is shortened and tried once more. Raises TurnTimedOut past ``timeout``
    seconds, and ModelUnavailable for everything that the endpoint or the way to it did wrong; the log gets the status
    and the service's code.
    """

    def __init__(self, inner: Model, *, timeout: float) -> None:
        super().__init__(inner)
        self._timeout = timeout

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kw: Any) -> ModelResponse:
        """See :class:`agents.Model`."""
        with _translated():
            async with asyncio.timeout(self._timeout):
                return await _answered(
                    lambda given: self._inner.get_response(system_instructions, given, *args, **kw), input
                )

    async def stream_response(
        self, system_instructions: Any, input: Any, *args: Any, **kw: Any
    ) -> AsyncIterator[TResponseStreamEvent]:
        """See :class:`agents.Model`."""
        with _translated():
            async with asyncio.timeout(self._timeout):
                events, first = await _answered(
                    lambda given: _open(self._inner.stream_response(system_instructions, given, *args, **kw)), input
                )
                if first is not None:
                    yield first
                async for event in events:
                    yield event


async def _answered(call: Callable[[Any], Awaitable[R]], given: Any) -> R:
    """Make a call, again after passing trouble, and once more with less when the input is refused."""
    try:
        return await _retrying(lambda: call(given))
    except Exception as error:
        trouble = trouble_of(error)
        less = shortened(given) if trouble and trouble.refused else None
        if trouble is None or less is None:
            raise
        sizes = {"characters": chars(given), "left": chars(less)}
        log.warning("model_input_shortened", status=trouble.status, code=trouble.code, **sizes)
    return await _retrying(lambda: call(less))


async def _open(
    events: AsyncIterator[TResponseStreamEvent],
) -> tuple[AsyncIterator[TResponseStreamEvent], TResponseStreamEvent | None]:
    """Start a stream as far as its first event, up to which it may still be repeated."""
    return events, await anext(events, None)


async def _retrying(call: Callable[[], Awaitable[R]]) -> R:
    async for attempt in retrying(
        _again, attempts=ATTEMPTS, pause=FIRST_BACKOFF, longest=MAX_BACKOFF, jitter=BACKOFF_JITTER
    ):
        with attempt:
            return await call()
    raise AssertionError("the last attempt returns or raises")


def _again(error: Exception) -> bool | float:
    """Say whether a call may be made again, or after how many seconds."""
    trouble = trouble_of(error)
    if trouble is None or not trouble.passes:
        return False
    asked = trouble.retry_after
    return min(float(asked), MAX_BACKOFF) if asked.replace(".", "", 1).isdigit() else True


class _translated:
    """Turns the SDK's and the HTTP library's exceptions into ours; their texts may quote the customer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, TimeoutError):
            _log(Trouble("timeout"))
            raise TurnTimedOut("model call") from error
        if (trouble := trouble_of(error)) is not None and not isinstance(error, ModelUnavailable):
            _log(trouble)
            raise ModelUnavailable(str(trouble)) from error


def _log(trouble: Trouble) -> None:
    log.warning("model_failed", reason=trouble.kind, status=trouble.status, code=trouble.code or None)
