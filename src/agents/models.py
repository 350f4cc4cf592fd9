"""Models of a run: the real endpoint with a key, over one client for the process; canned rules without one."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import aiohttp
import httpx2
from agents import (
    Agent,
    Model,
    ModelProvider,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
)
from agents.models import get_default_model
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from ..errors import ConfigurationError
from ..guardrails.thoughts import Beginning, HoldThoughts
from .chat_endpoint import ChatEndpoint
from .guarded_model import Prepare, guarded
from .model_input import PREFIX, Items
from .offline.model import OfflineModel
from .responses import ResponsesEndpoint, warm_up

KEEPALIVE_SECONDS = 300.0
"""The HTTP library's default of 5 s would reconnect on almost every turn of a telephone conversation."""
MAX_CONNECTIONS = 1000
REASONING = re.compile(r"(?:.*/)?(?:(?!o1-mini)o[1-9](?:-.*)?|gpt-5(?!.*-(?:chat|search)).*|codex-.*)")
"""Models that think before they answer, as OpenAI calls them; others refuse to be asked for thoughts."""
ENCRYPTED = "reasoning.encrypted_content"
LONGEST_HEADER = 65_536
"""Bytes of one header of an answer; proxies in front of models put policies there that are longer than usual."""
_NO_PROXY = (
    "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY must each be an address such as http://proxy.example:3128, not of SOCKS."
)
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


@cache
def _authorities() -> ssl.SSLContext:
    """Return the certificate authorities that are trusted; reading them takes 40 ms, so a process does it once."""
    return httpx2.create_ssl_context()


@contextmanager
def told_plainly() -> Iterator[None]:
    """Raise ConfigurationError where no client can use what the environment says of proxies and certificates."""
    try:
        yield
    except OSError as error:
        sentence = f"SSL_CERT_FILE must name a file of certificates ({type(error).__name__} when it was read)."
        raise ConfigurationError([sentence]) from error
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise ConfigurationError([_NO_PROXY]) from error


@asynccontextmanager
async def open_client(api_key: str, base_url: str | None) -> AsyncIterator[ModelClient]:
    """Open the process's one client. Raises ConfigurationError.

    Nothing below repeats a request; :class:`.guarded_model.GuardedModel` does, before output only.
    """
    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
    )
    patience = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    with told_plainly():
        http = DefaultAsyncHttpx2Client(limits=limits, timeout=patience, verify=_authorities())
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    warm_up()
    async with (
        AsyncOpenAI(api_key=api_key, base_url=base_url, max_retries=0, http_client=http) as client,
        aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), max_field_size=LONGEST_HEADER
        ) as session,
    ):
        yield ModelClient(client, ResponsesEndpoint(session, client), ChatEndpoint(client))


# --- one call, for what is written or judged beside a conversation ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """Answer of a model, and the tokens that it cost."""

    text: str
    tokens: int


class OneCall:
    """Asks a model under fixed instructions, without tools and without memory.

    ``model`` None is the default one; ``max_tokens`` bounds the answer.
    """

    def __init__(
        self, models: ModelProvider, *, name: str, instructions: str, max_tokens: int, model: str | None = None
    ) -> None:
        settings = ModelSettings(max_tokens=max_tokens)
        self._agent = Agent(name=name, instructions=instructions, model=model, model_settings=settings)
        self._config = RunConfig(model_provider=models, tracing_disabled=True)

    async def __call__(self, given: str) -> Written:
        """Return what the model writes. Raises a TurnError when it does not answer."""
        result = await Runner.run(self._agent, given, run_config=self._config, max_turns=1)
        return Written(str(result.final_output), result.context_wrapper.usage.total_tokens)


# --- input items as they leave, in forms that every service takes ----------------------------------------------


def for_chat(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
    """Return the input of the Chat Completions API in what all services agree on."""
    return given if isinstance(given, str) else portable(given), settings


def for_responses(name: str) -> Prepare:
    """Return what hands the input items to a model of the Responses API as they are.

    On the way through the SDK's model each of them would be copied twice more (docs/decisions/0005). They leave in
    their full form (:func:`wire_items`), which every server of that protocol takes. Ids stay out: nothing
    is stored at the provider, so they would refer to nothing. Instead a reasoning model is asked for its thoughts
    encrypted, and gets them back with the results of the tools that it called. Of earlier turns it needs none.
    """
    reasons = REASONING.fullmatch(name) is not None

    def prepare(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
        items = wire_items([{"role": "user", "content": given}] if isinstance(given, str) else given)
        body = settings.extra_body if isinstance(settings.extra_body, Mapping) else {}
        store = False if settings.store is None else settings.store
        include = list(settings.response_include or ())
        if reasons and not store and ENCRYPTED not in include:
            include.append(ENCRYPTED)
        settings = replace(settings, extra_body={**body, "input": items}, store=store, response_include=include or None)
        return [], settings

    return prepare


def portable(items: Items) -> list[dict[str, Any]]:
    """Return the items in what all services agree on.

    Ids of calls are nine letters and digits, which is all that some take. Arguments are a JSON object, which some read
    back. Hosted tools' items are left out: they refer to what is stored at the provider, and nothing is.
    """
    return [_portable(item) for item in items if _kind(item) == "function_call" or not _kind(item).endswith("_call")]


def wire_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as every server of the Responses API takes them: portable, each with its type and its parts.

    Without provider ids, and without reasoning that carries no content of its own.
    """
    return [
        _typed(item) for item in portable(items) if item.get("type") != "reasoning" or item.get("encrypted_content")
    ]


def _kind(item: Mapping[str, Any]) -> str:
    return str(item.get("type") or "message")


def _portable(item: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = dict(item)
    if isinstance(item.get("call_id"), str):
        changed["call_id"] = item["call_id"].removeprefix(PREFIX)
    if isinstance(item.get("arguments"), str):
        changed["arguments"] = _arguments(item["arguments"])
    return changed


def _arguments(text: str) -> str:
    try:
        readable = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        readable = False
    if readable:
        return text
    return json.dumps({"unreadable": text}, ensure_ascii=False) if text.strip() else "{}"


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    if _kind(item) != "message":
        return {key: value for key, value in item.items() if key not in ("id", "status") and value is not None}
    role, content = item["role"], item.get("content")
    kind = "output_text" if role == "assistant" else "input_text"
    parts = (
        [{"type": kind, "text": content}] if isinstance(content, str) else [_part(part, kind) for part in content or ()]
    )
    return {"type": "message", "role": role, "content": parts}


def _part(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    text = part.get("text") or part.get("refusal")
    if isinstance(text, str):
        return {"type": kind, "text": text}
    return {key: value for key, value in part.items() if value is not None}
