"""Hints between processes over LISTEN and NOTIFY. A listener can die in silence, so it listens for itself too."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from ...errors import StoreUnavailable
from ...model import SubjectId
from .database import WAIT_SECONDS, Database

BEAT_SECONDS: Final = 5.0
"""How often a listener makes sure that it still hears, and how long it waits to hear itself."""
LONGEST: Final = 7000
"""Bytes of a subject that a notification carries; PostgreSQL's limit is 8,000 for all of it."""

_BEAT, _HINT, _LOOK = "beat", "hint", "look"


class Hints:
    """Sends and receives hints between processes."""

    def __init__(self, db: Database, table: str, poll_seconds: float) -> None:
        self._db = db
        self._channel = table
        self._poll_seconds = poll_seconds
        self._sender = secrets.token_hex(4)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`."""
        short_enough = len(subject.encode()) <= LONGEST
        payload = f"{_HINT}:{self._sender}:{subject}" if short_enough else f"{_LOOK}:{self._sender}:"
        with suppress(StoreUnavailable):  # the message is stored; whoever looks for due work finds it
            await self._db.fetch("SELECT pg_notify($1, $2)", self._channel, payload, once=True)

    async def listen(self) -> AsyncIterator[SubjectId | None]:
        """Yield subjects; and None, every second, as long as nothing can be heard."""
        ear = _Ear(self._sender)
        hearing = asyncio.create_task(self._hear(ear))
        try:
            while True:
                for subject in await ear.heard(self._poll_seconds):
                    yield subject
                if ear.must_look:
                    ear.must_look = not ear.hears
                    yield None
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _hear(self, ear: _Ear) -> None:
        """Keep a listening connection, as long as it hears its own beat."""
        while not self._db.pooler:  # behind one, whoever listens hears nothing
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                async with self._listening(ear) as connection:
                    await self._beat(connection, ear)
            ear.deaf()
            await asyncio.sleep(self._poll_seconds)

    async def _beat(self, connection: asyncpg.Connection[Any], ear: _Ear) -> None:
        while True:
            async with asyncio.timeout(BEAT_SECONDS):
                await connection.execute("SELECT pg_notify($1, $2)", self._channel, f"{_BEAT}:{self._sender}:")
                await ear.beat.wait()
            ear.beat.clear()
            ear.hears_again()
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await ear.closed.wait()
                return

    @asynccontextmanager
    async def _listening(self, ear: _Ear) -> AsyncIterator[asyncpg.Connection[Any]]:
        connection = await asyncpg.connect(**self._db.address.options(), timeout=WAIT_SECONDS)
        try:
            ear.closed.clear()
            connection.add_termination_listener(lambda _: ear.closed.set())
            async with asyncio.timeout(WAIT_SECONDS):
                await connection.add_listener(self._channel, ear.hear)
            yield connection
        finally:
            connection.terminate()  # a polite close would wait for a server that may be frozen


class _Ear:
    """Hints received and not passed on. ``must_look``: some may have been lost, or one names no subject."""

    def __init__(self, sender: str) -> None:
        self.hears = False
        self.must_look = True
        self.beat = asyncio.Event()
        self.closed = asyncio.Event()
        self._sender = sender
        self._subjects: dict[SubjectId, None] = {}
        self._news = asyncio.Event()
        self._news.set()

    def hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        """Take a notification."""
        kind, _, rest = str(payload).partition(":")
        sender, _, subject = rest.partition(":")
        if sender == self._sender:
            if kind == _BEAT:
                self.beat.set()
        elif kind == _HINT and subject:
            self._subjects[SubjectId(subject)] = None
            self._news.set()
        elif kind == _LOOK:
            self.must_look = True
            self._news.set()

    def hears_again(self) -> None:
        """Note that hints arrive; what was missed before is looked for once."""
        if not self.hears:
            self.hears = self.must_look = True
            self._news.set()

    def deaf(self) -> None:
        """Note that hints are lost from now on."""
        self.hears, self.must_look = False, True

    async def heard(self, seconds: float) -> tuple[SubjectId, ...]:
        """Wait for news, at most ``seconds``; return the subjects that were named."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
        subjects = tuple(self._subjects)
        self._subjects.clear()
        return subjects
