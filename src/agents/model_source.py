"""Source of a run's models: the real endpoint with a key, canned rules without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from agents import ModelProvider

from .models import Models, OneModel, open_client
from .offline.model import OfflineModel


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The model settings. ``call_timeout`` (seconds) bounds one model call; without a key nobody is called."""

    api_key: str | None
    base_url: str | None
    mode: Literal["responses", "chat_completions"]
    default: str | None
    call_timeout: float


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
        models = Models(client, mode=source.mode, default=source.default, call_timeout=source.call_timeout)
        yield ModelAccess(models, client.responses.warm)


async def _nothing() -> None:
    """Have nothing to warm."""
