"""Models of a run: the real endpoint with a key, over one client for the process; canned rules without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import httpx2
from agents import (
    Model,
    ModelProvider,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
)
from agents.models import get_default_model
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from ..guardrails.thoughts import Beginning, HoldThoughts
from .chat_endpoint import ChatEndpoint
from .guarded_model import guarded
from .model_input import for_chat, for_responses
from .offline.model import OfflineModel
from .responses import ResponsesEndpoint, warm_up

KEEPALIVE_SECONDS = 300.0
"""The HTTP library's default of 5 s would reconnect on almost every turn of a telephone conversation."""
MAX_CONNECTIONS = 1000
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
"""Bounds of a connection's making, and of a silence within an answer; whole calls have a bound of their own."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The model settings. ``call_timeout`` (seconds) bounds one model call; without a key none is made."""

    api_key: str | None
    base_url: str | None
    mode: Literal["responses", "chat_completions"]
    default: str | None
    call_timeout: float
    hold_thoughts: HoldThoughts = "auto"


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """The models of a process. ``warm`` opens a connection to them, so that the next answer need not."""

    provider: ModelProvider
    warm: Callable[[], Awaitable[None]]


@asynccontextmanager
async def open_models(source: ModelSource) -> AsyncIterator[ModelAccess]:
    """Open the process's one way to its models."""
    if source.api_key is None:
        yield ModelAccess(OneModel(OfflineModel(), call_timeout=source.call_timeout), _nothing)
        return
    async with open_client(source.api_key, source.base_url) as client:
        models = Models(
            client,
            mode=source.mode,
            default=source.default,
            call_timeout=source.call_timeout,
            # OpenAI's own service keeps thoughts apart from answers.
            hold_thoughts=source.hold_thoughts if source.base_url else "never",
        )
        yield ModelAccess(models, client.responses.warm)


async def _nothing() -> None:
    """Have nothing to warm."""


class Models(ModelProvider):
    """Gives agents their models by name: the real ones over one shared client."""

    def __init__(
        self,
        client: ModelClient,
        *,
        mode: Literal["responses", "chat_completions"],
        default: str | None,
        call_timeout: float,
        hold_thoughts: HoldThoughts = "never",
    ) -> None:
        self._client = client
        self._hold = hold_thoughts
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
                inner, prepare = OpenAIResponsesModel(model=name, openai_client=endpoint), for_responses(name)
            else:
                completions: Any = self._client.completions
                inner, prepare = OpenAIChatCompletionsModel(model=name, openai_client=completions), for_chat
            beginning = Beginning.of(name, self._hold)
            self._known[name] = guarded(inner, timeout=self._timeout, name=name, beginning=beginning, prepare=prepare)
        return self._known[name]


class OneModel(ModelProvider):
    """Answers every name with the same model: the offline one, or a test's."""

    def __init__(self, model: Model, *, call_timeout: float) -> None:
        self._model = guarded(model, timeout=call_timeout)

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

    Nothing below repeats a request; :class:`.guarded_model.GuardedModel` does, before output only.
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
