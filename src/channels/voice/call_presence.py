"""Presence of a live call: tells other replicas who holds its socket, renewed while it lives."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from ...conversation.engine import TurnEngine
from ...errors import StoreUnavailable
from ...model import SubjectId
from ...persistence.base import LaneStore
from ...telemetry.logs import subject_label

log = structlog.get_logger(__name__)


class CallPresence:
    """Notes in the store that this replica holds a call, for a lease at a time.

    The engine is told once the store knows, so that what waited for the caller is said. Store trouble never reaches
    the call: without presence an outcome is texted instead of spoken.
    """

    def __init__(self, store: LaneStore, engine: TurnEngine, call: str) -> None:
        self._store = store
        self._engine = engine
        self._call = call
        self._subject: SubjectId | None = None
        self._task: asyncio.Task[None] | None = None
        self._troubled = False

    def begin(self, subject: SubjectId) -> None:
        """Take the call over, and keep it until :meth:`end`."""
        self._subject = subject
        self._task = asyncio.create_task(self._keep(subject))

    async def end(self, *, stay: float | None) -> None:
        """Keep the call no longer than ``stay`` more seconds, in which it may come back; None: another socket of it is
        here and goes on.
        """
        if self._task is None or self._subject is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        if stay is None:
            return
        if await self._note(self._subject, stay, renew=True):
            await self._hint(self._subject)
        if stay > 0:  # nobody says so when it does not come back
            asyncio.get_running_loop().call_later(stay, self._engine.departed, self._subject)
        else:
            self._engine.departed(self._subject)

    async def _keep(self, subject: SubjectId) -> None:
        known = False
        while True:
            if await self._note(subject, self._engine.lease, renew=known) and not known:
                known = True
                self._engine.arrived(subject)
            await asyncio.sleep(self._engine.lease / 3)

    async def _hint(self, subject: SubjectId) -> None:
        """Let other replicas tell their pages that the call is over. That one began, its first words tell them."""
        with suppress(StoreUnavailable):
            await self._store.notify(subject)

    async def _note(self, subject: SubjectId, seconds: float, *, renew: bool) -> bool:
        try:
            await self._store.presence(
                subject, call=self._call, replica=self._engine.replica, seconds=seconds, renew=renew
            )
        except StoreUnavailable as error:
            if not self._troubled:
                self._troubled = True
                log.warning("presence_not_noted", subject=subject_label(subject), reason=error.code)
            return False
        return True
