"""Rules that delete and join lanes. Pure, like lane.py."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ..errors import LeaseLost, UnreadableRecord
from ..model import ApprovalStatus, SubjectId
from . import codec, kinds, record
from . import lane as rules
from .codec import Codec
from .draft import MICRO, Lane, mend
from .head import LaneHead
from .merging import Merging, moved
from .rows import Want, want
from .values import Erasure, Folding

KEY_SECONDS: Final = 7 * kinds.DAY
"""A provider may deliver the same message again for days."""
NOBODY: Final = SubjectId("")
"""Whose rows the store's own are; no customer has the empty id."""
ERASURE: Final = Codec(Erasure)
_WITH_THE_LANE: Final = {
    kinds.TIMELINE: "timeline", kinds.REPLY: "replies", kinds.TICKET: "tickets", kinds.CONVERSATION: "conversations",
    kinds.GLANCE: "", kinds.ANSWER: "", kinds.APPROVAL: "", kinds.SNAPSHOT: "",
}  # fmt: skip
"""Kinds that a purge deletes with their lane, and what its report calls them."""
WANTS_PURGE: Final = want(kinds=(kinds.APPROVAL, kinds.TICKET)) | Want(counts=dict.fromkeys(_WITH_THE_LANE))
WANTS_FOLD: Final = want((kinds.CONVERSATION, ""), kinds=(kinds.SNAPSHOT,))
WANTS_SECRET: Final = want((kinds.SECRET, ""))
WANTS_ERASE: Final = Want(counts=dict.fromkeys(kinds.OF_A_LANE))


def purge(lane: Lane, before: float) -> dict[str, int]:
    """Delete a lane that nothing touched since ``before`` and that has nothing to do; return what was deleted."""
    if lane.head.touched_at > before or not lane.head.quiet(lane.now):
        return {}
    deleted = {name: lane.loaded.count(kind) for kind, name in _WITH_THE_LANE.items() if name}
    for row in lane.all(kinds.APPROVAL):
        record.unindex_approval(lane, row.key)
    for row in lane.all(kinds.TICKET):
        record.unindex_ticket(lane, row.key)
    for kind in _WITH_THE_LANE:
        lane.drop(kind)
    lane.end()
    return deleted


def fold(lane: Lane, before: float, folded: Folding) -> bool:
    """Write what is left of a conversation that nothing changed since ``before``, under the time that it has.

    The lane is not touched by that: its age goes on.
    """
    head, row = lane.head, lane.row(kinds.CONVERSATION, "")
    busy = head.waiting or (head.held and head.lease_until > lane.now)
    if row is None or busy or head.updated_at is None or head.updated_at > before:
        return False
    try:
        stored = record.whole(lane, codec.CONVERSATION.decode(row.record))
    except UnreadableRecord:
        return False
    left = folded(stored, lane.now)
    if left == stored:
        return False
    record.store_conversation(lane, left, head.version + 1, head.updated_at)
    pending = [one.expires_at for one in left.approvals if one.status is ApprovalStatus.PENDING]
    head.wake_at = min(pending, default=None)
    return True


def wants_sweep(before: float, keys_before: float) -> Want:
    """Return what a sweep needs."""
    upto = {kinds.KEY: int(keys_before * MICRO), kinds.EFFECT: int(before * MICRO)}
    return want(kinds=(kinds.ASIDE,)) | Want(counts=upto)


def sweep(lane: Lane, before: float, keys_before: float, day: float) -> dict[str, int] | None:
    """Delete what is old by itself: keys, effects, set-aside records; None when the lane is busy."""
    if not lane.head.quiet(lane.now):
        return None
    deleted = {"keys": lane.loaded.count(kinds.KEY), "effects": lane.loaded.count(kinds.EFFECT), "set_aside": 0}
    lane.drop(kinds.KEY, int(keys_before * MICRO))
    lane.drop(kinds.EFFECT, int(before * MICRO))
    lane.drop(kinds.RESULT, int(before * MICRO))
    for row in lane.all(kinds.ASIDE):
        if row.sequence <= before * MICRO:
            lane.delete(kinds.ASIDE, row.key)
            lane.index(kinds.SET_ASIDE, row.key, None)
            deleted["set_aside"] += 1
    if day + kinds.DAY <= keys_before:
        lane.index(kinds.SWEEP, f"{day:.0f}", None)
    return deleted


def erase(lane: Lane, house: Lane, actor: str) -> int:
    """Delete every trace; leave a row of the store's own that proves it. See :meth:`LaneStore.erase`."""
    if lane.head.held and lane.head.lease_until > lane.now:
        raise LeaseLost
    deleted = sum(lane.loaded.count(kind) for kind in kinds.OF_A_LANE) + (1 if lane.loaded.version else 0)
    lane.erase()
    if deleted:
        secret = house.row(kinds.SECRET, "")
        name = hashed(secret.record if secret else "", lane.subject)
        number = house.next_sequence()
        record = ERASURE.encode(Erasure(lane.now, actor, deleted))
        house.head = LaneHead()
        house.put(f"{kinds.AUDIT}:{name}", str(number), record, sequence=number)
    return deleted


def hashed(secret: str, subject: SubjectId) -> str:
    """Return what stands for an erased subject: without the secret, trying every number would tell whose it is."""
    return hmac.new(bytes.fromhex(secret), subject.encode(), hashlib.sha256).hexdigest()


def erasure_kinds(secret: str, subject: SubjectId) -> tuple[str, str]:
    """Return the kinds under which erasures of a subject are found: today's, and that of former Postgres stores."""
    key, name = bytes.fromhex(secret), subject.encode()
    former = hashlib.sha256(key + hashlib.sha256(key + name).digest()).hexdigest()
    return f"{kinds.AUDIT}:{hashed(secret, subject)}", f"{kinds.AUDIT}:{former}"


def absorb(left: Lane, stays: Lane, joining: Merging) -> None:
    """Move everything of one lane into the other and commit there; both are free then. See :data:`.joining.Absorb`."""
    for lane, held in ((left, joining.left), (stays, joining.stays)):
        if not lane.head.held or (lane.head.fence, lane.head.holder) != (held.fence, held.holder):
            raise LeaseLost
    if left.head.waiting or any(line.queue for line in left.head.lines.values()):
        raise LeaseLost
    for kind in (kinds.KEY, kinds.EFFECT, kinds.RESULT, kinds.REPLY, kinds.TIMELINE, kinds.SNAPSHOT):
        for row in left.all(kind):
            stays.put(kind, row.key, row.record, sequence=row.sequence, keep=True)
    for row in left.all(kinds.ASIDE):
        stays.put(kinds.ASIDE, row.key, row.record, sequence=row.sequence)
        stays.index(kinds.SET_ASIDE, row.key, row.sequence / MICRO)
        left.index(kinds.SET_ASIDE, row.key, None)
    for row in left.all(kinds.TICKET):
        record.unindex_ticket(left, row.key)
        with suppress(UnreadableRecord):
            record.write_ticket(stays, codec.TICKET.decode(row.record), sequence=row.sequence, keep=True)
    for row in left.all(kinds.APPROVAL):
        record.unindex_approval(left, row.key)
        with suppress(UnreadableRecord):
            record.write_approval(stays, moved(codec.APPROVAL.decode(row.record), stays.subject))
    for kind in kinds.OF_A_LANE:
        left.drop(kind)
    left.head = replace(LaneHead(), fence=left.head.fence, last=left.head.last, touched_at=left.now)
    left.tell((joining.departure,))
    stays.sweep()
    rules.commit(stays, joining.stays, joining.change, joining.token)


WANTS_ABSORB: Final = want((kinds.CONVERSATION, ""), (kinds.OPT_OUT, ""), kinds=kinds.OF_A_LANE[3:])


def restore(lane: Lane) -> None:
    """Make head and indexes from the rows, after damage or an upgrade."""
    lane.reindex()
    lane.head.touched_at = lane.head.touched_at or lane.now
    mend(lane, lane.head)
    row = lane.row(kinds.CONVERSATION, "")
    with suppress(UnreadableRecord):
        if row is not None:
            record.index_approvals(lane, codec.CONVERSATION.decode(row.record).approvals)
    carried = {one.id for one in lane.head.approvals}
    for row in lane.all(kinds.APPROVAL):
        with suppress(UnreadableRecord):
            if row.key not in carried:
                record.write_approval(lane, codec.APPROVAL.decode(row.record))
    for row in lane.all(kinds.TICKET):
        with suppress(UnreadableRecord):
            record.write_ticket(lane, codec.TICKET.decode(row.record), sequence=row.sequence)
    for row in lane.all(kinds.ASIDE):
        lane.index(kinds.SET_ASIDE, row.key, row.sequence / MICRO)
    lane.sweep()
