"""Lanes as versions before 1.0 stored them, a table for each kind of record; and how they become rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from ..entries import Entry
from ..errors import UnreadableRecord
from ..model import ApprovalStatus, Reply, ReplyStatus, StoredReply, SubjectId
from . import conversations, kinds, upkeep
from .rows import MICRO, LaneIndex, Loaded, Put, Row, Writes
from .state import Kind, Lane
from .values import Erasure

_NONE: Final[dict[str, tuple[Row, ...]]] = dict.fromkeys(kinds.OF_A_LANE, ())
_REPLY: Final = Kind("reply", Reply)
_ENTRY: Final = Kind("entry", Entry)


@dataclass(frozen=True, slots=True)
class Former:
    """One lane of the former format, its records in their order. A record is the text that a kind reads.

    ``conversation``: version, time of the last change, record. The other fields hold, per row, what their names say.
    """

    subject: SubjectId
    touched_at: float = 0.0
    wake_at: float | None = None
    conversation: tuple[int, float, str] | None = None
    opted_out: Sequence[str] = ()
    entries: Sequence[tuple[str, str, float, int, bool, str]] = ()
    """Key, token, accepted at, tries, waiting, record."""
    replies: Sequence[tuple[str, float, str, int, str | None, int | None, str]] = ()
    """Id, queued at, status, tries, provider id, error code, record."""
    approvals: Sequence[tuple[str, str, str]] = ()
    """Id, status (it counts, not the record's own), record."""
    tickets: Sequence[tuple[str, str]] = ()
    timeline: Sequence[tuple[float | None, str]] = ()
    """When, where the record does not say it; record."""
    effects: Sequence[tuple[str, str, float, str | None]] = ()
    """Key, token, when, result."""
    aside: Sequence[tuple[str, str, str, float, str]] = ()
    """Kind, key, reason, when, record."""


def carried_over(former: Former, now: float) -> list[Writes]:
    """Return what is written to have a former lane in today's format. It is held by none then; fences go on growing."""
    lane = Lane(Loaded(former.subject, now, rows={}, kinds=_NONE))
    clock = _Clock()
    for name, token, at, result in former.effects:
        lane.write(kinds.EFFECT, name, kinds.Begun(token), sequence=int(at * MICRO))
        if result is not None:
            lane.put(kinds.RESULT, name, result, sequence=int(at * MICRO))
    for aside in former.aside:
        _carry_aside(lane, *aside)
    if not _is_lane(former):
        lane.sweep()
        return _written(lane)
    lane.head.touched_at = former.touched_at or now
    tries: dict[str, int] = {}
    for key, token, at, count, waiting, record in former.entries:
        try:
            entry = _ENTRY.read(record)
            name, text = entry.key, kinds.WAITING.write(kinds.StoredEntry(token, entry))
        except UnreadableRecord:
            name, text = key, record  # set aside when it is taken up
        tries[name] = count
        lane.put(kinds.WAITING if waiting else kinds.KEY, name, text, sequence=clock(at))
    for reply in former.replies:
        _carry_reply(lane, clock, *reply)
    for number, (told_at, record) in enumerate(former.timeline):
        with suppress(UnreadableRecord):
            event = kinds.TIMELINE.read(record)
            event = event if told_at is None else replace(event, at=told_at)
            lane.write(kinds.TIMELINE, f"former-{number:09}", event, sequence=clock(event.at))
    for _, record in former.tickets:
        with suppress(UnreadableRecord):
            lane.put(kinds.TICKET, kinds.TICKET.read(record).id, record)
    for _, status, record in former.approvals:
        with suppress(UnreadableRecord):
            approval = replace(kinds.APPROVAL.read(record), status=ApprovalStatus(status), snapshot="")
            lane.write(kinds.APPROVAL, approval.id, approval)
    if former.opted_out:
        lane.put(kinds.OPT_OUT, "", json.dumps(list(former.opted_out)))
    _carry_conversation(lane, former)
    upkeep.restore(lane)
    for one in lane.head.waiting:
        one.tries = tries[one.key]
    if former.wake_at is not None:
        lane.head.wake_at = former.wake_at
    return _written(lane)


def _written(lane: Lane) -> list[Writes]:
    writes = lane.writes()
    return [writes] if writes else []


def carried_audit(key: bytes, proofs: Sequence[tuple[str, int, float, str, int]]) -> Writes:
    """Return what is written to have the proofs of erasures: hashed subject, number, when, by whom, how many.

    The key that their hashes were made with becomes text, which hashes as the bytes did.
    """
    rows = [
        Row(f"{kinds.AUDIT}:{name}", str(number), number, kinds.AUDIT.write(Erasure(at, actor, deleted)))
        for name, number, at, actor, deleted in proofs
    ]
    secret = Put(Row(kinds.SECRET, "", 0, key.hex()), keep=True)
    return Writes(upkeep.NOBODY, puts=(secret, *map(Put, rows)))


def _is_lane(former: Former) -> bool:
    """Say whether there is more than a ledger."""
    records = former.conversation or former.entries or former.replies or former.approvals or former.tickets
    return bool(records or former.timeline or former.opted_out or former.wake_at)


class _Clock:
    """Gives each row its time as sequence, later ones a later one."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, at: float) -> int:
        self._last = max(self._last + 1, int(at * MICRO))
        return self._last


def _carry_reply(lane: Lane, clock: _Clock, id: str, at: float, status: str, tries: int, *rest: Any) -> None:
    provider_id, error_code, record = rest
    waiting = status == ReplyStatus.WAITING
    try:
        stored = StoredReply(_REPLY.read(record), ReplyStatus(status), provider_id, error_code, tries)
        lane.write(kinds.UNSETTLED if waiting else kinds.REPLY, stored.reply.id, stored, sequence=clock(at))
    except UnreadableRecord:
        conversations.keep_aside(lane, "reply", id, "unreadable", record)


def _carry_aside(lane: Lane, kind: str, key: str, reason: str, at: float, record: str) -> None:
    number = lane.next_sequence()
    told = {"kind": kind, "key": key, "reason": reason, "record": record}
    lane.put(kinds.ASIDE, str(number), json.dumps(told), sequence=int(at * MICRO))
    lane.index(LaneIndex.SET_ASIDE, str(number), at)


def _carry_conversation(lane: Lane, former: Former) -> None:
    """Carry over the conversation; its snapshots become rows of their own. One that cannot be read stays as it is."""
    if former.conversation is None:
        return
    version, updated_at, record = former.conversation
    lane.head.version, lane.head.updated_at = version, updated_at
    sequence = int(updated_at * MICRO)
    try:
        conversation = kinds.CONVERSATION.read(record)
    except UnreadableRecord:
        lane.put(kinds.CONVERSATION, "", record, sequence=sequence)
        return
    lane.put(kinds.CONVERSATION, "", "", sequence=sequence)
    conversations.store_conversation(lane, conversation, version, updated_at)
