"""One model call as the gateway makes it: bounded, repeated after passing trouble, and its answer cleaned.

Of an answer, neither history, nor the state of a paused run, nor a gate, nor a tool ever sees what is taken out here:
thoughts and broken characters (:mod:`..guardrails.thoughts`), card and social security numbers in calls (a model may
join what a customer gave in two messages, each harmless by itself), and a service's own ids of calls, which come twice
in one answer, again in later turns, or not at all. To history, ledger and approvals a call is told by an id of ours.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import string
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final, TypeVar

import structlog
from agents import Model, ModelResponse, ModelSettings, Tool
from agents.items import TResponseStreamEvent

from ..conversation.bounds import count
from ..errors import GuardrailTripped, ModelUnavailable, TurnTimedOut
from ..guardrails.pii import mask, mask_value
from ..guardrails.stream import WordFilter
from ..guardrails.thoughts import Beginning, bare, holds_call, said, whole_arguments, whole_value
from ..telemetry.traces import Span, SpanKind, span
from ..web.http_client import read_pause, retrying
from .model_input import PREFIX, chars, shortened
from .model_trouble import TROUBLES, Trouble, trouble_of

log = structlog.get_logger(__name__)

R = TypeVar("R")

ATTEMPTS = 3
FIRST_BACKOFF, BACKOFF_JITTER, MAX_BACKOFF = 0.2, 0.2, 4.0
SHORTEST_PAUSE, LONGEST_ASKED = 0.01, 10.0
"""Seconds of a pause that a service asks for."""
answering: ContextVar[WordFilter | None] = ContextVar("tandem_answering", default=None)
"""The filter of the words that the current run streams; each model tells it how its answers begin."""
LENGTH: Final = 9
"""Letters and digits after the prefix: all that some services take, and enough that none comes twice."""
_ALPHABET: Final = string.ascii_letters + string.digits
LONGEST_NAME: Final = 64
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")
_AROUND: Final = re.compile(r"\A\s*(?:functions?[.:])?|(?::\d+|<\|.*|\(\s*\))?\s*\Z", re.DOTALL)
"""What some templates and models put around the name of a tool."""


Prepare = Callable[[Any, ModelSettings], tuple[Any, ModelSettings]]
"""Returns the input and the settings of a call as the SDK's own model is given them."""


def as_it_is(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
    """Return both unchanged."""
    return given, settings


def guarded(
    model: Model,
    *,
    timeout: float,
    name: str = "",
    beginning: Beginning | None = None,
    prepare: Prepare = as_it_is,
) -> Model:
    """Return a model whose calls are made as the gateway makes them; once is enough.

    Its tokens are counted under ``name``, or else its own. ``beginning`` is how its answers begin, where something is
    known of that; ``prepare`` makes what it is given.
    """
    if isinstance(model, GuardedModel):
        return model
    own = getattr(model, "model", None)
    name = name or (own if isinstance(own, str) else type(model).__name__)
    return GuardedModel(model, timeout, name, beginning or Beginning(), prepare)


class GuardedModel(Model):
    """Bounds one model call in time, and repeats it after passing trouble as long as nothing has come out of it.

    An input that is refused for what it holds is shortened and tried once more. Raises TurnTimedOut past ``timeout``
    seconds, and ModelUnavailable for everything that the endpoint or the way to it did wrong; the log gets the status
    and the service's code. Text that streams is cleaned where it is said (:class:`..guardrails.stream.WordFilter`).
    """

    def __init__(self, inner: Model, timeout: float, name: str, beginning: Beginning, prepare: Prepare) -> None:
        self._inner = inner
        self._prepare = prepare
        self._timeout = timeout
        self._name = name
        self._beginning = beginning

    async def close(self) -> None:
        """Close the inner model."""
        await self._inner.close()

    async def get_response(
        self, system_instructions: Any, input: Any, model_settings: Any, tools: list[Tool], *args: Any, **kw: Any
    ) -> ModelResponse:
        """See :class:`agents.Model`."""

        def ask(given: Any) -> Awaitable[ModelResponse]:
            given, settings = self._prepare(given, model_settings)
            return self._inner.get_response(system_instructions, given, settings, tools, *args, **kw)

        with self._traced() as one, _translated():
            async with asyncio.timeout(self._timeout):
                response = await _answered(ask, input)
            self._count(one, response.usage)
        return replace(response, output=_Answer(self._name, tools, self._beginning).whole(response.output))

    async def stream_response(
        self, system_instructions: Any, input: Any, model_settings: Any, tools: list[Tool], *args: Any, **kw: Any
    ) -> AsyncIterator[TResponseStreamEvent]:
        """See :class:`agents.Model`."""
        opened: list[Any] = []

        async def ask(given: Any) -> TResponseStreamEvent | None:
            """Start a stream as far as its first event, up to which it may still be repeated."""
            given, settings = self._prepare(given, model_settings)
            opened[:] = [self._inner.stream_response(system_instructions, given, settings, tools, *args, **kw)]
            return await anext(opened[0], None)

        answer = _Answer(self._name, tools, self._beginning)
        if (words := answering.get()) is not None:
            words.inside = self._beginning.inside
        with self._traced() as one, _translated():
            async with asyncio.timeout(self._timeout):
                first = await _answered(ask, input)
                if first is not None:
                    yield answer.event(first)
                async for event in opened[0]:
                    if event.type == "response.completed":
                        self._count(one, event.response.usage)
                    yield answer.event(event)

    def _traced(self) -> AbstractContextManager[Span, None]:
        about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": self._name}
        return span(f"chat {self._name}", about, kind=SpanKind.CLIENT, current=False)

    def _count(self, one: Span, usage: Any) -> None:
        tokens = count(self._name, usage)
        one.set_attribute("gen_ai.usage.input_tokens", tokens.input)
        one.set_attribute("gen_ai.usage.output_tokens", tokens.output)


# --- the answer ---------------------------------------------------------------------------------------------


class _Answer:
    """Items of one answer, cleaned. Calls are told apart by their order: a stream names each of them several times."""

    def __init__(self, model: str, tools: Iterable[Tool], beginning: Beginning) -> None:
        self._model = model
        self._warned = False
        self._beginning = beginning
        self._tools = {tool.name: getattr(tool, "params_json_schema", {}) for tool in tools}
        self._ids: list[str] = []
        self._seen: Counter[str] = Counter()

    def whole(self, output: Iterable[Any]) -> list[Any]:
        """Return the items of a whole answer."""
        return [self._item("", item) for item in output]

    def event(self, event: Any) -> Any:
        """Return an event of a stream."""
        if event.type == "response.output_item.added":
            event.item = self._renamed(event.type, event.item)
        elif event.type == "response.output_item.done":
            event.item = self._item(event.type, event.item)
        elif event.type == "response.completed":
            event.response.output = self.whole(event.response.output)
        return event

    def _item(self, told: str, item: Any) -> Any:
        kind = getattr(item, "type", None)
        if kind == "function_call":
            item = self._renamed(told, item)
            fitted = fitted_arguments(whole_arguments(item.arguments), self._tools.get(item.name, {}))
            return item.model_copy(update={"arguments": masked_arguments(fitted)})
        if kind != "message":
            return item
        content = [
            part.model_copy(update={"text": self._said(part.text)}) if part.type == "output_text" else part
            for part in item.content
        ]
        return item.model_copy(update={"content": content})

    def _said(self, text: str) -> str:
        """Return an answer as it may be told; of data, each text in it. The log tells why nothing is left of one."""
        words = self._words(text)
        if words != text and not self._warned and (holds_call(text) or (text.strip() and not words.strip())):
            self._warned = True
            log.warning("tool_call_as_text" if holds_call(text) else "answer_without_words", model=self._model)
        return words

    def _words(self, text: str) -> str:
        data = bare(text)
        if data.lstrip()[:1] == "{" and said(data):  # a call as text is no data
            with suppress(ValueError, RecursionError):
                return json.dumps(whole_value(json.loads(data), said), ensure_ascii=False)
        if self._beginning.note(text):
            log.warning("thoughts_held_back")
        return said(text, inside=self._beginning.inside)

    def _renamed(self, told: str, item: Any) -> Any:
        """Return an item; the next call that events of this kind tell comes back under our id."""
        if getattr(item, "type", None) != "function_call":
            return item
        place = self._seen[told]
        self._seen[told] += 1
        if place == len(self._ids):
            self._ids.append(new_call_id())
        return item.model_copy(update={"call_id": self._ids[place], "name": self._name(item.name or "")})

    def _name(self, name: str) -> str:
        """Return the name of a tool that there is, or one that no service takes offence at."""
        for known in (name, _AROUND.sub("", name)):  # a template's way: "functions.order_status", "order_status:0"
            if known in self._tools:
                return known
        return _UNSAFE.sub("_", name)[:LONGEST_NAME] or "unnamed"


def new_call_id() -> str:
    """Return an id that no other call has."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def fitted_arguments(text: str, schema: Mapping[str, Any]) -> str:
    """Return a call's arguments with texts where a schema says so; models write the number 12345 for an id."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return text
    wanted = schema.get("properties") or {}
    if not isinstance(arguments, dict):
        return text
    numbers = {
        name: str(value)
        for name, value in arguments.items()
        if type(value) in (int, float) and isinstance(one := wanted.get(name), Mapping) and one.get("type") == "string"
    }
    return json.dumps(arguments | numbers, ensure_ascii=False) if numbers else text


def masked_arguments(text: str) -> str:
    """Return a call's arguments without such numbers; those without one stay as they were written."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return mask(text).text
    masked = mask_value(arguments)
    return text if masked == arguments else json.dumps(masked, ensure_ascii=False)


# --- trouble ------------------------------------------------------------------------------------------------


async def _answered(call: Callable[[Any], Awaitable[R]], given: Any) -> R:
    """Make a call, again after passing trouble, and once more with less when the input is refused."""
    try:
        return await _retrying(lambda: call(given))
    except TROUBLES as error:
        trouble = trouble_of(error)
        less = shortened(given, alone=trouble.filtered) if trouble and trouble.refused else None
        if trouble is None or less is None:
            raise
        sizes = {"characters": chars(given), "left": chars(less)}
        log.warning("model_input_shortened", status=trouble.status, code=trouble.code, **sizes)
    return await _retrying(lambda: call(less))


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
    asked = read_pause(trouble.retry_after)
    if asked is None:
        return True
    # A service that is not back before the customer has given up is not asked again: they are told at once.
    return max(asked, SHORTEST_PAUSE) if asked <= LONGEST_ASKED else False


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
            raise (GuardrailTripped if trouble.filtered else ModelUnavailable)(str(trouble)) from error


def _log(trouble: Trouble) -> None:
    log.warning("model_failed", reason=trouble.kind, status=trouble.status, code=trouble.code or None)
