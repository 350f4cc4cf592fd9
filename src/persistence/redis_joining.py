"""Moving one lane into another in the Redis store: one script over both lanes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from ..errors import LeaseLost, UnreadableRecord
from ..model import Approval, ApprovalStatus, SubjectId
from .codec import APPROVAL, TIMELINE
from .joining import Joining, moved
from .redis_entries import rows
from .redis_keys import LaneKey
from .redis_lanes import commit_arguments
from .redis_link import RedisLink


async def absorb(link: RedisLink, joining: Joining) -> None:
    """See :data:`~.joining.Absorb`. The server must have both lanes, as one that is no cluster has."""
    left, stays = joining.left, joining.stays
    there = link.lane(left.subject)
    approvals = [one async for one in _approvals(link, there, stays.subject)]
    answer = await link.run_pair(
        "absorb",
        link.lane(stays.subject),
        there,
        *(there.id, left.fence, left.holder, stays.fence, stays.holder, TIMELINE.encode(joining.departure)),
        *rows([(one.id, one.status, one.expires_at, APPROVAL.encode(one)) for one in approvals]),
        *commit_arguments(stays, joining.change, joining.token, None),
    )
    if answer is None:
        raise LeaseLost


async def _approvals(link: RedisLink, lane: LaneKey, subject: SubjectId) -> AsyncIterator[Approval]:
    """Yield the approvals of a lane whose lease is held, as they read in the other lane; unreadable ones are left."""
    ids = await link.ask("SMEMBERS", f"{lane.lane}:approvals")
    for id in sorted(ids):
        stored = await link.ask("HGET", f"{lane.partition}approvals", id)
        status, _, record = (stored or b"").partition(b" ")
        with suppress(UnreadableRecord, ValueError):
            yield replace(moved(APPROVAL.decode(record), subject), status=ApprovalStatus(status.decode()))
