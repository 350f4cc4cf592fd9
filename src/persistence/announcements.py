"""Announcements: events that another system is told of, at least once each.

An event that is announced gets its row here in the same write as its row of the timeline, so neither is there without
the other. The row's key is the event's id and the number of the attempt: the replica that takes an announcement gives
it the next number, which only one can do, and which no other takes until the lease ends. Pure, but for the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import UnreadableRecord
from ..model import SubjectId, TimelineEvent
from . import kinds
from .rows import MICRO, Indexed, LaneIndex, Want
from .state import Lane
from .values import Announced

if TYPE_CHECKING:
    from .storage import Storage

T = TypeVar("T")

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
        return key_of(self.id, self.tries)


def key_of(id: str, tries: int) -> str:
    """Return the key of an announcement whose attempts are so many."""
    return f"{id}{_ATTEMPT}{tries}"


def announcing(rule: Callable[..., T], announced: Announced) -> Callable[..., T]:
    """Return a rule in which lanes announce what they tell."""

    def run(*lanes: Lane) -> T:
        for lane in lanes:
            lane.announced = announced
        return rule(*lanes)

    return run


def take(lane: Lane, one: Announcement, seconds: float) -> bool:
    """Begin an attempt; False when another replica did."""
    following = key_of(one.id, one.tries + 1)
    row = lane.row(kinds.ANNOUNCEMENT, one.key)
    if row is None or not lane.is_new(following, kinds.ANNOUNCEMENT):
        return False
    forget(lane, one.key)
    lane.put(kinds.ANNOUNCEMENT, following, row.record, sequence=row.sequence)
    lane.index(LaneIndex.ANNOUNCED, following, lane.now + seconds)
    return True


def forget(lane: Lane, key: str) -> None:
    """Let an announcement go: it was told, or another replica took it."""
    lane.delete(kinds.ANNOUNCEMENT, key)
    lane.index(LaneIndex.ANNOUNCED, key, None)
    lane.index(LaneIndex.UNTOLD, key, None)


def put_off(lane: Lane, key: str, seconds: float) -> None:
    """Let an announcement wait for its next attempt."""
    if lane.row(kinds.ANNOUNCEMENT, key) is not None:
        lane.index(LaneIndex.ANNOUNCED, key, lane.now + seconds)


def give_up(lane: Lane, key: str) -> None:
    """Let an announcement wait for a person."""
    if lane.row(kinds.ANNOUNCEMENT, key) is not None:
        lane.index(LaneIndex.ANNOUNCED, key, None)
        lane.index(LaneIndex.UNTOLD, key, lane.now)


def revive(lane: Lane, key: str) -> None:
    """Let an announcement that was given up be told from now on, as if it were new."""
    row = lane.row(kinds.ANNOUNCEMENT, key)
    forget(lane, key)
    if row is not None:
        first = key_of(key.rpartition(_ATTEMPT)[0], 0)
        lane.put(kinds.ANNOUNCEMENT, first, row.record, sequence=row.sequence)
        lane.index(LaneIndex.ANNOUNCED, first, lane.now)


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
        taken = await self._storage.step(_wants(one.subject, one.key), partial(take, one=one, seconds=seconds))
        return Announcement(one.subject, one.id, one.event, one.tries + 1) if taken else None

    async def done(self, one: Announcement) -> None:
        """Note that it was told."""
        await self._change(one, forget)

    async def put_off(self, one: Announcement, *, seconds: float) -> None:
        """Try again in so many seconds."""
        await self._change(one, put_off, seconds=seconds)

    async def give_up(self, one: Announcement) -> None:
        """Try no more, until a person says so."""
        await self._change(one, give_up)

    async def revive(self, one: Announcement) -> None:
        """Try again what was given up."""
        await self._change(one, revive)

    async def _change(self, one: Announcement, rule: Callable[..., None], **more: Any) -> None:
        await self._storage.step(_wants(one.subject, one.key), partial(rule, key=one.key, **more))

    async def _listed(self, index: str, limit: int, upto: float | None = None) -> Sequence[Announcement]:
        found = await self._storage.scan(index, limit=limit, upto=upto, kind=kinds.ANNOUNCEMENT)
        readable = []
        for one in found:
            if (announcement := _read(one)) is not None:
                readable.append(announcement)
            else:  # damaged, or erased between two reads: it would be found again and again
                await self._storage.step(_wants(one.subject, one.key), partial(forget, key=one.key))
        return readable


def _wants(subject: SubjectId, key: str) -> dict[SubjectId, Want]:
    return {subject: Want(rows=frozenset({(kinds.ANNOUNCEMENT, key)}))}


def _read(one: Indexed) -> Announcement | None:
    id, _, tries = one.key.rpartition(_ATTEMPT)
    try:
        return Announcement(one.subject, id, kinds.ANNOUNCEMENT.read(one.record or ""), int(tries))
    except (UnreadableRecord, ValueError):
        return None
