"""The outbox: lines (one per channel) of replies, sent in order, each by one holder. Pure, like lane.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..events import EventName
from ..model import Channel, Outgoing, Reply, ReplyStatus, Source, StoredReply, TimelineEvent
from . import conversations, kinds
from .head import Line, Queued
from .rows import Want
from .state import Lane
from .values import Settlement

RANK: Final = {
    ReplyStatus.WAITING: 0,
    ReplyStatus.FAILED: 1,
    ReplyStatus.BLOCKED: 1,
    ReplyStatus.SENT: 1,
    ReplyStatus.UNDELIVERED: 2,
    ReplyStatus.DELIVERED: 3,
    ReplyStatus.READ: 4,
}
WANTS_LINES: Final = Want(kinds=frozenset({kinds.UNSETTLED}))


def queue(
    lane: Lane, replies: Sequence[Reply], holder: str, seconds: float | None, replica: str
) -> tuple[Outgoing, ...]:
    """Put replies at the ends of their lines; with ``seconds``, take the first of each of these lines that is free."""
    for reply in replies:
        line = lane.head.lines.setdefault(reply.route.channel, Line())
        if not lane.is_new(reply.id, kinds.UNSETTLED, kinds.REPLY):
            continue
        lane.write(kinds.UNSETTLED, reply.id, StoredReply(reply, ReplyStatus.WAITING))
        line.queue.append(Queued(reply.id, lane.now))
        line.due_at = lane.now if line.due_at is None else line.due_at
    if seconds is None:
        return ()
    channels = dict.fromkeys(reply.route.channel for reply in replies)
    taken = [take_line(lane, channel, holder, seconds, replica) for channel in channels]
    return tuple(one for one in taken if one is not None)


def block(lane: Lane, channels: Sequence[Channel]) -> None:
    """Settle every waiting reply of these lines as blocked; texts to somebody else stay."""
    for channel in channels:
        line, kept = lane.head.lines.get(channel, Line()), list[Queued]()
        for one in line.queue:
            stored = lane.readable(kinds.UNSETTLED, one.id)
            if stored is None:
                conversations.set_aside(lane, "reply", kinds.UNSETTLED, one.id)
            elif stored.reply.to_another:
                kept.append(one)
            else:
                _settle_row(lane, replace(stored, status=ReplyStatus.BLOCKED, tries=one.tries))
        line.queue, line.due_at = kept, line.due_at if kept else None


def _settle_row(lane: Lane, stored: StoredReply) -> None:
    """Let a reply wait no longer; it stays where it is in the order of replies."""
    row = lane.row(kinds.UNSETTLED, stored.reply.id)
    lane.delete(kinds.UNSETTLED, stored.reply.id)
    lane.write(kinds.REPLY, stored.reply.id, stored, sequence=row.sequence if row else None)


def _rests(lane: Lane, channel: Channel, replica: str) -> bool:
    """Tell whether a line stays as it is: the customer asks for no more, or it can be said at another replica only."""
    elsewhere = channel is Channel.VOICE and lane.head.present(lane.now) and lane.head.replica != replica
    return elsewhere or lane.head.silenced(channel)


def next_reply(lane: Lane, channel: Channel, holder: str, seconds: float, replica: str = "") -> Outgoing | None:
    """Take a line and its oldest reply; see :meth:`LaneStore.next_reply`."""
    line = lane.head.lines.get(channel)
    if line is None or _rests(lane, channel, replica):
        return None
    if line.holder == holder:
        waits = any(one.id == line.reply for one in line.queue)
        if waits and (stored := lane.readable(kinds.UNSETTLED, line.reply)):
            line.until = lane.now + seconds
            return Outgoing(stored.reply, line.tries, holder)
        _free(line)  # what it held is settled; take the next
    return take_line(lane, channel, holder, seconds, replica)


def take_line(lane: Lane, channel: Channel, holder: str, seconds: float, replica: str) -> Outgoing | None:
    """Take a line that is not held and its oldest reply; None when there is nothing to take here."""
    line = lane.head.lines.get(channel)
    if line is None or _rests(lane, channel, replica):
        return None
    if line.until > lane.now or line.due_at is None or line.due_at > lane.now:
        return None
    return _take_first(lane, channel, holder, seconds)


def _take_first(lane: Lane, channel: Channel, holder: str, seconds: float) -> Outgoing | None:
    line = lane.head.lines[channel]
    while line.queue:
        first = line.queue[0]
        stored = lane.readable(kinds.UNSETTLED, first.id)
        if stored is None:  # those behind it are sent
            conversations.set_aside(lane, "reply", kinds.UNSETTLED, first.id)
            line.queue.pop(0)
            continue
        first.tries += 1
        line.holder, line.until = holder, lane.now + seconds
        line.reply, line.tries, line.due_at = first.id, first.tries, first.at
        return Outgoing(stored.reply, first.tries, holder)
    del lane.head.lines[channel]
    return None


def _free(line: Line) -> None:
    line.holder, line.until, line.reply, line.tries = "", 0.0, "", 0


def _go_on(lane: Lane, channel: Channel, holder: str, seconds: float, replica: str) -> Outgoing | None:
    """Give a holder its line's next reply, or free a line that rests."""
    if not _rests(lane, channel, replica):
        return _take_first(lane, channel, holder, seconds)
    line = lane.head.lines[channel]
    _free(line)
    line.due_at = line.queue[0].at if line.queue else None
    return None


def settle(
    lane: Lane,
    outgoing: Outgoing,
    settlement: Settlement,
    seconds: float,
    replica: str = "",
) -> Outgoing | None:
    """Note how an attempt ended and go on with the line; see :meth:`LaneStore.settle`."""
    reply, holder = outgoing.reply, outgoing.holder
    channel = reply.route.channel
    line = lane.head.lines.get(channel)
    if line is None or line.holder != holder:
        return None
    if line.reply != reply.id:  # this call was answered before: the holder is further on
        known = any(one.id == reply.id for one in line.queue) or lane.row(kinds.REPLY, reply.id)
        return next_reply(lane, channel, holder, seconds, replica) if known else None
    if line.tries != outgoing.tries:  # the attempt took too long, and its holder has begun another one
        return None
    if not any(one.id == reply.id for one in line.queue):  # a status callback was faster
        return _go_on(lane, channel, holder, seconds, replica)
    before = lane.readable(kinds.UNSETTLED, reply.id)
    after = StoredReply(
        reply,
        settlement.status,
        settlement.provider_id or (before.provider_id if before else None),
        settlement.error_code,
        outgoing.tries,
    )
    conversations.tell(lane, settlement.timeline)
    lane.head.touched_at = lane.now
    if settlement.status is ReplyStatus.WAITING:
        lane.write(kinds.UNSETTLED, reply.id, after)
        _free(line)
        line.due_at = lane.now + (settlement.retry_in or 0.0)
        return None
    _settle_row(lane, after)
    _announce(lane, after)
    line.queue = [one for one in line.queue if one.id != reply.id]
    return _go_on(lane, channel, holder, seconds, replica)


def delivery_status(
    lane: Lane,
    reply_id: str,
    status: ReplyStatus,
    provider_id: str,
    error_code: int | None = None,
    timeline: Sequence[TimelineEvent] = (),
) -> bool:
    """Store what a status callback says; see :meth:`LaneStore.delivery_status`."""
    stored = lane.readable(kinds.UNSETTLED, reply_id) or lane.readable(kinds.REPLY, reply_id)
    if stored is None or RANK[status] <= RANK[stored.status]:
        return False
    channel = stored.reply.route.channel
    line = lane.head.lines.get(channel, Line())
    tries = next((one.tries for one in line.queue if one.id == reply_id), stored.tries)
    after = replace(stored, status=status, provider_id=provider_id, error_code=error_code, tries=tries)
    if stored.status is ReplyStatus.WAITING:
        _settle_row(lane, after)
        _pass_over(lane, line, reply_id)
    else:
        lane.write(kinds.REPLY, reply_id, after)
    _announce(lane, after)
    conversations.tell(lane, timeline)
    lane.head.touched_at = lane.now
    return True


def _announce(lane: Lane, stored: StoredReply) -> None:
    """Have another system told of where a reply has got to, which is no row of the timeline."""
    if lane.announced is None:
        return
    data = {"reply": stored.reply.id, "status": stored.status.value, "code": stored.error_code}
    channel, turn = stored.reply.route.channel, stored.reply.turn
    told = TimelineEvent(EventName.REPLY_STATUS, Source.SYSTEM, channel=channel, turn=turn, data=data, at=lane.now)
    conversations.announce(lane, told)


def _pass_over(lane: Lane, line: Line, reply_id: str) -> None:
    """Take a reply out of its line: behind the first nothing changes, at the front the next one need not rest."""
    first = bool(line.queue) and line.queue[0].id == reply_id
    line.queue = [one for one in line.queue if one.id != reply_id]
    if first or not line.queue:
        line.due_at = lane.now if line.queue else None
