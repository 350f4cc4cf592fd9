"""Lanes as versions before 1.0 stored them, a table for each kind of record; and how they become rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from ..entries import Entry
from ..errors import UnreadableRecord
from ..model import ApprovalStatus, Reply, ReplyStatus, StoredReply, SubjectId
from . import conversations, kinds, mending, upkeep
from .rows import MICRO, LaneIndex, Loaded, Put, Row, Writes
from .state import Kind, Lane
from .values import Erasure

COLUMNS: Final = {
    "lane": "touched_at, wake_at",
    "conversation": "version, updated_at, record",
    "opt_out": "channel",
    "entry": "key, token, accepted_at, tries, waiting, record",
    "reply": "reply_id, queued_at, status, tries, provider_id, error_code, record",
    "approval": "approval_id, status, record",
    "ticket": "ticket_id, record",
    "timeline": "at, record",
    "effect": "key, token, at, result",
    "set_aside": "kind, key, reason, at, record",
}
"""Tables that held lanes, and what is read of them. An approval's status counts, not that of its record."""
PROOFS: Final = "SELECT subject_hash, id, at, actor, deleted FROM {}"
"""Proofs of erasures, in the table of a name."""
Rows = Callable[[str], Iterable[Sequence[Any]]]
"""Returns the rows that a table of COLUMNS has of one lane, in their order; numbers may be texts, and nothing empty."""
_NONE: Final[dict[str, tuple[Row, ...]]] = dict.fromkeys(kinds.OF_A_LANE, ())
_REPLY: Final = Kind("reply", Reply)
_ENTRY: Final = Kind("entry", Entry)


def carried_over(subject: SubjectId, rows: Rows, now: float) -> list[Writes]:
    """Return what is written to have a former lane in today's format. It is held by none then; fences go on growing."""
    lane = Lane(Loaded(subject, now, rows={}, kinds=_NONE))
    for key, token, at, result in rows("effect"):
        lane.write(kinds.EFFECT, key, kinds.Begun(token), sequence=_micro(at))
        if result is not None:
            lane.put(kinds.RESULT, key, result, sequence=_micro(at))
    for kind, key, reason, at, record in rows("set_aside"):
        name = str(lane.next_sequence())
        told = {"kind": kind, "key": key, "reason": reason, "record": record}
        lane.put(kinds.ASIDE, name, json.dumps(told), sequence=_micro(at))
        lane.index(LaneIndex.SET_ASIDE, name, float(at))
    found = {table: list(rows(table)) for table in list(COLUMNS)[:8]}
    touched_at, wake_at = next(iter(found.pop("lane")), (0.0, None))
    if wake_at or any(found.values()):
        lane.head.touched_at = float(touched_at or now)
        _carry_records(lane, found)
        if wake_at:
            lane.head.wake_at = float(wake_at)
    else:  # a ledger alone
        lane.sweep()
    writes = lane.writes()
    return [writes] if writes else []


def _micro(at: Any) -> int:
    return int(float(at) * MICRO)


def _carry_records(lane: Lane, found: dict[str, list[Sequence[Any]]]) -> None:
    """Write everything but effects and what was set aside; each row gets its time as sequence, later ones a later."""
    last, tries = 0, dict[str, int]()

    def place(at: Any) -> int:
        nonlocal last
        last = max(last + 1, _micro(at))
        return last

    for key, token, at, count, waiting, record in found["entry"]:
        try:
            entry = _ENTRY.read(record)
            name, text = entry.key, kinds.WAITING.write(kinds.StoredEntry(token, entry))
        except UnreadableRecord:
            name, text = key, record  # set aside when it is taken up
        tries[name] = int(count)
        lane.put(kinds.WAITING if waiting else kinds.KEY, name, text, sequence=place(at))
    for id, at, status, count, provider, code, record in found["reply"]:
        if reply := kinds.readable(_REPLY, record):
            code = int(float(code)) if code else None
            stored = StoredReply(reply, ReplyStatus(status), provider or None, code, int(count))
            kind = kinds.UNSETTLED if status == ReplyStatus.WAITING else kinds.REPLY
            lane.write(kind, reply.id, stored, sequence=place(at))
        else:
            conversations.keep_aside(lane, "reply", id, "unreadable", record)
    for number, (at, record) in enumerate(found["timeline"]):
        if event := kinds.readable(kinds.TIMELINE, record):
            event = event if at is None else replace(event, at=float(at))
            lane.write(kinds.TIMELINE, f"former-{number:09}", event, sequence=place(event.at))
    for *_, record in found["ticket"]:
        if ticket := kinds.readable(kinds.TICKET, record):
            lane.put(kinds.TICKET, ticket.id, record)
    for _, status, record in found["approval"]:
        if approval := kinds.readable(kinds.APPROVAL, record):
            changed = replace(approval, status=ApprovalStatus(status), snapshot="")
            lane.write(kinds.APPROVAL, approval.id, changed)
    if found["opt_out"]:
        lane.put(kinds.OPT_OUT, "", json.dumps([channel for (channel,) in found["opt_out"]]))
    for version, updated_at, record in found["conversation"]:
        lane.head.version, lane.head.updated_at = int(version), float(updated_at)
        lane.put(kinds.CONVERSATION, "", record, sequence=_micro(updated_at))
        with suppress(UnreadableRecord):  # one that cannot be read stays as it is
            conversation = kinds.CONVERSATION.read(record)  # its snapshots become rows of their own
            conversations.store_conversation(lane, conversation, int(version), float(updated_at))
    mending.restore(lane)
    for one in lane.head.waiting:
        one.tries = tries[one.key]


def carried_audit(key: bytes, proofs: Iterable[Iterable[Any]]) -> Writes:
    """Return what is written to have the proofs of erasures: hashed subject, number, when, by whom, how many.

    The key that their hashes were made with becomes text, which hashes as the bytes did.
    """
    rows = [
        Row(f"{kinds.AUDIT}:{name}", str(number), number, kinds.AUDIT.write(Erasure(at, actor, deleted)))
        for name, number, at, actor, deleted in proofs
    ]
    secret = Put(Row(kinds.SECRET, "", 0, key.hex()), keep=True)
    return Writes(upkeep.NOBODY, puts=(secret, *map(Put, rows)))
