"""The lane: what each operation does to it. Pure: nothing here waits, knows a driver or reads a clock.

Every function takes a :class:`~.state.Lane` as it was loaded and changes it; ``storage.py`` writes the changes only
when no other writer was faster, and else runs the function again on what is there now. base.py says what each operation
promises; outbox.py has the lines of replies, upkeep.py what deletes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..entries import Entry, Waiting
from ..errors import LeaseLost, UnreadableRecord
from ..model import Conversation, Ticket, TicketStatus
from . import conversations, kinds, outbox
from .head import WaitingKey
from .mending import read_opt_outs
from .rows import MICRO
from .state import Lane
from .values import Change, Claim, Committed, Effect, EffectState, Outcome, Presence, Receipt

ANSWER_SECONDS: Final = 3600.0
"""How long the answer of a commit is kept for a caller that did not get it."""

# --- entries ------------------------------------------------------------------------------------------------


def accept(lane: Lane, entries: Sequence[Entry], token: str, not_after: float | None = None) -> tuple[Receipt, ...]:
    """Append entries, once per key; see :meth:`LaneStore.accept`."""
    receipts: list[Receipt] = []
    for number, entry in enumerate(entries):
        twice = any(earlier.key == entry.key for earlier in entries[:number])
        receipts.append(_accept_one(lane, entry, None if twice else token, not_after, token))
    return tuple(receipts)


def _accept_one(lane: Lane, entry: Entry, repeated: str | None, not_after: float | None, token: str) -> Receipt:
    key = entry.key
    if not lane.is_new(key, kinds.WAITING, kinds.KEY):
        earlier = lane.readable(kinds.WAITING, key) or lane.readable(kinds.KEY, key)
        if earlier is None:
            return Receipt(key, Outcome.DUPLICATE)
        if earlier.token == repeated:
            return Receipt(key, Outcome.ACCEPTED)
        return Receipt(key, Outcome.DUPLICATE, earlier.entry)
    if not_after is not None and lane.now > not_after:
        return Receipt(key, Outcome.LATE)
    lane.write(kinds.WAITING, key, kinds.StoredEntry(token, entry))
    lane.head.waiting.append(WaitingKey(key, lane.now, silences=entry.silences))
    lane.head.touched_at = lane.now
    return Receipt(key, Outcome.ACCEPTED)


def erased_key(key: str) -> str:
    """Return what stands for the provider's id of an erased message (ours have a colon): a captured webhook of it
    carries a good signature for ever, and must not be answered as if it were new.
    """
    return f"erased-{hashlib.sha256(key.encode()).hexdigest()}"


def _take_up(lane: Lane, *, raise_tries: bool) -> tuple[Waiting, ...]:
    """Return what waits, unreadable entries set aside, the first one's tries raised."""
    found: list[Waiting] = []
    waiting, lane.head.waiting = lane.head.waiting, []
    for one in waiting:
        stored = lane.readable(kinds.WAITING, one.key)
        if stored is None:
            _set_entry_aside(lane, one.key, "unreadable")
            continue
        lane.head.waiting.append(one)
        found.append(Waiting(stored.entry, one.at, one.tries))
    if raise_tries and found:
        first = lane.head.waiting[0]
        first.tries += 1
        lane.head.tried = first.key
        found[0] = replace(found[0], tries=first.tries)
    return tuple(found)


def _set_entry_aside(lane: Lane, key: str, reason: str) -> None:
    """Keep an entry for people; its key stays, against duplicates."""
    row = lane.row(kinds.WAITING, key)
    conversations.keep_aside(lane, "entry", key, reason, row.record if row else "")
    lane.move(key, kinds.WAITING, kinds.KEY)


# --- the lease ------------------------------------------------------------------------------------------------


def claim(lane: Lane, holder: str, seconds: float, entries: Sequence[Entry] = ()) -> Claim | None:
    """Take the lease, unless another holder's runs; see :meth:`LaneStore.claim`."""
    accept(lane, entries, holder)
    head = lane.head
    repeated = head.held and head.holder == holder
    if head.held and not repeated and head.lease_until > lane.now:
        return None
    if not repeated:
        head.fence = max(head.fence + 1, int(lane.now * MICRO))  # grows also beyond an erasure, which leaves no head
        head.holder, head.held, head.tried, head.unreadable = holder, True, None, False
    head.seconds, head.lease_until = seconds, lane.now + seconds
    head.touched_at = lane.now
    conversation = found_by_turns(lane)
    waiting = _take_up(lane, raise_tries=not repeated)
    if not waiting:
        lane.reindex()  # it may have been found by an entry that is wrong
    return Claim(lane.subject, holder, head.fence, lane.now, conversation, waiting, head.unreadable)


def found_by_turns(lane: Lane) -> Conversation | None:
    """Return the conversation; where there is none, or none that can be read, one that knows of opt-outs alone."""
    try:
        if stored := conversations.read_conversation(lane):
            return stored
    except UnreadableRecord:
        conversations.set_aside(lane, "conversation", kinds.CONVERSATION, "")
        lane.delete(kinds.GLANCE, "")
        lane.head.updated_at, lane.head.size, lane.head.unreadable = None, 0, True
    lane.head.opted_out = read_opt_outs(lane)
    if not lane.head.opted_out:
        return None
    known = tuple(lane.head.opted_out)
    return Conversation(lane.subject, created_at=lane.now, updated_at=lane.now, opted_out=known)


def is_held_by(lane: Lane, held: Claim) -> bool:
    """Say whether the lease is still that of a claim."""
    return lane.head.held and (lane.head.fence, lane.head.holder) == (held.fence, held.holder)


def renew(lane: Lane, held: Claim, seconds: float) -> None:
    """Extend the lease from now; see :meth:`LaneStore.renew`."""
    if not is_held_by(lane, held):
        raise LeaseLost
    lane.head.seconds, lane.head.lease_until = seconds, lane.now + seconds


def release(lane: Lane, held: Claim, forgive: bool = False) -> None:
    """Give the lease back; see :meth:`LaneStore.release`."""
    if not is_held_by(lane, held):
        return
    for one in lane.head.waiting:
        if forgive and one.key == lane.head.tried:
            one.tries = max(one.tries - 1, 0)
    _free(lane)


def _free(lane: Lane) -> None:
    lane.head.held, lane.head.lease_until, lane.head.tried = False, 0.0, None


# --- the commit -----------------------------------------------------------------------------------------------


def commit(
    lane: Lane,
    held: Claim,
    change: Change,
    token: str,
    deliver: float | None = None,
    replica: str = "",
) -> Committed:
    """Write a change and give the lease back, unless entries wait; see :meth:`LaneStore.commit`."""
    try:
        answered = None if lane.is_new(token, kinds.ANSWER) else lane.read(kinds.ANSWER, token)
    except UnreadableRecord as error:
        raise LeaseLost("(it was committed before; the answer cannot be read)") from error
    if answered is not None:
        return answered
    head = lane.head
    if (head.fence, head.holder) != (held.fence, held.holder):
        raise LeaseLost
    version = max(head.version, change.conversation.version) + 1
    conversations.store_conversation(lane, change.conversation, version, lane.now)
    for key in change.consumed:
        lane.move(key, kinds.WAITING, kinds.KEY)
    failed = {one.key for one in head.waiting}.intersection(change.set_aside).difference(change.consumed)
    for key in change.set_aside:
        if key in failed:
            _set_entry_aside(lane, key, "failed")
    head.waiting = [one for one in head.waiting if one.key not in failed and one.key not in change.consumed]
    conversations.tell(lane, change.timeline)
    for ticket in change.tickets:
        _write_ticket(lane, ticket)
    if change.blocked:
        outbox.block(lane, change.blocked)
    head.wake_at, head.touched_at = change.wake_at, lane.now
    waiting = _take_up(lane, raise_tries=True)
    if waiting:
        head.held, head.lease_until = True, lane.now + head.seconds
    else:
        _free(lane)
    outgoing = outbox.queue(lane, change.replies, held.holder, deliver, replica)
    committed = Committed(version, waiting, outgoing, at=lane.now)
    lane.drop(kinds.ANSWER, int((lane.now - ANSWER_SECONDS) * MICRO))
    lane.write(kinds.ANSWER, token, committed)
    return committed


def _write_ticket(lane: Lane, ticket: Ticket) -> None:
    conversations.write_ticket(lane, ticket)
    others = [one for one in lane.head.open_tickets if one != ticket.id]
    lane.head.open_tickets = [*others, ticket.id] if ticket.status is TicketStatus.OPEN else others


# --- side effects ---------------------------------------------------------------------------------------------------


def effect_begin(lane: Lane, key: str, token: str) -> Effect:
    """Begin a side effect; see :meth:`LaneStore.effect_begin`. No step is in its way: the head has no part in it."""
    if lane.is_new(key, kinds.RESULT, kinds.EFFECT):
        lane.write(kinds.EFFECT, key, kinds.Begun(token), sequence=int(lane.now * MICRO))
        return Effect(EffectState.NEW)
    if result := lane.row(kinds.RESULT, key):
        return Effect(EffectState.DONE, result.record)
    begun = lane.readable(kinds.EFFECT, key)
    return Effect(EffectState.NEW if begun and begun.token == token else EffectState.UNKNOWN)


def effect_finish(lane: Lane, key: str, result: str) -> None:
    """Note the result of a side effect, the first one for good; see :meth:`LaneStore.effect_finish`."""
    at = int(lane.now * MICRO)
    lane.write(kinds.EFFECT, key, kinds.Begun(""), sequence=at, keep=True)
    lane.put(kinds.RESULT, key, result, sequence=at, keep=True)


# --- who holds a call -----------------------------------------------------------------------------------------------


def presence(lane: Lane, call: str, replica: str, seconds: float, renew: bool = False) -> None:
    """Note who holds the socket of a call; see :meth:`LaneStore.presence`."""
    head = lane.head
    mine = (head.call, head.replica) == (call, replica)
    if seconds <= 0:
        if mine:
            head.call, head.replica, head.present_until = "", "", 0.0
    elif mine or not renew or not head.present(lane.now):
        head.call, head.replica, head.present_until = call, replica, lane.now + seconds
        head.touched_at = head.touched_at or lane.now


def present(lane: Lane) -> Presence | None:
    """Return who holds the socket of a call; see :meth:`LaneStore.present`."""
    head = lane.head
    return Presence(head.call, head.replica) if head.present(lane.now) else None
