"""Hints between processes over LISTEN and NOTIFY. A listener can die in silence, so it listens for itself too."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import asyncpg

from ...errors import StoreUnavailable
from ...model import SubjectId
from .database import FAILED, WAIT_SECONDS, Database, unavailable

QUIET_SECONDS: Final = 5.0
"""After so much silence a listener makes sure that it still hears."""
LONGEST: Final = 7000
"""Bytes of a subject that a notification carries; PostgreSQL's limit is 8,000 for all of it."""


class Hints:
    """Hints of the Postgres storage."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._channel = database.names.table
        self._sender = secrets.token_hex(4)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`Storage.notify`; a subject that is too long is left out, and all who hear of it look."""
        told = subject if len(subject.encode()) <= LONGEST else ""
        with suppress(StoreUnavailable):  # the message is stored; whoever looks for due work finds it
            said = f"hint:{self._sender}:{told}"
            await self.database.fetch("SELECT pg_notify($1, $2)", self._channel, said, once=True)

    def hints(self) -> AsyncGenerator[SubjectId | None, None] | None:
        """See :meth:`Storage.hints`; behind a pooler a listener hears nothing."""
        return None if self.database.pooler else self._listen()

    async def _listen(self) -> AsyncGenerator[SubjectId | None, None]:
        """Yield subjects of hints, None where one names none. Raises StoreUnavailable when none can be heard."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        connection = None
        try:
            connection = await asyncpg.connect(**self.database.address.options(), timeout=WAIT_SECONDS)
            connection.add_termination_listener(lambda _: heard.put_nowait(None))
            async with asyncio.timeout(WAIT_SECONDS):
                await connection.add_listener(self._channel, lambda *said: heard.put_nowait(str(said[-1])))
            yield None  # from now on they are heard
            while (payload := await self._next(connection, heard)) is not None:
                kind, sender, subject = payload.split(":", 2)
                if kind == "hint" and sender != self._sender:
                    yield SubjectId(subject) if subject else None
            raise StoreUnavailable("(the connection for hints has ended)")
        except FAILED as error:
            raise unavailable(self.database.address, error) from error
        finally:
            if connection is not None:
                connection.terminate()  # a polite close would wait for a server that may be frozen

    async def _next(self, connection: asyncpg.Connection[Any], heard: asyncio.Queue[str | None]) -> str | None:
        """Return the next notification, after a long silence perhaps its own; None when the connection has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                return await heard.get()
        async with asyncio.timeout(WAIT_SECONDS):
            await connection.execute("SELECT pg_notify($1, $2)", self._channel, f"beat:{self._sender}:")
            return await heard.get()
