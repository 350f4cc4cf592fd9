"""Model access: one client for the process, one deadline and one retry policy per call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import aiohttp
import httpx2
from agents import (
    Model,
    ModelProvider,
    ModelResponse,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    TResponseInputItem,
)
from agents.items import TResponseStreamEvent
from agents.models import get_default_model
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpx2Client

from ..errors import ModelUnavailable, TurnTimedOut
from ..web.http_client import retrying
from .masked_calls import MaskedCalls
from .model_words import PlainAnswers
from .responses import EndpointError, ResponsesEndpoint, warm_up

R = TypeVar("R")

KEEPALIVE_SECONDS = 300.0
"""The HTTP library's default of 5 s would reconnect on almost every turn of a telephone conversation."""
MAX_CONNECTIONS = 1000
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
"""Bounds of a connection's making, and of a silence within an answer; whole calls are bounded by :class:`Bounded`."""
ATTEMPTS = 3
FIRST_BACKOFF, BACKOFF_JITTER, MAX_BACKOFF = 0.2, 0.2, 4.0
RETRYABLE_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504})


class Models(ModelProvider):
    """Gives agents their models by name: the real ones over one shared client."""

    def __init__(
        self,
        client: ModelClient,
        *,
        mode: Literal["responses", "chat_completions"],
        default: str | None,
        call_timeout: float,
    ) -> None:
        self._client = client
        self._mode = mode
        self._default = default or get_default_model()
        self._timeout = call_timeout
        self._known: dict[str, Model] = {}

    def get_model(self, model_name: str | None) -> Model:
        """Return the model of that name, or the default one."""
        name = model_name or self._default
        if name not in self._known:
            inner: Model
            if self._mode == "responses":
                endpoint: Any = self._client.responses
                inner = PlainInput(OpenAIResponsesModel(model=name, openai_client=endpoint))
            else:
                inner = OpenAIChatCompletionsModel(model=name, openai_client=self._client.openai)
            self._known[name] = MaskedCalls(PlainAnswers(Bounded(inner, timeout=self._timeout)))
        return self._known[name]


class OneModel(ModelProvider):
    """Answers every name with the same model: the offline one, or a test's."""

    def __init__(self, model: Model, *, call_timeout: float) -> None:
        self._model = MaskedCalls(PlainAnswers(Bounded(model, timeout=call_timeout)))

    def get_model(self, model_name: str | None) -> Model:
        """Return the one model."""
        return self._model


@dataclass(frozen=True, slots=True)
class ModelClient:
    """The two ways to the endpoint: openai's client, and the straight one that the Responses API takes."""

    openai: AsyncOpenAI
    responses: ResponsesEndpoint


@asynccontextmanager
async def open_client(api_key: str, base_url: str | None) -> AsyncIterator[ModelClient]:
    """Open the process's one client. Nothing below repeats a request; :class:`Bounded` does, before output only."""
    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
    )
    http = DefaultAsyncHttpx2Client(limits=limits, timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    warm_up()
    async with (
        AsyncOpenAI(api_key=api_key, base_url=base_url, max_retries=0, http_client=http) as client,
        aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        yield ModelClient(client, ResponsesEndpoint(session, client))


class _Wrapper(Model):
    """A model around another one; subclasses say what they change."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner

    async def close(self) -> None:
        await self._inner.close()


class PlainInput(_Wrapper):
    """Hands the input items to the Responses API as they are.

    On the way through the SDK's model each of them would be copied twice more (docs/decisions/0005). The body on the
    wire is the same. Ids and reasoning items of earlier steps stay out: nothing is stored at the provider, so
    they would refer to nothing.
    """

    async def get_response(
        self, system_instructions: Any, input: Any, model_settings: Any, *args: Any, **kw: Any
    ) -> Any:
        """See :class:`agents.Model`."""
        settings = _with_input(model_settings, input)
        return await self._inner.get_response(system_instructions, [], settings, *args, **kw)

    def stream_response(self, system_instructions: Any, input: Any, model_settings: Any, *args: Any, **kw: Any) -> Any:
        """See :class:`agents.Model`."""
        settings = _with_input(model_settings, input)
        return self._inner.stream_response(system_instructions, [], settings, *args, **kw)


def _with_input(settings: ModelSettings, given: str | Sequence[TResponseInputItem]) -> ModelSettings:
    items = [{"role": "user", "content": given}] if isinstance(given, str) else wire_items(given)
    body = settings.extra_body if isinstance(settings.extra_body, Mapping) else {}
    return replace(
        settings, extra_body={**body, "input": items}, store=False if settings.store is None else settings.store
    )


def wire_items(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Return input items without provider ids, and without reasoning that carries no content of its own."""
    kept: list[dict[str, Any]] = []
    for item in items:
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            continue
        kept.append({key: value for key, value in item.items() if key not in ("id", "status") and value is not None})
    return kept


class Bounded(_Wrapper):
    """Bounds one model call in time, and repeats it after passing trouble as long as nothing has come out of it.

    Raises TurnTimedOut past ``timeout`` seconds, and ModelUnavailable for everything that the endpoint or the way to
    it did wrong.
    """

    def __init__(self, inner: Model, *, timeout: float) -> None:
        super().__init__(inner)
        self._timeout = timeout

    async def get_response(self, *args: Any, **kw: Any) -> ModelResponse:
        """See :class:`agents.Model`."""
        with _translated():
            async with asyncio.timeout(self._timeout):
                return await _retrying(lambda: self._inner.get_response(*args, **kw))

    async def stream_response(self, *args: Any, **kw: Any) -> AsyncIterator[TResponseStreamEvent]:
        """See :class:`agents.Model`."""
        with _translated():
            async with asyncio.timeout(self._timeout):
                events, first = await _retrying(lambda: _open(self._inner.stream_response(*args, **kw)))
                if first is not None:
                    yield first
                async for event in events:
                    yield event


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
    if isinstance(error, APIStatusError):
        status, asked = error.status_code, error.response.headers.get("retry-after", "")
    elif isinstance(error, EndpointError):
        status, asked = error.status or 0, error.retry_after
    else:
        return isinstance(error, APIConnectionError)
    if status and status not in RETRYABLE_STATUS:
        return False
    return min(float(asked), MAX_BACKOFF) if asked.replace(".", "", 1).isdigit() else True


class _translated:
    """Turns the SDK's and the HTTP library's exceptions into ours; their texts may quote the customer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise TurnTimedOut("model call") from error
        if isinstance(error, APIStatusError):
            raise ModelUnavailable(f"status {error.status_code}") from error
        if isinstance(error, EndpointError):
            raise ModelUnavailable(str(error)) from error
        if isinstance(error, APIError | httpx2.HTTPError):
            raise ModelUnavailable(type(error).__name__) from error
