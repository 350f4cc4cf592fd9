"""A customer at a terminal: their number, what they type, and what goes on until they leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any

from ..errors import ConfigurationError
from ..identity.phone import e164
from ..settings import Settings
from ..settings.development import simulated
from .places import tell_places


def customers_number(settings: Settings, sender: str, *, command: str) -> str:
    """Return the number, E.164, of a customer on the pretend line. Raises ConfigurationError where there is none."""
    number = e164(sender, settings.default_region)
    if number is None:
        raise ConfigurationError([f"--from: {sender!r} is no telephone number."])
    if not simulated(settings):
        raise ConfigurationError(
            [f"tandem {command} needs the pretend Twilio: APP_ENV=development without TWILIO_ACCOUNT_SID."]
        )
    tell_places(settings)
    return number


def no_gateway(settings: Settings) -> ConfigurationError:
    """Return the error for a port on which nothing listens."""
    return ConfigurationError(
        [f"No gateway listens on port {settings.port}; start one with `make run` or `tandem serve`."]
    )


async def until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Let all go on until one has ended; end the others, and raise what failed."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def typed_lines() -> AsyncIterator[str]:
    """Yield the lines of the standard input. What is never typed keeps nobody from leaving."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def read() -> None:
        # Not sys.stdin: its lock, held by a thread that waits, would break the interpreter's exit.
        with open(0, "rb", buffering=0, closefd=False) as source, suppress(RuntimeError):
            for line in source:
                loop.call_soon_threadsafe(queue.put_nowait, line)
            loop.call_soon_threadsafe(queue.put_nowait, b"")

    Thread(target=read, daemon=True).start()
    while line := await queue.get():
        yield line.decode(errors="replace")
