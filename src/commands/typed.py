"""Lines that are typed at a terminal, or come from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from threading import Thread


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
