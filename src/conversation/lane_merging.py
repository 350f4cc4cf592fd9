"""One person who was served under several subjects becomes one conversation: lanes are joined when a source says so.

Joining goes on beside the message that showed it: a lane in which a turn runs, replies wait or a call lasts is joined
afterwards. Until then both lanes work, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import Final, Self

import structlog
from cachetools import LRUCache

from ..errors import LeaseLost, StoreError, StoreUnavailable
from ..events import EventName
from ..identity.base import NO_METADATA, Identity, Metadata, Resolution
from ..model import Address, SubjectId
from ..persistence.base import LaneStore
from ..telemetry.logs import subject_label
from .event_bus import EventBus

log = structlog.get_logger(__name__)

PATIENCE: Final = 0.25
"""Seconds for which a message waits, so that its turn already knows what was said in the other lane."""
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""After which a busy lane is tried again; what is still busy then is joined with the next answer of the source."""
MOST_DONE: Final = 10_000


class MergingResolver:
    """Finds subjects by an identity, and joins the lanes of one person. Use it with ``async with``."""

    def __init__(
        self, identity: Identity, store: LaneStore, bus: EventBus, *, pauses: tuple[float, ...] = PAUSES
    ) -> None:
        self._identity = identity
        self._store = store
        self._bus = bus
        self._pauses = pauses
        self._done: LRUCache[SubjectId, Resolution] = LRUCache(MOST_DONE)
        self._running: dict[SubjectId, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Find the subject, and give joining a moment before anything is put into its lane."""
        found = await self._identity.resolve(address, session=session, metadata=metadata)
        # An answer is looked at once, however often it is used: a cached one costs nothing.
        if found.earlier and self._done.get(found.subject) is not found and (task := self._begin(found)):
            await asyncio.wait({task}, timeout=PATIENCE)
        return found

    async def resolve_cached(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Find the subject without waiting for anybody; nothing is joined."""
        return await self._identity.resolve_cached(address, session=session, metadata=metadata)

    def _begin(self, found: Resolution) -> asyncio.Task[None] | None:
        """Start joining, unless that goes on for this subject already; its next answer is then looked at anew."""
        if found.subject in self._running:
            return None
        self._done[found.subject] = found
        task = asyncio.create_task(self._join(found.subject, found.earlier), name="joining")
        self._running[found.subject] = task
        task.add_done_callback(lambda _: self._running.pop(found.subject, None))
        return task

    async def _join(self, new: SubjectId, earlier: tuple[SubjectId, ...]) -> None:
        tokens = {old: uuid.uuid4().hex for old in earlier if old != new}
        for pause in (*self._pauses, None):
            # One after the other, because each needs the lane that stays.
            for old, token in list(tokens.items()):
                if await self._joined(old, new, token):
                    del tokens[old]
            if not tokens:
                return
            if pause is not None:
                await asyncio.sleep(pause)
        log.warning("lanes_still_busy", subject=subject_label(new), left=len(tokens))

    async def _joined(self, old: SubjectId, new: SubjectId, token: str) -> bool:
        """Try once; False when it is worth trying again."""
        try:
            if await self._store.merge(old, new, token=token):
                log.info("lanes_joined", old=subject_label(old), new=subject_label(new))
                self._bus.tell_of(new, EventName.JOINED, earlier=old)
        except (LeaseLost, StoreUnavailable):
            return False
        except StoreError as error:
            log.error("lanes_not_joined", subject=subject_label(new), reason=error.code)
        return True
