"""A caller who speaks before the call is ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tandem.channels.voice.call import LiveCall
from tandem.channels.voice.voice_config import CallRules
from tandem.conversation.speech_stream import SpeechStreams
from tandem.entries import Entry
from tandem.identity.base import Resolution
from tandem.identity.phone import PhoneResolver
from tandem.model import SubjectId

from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("V3", "V16")

CALL = "CA" + "1" * 32
SETUP = {"type": "setup", "callSid": CALL, "from": "+14155550100", "to": "+14155550199"}
REST = "We were cut off. I was saying: your order has shipped."


class Socket:
    """An accepted socket: frames are put in, and what is sent is kept."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.texts: list[str] = []

    def put(self, frame: dict[str, Any]) -> None:
        self._frames.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def hang_up(self) -> None:
        self._frames.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive(self) -> dict[str, Any]:
        return await self._frames.get()

    async def send_text(self, text: str) -> None:
        self.texts.append(json.loads(text).get("token", ""))

    async def close(self, code: int, reason: str) -> None: ...


class Engine:
    """Answers what it hears at once."""

    def __init__(self) -> None:
        self.speeches = SpeechStreams()
        self.heard = asyncio.Event()

    async def hear(self, subject: SubjectId, entries: Sequence[Entry]) -> None:
        speech = self.speeches.get(entries[-1].key)
        assert speech is not None
        speech.say("Here you are.")
        speech.finish()
        self.heard.set()

    async def accept(self, subject: SubjectId, entries: Sequence[Entry], *, token: str) -> tuple[()]:
        return ()


async def greet(resolution: Resolution) -> str:
    return ""


async def warm() -> None: ...


@pytest.mark.parametrize(("speaks_first", "said"), [(True, ["Here you are."]), (False, [REST])])
async def test_a_caller_who_speaks_first_after_a_lost_socket_is_answered(speaks_first: bool, said: list[str]) -> None:
    socket, engine, ready = Socket(), Engine(), asyncio.Event()

    async def joined(call: LiveCall) -> str:
        await ready.wait()
        return REST

    call = LiveCall(
        socket,  # type: ignore[arg-type]
        CALL,
        engine=engine,  # type: ignore[arg-type]
        resolver=PhoneResolver("US"),
        greet=greet,
        warm=warm,
        rules=CallRules(),
        joined=joined,
    )
    socket.put(SETUP)
    if speaks_first:
        socket.put({"type": "prompt", "voicePrompt": "where is it?", "lang": "en-US", "last": True})
    running = asyncio.create_task(call.run())
    async with asyncio.timeout(PATIENCE):
        while call.subject is None or (speaks_first and call._session.turn is None):
            await asyncio.sleep(0)
        ready.set()
        while not [text for text in socket.texts if text]:
            await asyncio.sleep(0)
    socket.hang_up()
    await running
    assert [text for text in socket.texts if text] == said
