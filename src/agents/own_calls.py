"""Gives every tool call of a model an id of ours, before anything keeps it or acts on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from agents import Model, ModelResponse, Tool
from agents.items import TResponseStreamEvent

from .bounded_model import Bounded
from .call_ids import new_call_id
from .masked_calls import MaskedCalls
from .model_words import PlainAnswers
from .model_wrapper import ModelWrapper

LONGEST_NAME: Final = 64
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")


class OwnCalls(ModelWrapper):
    """A model whose calls have ids of ours, and names that any service takes back.

    A service's own ids come twice in one answer, again in later turns, or not at all; to history, ledger and approvals
    a call is told by its id.
    """

    async def get_response(
        self, system_instructions: Any, input: Any, model_settings: Any, tools: list[Tool], *args: Any, **kw: Any
    ) -> ModelResponse:
        """See :class:`agents.Model`."""
        response = await self._inner.get_response(system_instructions, input, model_settings, tools, *args, **kw)
        return replace(response, output=_Renaming(tools).whole(response.output))

    async def stream_response(
        self, system_instructions: Any, input: Any, model_settings: Any, tools: list[Tool], *args: Any, **kw: Any
    ) -> AsyncIterator[TResponseStreamEvent]:
        """See :class:`agents.Model`."""
        renaming = _Renaming(tools)
        stream: Any = self._inner.stream_response(system_instructions, input, model_settings, tools, *args, **kw)
        async with aclosing(stream) as events:
            async for event in events:
                if event.type in ("response.output_item.added", "response.output_item.done"):
                    event.item = renaming.one(event.type, event.item)
                elif event.type == "response.completed":
                    event.response.output = renaming.whole(event.response.output)
                yield event


def with_own_calls(model: Model, *, timeout: float) -> Model:
    """Return a model that is bounded in time, says what may leave, and whose calls have ids of ours; once is enough."""
    return (
        model if isinstance(model, OwnCalls) else OwnCalls(MaskedCalls(PlainAnswers(Bounded(model, timeout=timeout))))
    )


class _Renaming:
    """The ids of one answer's calls, by their order: an answer that streams names each call several times."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: Collection[str] = {tool.name for tool in tools}
        self._ids: list[str] = []
        self._seen: Counter[str] = Counter()

    def whole(self, output: Iterable[Any]) -> list[Any]:
        """Return a whole answer with its calls renamed."""
        return [self.one("", item) for item in output]

    def one(self, event: str, item: Any) -> Any:
        """Return an item; the next call that events of this kind tell comes back renamed."""
        if getattr(item, "type", None) != "function_call":
            return item
        place = self._seen[event]
        self._seen[event] += 1
        if place == len(self._ids):
            self._ids.append(new_call_id())
        return item.model_copy(update={"call_id": self._ids[place], "name": self._name(item.name or "")})

    def _name(self, name: str) -> str:
        """Return the name of a tool that there is, or one that no service takes offence at."""
        if name in self._tools:
            return name
        return _UNSAFE.sub("_", name)[:LONGEST_NAME] or "unnamed"
