"""The outbox in the Redis store: lines (subject and channel) of replies, sent in order, each by one holder."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress

from ..errors import UnreadableRecord
from ..model import Channel, Outgoing, ReplyStatus, StoredReply, SubjectId, TimelineEvent
from .codec import REPLY, TIMELINE
from .outbox import RANK
from .redis_entries import Row, rows
from .redis_keys import LaneKey
from .redis_link import RedisLink
from .values import Settlement


async def next_reply(
    link: RedisLink, subject: SubjectId, channel: Channel, holder: str, seconds: float, replica: str = ""
) -> Outgoing | None:
    """See :meth:`LaneStore.next_reply`."""
    lane = link.lane(subject)
    row = await link.run("next_reply", lane, channel, holder, seconds, replica)
    return await first_readable(link, lane, row, holder=holder, seconds=seconds, replica=replica)


async def first_readable(
    link: RedisLink, lane: LaneKey, row: Row | None, *, holder: str, seconds: float, replica: str
) -> Outgoing | None:
    """Return the reply that a script handed out, or the line's first after it that can be read."""
    while row is not None:
        channel, reply_id, record, tries = row
        try:
            return Outgoing(REPLY.decode(record), int(tries), holder)
        except UnreadableRecord:
            row = await link.run("skip_reply", lane, channel, holder, seconds, replica, reply_id)
    return None


async def settle(
    link: RedisLink, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, seconds: float, replica: str = ""
) -> Outgoing | None:
    """See :meth:`LaneStore.settle`."""
    lane = link.lane(subject)
    row = await link.run(
        "settle",
        lane,
        outgoing.reply.route.channel,
        outgoing.holder,
        seconds,
        replica,
        outgoing.reply.id,
        outgoing.tries,
        settlement.status,
        settlement.provider_id,
        settlement.error_code,
        settlement.retry_in,
        *rows([(TIMELINE.encode(event),) for event in settlement.timeline]),
    )
    return await first_readable(link, lane, row, holder=outgoing.holder, seconds=seconds, replica=replica)


async def delivery_status(
    link: RedisLink,
    subject: SubjectId,
    reply_id: str,
    status: ReplyStatus,
    provider_id: str,
    error_code: int | None = None,
    timeline: Sequence[TimelineEvent] = (),
) -> bool:
    """See :meth:`LaneStore.delivery_status`."""
    moved = await link.run(
        "delivery_status",
        link.lane(subject),
        secrets.token_hex(8),  # so that the driver's repetition of this call is no second callback
        reply_id,
        status,
        provider_id,
        error_code,
        *rows([(earlier,) for earlier, rank in RANK.items() if rank < RANK[status]]),
        *rows([(TIMELINE.encode(event),) for event in timeline]),
    )
    return bool(moved)


async def replies(link: RedisLink, subject: SubjectId, limit: int = 200) -> tuple[StoredReply, ...]:
    """See :meth:`LaneStore.replies`; a row that cannot be read is left out."""
    found: list[StoredReply] = []
    if limit < 1:
        return ()
    for record, status, provider_id, code, tries in await link.run("replies", link.lane(subject), limit):
        with suppress(UnreadableRecord):
            reply, known = REPLY.decode(record), provider_id.decode() or None
            found.append(StoredReply(reply, ReplyStatus(status.decode()), known, int(code) if code else None, tries))
    return tuple(found)
