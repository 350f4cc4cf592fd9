"""The outbox in the Postgres store: lines (subject and channel) of replies, sent in order, each by one holder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnreadableRecord
from ..model import Channel, Outgoing, ReplyStatus, SubjectId, TimelineEvent
from .codec import REPLY, TIMELINE
from .postgres_database import Database
from .postgres_names import short
from .values import Settlement


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and who holds it for how many seconds."""

    subject: SubjectId
    channel: str
    holder: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What was claimed of a line. ``set_aside``: other replies were first, and could not be read."""

    outgoing: Outgoing | None
    set_aside: bool = False


async def next_reply(
    db: Database, subject: SubjectId, channel: Channel, holder: str, seconds: float, replica: str = ""
) -> Outgoing | None:
    """See :meth:`LaneStore.next_reply`."""
    line = Line(subject, channel, holder, seconds)
    return (await read_taken(db, line, await db.call("take_reply", {**_named(line), "replica": replica}))).outgoing


async def settle(
    db: Database, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, seconds: float, replica: str = ""
) -> Outgoing | None:
    """See :meth:`LaneStore.settle`."""
    line = Line(subject, outgoing.reply.route.channel, outgoing.holder, seconds)
    rows = await db.call(
        "settle_reply",
        {
            **_named(line),
            "replica": replica,
            "reply_id": short(outgoing.reply.id),
            "tries": outgoing.tries,
            "status": settlement.status,
            "provider_id": settlement.provider_id,
            "error_code": settlement.error_code,
            "retry_in": settlement.retry_in,
            "timeline": [TIMELINE.encode(event) for event in settlement.timeline],
        },
    )
    return (await read_taken(db, line, rows)).outgoing


async def read_taken(db: Database, line: Line, rows: Sequence[Any]) -> Taken:
    """Return the reply that was claimed of a line, if any; unreadable ones before it are set aside."""
    set_aside = False
    while rows:
        (row,) = rows
        try:
            return Taken(Outgoing(REPLY.decode(row["record"]), row["tries"], line.holder), set_aside)
        except UnreadableRecord:
            set_aside = True
            rows = await db.call("skip_reply", {**_named(line), "reply": row["reply"]})
    return Taken(None, set_aside)


def _named(line: Line) -> dict[str, Any]:
    return {
        "subject": short(line.subject),
        "channel": line.channel,
        "holder": line.holder,
        "seconds": line.seconds,
    }


async def delivery_status(
    db: Database,
    subject: SubjectId,
    reply_id: str,
    status: ReplyStatus,
    provider_id: str,
    error_code: int | None = None,
    timeline: Sequence[TimelineEvent] = (),
) -> bool:
    """See :meth:`LaneStore.delivery_status`."""
    (row,) = await db.call(
        "delivery_status",
        {
            "subject": short(subject),
            "reply_id": short(reply_id),
            "status": status,
            "provider_id": provider_id,
            "error_code": error_code,
            "timeline": [TIMELINE.encode(event) for event in timeline],
        },
    )
    return bool(row[0])
