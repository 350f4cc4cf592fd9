"""Asking the model service, before any customer does, whether it knows the models that the agent uses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agents import Agent
from agents.models import get_default_model
from openai import APIError, APIStatusError, AsyncOpenAI, NotFoundError

from .agent_graph import everyone
from .model_trouble import NO_CREDIT, code_of
from .models import ModelSource

PROBE_SECONDS = 20.0
"""For everything; a service that needs longer to name its models is not one to telephone with."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of asking the model service. ``works`` is None when it does not say which models it has."""

    works: bool | None
    text: str


async def probe_models(agents: Sequence[Agent[Any]], source: ModelSource) -> Probe:
    """Ask for every model by name, which costs nothing; ``source`` has a key."""
    assert source.api_key is not None
    names = sorted(set(models_of(agents, source.default)))
    try:
        async with (
            asyncio.timeout(PROBE_SECONDS),
            AsyncOpenAI(api_key=source.api_key, base_url=source.base_url, max_retries=0) as client,
        ):
            known = {name: await _knows(client, name) for name in names}
    except APIStatusError as error:
        return Probe(False, _refusal(error.status_code, code_of(error.body)))
    except (APIError, TimeoutError, ValueError) as error:
        # Their texts may quote the address or the key.
        kind = type(error).__name__
        return Probe(False, f"The model service gives no sensible answer ({kind}); look at OPENAI_BASE_URL.")
    if missing := [name for name in names if known[name] is False]:
        return Probe(False, f"The key has no access to {', '.join(missing)}; set AGENT_MODEL to a model that it has.")
    if None in known.values():
        return Probe(None, f"The service takes the key but does not say whether it has {', '.join(names)}.")
    return Probe(True, f"The key is good for {', '.join(names)}.")


def models_of(agents: Sequence[Agent[Any]], default: str | None) -> Iterator[str]:
    """Yield the names of the models; a model that is given as an object has its own way of being reached."""
    for one in everyone(*agents):
        if one.model is None or isinstance(one.model, str):
            yield one.model or default or get_default_model()


async def _knows(client: AsyncOpenAI, name: str) -> bool | None:
    try:
        return _named(await client.models.retrieve(name)) == name or None
    except NotFoundError:
        pass  # no such model, or a service that can only list them
    try:
        return name in {_named(model) async for model in client.models.list()}
    except NotFoundError:
        return None


def _named(model: object) -> str | None:
    """Return a model's id; a page in place of an answer has none."""
    return getattr(model, "id", None)


def _refusal(status: int, code: str) -> str:
    said = f"{status} {code}".strip()
    if status in (401, 403):
        return f"The model service refuses OPENAI_API_KEY ({said}); copy it again, or make a new one."
    if code in NO_CREDIT:
        return f"The model service refuses ({said}): the credit behind the key is used up."
    if status == 429:
        return f"The model service refuses for now ({said}): the key's limit or its credit is used up."
    return f"The model service answers {said}; look at its state and at OPENAI_BASE_URL."
