"""A lane's head: the few facts that decide what may happen to it. Most indexes follow from it (state.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..model import ApprovalStatus, Channel

LARGE_RECORD: Final = 64 * 1024
"""A conversation with more characters is listed, so that operators see what grows."""


@dataclass(slots=True)
class WaitingKey:
    """An entry that waits: its key, since when, how many claims found it first, and the channels that it silences."""

    key: str
    at: float
    tries: int = 0
    silences: tuple[Channel, ...] = ()


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
    although nothing waits. ``last``: the last sequence that was given to a row. ``size``: of the conversation.
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
    size: int = 0
    approvals: list[Carried] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    open_tickets: list[str] = field(default_factory=list)
    opted_out: list[Channel] = field(default_factory=list)
    reminders: dict[str, float] = field(default_factory=dict)
    call: str = ""
    replica: str = ""
    present_until: float = 0.0

    def taken(self, now: float) -> bool:
        """Say whether the lease of a holder runs."""
        return self.held and self.lease_until > now

    def silenced(self, channel: Channel) -> bool:
        """Say whether an entry waits by which the customer asks for no more on a channel."""
        return any(channel in one.silences for one in self.waiting)

    def present(self, now: float) -> bool:
        """Say whether a replica holds the socket of a call."""
        return self.present_until > now
