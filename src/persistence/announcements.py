"""Announcements: events that another system is told of, at least once each.

An event that is announced gets its row here in the same write as its row of the timeline, so neither is there without
the other. The row's key is the event's id and the number of the attempt: the replica that takes an announcement gives
it the next number, which only one can do, and which no other takes until the lease ends. Pure, but for the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..model import SubjectId, TimelineEvent
from . import kinds
from .rows import MICRO, Indexed, LaneIndex, Row, Want
from .state import Lane

if TYPE_CHECKING:
    from .storage import Storage

_ATTEMPT: Final = "#"


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event to be told. ``tries`` counts the attempts that were begun."""

    subject: SubjectId
    id: str
    event: TimelineEvent
    tries: int = 0

    @property
    def key(self) -> str:
        """Key of its row."""
        return f"{self.id}{_ATTEMPT}{self.tries}"


def take(lane: Lane, key: str, following: str, seconds: float) -> bool:
    """Begin an attempt, under the key that follows; False when another replica did."""
    row = lane.row(kinds.ANNOUNCEMENT, key)
    if row is None or not lane.is_new(following, kinds.ANNOUNCEMENT):
        return False
    _renumber(lane, row, following, lane.now + seconds)
    return True


def revive(lane: Lane, key: str, first: str) -> None:
    """Let an announcement that was given up be told from now on, as if it were new."""
    if row := lane.row(kinds.ANNOUNCEMENT, key):
        _renumber(lane, row, first, lane.now)
    else:
        forget(lane, key)


def _renumber(lane: Lane, row: Row, key: str, at: float) -> None:
    forget(lane, row.key)
    lane.put(kinds.ANNOUNCEMENT, key, row.record, sequence=row.sequence)
    lane.index(LaneIndex.ANNOUNCED, key, at)


def forget(lane: Lane, key: str) -> None:
    """Let an announcement go: it was told, or another replica took it."""
    lane.delete(kinds.ANNOUNCEMENT, key)
    lane.index(LaneIndex.ANNOUNCED, key, None)
    lane.index(LaneIndex.UNTOLD, key, None)


def wait_in(lane: Lane, key: str, index: str, seconds: float = 0.0) -> None:
    """Let an announcement wait for its next attempt in so many seconds, or for a person."""
    if lane.row(kinds.ANNOUNCEMENT, key) is not None:
        for one in (LaneIndex.ANNOUNCED, LaneIndex.UNTOLD):
            lane.index(one, key, lane.now + seconds if one == index else None)


def carry_over(left: Lane, stays: Lane) -> None:
    """Move what is to be told into another lane; what was given up is tried again there."""
    for row in left.all(kinds.ANNOUNCEMENT):
        forget(left, row.key)
        stays.put(kinds.ANNOUNCEMENT, row.key, row.record, sequence=row.sequence)
        stays.index(LaneIndex.ANNOUNCED, row.key, row.sequence / MICRO)


class Announcements:
    """The queue of a store. Every replica may work on it. Methods raise StoreUnavailable."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def due(self, *, limit: int) -> Sequence[Announcement]:
        """Return what is to be told now, the one that waits longest first."""
        return await self._listed(LaneIndex.ANNOUNCED, limit, upto=await self._storage.now())

    async def given_up(self, *, limit: int) -> Sequence[Announcement]:
        """Return what was tried too often, the one that was given up first first."""
        return await self._listed(LaneIndex.UNTOLD, limit)

    async def take(self, one: Announcement, *, seconds: float) -> Announcement | None:
        """Begin the next attempt, for ``seconds``; None when another replica did."""
        # The row of the attempt is not looked for: that it is not there yet is seen to when it is written.
        taken = replace(one, tries=one.tries + 1)
        return taken if await self._change(one, take, following=taken.key, seconds=seconds) else None

    async def done(self, one: Announcement) -> None:
        """Note that it was told."""
        await self._change(one, forget)

    async def put_off(self, one: Announcement, *, seconds: float) -> None:
        """Try again in so many seconds."""
        await self._change(one, wait_in, index=LaneIndex.ANNOUNCED, seconds=seconds)

    async def give_up(self, one: Announcement) -> None:
        """Try no more, until a person says so."""
        await self._change(one, wait_in, index=LaneIndex.UNTOLD)

    async def revive(self, one: Announcement) -> None:
        """Try again what was given up."""
        await self._change(one, revive, first=replace(one, tries=0).key)

    async def _change(self, one: Announcement | Indexed, rule: Callable[..., Any], **more: Any) -> Any:
        wanted = Want(rows=frozenset({(kinds.ANNOUNCEMENT, one.key)}))
        return await self._storage.step({one.subject: wanted}, partial(rule, key=one.key, **more))

    async def _listed(self, index: str, limit: int, upto: float | None = None) -> Sequence[Announcement]:
        readable = []
        for one in await self._storage.scan(index, limit=limit, upto=upto, kind=kinds.ANNOUNCEMENT):
            id, _, tries = one.key.rpartition(_ATTEMPT)
            event = kinds.readable(kinds.ANNOUNCEMENT, one.record)
            if event is not None and tries.isdecimal():
                readable.append(Announcement(one.subject, id, event, int(tries)))
            else:  # damaged, or erased between two reads: it would be found again and again
                await self._change(one, forget)
        return readable
