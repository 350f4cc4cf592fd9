"""``tandem chat``: be a customer in the terminal, by way of the pretend Twilio of a running development server.

It is one more telephone on the phone page's line: every text goes out through the signed webhook and every answer comes
back by REST.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from ..errors import ConfigurationError, StoreMissing
from ..identity.phone import subject_of_number
from ..persistence.factory import open_store
from ..settings import Settings
from ..settings.development import staff_tokens
from .show import harmless, transcript
from .terminal import customers_number, no_gateway, typed_lines, until_one_ends

LAST_ANSWER_SECONDS = 10.0
"""How long the end of the input waits for an answer that is under way."""


async def chat(settings: Settings, sender: str) -> int:
    """Text with the agent until the end of the input; return the exit code. Raises ConfigurationError."""
    number = customers_number(settings, sender, command="chat")
    await _print_history(settings, number)
    address = f"http://127.0.0.1:{settings.port}"
    token = next(iter(staff_tokens(settings).values()))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        try:
            async with session.ws_connect(f"{address}/phone/line", origin=address) as line:
                phone = _Phone(line)
                await line.send_json({"do": "number", "number": number})
                await until_one_ends(_type_lines(phone), phone.listen())
        except aiohttp.ClientConnectionError:
            raise no_gateway(settings) from None
        except aiohttp.WSServerHandshakeError as error:
            raise ConfigurationError([f"The server on this port is no development gateway ({error.status})."]) from None
    return 0


class _Phone:
    """The phone page's line, used from a terminal."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        self._began = int(time.time() * 1000)
        self._told: set[str] = set()
        self._answered = asyncio.Event()
        self._answered.set()

    async def send(self, text: str) -> None:
        self._answered.clear()
        await self._line.send_json({"do": "text", "body": text})

    async def listen(self) -> None:
        """Print what is new since the terminal came; a message is told again whenever its state changes."""
        async for frame in self._line:
            told = json.loads(frame.data)
            if told["type"] == "error":
                print(f"  ({told['text']})", flush=True)
                self._answered.set()
            elif told["type"] == "message" and told["at"] >= self._began and told["sid"] not in self._told:
                self._show(told)

    def _show(self, message: Mapping[str, Any]) -> None:
        if not message["mine"]:
            print("\n".join((f"agent: {message['body']}", *message["media"])), flush=True)
            self._answered.set()
        elif message["answered"] is None:
            return
        elif message["answered"] != 200:
            print(f"  (the gateway answered {message['answered']})", flush=True)
        self._told.add(message["sid"])

    async def await_last_answer(self) -> None:
        try:
            async with asyncio.timeout(LAST_ANSWER_SECONDS):
                await self._answered.wait()
        except TimeoutError:
            print("  (no answer yet; it will be in the next chat's history)", flush=True)


async def _print_history(settings: Settings, number: str) -> None:
    try:
        async with open_store(settings, create=False) as store:
            conversation = await store.conversation(subject_of_number(number))
    except StoreMissing:
        return
    if conversation is not None:
        for line in transcript(conversation):
            print(harmless(line))


async def _type_lines(phone: _Phone) -> None:
    typing = sys.stdin.isatty()
    if typing:
        print("Write a message and press Enter; Ctrl-D ends.", flush=True)
    async for line in typed_lines():
        if not line.strip():
            continue
        if not typing:
            print(f"you: {line.strip()}", flush=True)
        await phone.send(line.strip())
        if not typing:
            # A script's lines are a dialogue, not a burst.
            await phone.await_last_answer()
    await phone.await_last_answer()
