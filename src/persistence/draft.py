"""A lane as a rule sees it: loaded, then changed. And how a head that is lost or damaged is made anew from the rows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ..errors import UnreadableRecord
from ..model import ApprovalStatus, Channel, TicketStatus, TimelineEvent
from . import codec, kinds
from .head import HEAD, POSSIBLE, Carried, LaneHead, Line, Queued, WaitingKey, day_of, indexed
from .rows import HeadWrite, Loaded, Missing, Name, Put, Row, Writes, want

MICRO: Final = 1_000_000


class Lane:
    """A lane as it was loaded, and what a rule changes of it. ``now`` is the store's clock."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.subject = loaded.subject
        self.now = loaded.now
        self._rows: dict[Name, Put | None] = {}
        self._index: dict[Name, float | None] = {}
        self._drops: dict[str, int | None] = {}
        self._absent: set[Name] = set()
        self._before: dict[Name, float] = {}
        self._gone = self._erased = False
        self.head = LaneHead()
        if loaded.head is None:
            return
        try:
            self.head = HEAD.decode(loaded.head)
            self._before = indexed(self.head)
        except UnreadableRecord as error:
            self._before = dict.fromkeys(POSSIBLE, -1.0)  # whatever is there: it is written anew
            _mend(self)
            self.set_aside("head", "", error.detail, loaded.head)

    # --- rows -----------------------------------------------------------------------------------------------

    def row(self, kind: str, key: str) -> Row | None:
        """Return a row as it is now, None when there is none."""
        if (kind, key) in self._rows:
            put = self._rows[kind, key]
            return put.row if put else None
        return self.loaded.row(kind, key)

    def new(self, kind: str, key: str) -> Row | None:
        """Return a row that is expected not to be there: where that is not known, it is checked when writing."""
        if (kind, key) in self._rows or self.loaded.knows(kind, key):
            return self.row(kind, key)
        self._absent.add((kind, key))
        return None

    def all(self, kind: str) -> list[Row]:
        """Return all rows of a kind as they are now, in their order."""
        found = {row.key: row for row in self.loaded.all(kind)}
        for (changed, key), put in self._rows.items():
            if changed == kind:
                found.pop(key, None)
                if put is not None:
                    found[key] = put.row
        return sorted(found.values(), key=lambda row: row.sequence)

    def put(self, kind: str, key: str, record: str, *, sequence: int | None = None, keep: bool = False) -> None:
        """Write a row, the last of its kind unless a ``sequence`` is given."""
        earlier = self._rows.get((kind, key))
        if earlier is not None:
            number, keep = earlier.row.sequence, earlier.keep and keep
        else:
            number = self.next_sequence() if sequence is None else sequence
        self._rows[kind, key] = Put(Row(kind, key, number, record), keep)

    def delete(self, kind: str, key: str) -> None:
        """Delete a row."""
        self._rows[kind, key] = None

    def drop(self, kind: str, upto: int | None = None) -> None:
        """Delete all rows of a kind, or those up to a sequence."""
        self._drops[kind] = upto

    def index(self, index: str, key: str, sort: float | None) -> None:
        """Set an index entry that does not follow from the head, or take it out."""
        self._index[index, key] = sort

    def reindex(self) -> None:
        """Write every index entry that follows from the head, whatever is there."""
        self._before = {}

    def next_sequence(self) -> int:
        """Return the sequence for one more row."""
        self.head.last = max(self.head.last + 1, int(self.now * MICRO))
        return self.head.last

    # --- what many rules do ---------------------------------------------------------------------------------

    def touch(self) -> None:
        """Note that something happened, so that nothing is purged."""
        self.head.touched_at = self.now

    def sweep(self) -> None:
        """Have a purge look at this lane's old keys, effects and set-aside records."""
        day = day_of(self.now)
        self.index(kinds.SWEEP, f"{day:.0f}", day)

    def set_aside(self, kind: str, key: str, reason: str, record: str) -> None:
        """Keep a record for people."""
        name = f"{self.next_sequence()}-{self._mark()}"
        told = {"kind": kind, "key": key, "reason": reason, "record": record}
        self.put(kinds.ASIDE, name, json.dumps(told), sequence=self.head.last)  # ASCII: it carries any damage
        self.index(kinds.SET_ASIDE, name, self.now)
        self.sweep()

    def tell(self, events: Sequence[TimelineEvent]) -> None:
        """Append timeline rows, with the store's time."""
        for event in events:
            number = self.next_sequence()
            record = codec.TIMELINE.encode(replace(event, at=self.now))
            self.put(kinds.TIMELINE, f"{number}-{self._mark()}", record, sequence=number)

    def _mark(self) -> str:
        """Return what keeps rows of two lanes apart that are joined one day."""
        return f"{zlib.crc32(self.subject.encode()):08x}"

    # --- the end --------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Let the head go: of this lane nothing is left that needs one."""
        self._gone = True

    def erase(self) -> None:
        """Let everything go."""
        self._gone = self._erased = True

    def writes(self) -> Writes:
        """Return what is to be written."""
        return Writes(
            self.subject,
            head=self._head(),
            absent=frozenset(self._absent),
            erase=self._erased,
            drops=self._drops,
            deletes=tuple(name for name, put in self._rows.items() if put is None),
            puts=tuple(put for put in self._rows.values() if put is not None),
            index={} if self._erased else self._moved(),
        )

    def _head(self) -> HeadWrite | None:
        if self._gone:
            return HeadWrite(self.loaded.version, 0, None) if self.loaded.version else None
        text = HEAD.encode(self.head)
        if text == self.loaded.head or (self.loaded.head is None and self.head == LaneHead()):
            return None
        return HeadWrite(self.loaded.version, 0, text)

    def _moved(self) -> dict[Name, float | None]:
        after = {} if self._gone else indexed(self.head)
        moved: dict[Name, float | None] = {
            name: after.get(name) for name in (*self._before, *after) if self._before.get(name) != after.get(name)
        }
        return moved | self._index


def _mend(lane: Lane) -> None:
    """Make the head from the rows."""
    lacking = [
        kind for kind in (kinds.WAITING, kinds.UNSETTLED, kinds.TICKET, kinds.SNAPSHOT) if kind not in lane.loaded.kinds
    ]
    names = [name for name in ((kinds.CONVERSATION, ""), (kinds.OPT_OUT, "")) if not lane.loaded.knows(*name)]
    if lacking or names:
        raise Missing(want(*names, kinds=lacking))
    lane.head = head = LaneHead()
    mend(lane, head)
    newest = max((row.sequence for row in (*lane.all(kinds.WAITING), *lane.all(kinds.UNSETTLED))), default=0)
    head.touched_at = max(newest / MICRO, head.updated_at or 0.0) or lane.now


def mend(lane: Lane, head: LaneHead) -> None:
    """Make what a head says of the rows from the rows, which count."""
    tries = {one.key: one.tries for one in head.waiting}
    head.waiting = [WaitingKey(row.key, row.sequence / MICRO, tries.get(row.key, 0)) for row in lane.all(kinds.WAITING)]
    _mend_lines(lane, head)
    head.open_tickets = []
    for row in lane.all(kinds.TICKET):
        with suppress(UnreadableRecord):
            if codec.TICKET.decode(row.record).status is TicketStatus.OPEN:
                head.open_tickets.append(row.key)
    head.snapshots = [row.key for row in lane.all(kinds.SNAPSHOT)]
    stopped = lane.row(kinds.OPT_OUT, "")
    head.opted_out = [Channel(name) for name in json.loads(stopped.record)] if stopped else []
    stored = lane.row(kinds.CONVERSATION, "")
    if stored is None:
        return
    head.updated_at = stored.sequence / MICRO
    with suppress(UnreadableRecord):
        found = codec.CONVERSATION.decode(stored.record)
        head.version, head.updated_at = found.version, found.updated_at
        head.approvals = [Carried(one.id, one.status, one.expires_at, "") for one in found.approvals]
        pending = [one.expires_at for one in found.approvals if one.status is ApprovalStatus.PENDING]
        head.wake_at = min(pending, default=head.wake_at)


def _mend_lines(lane: Lane, head: LaneHead) -> None:
    before = head.lines
    head.lines = {}
    for row in lane.all(kinds.UNSETTLED):
        try:
            channel = kinds.STORED_REPLY.decode(row.record).reply.route.channel
        except UnreadableRecord:
            lane.set_aside("reply", row.key, "unreadable", row.record)
            lane.delete(kinds.UNSETTLED, row.key)
            continue
        line = head.lines.setdefault(channel, Line(due_at=lane.now))
        # An attempt may have been under way: nobody knows any more.
        line.queue.append(Queued(row.key, row.sequence / MICRO, tries=0 if line.queue else 1))
    for channel, line in before.items():
        if channel in head.lines and [one.id for one in line.queue] == [one.id for one in head.lines[channel].queue]:
            head.lines[channel] = line
