"""Fields that the list of conversations shows, computed at each commit and stored beside the record. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..errors import UnreadableRecord
from ..model import ApprovalStatus, Channel, Conversation, Item, SubjectId
from .codec import Codec
from .values import ConversationHead

PREVIEW_CHARS: Final = 120
_SPOKEN_BY: Final = ("user", "assistant")
_HEAD: Final = Codec(ConversationHead)


def head_fields(conversation: Conversation) -> ConversationHead:
    """Return what a list shows of a conversation."""
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
    )


def _preview(conversation: Conversation) -> str:
    """Return the last words of either side in one line; history is masked already.

    What was said may have left the window; where nobody said anything, a note is about something (a ticket's title).
    """
    items = [item for turn in (*conversation.unfolded, *conversation.history) for item in turn.items]
    remembered = [line.partition(": ")[2] for line in conversation.summary.splitlines()]
    known = (*map(_title, items), *remembered, *map(_words, items))
    line = next((line for line in reversed(known) if line), "")
    return line if len(line) <= PREVIEW_CHARS else f"{line[: PREVIEW_CHARS - 1].rstrip()}…"


def _words(item: Item) -> str:
    """Return what an item says to the other side in one line, if anything."""
    said = item.get("content") if item.get("role") in _SPOKEN_BY else None
    if item.get("kind") == "staff_wrote":
        said = item.get("text")
    return " ".join(said.split()) if isinstance(said, str) else ""


def _title(item: Item) -> str:
    """Return the title that a note has, if any."""
    title = item.get("title") if item.get("type") == "note" else None
    return " ".join(title.split()) if isinstance(title, str) else ""


def write_head(conversation: Conversation) -> str:
    """Return the text that is stored beside a conversation's record."""
    return _HEAD.encode(head_fields(conversation))


def read_head(subject: SubjectId, updated_at: float, stored: str | None) -> ConversationHead:
    """Return a row of the list; what is not there or cannot be read is empty."""
    try:
        seen = _HEAD.decode(stored or "")
    except UnreadableRecord:
        return ConversationHead(subject, 0, updated_at, Channel.SMS)
    return replace(seen, subject=subject, updated_at=updated_at)
