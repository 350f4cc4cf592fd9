"""One person turned out to own two lanes: everything of the one is moved into the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..errors import LeaseLost, UnreadableRecord
from ..events import EventName
from ..model import NUMBERED, ApprovalStatus, Conversation, Priority, Source, SubjectId, TimelineEvent, Turn
from . import announcements, conversations, kinds, lane
from .head import LaneHead
from .housekeeping import Housekeeping
from .redaction import mentions, pattern_of
from .rows import MICRO, LaneIndex, Want
from .staff_acts import move_acts
from .state import Lane
from .storage import LISTED
from .values import OWN_LANES, Change

UNDER_WAY: Final = frozenset({ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING})
"""An effect may be happening now, and its row in the ledger is looked for under the old subject."""
WANTS_LEFT: Final = Want(
    rows=frozenset({(kinds.CONVERSATION, ""), (kinds.OPT_OUT, "")}), kinds=frozenset(kinds.OF_A_LANE[3:])
)


def merge(left: Lane, stays: Lane, token: str) -> bool:
    """Move everything of one lane into the other; see :meth:`LaneStore.merge`."""
    if not (left.row(kinds.CONVERSATION, "") or left.row(kinds.OPT_OUT, "") or left.all(kinds.WAITING)):
        last = kinds.records(kinds.TIMELINE, left.all(kinds.TIMELINE)[-1:])
        return any(row.name == EventName.MOVED and row.data.get("token") == token for _, row in last)
    # The fences of both grow, so that a holder from before writes no more; when this is written, both are free again.
    leaves, keeps = (lane.claim(one, token, seconds=0.0) for one in (left, stays))
    if leaves is None or keeps is None:
        raise LeaseLost("(one of the lanes is in use)")
    lane.release(stays, keeps, forgive=True)
    if leaves.waiting or _under_way(left, leaves.conversation):
        raise LeaseLost("(the lane to be left is busy)")
    if leaves.conversation is None:  # it could not be read, and was set aside
        return False
    unite = joined if leaves.conversation.version else with_opt_outs
    conversation = unite(leaves.conversation, keeps.conversation, stays.subject, now=stays.now)
    told = TimelineEvent(EventName.JOINED, Source.SYSTEM, data={"turns": leaves.conversation.turns_taken})
    tickets = tuple(
        replace(ticket, subject=stays.subject) for _, ticket in kinds.records(kinds.TICKET, left.all(kinds.TICKET))
    )
    _move(left, stays, token)
    change = Change(conversation, timeline=(told,), tickets=tickets, wake_at=conversation.due_at)
    lane.commit(stays, keeps, change, f"{token}:{keeps.fence}")  # another one when the same move is made again
    lane.release(stays, keeps, forgive=True)
    return True


def _under_way(left: Lane, conversation: Conversation | None) -> bool:
    return (
        lane.present(left) is not None
        or any(line.queue for line in left.head.lines.values())
        or (conversation is not None and any(one.status in UNDER_WAY for one in conversation.approvals))
    )


def _move(left: Lane, stays: Lane, token: str) -> None:
    """Move every row but the conversation; of the lane that is left, a row of its timeline stays."""
    for kind in (kinds.KEY, kinds.EFFECT, kinds.RESULT, kinds.REPLY, kinds.TIMELINE, kinds.SNAPSHOT):
        for row in left.all(kind):
            stays.put(kind, row.key, row.record, sequence=row.sequence, keep=True)
    for row in left.all(kinds.ASIDE):
        stays.put(kinds.ASIDE, row.key, row.record, sequence=row.sequence)
        stays.index(LaneIndex.SET_ASIDE, row.key, row.sequence / MICRO)
        left.index(LaneIndex.SET_ASIDE, row.key, None)
    announcements.carry_over(left, stays)
    conversations.unindex(left)
    for row, ticket in kinds.records(kinds.TICKET, left.all(kinds.TICKET)):
        conversations.write_ticket(stays, ticket, sequence=row.sequence, keep=True)
    for _, approval in kinds.records(kinds.APPROVAL, left.all(kinds.APPROVAL)):
        conversations.write_approval(stays, replace(approval, subject=stays.subject))
    move_acts(left, stays)
    for kind in kinds.OF_A_LANE:
        left.drop(kind)
    left.head = LaneHead(fence=left.head.fence, last=left.head.last, touched_at=left.now)
    conversations.tell(left, (TimelineEvent(EventName.MOVED, Source.SYSTEM, data={"token": token}),))
    stays.sweep()


def joined(left: Conversation, stays: Conversation | None, subject: SubjectId, *, now: float) -> Conversation:
    """Return the one conversation of a person who had two, under ``subject``. Pure.

    Turns are in the order in which they happened, numbered anew so that the last one has the number of turns taken.
    What can only be one thing (the last channel, the meter) is taken from the conversation that was used last.
    """
    if stays is None:
        stays = Conversation(subject, created_at=now, updated_at=0.0)
    older, newer = sorted((left, stays), key=lambda one: one.updated_at)
    taken = left.turns_taken + stays.turns_taken
    levels = [one.escalation for one in (left, stays) if one.escalation is not None]
    return replace(
        newer,
        assignee=stays.assignee or left.assignee,
        reminders={**left.reminders, **stays.reminders},
        handling=stays.handling if stays.handling == left.handling else "open",
        subject=subject,
        created_at=min(left.created_at, stays.created_at),
        version=stays.version,
        turns_taken=taken,
        routes={**older.routes, **newer.routes},
        history=_in_order(left, stays, taken),
        unfolded=(*older.unfolded, *newer.unfolded),
        summary="\n".join(one.summary for one in (older, newer) if one.summary),
        digest="",
        context=_both(older.context, newer.context),
        approvals=(*(replace(one, subject=subject) for one in left.approvals), *stays.approvals),
        escalation=max(levels, key=list(Priority).index, default=None),
        opted_out=tuple(dict.fromkeys((*left.opted_out, *stays.opted_out))),
        in_session=left.in_session or stays.in_session,
        paused=left.paused or stays.paused,
        formerly=tuple(dict.fromkeys((*stays.formerly, *left.formerly, left.subject))),
        follow_ups=(*left.follow_ups, *stays.follow_ups),
    )


def with_opt_outs(left: Conversation, stays: Conversation | None, subject: SubjectId, *, now: float) -> Conversation:
    """Return a person's conversation with the opt-outs that are all that is left of another lane of theirs. Pure."""
    stays = stays or Conversation(subject, created_at=now, updated_at=0.0)
    return replace(
        stays,
        opted_out=tuple(dict.fromkeys((*stays.opted_out, *left.opted_out))),
        formerly=tuple(dict.fromkeys((*stays.formerly, left.subject))),
    )


def _both(older: Any, newer: Any) -> Any:
    """Return what two contexts say together: lists behind each other, else the newer word for each thing."""
    if isinstance(older, Mapping) and isinstance(newer, Mapping):
        return {**older, **{key: _both(older.get(key), value) for key, value in newer.items()}}
    if isinstance(older, list) and isinstance(newer, list):
        return [*older, *(one for one in newer if one not in older)]
    return newer


def _in_order(left: Conversation, stays: Conversation, taken: int) -> tuple[Turn, ...]:
    turns = sorted(itertools.chain(left.history, stays.history), key=lambda turn: turn.at)
    return tuple(replace(turn, number=taken - len(turns) + place) for place, turn in enumerate(turns, start=1))


async def erase_person(store: Housekeeping, subject: SubjectId, *, actor: str) -> int:
    """Erase a subject, what is left of every lane that was moved into its own, and what others had written to them;
    return the number of records.

    Raises LeaseLost as :meth:`LaneStore.erase`; calling it again then goes on where it stopped.
    Nothing is erased of lanes that are the gateway's own: what they note protects customers.
    """
    if subject in OWN_LANES:
        return 0
    try:
        conversation = await store.conversation(subject)
    except UnreadableRecord:
        conversation = None
    former = conversation.formerly if conversation else ()
    deleted = await redact_person(store, (subject, *former), conversation)
    for one in former:
        deleted += await store.erase(one, actor=actor)
    return deleted + await store.erase(subject, actor=actor)


async def redact_person(store: Housekeeping, subjects: Sequence[SubjectId], conversation: Conversation | None) -> int:
    """Take a person's numbers, and what was written to them, out of others' lanes; return how many records."""
    redacted = 0
    for number in _numbers(subjects, conversation):
        for other in await _who_wrote_to(store, number):
            redacted += await store.redact(other, number) if other not in subjects else 0
    return redacted


def _numbers(subjects: Sequence[SubjectId], conversation: Conversation | None) -> set[str]:
    """Return the telephone numbers of a person, as far as their lane knows them."""
    found = {f"+{one.removeprefix('phone_')}" for one in subjects if one.startswith("phone_")}
    addresses = [route.customer for route in conversation.routes.values()] if conversation else []
    return found | {one.value for one in addresses if one.scheme in NUMBERED and one.value.startswith("+")}


async def _who_wrote_to(store: Housekeeping, number: str) -> set[SubjectId]:
    """Return in whose lanes calls name a number: a text to another customer waits for consent, as a request."""
    pattern, found, cursor = pattern_of(number), set[SubjectId](), ""
    while True:
        page = await store.approvals(status=None, limit=LISTED, cursor=cursor or None)
        found |= {one.subject for one in page.items if mentions([one.arguments, one.edited_arguments], pattern)}
        if page.next is None:
            return found
        cursor = page.next
