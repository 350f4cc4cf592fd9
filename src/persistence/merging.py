"""One person turned out to own two lanes: everything of the one is moved into the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import LeaseLost, UnreadableRecord
from ..events import EventName
from ..model import NUMBERED, ApprovalStatus, Conversation, Priority, Source, SubjectId, TimelineEvent, Turn
from . import announcements, conversations, kinds, lane
from .acts import move_acts
from .head import LaneHead
from .redaction import mentions, pattern_of
from .rows import MICRO, LaneIndex, Want
from .state import Lane
from .values import OWN_LANES, Change, Claim

if TYPE_CHECKING:
    from .base import LaneStore

LEASE_SECONDS: Final = 5.0
"""How long both lanes are held; moving takes milliseconds."""
UNDER_WAY: Final = frozenset({ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING})
"""An effect may be happening now, and its row in the ledger is looked for under the old subject."""
LISTED: Final = 200
"""Approvals that are looked at in one go."""
ALL: Final = 100_000
"""Tickets of one customer, without a limit in earnest."""
WANTS_ABSORB: Final = Want(
    rows=frozenset({(kinds.CONVERSATION, ""), (kinds.OPT_OUT, "")}), kinds=frozenset(kinds.OF_A_LANE[3:])
)


async def merge(store: LaneStore, old: SubjectId, new: SubjectId, token: str) -> bool:
    """See :meth:`LaneStore.merge`."""
    if old == new:
        raise ValueError("a lane cannot be merged with itself")
    known = await store.conversation(old) or await store.waiting(old)
    if not known and await store.found_by_turns(old) is None:  # which knows of opt-outs alone
        return await _merged_before(store, old, token)
    left = await store.claim(old, holder=f"{token}:left", seconds=LEASE_SECONDS)
    if left is None:
        raise LeaseLost("(the lane to be left is in use)")
    stays = None
    try:
        stays = await store.claim(new, holder=f"{token}:stays", seconds=LEASE_SECONDS)
        if stays is None:
            raise LeaseLost("(the lane that stays is in use)")
        if left.waiting or _under_way(left.conversation) or await store.present(old) is not None:
            raise LeaseLost("(the lane to be left is busy)")
        if left.conversation is None:  # it could not be read, and was set aside
            return False
        change = await _change(store, left, stays, left.conversation)
        rule = partial(absorb, leave=left, keep=stays, change=change, token=token)
        committing = Want(frozenset({(kinds.ANSWER, token)}), frozenset({kinds.WAITING, kinds.UNSETTLED}))
        await store.storage.step({old: WANTS_ABSORB, new: committing}, rule)
        return True
    except LeaseLost:
        if stays is not None and await _merged_before(store, old, token):
            return True  # the answer was lost, and the driver repeated the step
        await _release(store, left, stays)
        raise
    except BaseException:
        await _release(store, left, stays)
        raise


async def _release(store: LaneStore, *claims: Claim | None) -> None:
    for claim in claims:
        if claim is not None:
            await store.release(claim, forgive=True)


async def _merged_before(store: LaneStore, old: SubjectId, token: str) -> bool:
    return any(
        row.name == EventName.MOVED and row.data.get("token") == token for row in await store.timeline(old, limit=1)
    )


def _under_way(conversation: Conversation | None) -> bool:
    return conversation is not None and any(one.status in UNDER_WAY for one in conversation.approvals)


async def _change(store: LaneStore, left: Claim, stays: Claim, leaving: Conversation) -> Change:
    unite = joined if leaving.version else with_opt_outs
    conversation = unite(leaving, stays.conversation, stays.subject, now=stays.now)
    tickets = [replace(one, subject=stays.subject) for one in await store.tickets(left.subject, limit=ALL)]
    return Change(
        conversation,
        timeline=(TimelineEvent(EventName.JOINED, Source.SYSTEM, data={"turns": leaving.turns_taken}),),
        tickets=tuple(reversed(tickets)),  # oldest first, as they came
        wake_at=conversation.due_at,
    )


def absorb(left: Lane, stays: Lane, leave: Claim, keep: Claim, change: Change, token: str) -> None:
    """Move everything of one lane into the other and commit there; both are free then.

    Raises LeaseLost, changing nothing, when either lease is lost, or something waits in the lane that is left.
    """
    for it, held in ((left, leave), (stays, keep)):
        if not lane.is_held_by(it, held):
            raise LeaseLost
    if left.head.waiting or any(line.queue for line in left.head.lines.values()):
        raise LeaseLost
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
    lane.commit(stays, keep, change, token)


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


async def erase_person(store: LaneStore, subject: SubjectId, *, actor: str) -> int:
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


async def redact_person(store: LaneStore, subjects: Sequence[SubjectId], conversation: Conversation | None) -> int:
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


async def _who_wrote_to(store: LaneStore, number: str) -> set[SubjectId]:
    """Return in whose lanes calls name a number: a text to another customer waits for consent, as a request."""
    pattern, found, cursor = pattern_of(number), set[SubjectId](), ""
    while True:
        page = await store.approvals(status=None, limit=LISTED, cursor=cursor or None)
        found |= {one.subject for one in page.items if mentions([one.arguments, one.edited_arguments], pattern)}
        if page.next is None:
            return found
        cursor = page.next
