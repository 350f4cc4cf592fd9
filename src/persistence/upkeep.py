"""Rules that delete lanes, or what is old of them. Pure, like lane.py."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from ..errors import LeaseLost, UnreadableRecord
from ..model import ApprovalStatus, SubjectId
from . import announcements, conversations, kinds, staff_acts
from .head import LaneHead
from .lane import erased_key
from .rows import DAY, MICRO, LaneIndex, Missing, Want
from .state import Lane
from .values import Act, Erasure, Folding

KEY_SECONDS: Final = 7 * DAY
"""A provider may deliver the same message again for days."""
NOBODY: Final = SubjectId("")
"""Whose rows the store's own are; no customer has the empty id."""
_WITH_THE_LANE: Final[dict[str, str]] = {
    kinds.TIMELINE: "timeline", kinds.REPLY: "replies", kinds.TICKET: "tickets", kinds.CONVERSATION: "conversations",
    kinds.GLANCE: "", kinds.ANSWER: "", kinds.APPROVAL: "", kinds.SNAPSHOT: "", kinds.ANNOUNCEMENT: "", kinds.ACT: "",
}  # fmt: skip
"""Kinds that a purge deletes with their lane, and what its report calls them."""
WANTS_PURGE: Final = Want(
    kinds=frozenset({kinds.APPROVAL, kinds.TICKET, kinds.ANNOUNCEMENT, kinds.ACT}),
    counts=dict.fromkeys(_WITH_THE_LANE),
)
WANTS_SECRET: Final = Want(rows=frozenset({(kinds.SECRET, "")}))
WANTS_HOUSE: Final = WANTS_SECRET | Want(kinds=frozenset({kinds.LOOKER}))
WANTS_ERASE: Final = Want(kinds=frozenset({kinds.KEY, kinds.WAITING, kinds.ACT}), counts=dict.fromkeys(kinds.OF_A_LANE))


def is_quiet(lane: Lane) -> bool:
    """Say whether nothing is left to do, so that what is old may go."""
    head = lane.head
    return not (
        head.waiting
        or head.wake_at is not None
        or any(at > lane.now for at in head.reminders.values())
        or head.taken(lane.now)
        or any(line.queue for line in head.lines.values())
        or any(one.status is ApprovalStatus.PENDING for one in head.approvals)
        or head.open_tickets
        or head.present(lane.now)
    )


def _count(lane: Lane, kind: str) -> int:
    """Return how many rows of a kind were counted, which is not known of a lane that is only remembered."""
    if kind not in lane.loaded.counts:
        raise Missing(Want())
    return lane.loaded.counts[kind]


def purge(lane: Lane, house: Lane | None = None, *, before: float) -> dict[str, int]:
    """Delete a lane that nothing touched since ``before`` and that has nothing to do; return what was deleted.

    What staff did moves into the ``house``; without one, nothing is going to be written.
    """
    if lane.head.touched_at > before or not is_quiet(lane):
        return {}
    deleted = {name: _count(lane, kind) for kind, name in _WITH_THE_LANE.items() if name}
    conversations.unindex(lane)
    for row in lane.all(kinds.ANNOUNCEMENT):
        announcements.forget(lane, row.key)
    if house is not None:
        staff_acts.leave_acts(lane, house)
    for kind in _WITH_THE_LANE:
        lane.drop(kind)
    lane.end()
    return deleted


def fold(lane: Lane, before: float, folded: Folding) -> bool:
    """Write what is left of a conversation that nothing changed since ``before``, under the time that it has.

    The lane is not touched by that: its age goes on.
    """
    head = lane.head
    if head.waiting or head.taken(lane.now) or head.updated_at is None or head.updated_at > before:
        return False
    try:
        stored = conversations.read_conversation(lane)
    except UnreadableRecord:
        return False
    left = folded(stored, lane.now) if stored else None
    if left is None or left == stored:
        return False
    conversations.store_conversation(lane, left, head.version + 1, head.updated_at)
    head.wake_at = left.due_at
    return True


def wants_sweep(before: float, keys_before: float) -> Want:
    """Return what a sweep needs."""
    upto: dict[str, int | None] = {kinds.KEY: int(keys_before * MICRO), kinds.EFFECT: int(before * MICRO)}
    return Want(kinds=frozenset({kinds.ASIDE}), counts=upto)


def sweep(lane: Lane, before: float, keys_before: float, day: float) -> dict[str, int] | None:
    """Delete what is old by itself: keys, effects, set-aside records; None when the lane is busy."""
    if not is_quiet(lane):
        return None
    deleted = {"keys": _count(lane, kinds.KEY), "effects": _count(lane, kinds.EFFECT), "set_aside": 0}
    lane.drop(kinds.KEY, int(keys_before * MICRO))
    lane.drop(kinds.EFFECT, int(before * MICRO))
    lane.drop(kinds.RESULT, int(before * MICRO))
    for row in lane.all(kinds.ASIDE):
        if row.sequence <= before * MICRO:
            lane.delete(kinds.ASIDE, row.key)
            lane.index(LaneIndex.SET_ASIDE, row.key, None)
            deleted["set_aside"] += 1
    if day + DAY <= keys_before:
        lane.index(LaneIndex.SWEEP, f"{day:.0f}", None)
    return deleted


def erase(lane: Lane, house: Lane, actor: str) -> int:
    """Delete every trace; leave a row of the store's own that proves it. See :meth:`LaneStore.erase`."""
    if lane.head.taken(lane.now):
        raise LeaseLost
    deleted = sum(_count(lane, kind) for kind in kinds.OF_A_LANE) + (1 if lane.loaded.version else 0)
    keys = [row.key for kind in (kinds.KEY, kinds.WAITING) for row in lane.all(kind) if ":" not in row.key]
    staff_acts.leave_acts(lane, house)
    staff_acts.look_away(house, lane.subject)
    lane.end(erase=True)
    if deleted and actor:
        staff_acts.book(house, Act(lane.now, actor, staff_acts.ERASED, {"deleted": deleted}), int(lane.now * MICRO))
    secret = house.row(kinds.SECRET, "")
    name = hashed(secret.record if secret else "", lane.subject)
    number = house.next_sequence()
    house.head = LaneHead()
    # Of nothing, the last time is kept: a backup may hold what a purge had deleted before.
    proof = kinds.AUDIT.write(Erasure(lane.now, actor, deleted))
    house.put(f"{kinds.AUDIT}:{name}", str(number) if deleted else "nothing", proof, sequence=number)
    for key in keys:
        house.put(kinds.KEY, erased_key(key), "", sequence=int(lane.now * MICRO))
        house.sweep()
    return deleted


def make_secret(house: Lane) -> None:
    """Make what the hashes of erased subjects are made with, once; it is never told."""
    if house.row(kinds.SECRET, "") is None:
        house.put(kinds.SECRET, "", secrets.token_hex(32), sequence=0, keep=True)


def hashed(secret: str, subject: SubjectId) -> str:
    """Return what stands for an erased subject: without the secret, trying every number would tell whose it is."""
    return hmac.new(bytes.fromhex(secret), subject.encode(), hashlib.sha256).hexdigest()


def erasure_kinds(secret: str, subject: SubjectId) -> tuple[str, str]:
    """Return the kinds under which erasures of a subject are found: today's, and that of former Postgres stores."""
    key, name = bytes.fromhex(secret), subject.encode()
    former = hashlib.sha256(key + hashlib.sha256(key + name).digest()).hexdigest()
    return f"{kinds.AUDIT}:{hashed(secret, subject)}", f"{kinds.AUDIT}:{former}"
