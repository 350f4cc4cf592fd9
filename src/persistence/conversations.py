"""The conversation, and what is found by itself of it: opt-outs, approvals, snapshots, tickets, a list's row. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from ..errors import RecordTooLarge
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    Item,
    Source,
    SubjectId,
    Ticket,
    TicketStatus,
    TimelineEvent,
)
from . import kinds
from .head import Carried
from .rows import LaneIndex, Want
from .staff_acts import note_act
from .state import Lane
from .values import ConversationHead

LARGEST_RECORD: Final = 1024 * 1024
"""Characters of a conversation's record; the snapshots of paused runs are not in it."""
WANTS_CONVERSATION: Final = Want(rows=frozenset({(kinds.CONVERSATION, "")}), kinds=frozenset({kinds.SNAPSHOT}))
PREVIEW_CHARS: Final = 120
_SPOKEN_BY: Final = ("user", "assistant")
_REFERENCE: Final = "snapshot:"
"""How a stored approval names its snapshot, which is a row of its own."""


def store_conversation(lane: Lane, conversation: Conversation, version: int, updated_at: float) -> None:
    """Write the conversation under a version and time, and what is found by itself of it."""
    head = lane.head
    head.version, head.updated_at, head.reminders = version, updated_at, dict(conversation.reminders)
    stored = _write_bounded(lane, replace(_apart(lane, conversation), version=version, updated_at=updated_at))
    lane.write(kinds.GLANCE, "", head_fields(stored))
    index_approvals(lane, stored.approvals)
    if (opted_out := list(conversation.opted_out)) != head.opted_out:
        head.opted_out = opted_out
        lane.delete(kinds.OPT_OUT, "")
        if opted_out:
            lane.put(kinds.OPT_OUT, "", json.dumps(opted_out))


def _write_bounded(lane: Lane, conversation: Conversation) -> Conversation:
    """Write a conversation's record, without its oldest turns where it is too large; return what is written.

    Raises RecordTooLarge when the rest of it is.
    """
    while len(record := lane.write(kinds.CONVERSATION, "", conversation)) > LARGEST_RECORD:
        unfolded, history = conversation.unfolded, conversation.history
        if not unfolded and len(history) <= 1:
            raise RecordTooLarge(f"({len(record)} characters, at most {LARGEST_RECORD})")
        conversation = replace(
            conversation,
            unfolded=unfolded[(len(unfolded) + 1) // 2 :],
            history=history if unfolded else history[len(history) // 2 :],
        )
    lane.head.size = len(record)
    return conversation


def read_conversation(lane: Lane) -> Conversation | None:
    """Return the conversation with the snapshots that its approvals name. Raises UnreadableRecord."""
    stored = lane.read(kinds.CONVERSATION, "")
    if stored is None or not stored.approvals:
        return stored
    return replace(stored, approvals=tuple(_whole(lane, one) for one in stored.approvals))


def _whole(lane: Lane, approval: Approval) -> Approval:
    """Return an approval with the snapshot that it names; a lost one is empty, as of a call that cannot go on."""
    if not approval.snapshot.startswith(_REFERENCE):
        return approval
    row = lane.row(kinds.SNAPSHOT, approval.snapshot.removeprefix(_REFERENCE))
    return replace(approval, snapshot=row.record if row else "")


def _apart(lane: Lane, conversation: Conversation) -> Conversation:
    """Return a conversation whose approvals name their snapshots; each of these becomes a row, once per run."""
    named: dict[str, str] = {}
    approvals = []
    for approval in conversation.approvals:
        if approval.snapshot:
            digest = _digest(approval.snapshot)
            named[digest] = approval.snapshot
            approval = replace(approval, snapshot=_REFERENCE + digest)
        approvals.append(approval)
    for digest in set(lane.head.snapshots) - set(named):
        lane.delete(kinds.SNAPSHOT, digest)
    for digest in set(named) - set(lane.head.snapshots):
        lane.put(kinds.SNAPSHOT, digest, named[digest])
    lane.head.snapshots = sorted(named)
    return replace(conversation, approvals=tuple(approvals)) if conversation.approvals else conversation


# --- approvals and tickets ----------------------------------------------------------------------------------------


def index_approvals(lane: Lane, approvals: Sequence[Approval]) -> None:
    """Make the rows say what the conversation says; what it carries no longer keeps its state, but pending is void."""
    before = {one.id: one for one in lane.head.approvals}
    lane.head.approvals = []
    for approval in {one.id: one for one in approvals}.values():
        record = kinds.APPROVAL.write(approval)
        carried = Carried(approval.id, approval.status, approval.expires_at, _digest(record)[:12])
        if before.pop(approval.id, None) != carried:
            write_approval(lane, approval, record)
        lane.head.approvals.append(carried)
    for dropped in before.values():
        if dropped.status is ApprovalStatus.PENDING:
            if void := lane.readable(kinds.APPROVAL, dropped.id):
                write_approval(lane, replace(void, status=ApprovalStatus.VOID, snapshot=""))
            else:
                lane.relist(LaneIndex.APPROVALS, dropped.id, ApprovalStatus)


def write_approval(lane: Lane, approval: Approval, record: str = "") -> None:
    """Write an approval's row, whose record may be at hand, and the entries that list it."""
    lane.put(kinds.APPROVAL, approval.id, record or kinds.APPROVAL.write(approval))
    lane.relist(LaneIndex.APPROVALS, approval.id, ApprovalStatus, approval.status, approval.expires_at)


def write_ticket(lane: Lane, ticket: Ticket, *, sequence: int | None = None, keep: bool = False) -> None:
    """Write a ticket's row, and the entries that list it."""
    lane.write(kinds.TICKET, ticket.id, ticket, sequence=sequence, keep=keep)
    lane.relist(LaneIndex.TICKETS, ticket.id, TicketStatus, ticket.status, ticket.respond_by)


def unindex(lane: Lane) -> None:
    """Take a lane's approvals and tickets out of every list."""
    for row in lane.all(kinds.APPROVAL):
        lane.relist(LaneIndex.APPROVALS, row.key, ApprovalStatus)
    for row in lane.all(kinds.TICKET):
        lane.relist(LaneIndex.TICKETS, row.key, TicketStatus)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- the list of conversations ------------------------------------------------------------------------------


def head_fields(conversation: Conversation) -> ConversationHead:
    """Return what a list shows of a conversation; computed at each commit and stored beside the record."""
    return ConversationHead(
        conversation.subject,
        conversation.version,
        conversation.updated_at,
        conversation.last_channel,
        preview=_preview(conversation),
        escalation=conversation.escalation,
        paused=conversation.paused,
        pending=sum(one.status is ApprovalStatus.PENDING for one in conversation.approvals),
        assignee=conversation.assignee,
        handling=conversation.handling,
        snoozed_until=conversation.snoozed_until,
        words=codes_of(remembered(conversation)),
    )


def _preview(conversation: Conversation) -> str:
    """Return the customer's last words in one line, which tell rows apart; history is masked already.

    Where they said nothing, what they were told; that may have left the window, or a note has a title (a ticket's).
    """
    items = [item for turn in (*conversation.unfolded, *conversation.history) for item in turn.items]
    remembered = [line.partition(": ")[2] for line in conversation.summary.splitlines()]
    theirs = [_words(item) for item in items if item.get("role") == "user"]
    known = (*map(_title, items), *remembered, *map(_words, items), *theirs)
    line = next((line for line in reversed(known) if line), "")
    return line if len(line) <= PREVIEW_CHARS else f"{line[: PREVIEW_CHARS - 1].rstrip()}…"


def remembered(conversation: Conversation) -> str:
    """Return all that is remembered of what was said, and the summary of the rest."""
    items = (item for turn in (*conversation.unfolded, *conversation.history) for item in turn.items)
    return "\n".join([conversation.summary, *map(_words, items)])


def _words(item: Item) -> str:
    """Return what an item says to the other side in one line, if anything."""
    said = item.get("text") if item.get("kind") == "staff_wrote" else None
    if item.get("role") in _SPOKEN_BY:
        said = item.get("content")
    if not isinstance(said, str):
        said = " ".join(str(part.get("text") or "") for part in said or () if isinstance(part, Mapping))
    return " ".join(said.split())


def _title(item: Item) -> str:
    """Return the title that a note has, if any."""
    title = item.get("title") if item.get("type") == "note" else None
    return " ".join(title.split()) if isinstance(title, str) else ""


def read_head(subject: SubjectId, updated_at: float, stored: str | None) -> ConversationHead:
    """Return a row of the list; what is not there or cannot be read is empty."""
    seen = kinds.readable(kinds.GLANCE, stored) or ConversationHead(subject, 0, updated_at, Channel.SMS)
    return replace(seen, subject=subject, updated_at=updated_at)


# --- codes of words, by which a search passes over conversations without reading them ------------------------------

SHORT, LONG = 4, 6
"""Letters: a word is found by its first four or six, a shorter one whole."""
MOST_CODES: Final = 6000
"""A conversation with more has none, and is read by every search."""
_ALONE: Final = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
"""Thai, Lao, kana and Han stand without spaces: each sign is found by itself."""
_WORD: Final = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, without case and accents; ``ORD_12345`` is two."""
    folded = text.casefold()
    if not folded.isascii():
        folded = "".join(one for one in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(one))
    return frozenset(_WORD.findall(folded))


def codes_of(text: str) -> str:
    """Return four letters for each beginning of a word in a text; nothing where there are too many."""
    found = {code(one) for word in words_of(text) for one in (word[:SHORT], word[:LONG])}
    return base64.b64encode(b"".join(sorted(found))).decode() if len(found) <= MOST_CODES else ""


@lru_cache(maxsize=65_536)
def code(beginning: str) -> bytes:
    """Return three bytes, which are four letters; they may stand for other words as well."""
    return zlib.crc32(beginning.encode()).to_bytes(4, "big")[1:]


# --- the timeline, and what is set aside --------------------------------------------------------------------


def tell(lane: Lane, events: Sequence[TimelineEvent]) -> None:
    """Append timeline rows, with the store's time."""
    for event in events:
        told, number = replace(event, at=lane.now), lane.next_sequence()
        key = f"{number}-{lane.mark}"
        lane.write(kinds.TIMELINE, key, told, sequence=number)
        if told.source is Source.STAFF:
            note_act(lane, key, told, number)
        announce(lane, told, number)


def announce(lane: Lane, event: TimelineEvent, number: int = 0) -> None:
    """Have another system told of an event, if that wants to know; ``number`` is its sequence, where it has one."""
    if lane.announced and (told := lane.announced(event)) is not None:
        number = number or lane.next_sequence()
        key = f"evt_{number}-{lane.mark}#0"
        lane.write(kinds.ANNOUNCEMENT, key, told, sequence=number)
        lane.index(LaneIndex.ANNOUNCED, key, lane.now)


def set_aside(lane: Lane, word: str, kind: str, key: str) -> None:
    """Keep a row that cannot be read for people, out of the way of everything else; ``word`` says what it was."""
    row = lane.row(kind, key)
    keep_aside(lane, word, key, "unreadable", row.record if row else "")
    lane.delete(kind, key)


def keep_aside(lane: Lane, word: str, key: str, reason: str, record: str) -> None:
    """Keep a record for people."""
    name = f"{lane.next_sequence()}-{lane.mark}"
    told = {"kind": word, "key": key, "reason": reason, "record": record}
    lane.put(kinds.ASIDE, name, json.dumps(told), sequence=lane.head.last)  # ASCII: it carries any damage
    lane.index(LaneIndex.SET_ASIDE, name, lane.now)
    lane.sweep()
