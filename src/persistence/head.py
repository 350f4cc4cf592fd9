"""A lane's head: the few facts that decide what may happen to it. Most indexes follow from it (:func:`indexed`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from ..model import ApprovalStatus, Channel
from . import kinds
from .codec import Codec
from .rows import Name


@dataclass(slots=True)
class WaitingKey:
    """An entry that waits: its key, since when, and how many claims found it first."""

    key: str
    at: float
    tries: int = 0


@dataclass(slots=True)
class Queued:
    """A reply in its line."""

    id: str
    at: float
    tries: int = 0


@dataclass(slots=True)
class Line:
    """The replies of one channel, in order. ``reply`` and ``tries``: the attempt that ``holder`` is making.

    ``due_at``: since when there is something to send, or until when the line rests; None when it is empty.
    """

    queue: list[Queued] = field(default_factory=list)
    holder: str = ""
    until: float = 0.0
    reply: str = ""
    tries: int = 0
    due_at: float | None = None


@dataclass(slots=True)
class Carried:
    """An approval that the conversation carries, as its row says it. ``digest`` tells whether it changed."""

    id: str
    status: ApprovalStatus
    expires_at: float
    digest: str


@dataclass(slots=True)
class LaneHead:
    """Head of a lane: lease, fence, what waits, the lines of replies.

    ``holder`` got the fence; ``held`` says whether it still has the lease, until ``lease_until``. ``tried`` is the
    entry whose tries that claim raised; ``unreadable``: it found the conversation so. ``wake_at``: when the lane is due
    although nothing waits. ``last``: the last sequence that was given to a row.
    """

    fence: int = 0
    holder: str = ""
    held: bool = False
    seconds: float = 0.0
    lease_until: float = 0.0
    tried: str | None = None
    unreadable: bool = False
    waiting: list[WaitingKey] = field(default_factory=list)
    lines: dict[Channel, Line] = field(default_factory=dict)
    wake_at: float | None = None
    touched_at: float = 0.0
    last: int = 0
    version: int = 0
    updated_at: float | None = None
    approvals: list[Carried] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    open_tickets: list[str] = field(default_factory=list)
    opted_out: list[Channel] = field(default_factory=list)
    call: str = ""
    replica: str = ""
    present_until: float = 0.0

    def present(self, now: float) -> bool:
        """Say whether somebody holds the socket of a call."""
        return self.present_until > now

    def due_at(self) -> float | None:
        """Return since when, or from when on, there is work."""
        times = [one for one in (self.waiting[0].at if self.waiting else None, self.wake_at) if one is not None]
        return min(times, default=None)

    def quiet(self, now: float) -> bool:
        """Say whether nothing is left to do, so that what is old may go."""
        return not (
            self.due_at() is not None
            or (self.held and self.lease_until > now)
            or any(line.queue for line in self.lines.values())
            or any(one.status is ApprovalStatus.PENDING for one in self.approvals)
            or self.open_tickets
            or self.present(now)
        )


HEAD: Final = Codec(LaneHead)
POSSIBLE: Final = (
    *((index, "") for index in (kinds.DUE, kinds.OLDEST_ENTRY, kinds.OLDEST_REPLY, kinds.RECENT, kinds.AGE)),
    *((kinds.LINES, channel) for channel in Channel),
)
"""Every entry that may follow from a head, but for lines of calls."""


def indexed(head: LaneHead) -> dict[Name, float]:
    """Return the entries by which a lane with this head is found."""
    entries: dict[Name, float] = {}
    due = head.due_at()
    if due is not None:
        entries[kinds.DUE, ""] = max(due, head.lease_until if head.held else 0.0)
    if head.waiting:
        entries[kinds.OLDEST_ENTRY, ""] = head.waiting[0].at
    for channel, line in head.lines.items():
        if line.due_at is None:
            continue
        free_at = max(line.due_at, line.until)
        if channel is Channel.VOICE and head.replica:
            # Who has the call finds its line at once; everybody else when it is known no longer where the call is.
            entries[f"{kinds.LINES}@{head.replica}", channel] = free_at
            free_at = max(free_at, head.present_until)
        entries[kinds.LINES, channel] = free_at
    queued = [one.at for line in head.lines.values() for one in line.queue[:1]]
    if queued:
        entries[kinds.OLDEST_REPLY, ""] = min(queued)
    if head.updated_at is not None:
        entries[kinds.RECENT, ""] = head.updated_at
    if head.touched_at:
        entries[kinds.AGE, ""] = day_of(head.touched_at)
    return entries


def day_of(at: float) -> float:
    """Return when the day of a time began."""
    return math.floor(at / kinds.DAY) * kinds.DAY
