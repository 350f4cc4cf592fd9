"""Streams a run into a call: each piece of text as it comes, silence the moment the caller speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agents import RunResultStreaming

from ..conversation.speech import Speech
from ..errors import TurnTimedOut


async def speak(streamed: RunResultStreaming, speech: Speech, *, busy: Callable[[], bool]) -> None:
    """Say what a run says until it ends or the caller speaks over it.

    Then the model call is cancelled at once, unless a tool is under way (``busy``): tools are let finish, because their
    effects were asked for, and no further model call is made. Raises TurnTimedOut when neither text nor a tool has
    come by the speech's deadline.
    """
    began = asyncio.Event()
    watcher = asyncio.create_task(_watch(streamed, speech, began, busy))
    try:
        async for event in streamed.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                began.set()
                speech.say(event.data.delta)
            elif event.type == "run_item_stream_event" and event.name == "tool_called":
                began.set()
                speech.pause()
    finally:
        watcher.cancel()
        streamed.cancel()  # leaving the loop alone would let the run go on
    if watcher.done() and not watcher.cancelled() and (error := watcher.exception()):
        raise error


async def _watch(streamed: RunResultStreaming, speech: Speech, began: asyncio.Event, busy: Callable[[], bool]) -> None:
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
