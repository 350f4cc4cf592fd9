"""Streams a run into a call: each piece of text as it comes, silence the moment the caller speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agents import RunResultStreaming

from ..conversation.speech_stream import SpeechStream
from ..errors import TurnTimedOut
from ..guardrails.thoughts import WordFilter
from .guarded_model import answering
from .items import refused, spoken_whole
from .responses import listener


async def speak(
    run: Callable[[], RunResultStreaming], speech: SpeechStream, *, busy: Callable[[], bool]
) -> RunResultStreaming:
    """Start a run, say what it says until it ends or the caller speaks over it, and return it.

    Then the model call is cancelled at once, unless a tool is under way (``busy``): tools are let finish, because their
    effects were asked for, and no further model call is made. Raises TurnTimedOut when neither text nor a tool has
    come by the speech's deadline.
    """
    began = asyncio.Event()
    words, refusal = WordFilter(), ""

    def say(text: str) -> bool:
        """Say what the model says; not what an agent says that is a tool of this one, nor data, nor unchecked words."""
        if busy():
            return False
        tell(words.feed(text))
        return True

    def tell(text: str) -> None:
        if text:
            began.set()
            if not spoken_whole(streamed.current_agent):
                speech.say(text)

    tokens = listener.set(say), answering.set(words)
    try:
        streamed = run()  # in a task that inherits both
    finally:
        listener.reset(tokens[0])
        answering.reset(tokens[1])
    watcher = asyncio.create_task(_watch(streamed, speech, began, busy))
    try:
        async for event in streamed.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                say(event.data.delta)  # of a model that knows of no listener
            elif event.type == "raw_response_event" and event.data.type == "response.refusal.delta":
                refusal += event.data.delta
            elif event.type == "run_item_stream_event" and event.name == "tool_called":
                tell(words.end())
                began.set()
                speech.pause()
        tell(words.end())
        if refusal:
            tell(refused(refusal))
    finally:
        watcher.cancel()
        streamed.cancel()  # leaving the loop alone would let the run go on
    if watcher.done() and not watcher.cancelled() and (error := watcher.exception()):
        raise error
    return streamed


async def _watch(
    streamed: RunResultStreaming, speech: SpeechStream, began: asyncio.Event, busy: Callable[[], bool]
) -> None:
    first = asyncio.create_task(began.wait())
    cut = asyncio.create_task(speech.interrupted.wait())
    try:
        await asyncio.wait({first, cut}, timeout=speech.first_token_timeout, return_when=asyncio.FIRST_COMPLETED)
        if not first.done() and not cut.done():
            streamed.cancel()
            raise TurnTimedOut("first token")
        await cut
        streamed.cancel(mode="after_turn" if busy() else "immediate")
    finally:
        first.cancel()
        cut.cancel()
