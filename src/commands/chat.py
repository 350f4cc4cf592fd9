"""``tandem chat``: be a customer in the terminal, by way of the pretend Twilio of a running development server.

Every line goes out through the signed webhook and every answer comes back by REST, as with a real telephone.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp

from ..errors import ConfigurationError, StoreMissing
from ..identity.phone import e164, subject_of_number
from ..persistence.chosen import open_store
from ..settings import Settings
from ..settings.development import SAMPLE_ACCOUNT_SID, SAMPLE_NUMBER, auth_tokens, simulated
from .show import transcript

POLL_SECONDS = 20
LAST_ANSWER_SECONDS = 10.0
"""How long the end of the input waits for an answer that is under way."""


async def chat(settings: Settings, sender: str) -> int:
    """Text with the agent until the end of the input; return the exit code. Raises ConfigurationError."""
    number = e164(sender, settings.default_region)
    if number is None:
        raise ConfigurationError([f"--from: {sender!r} is no telephone number."])
    if not simulated(settings):
        raise ConfigurationError(
            ["tandem chat needs the pretend Twilio: APP_ENV=development without TWILIO_ACCOUNT_SID."]
        )
    await _print_history(settings, number)
    login = {"Authorization": aiohttp.encode_basic_auth(SAMPLE_ACCOUNT_SID, auth_tokens(settings)[0])}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.port}", headers=login) as session:
        phone = _Phone(session, number, settings.twilio_phone_number or SAMPLE_NUMBER)
        try:
            await phone.open()
            listening = asyncio.create_task(phone.listen())
            try:
                await _type_lines(phone)
                await phone.await_last_answer()
            finally:
                listening.cancel()
        except aiohttp.ClientConnectorError:
            raise ConfigurationError(
                [f"No gateway listens on port {settings.port}; start one with `make run` or `tandem serve`."]
            ) from None
    return 0


class _Phone:
    """One customer's telephone."""

    def __init__(self, session: aiohttp.ClientSession, number: str, gateway_number: str) -> None:
        self._session = session
        self._number = number
        self._gateway_number = gateway_number
        self._seen = 0
        self._answered = asyncio.Event()
        self._answered.set()

    async def open(self) -> None:
        self._seen = (await self._messages(wait=0))["next"]

    async def send(self, text: str) -> None:
        self._answered.clear()
        form = {"From": self._number, "To": self._gateway_number, "Body": text}
        async with self._session.post("/simulator/messages", data=form) as response:
            status = (await response.json()).get("status")
        if status != 200:
            print(f"  (the gateway answered {status})", flush=True)

    async def listen(self) -> None:
        while True:
            page = await self._messages(wait=POLL_SECONDS)
            self._seen = page["next"]
            for message in page["messages"]:
                if message["to"] == self._number:
                    print(f"agent: {message['body']}", flush=True)
                    self._answered.set()

    async def await_last_answer(self) -> None:
        try:
            async with asyncio.timeout(LAST_ANSWER_SECONDS):
                await self._answered.wait()
        except TimeoutError:
            print("  (no answer yet; it will be in the next chat's history)", flush=True)

    async def _messages(self, *, wait: int) -> dict[str, Any]:
        query = {"number": self._number, "after": str(self._seen), "wait": str(wait)}
        async with self._session.get("/simulator/messages", params=query) as response:
            if response.status != 200:
                raise ConfigurationError([f"The server on this port is no development gateway ({response.status})."])
            page: dict[str, Any] = await response.json()
            return page


async def _print_history(settings: Settings, number: str) -> None:
    try:
        async with open_store(settings, create=False) as store:
            conversation = await store.conversation(subject_of_number(number))
    except StoreMissing:
        return
    if conversation is not None:
        for line in transcript(conversation):
            print(line)


async def _type_lines(phone: _Phone) -> None:
    typing = sys.stdin.isatty()
    if typing:
        print("Write a message and press Enter; Ctrl-D ends.", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if not line.strip():
            continue
        if not typing:
            print(f"you: {line.strip()}", flush=True)
        await phone.send(line.strip())
        if not typing:
            # A script's lines are a dialogue, not a burst.
            await phone.await_last_answer()
