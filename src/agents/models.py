"""Model access: one client for the process, one deadline and one retry policy per call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import aiohttp
import httpx2
from agents import (
    Model,
    ModelProvider,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    TResponseInputItem,
)
from agents.models import get_default_model
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from .chat_endpoint import ChatEndpoint
from .model_input import portable, wire_items
from .model_wrapper import ModelWrapper
from .own_calls import with_own_calls
from .responses import ResponsesEndpoint, warm_up

KEEPALIVE_SECONDS = 300.0
"""The HTTP library's default of 5 s would reconnect on almost every turn of a telephone conversation."""
MAX_CONNECTIONS = 1000
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
"""Bounds of a connection's making, and of a silence within an answer; whole calls have a bound of their own."""


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
                completions: Any = self._client.completions
                inner = PortableInput(OpenAIChatCompletionsModel(model=name, openai_client=completions))
            self._known[name] = with_own_calls(inner, timeout=self._timeout)
        return self._known[name]


class OneModel(ModelProvider):
    """Answers every name with the same model: the offline one, or a test's."""

    def __init__(self, model: Model, *, call_timeout: float) -> None:
        self._model = with_own_calls(model, timeout=call_timeout)

    def get_model(self, model_name: str | None) -> Model:
        """Return the one model."""
        return self._model


@dataclass(frozen=True, slots=True)
class ModelClient:
    """The ways to the endpoint: openai's client, and what stands between it and the SDK for each protocol."""

    openai: AsyncOpenAI
    responses: ResponsesEndpoint
    completions: ChatEndpoint


@asynccontextmanager
async def open_client(api_key: str, base_url: str | None) -> AsyncIterator[ModelClient]:
    """Open the process's one client.

    Nothing below repeats a request; :class:`.bounded_model.Bounded` does, before output only.
    """
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
        yield ModelClient(client, ResponsesEndpoint(session, client), ChatEndpoint(client))


class PlainInput(ModelWrapper):
    """Hands the input items to the Responses API as they are.

    On the way through the SDK's model each of them would be copied twice more (docs/decisions/0005). They leave in
    their full form (:func:`.model_input.wire_items`), which every server of that protocol takes. Ids and reasoning
    items of earlier steps stay out: nothing is stored at the provider, so they would refer to nothing.
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
    items = wire_items([{"role": "user", "content": given}] if isinstance(given, str) else given)
    body = settings.extra_body if isinstance(settings.extra_body, Mapping) else {}
    return replace(
        settings, extra_body={**body, "input": items}, store=False if settings.store is None else settings.store
    )


class PortableInput(ModelWrapper):
    """Hands the input items to the Chat Completions API in what all services agree on."""

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kw: Any) -> Any:
        """See :class:`agents.Model`."""
        return await self._inner.get_response(system_instructions, _portable(input), *args, **kw)

    def stream_response(self, system_instructions: Any, input: Any, *args: Any, **kw: Any) -> Any:
        """See :class:`agents.Model`."""
        return self._inner.stream_response(system_instructions, _portable(input), *args, **kw)


def _portable(given: Any) -> Any:
    return given if isinstance(given, str) else portable(given)
