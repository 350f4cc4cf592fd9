"""Streams a run into a call: each piece of text as it comes, silence the moment the caller speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agents import RunResultStreaming

from ..conversation.speech_stream import SpeechStream
from ..errors import TurnTimedOut
from ..guardrails.stream import WordFilter
from .guarded_model import answering
from .items import refused, spoken_whole
from .responses import listener
from .tool_journal import Journal


async def speak(run: Callable[[], RunResultStreaming], speech: SpeechStream, journal: Journal) -> RunResultStreaming:
    """Start a run, say what it says until it ends or the caller speaks over it, and return it.

    Then the model call is cancelled at once, unless the journal has a tool under way: tools are let finish, because
    their effects were asked for, and no further model call is made. Raises TurnTimedOut when neither text nor a tool
    has come by the speech's deadline.
    """
    words, refusal, late = WordFilter(), "", False

    def say(text: str) -> bool:
        """Say what the model says; not what an agent says that is a tool of this one, nor data, nor unchecked words."""
        if journal.busy:
            return False
        tell(words.feed(text))
        if words.holds_words:
            deadline.cancel()
        return True

    def tell(text: str) -> None:
        if text:
            deadline.cancel()
            if not spoken_whole(streamed.current_agent):
                speech.say(text)

    def cut() -> None:
        deadline.cancel()
        streamed.cancel(mode="after_turn" if journal.busy else "immediate")

    def give_up() -> None:
        nonlocal late
        late = True
        streamed.cancel()

    tokens = listener.set(say), answering.set(words)
    try:
        streamed = run()  # in a task that inherits both
    finally:
        listener.reset(tokens[0])
        answering.reset(tokens[1])
    deadline = asyncio.get_running_loop().call_later(speech.first_token_timeout, give_up)
    speech.cut = cut
    if speech.interrupted:
        cut()
    try:
        async for event in streamed.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                say(event.data.delta)  # of a model that knows of no listener
            elif event.type == "raw_response_event" and event.data.type == "response.refusal.delta":
                refusal += event.data.delta
            elif event.type == "run_item_stream_event" and event.name == "tool_called":
                tell(words.end())
                deadline.cancel()
                speech.pause()
        tell(words.end())
        if refusal:
            tell(refused(refusal))
    finally:
        deadline.cancel()
        speech.cut = lambda: None  # a run that is over is not kept
        streamed.cancel()  # leaving the loop alone would let the run go on
    if late:
        raise TurnTimedOut("first token")
    return streamed
