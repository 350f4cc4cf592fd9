"""Repairs of a lane: a damaged head is made anew from the rows, times of a clock that ran ahead are set back. Pure."""

from __future__ import annotations

import json

from ..model import Channel, TicketStatus
from . import conversations, kinds
from .head import Carried, Line, Queued, WaitingKey
from .rows import MICRO, LaneIndex
from .staff_acts import restore_acts
from .state import Lane


def mend(lane: Lane) -> None:
    """Repair a lane that ails. Raises Missing."""
    if lane.unreadable is not None:
        mend_head(lane)
    else:
        set_back(lane)


def mend_head(lane: Lane) -> None:
    """Set an unreadable head aside and make another one. Raises Missing."""
    fill_head(lane)
    rows = [row for kind in (kinds.WAITING, kinds.UNSETTLED) for row in lane.all(kind)]
    newest = max((row.sequence for row in rows), default=0)
    lane.head.touched_at = max(newest / MICRO, lane.head.updated_at or 0.0) or lane.now
    conversations.keep_aside(lane, "head", "", "unreadable", lane.unreadable or "")


def fill_head(lane: Lane) -> None:
    """Make a head say what the rows say, which count."""
    head = lane.head
    tries, waiting = {one.key: one.tries for one in head.waiting}, lane.all(kinds.WAITING)
    silences = {row.key: stored.entry.silences for row, stored in kinds.records(kinds.WAITING, waiting)}
    head.waiting = [
        WaitingKey(row.key, row.sequence / MICRO, tries.get(row.key, 0), silences.get(row.key, ())) for row in waiting
    ]
    _fill_lines(lane)
    tickets = kinds.records(kinds.TICKET, lane.all(kinds.TICKET))
    head.open_tickets = [row.key for row, ticket in tickets if ticket.status is TicketStatus.OPEN]
    head.snapshots = [row.key for row in lane.all(kinds.SNAPSHOT)]
    head.opted_out = read_opt_outs(lane)
    stored = lane.row(kinds.CONVERSATION, "")
    if stored is None:
        return
    head.updated_at, head.size = stored.sequence / MICRO, len(stored.record)
    if found := lane.readable(kinds.CONVERSATION, ""):
        head.version, head.updated_at, head.reminders = found.version, found.updated_at, dict(found.reminders)
        head.approvals = [Carried(one.id, one.status, one.expires_at, "") for one in found.approvals]
        head.wake_at = head.wake_at if found.due_at is None else found.due_at


def restore(lane: Lane) -> None:
    """Make head and indexes from the rows, after damage or an upgrade."""
    lane.reindex()
    lane.head.touched_at = lane.head.touched_at or lane.now
    fill_head(lane)
    if stored := lane.readable(kinds.CONVERSATION, ""):
        conversations.index_approvals(lane, stored.approvals)
    carried = {one.id for one in lane.head.approvals}
    for row, approval in kinds.records(kinds.APPROVAL, lane.all(kinds.APPROVAL)):
        if row.key not in carried:
            conversations.write_approval(lane, approval)
    for row, ticket in kinds.records(kinds.TICKET, lane.all(kinds.TICKET)):
        conversations.write_ticket(lane, ticket, sequence=row.sequence)
    for row in lane.all(kinds.ASIDE):
        lane.index(LaneIndex.SET_ASIDE, row.key, row.sequence / MICRO)
    for row in lane.all(kinds.ANNOUNCEMENT):
        lane.index(LaneIndex.ANNOUNCED, row.key, lane.now)
    restore_acts(lane)
    lane.sweep()


def _fill_lines(lane: Lane) -> None:
    before, lines = lane.head.lines, dict[Channel, Line]()
    lane.head.lines = lines
    for row in lane.all(kinds.UNSETTLED):
        stored = kinds.readable(kinds.UNSETTLED, row.record)
        if stored is None:
            conversations.set_aside(lane, "reply", kinds.UNSETTLED, row.key)
            continue
        line = lines.setdefault(stored.reply.route.channel, Line(due_at=lane.now))
        # An attempt may have been under way: that is not known any more.
        line.queue.append(Queued(row.key, row.sequence / MICRO, tries=0 if line.queue else 1))
    for channel, line in before.items():
        if channel in lines and [one.id for one in line.queue] == [one.id for one in lines[channel].queue]:
            lines[channel] = line


def read_opt_outs(lane: Lane) -> list[Channel]:
    """Return the channels on which the customer wrote STOP: all for texts, where that cannot be read any more."""
    row = lane.row(kinds.OPT_OUT, "")
    if row is None:
        return []
    try:
        return [Channel(name) for name in json.loads(row.record)]
    except (ValueError, TypeError):
        conversations.set_aside(lane, "opt_out", kinds.OPT_OUT, "")
        stopped: list[Channel] = [channel for channel in Channel if channel is not Channel.VOICE]
        lane.put(kinds.OPT_OUT, "", json.dumps(stopped))
        return stopped


def set_back(lane: Lane) -> None:
    """Bring times of a clock that ran ahead back by as much, or the lane would wait for them."""
    head, now = lane.head, lane.now
    ahead, head.touched_at = head.touched_at - now, now

    def back(at: float) -> float:
        return at - ahead if at > now else at

    head.lease_until, head.present_until = back(head.lease_until), back(head.present_until)
    for one in head.waiting:
        one.at = back(one.at)
    for line in head.lines.values():
        for queued in line.queue:
            queued.at = back(queued.at)
        line.until = back(line.until)
        if line.due_at is not None:
            line.due_at = back(line.due_at)
